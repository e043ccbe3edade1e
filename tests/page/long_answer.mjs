// An answer of ten thousand tokens, of every kind of Markdown, five times as fast as models write: no frame may take
// longer than 50 ms. What counts is the time that the page's own thread works on a frame; what the machine does
// besides, while other tests run, is only told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hearth, leave, open, say } from './browser.mjs';
import { startProxy } from './proxy.mjs';

const TOKENS = 10_000,
  FRAME_MS = 50;
const BATCH = 25,
  BATCH_MS = 5;

const KINDS = {
  'a mixture': (at) =>
    `## Part ${at}\n\nA paragraph with **bold** words, \`code\` and $x_${at}^2$, which goes on for a while.\n\n` +
    `- one\n- two\n- three\n\n| a | b |\n| - | - |\n| ${at} | ${at + 1} |\n\n\`\`\`js\nfunction f${at}(x) {\n  return x + ${at}; // sum\n}\n\`\`\`\n\n`,
  'one program': (at) =>
    `${at === 0 ? '```python\n' : ''}def f${at}(a, b):\n    """Adds ${at}."""\n    return a + b + ${at}\n\n`,
  'one list': (at) => `${at + 1}. The entry *${at}* says something with \`code\` in it.\n`,
  'one paragraph': (at) => `The sentence ${at} has *some* words and goes on until it ends. `,
  'one table': (at) => `${at === 0 ? '| n | square |\n| - | - |\n' : ''}| ${at} | **${at * at}** |\n`,
};

// Pieces as tokenizers make them: a word with the space before it.
function* tokensOf(kind) {
  let count = 0;
  for (let at = 0; count < TOKENS; at += 1) {
    for (const token of KINDS[kind](at).match(/\s*\w+|\s*[^\w\s]+|\s+/g)) {
      if (count === TOKENS) return;
      count += 1;
      yield token;
    }
  }
}

async function* streamed(request) {
  let count = 0;
  for (const content of tokensOf(request.messages.at(-1).content)) {
    yield { content };
    count += 1;
    if (count % BATCH === 0) await new Promise((resolve) => setTimeout(resolve, BATCH_MS));
  }
}

// The main thread's longest tasks: [by the thread's own clock, by the wall's], in ms.
async function longestTasks(page, work) {
  const session = await page.context().newCDPSession(page);
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['disabled-by-default-devtools.timeline', 'devtools.timeline', '__metadata'],
    },
  });
  await work();
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await complete;
  const main = new Set(
    events
      .filter((event) => event.name === 'thread_name' && event.args.name === 'CrRendererMain')
      .map((event) => `${event.pid}:${event.tid}`),
  );
  const tasks = events.filter(
    (event) => event.name === 'RunTask' && main.has(`${event.pid}:${event.tid}`) && event.tdur !== undefined,
  );
  assert.ok(tasks.length > 100, `only ${tasks.length} tasks were traced`);
  const longest = (name) => tasks.reduce((most, event) => Math.max(most, event[name]), 0) / 1000;
  return [longest('tdur'), longest('dur')];
}

// The longest task, of the thread's time, of one such answer.
async function attempt(context, proxy, kind) {
  const page = await open(proxy.url);
  const [own, wall] = await longestTasks(page, async () => {
    await say(page, kind);
    // By its class: to look for a text, Playwright reads the whole page, in the page's own time.
    await page.locator('.message.assistant .measured').waitFor({ timeout: 60_000 });
  });
  context.diagnostic(`longest task: ${own.toFixed(1)} ms of the thread's time, ${wall.toFixed(1)} ms of the wall's`);
  assert.match(await page.locator('.measured summary').innerText(), new RegExp(`^${TOKENS} tokens`));
  const below = await page.evaluate(() => {
    const log = document.querySelector('.log');
    return log.scrollHeight - log.scrollTop - log.clientHeight;
  });
  assert.ok(Math.abs(below) < 5, `the end of the answer is ${below} pixels below the view`);
  await leave(page);
  return own;
}

for (const kind of Object.keys(KINDS)) {
  test(`ten thousand tokens of ${kind}, without a frame over ${FRAME_MS} ms`, async (context) => {
    const proxy = await startProxy(hearth, streamed);
    try {
      // Another program on the same core can slow one attempt down, caches and all; not each of three.
      let own = Infinity;
      for (let left = 3; left > 0 && own > FRAME_MS; left -= 1) own = await attempt(context, proxy, kind);
      assert.ok(own <= FRAME_MS, `a task took ${own.toFixed(1)} ms`);
    } finally {
      proxy.stop();
    }
  });
}
