// A server between the browser and Hearth: everything comes from Hearth, the page with its headers too, but for answers,
// which a test writes. So a test decides what the "model" says, and how fast.
import http from 'node:http';

// `answerTo(request)` gives the deltas of the answer to a chat request, as an array or as an async generator.
export async function startProxy(upstream, answerTo) {
  const server = http.createServer((request, reply) => {
    if (request.method === 'POST' && request.url === '/v1/chat/completions') void answer(request, reply, answerTo);
    else forward(request, reply, new URL(upstream));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function forward(request, reply, { hostname, port }) {
  const headers = { ...request.headers, host: `${hostname}:${port}` };
  const asked = http.request({ hostname, port, path: request.url, method: request.method, headers }, (answer) => {
    reply.writeHead(answer.statusCode, answer.headers);
    answer.pipe(reply);
  });
  asked.on('error', () => reply.destroy());
  request.pipe(asked);
}

async function answer(request, reply, answerTo) {
  let body = '';
  for await (const piece of request) body += piece;
  let isGone = false;
  reply.on('close', () => {
    isGone = true;
  });
  reply.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  const write = (choices, more) =>
    reply.write(
      `data: ${JSON.stringify({
        id: 'chatcmpl-test',
        object: 'chat.completion.chunk',
        model: 'scripted',
        system_fingerprint: 'build=test',
        choices,
        ...more,
      })}\n\n`,
    );
  let count = 0,
    finish = 'stop';
  for await (const delta of await answerTo(JSON.parse(body))) {
    if (isGone) return;
    if (delta.tool_calls) finish = 'tool_calls';
    write([{ index: 0, delta, finish_reason: null }]);
    count += 1;
  }
  write([{ index: 0, delta: {}, finish_reason: finish }]);
  write([], { usage: { prompt_tokens: 7, completion_tokens: count, total_tokens: 7 + count } });
  reply.end('data: [DONE]\n\n');
}
