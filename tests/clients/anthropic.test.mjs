// Anthropic's client, unchanged, against `hearth serve`: what an application of theirs does and sees.
import assert from "node:assert/strict";
import test from "node:test";

import Anthropic from "@anthropic-ai/sdk";

const url = process.env.HEARTH_URL;
const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
const model = (await (await fetch(`${url}/v1/models`)).json()).data[0].id;

const hello = {
  model,
  max_tokens: 24,
  temperature: 0,
  system: "You tell short stories about small birds and the big trees that they live in, day after day.",
  messages: [{ role: "user", content: "Tell me of one little bird that was happy." }],
};

// The text of a request's answer.
async function answer(request) {
  return (await client.messages.create(request)).content[0].text;
}

async function post(path, body) {
  const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
  assert.equal(response.status, 200);
  return response.json();
}

// Three characters from the middle of a text: whole ones.
function middleOf(text) {
  const characters = [...text];
  const middle = Math.floor(characters.length / 2);
  return characters.slice(middle, middle + 3).join("");
}

// Waits, but not for ever, until a request is in one of the states.
async function stateOf(id, states) {
  let state;
  for (let i = 0; i < 200; ++i) {
    state = (await (await fetch(`${url}/v1/requests/${id}`)).json()).state;
    if (states.includes(state)) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  return state;
}

test("a message", async () => {
  const message = await client.messages.create(hello);
  assert.equal(message.type, "message");
  assert.equal(message.role, "assistant");
  assert.equal(message.model, model);
  assert.match(message.id, /^msg_/);
  assert.equal(message.content.length, 1);
  assert.equal(message.content[0].type, "text");
  assert.ok(message.content[0].text.length > 0);
  assert.ok(["max_tokens", "end_turn"].includes(message.stop_reason));
  assert.equal(message.stop_sequence, null);
  assert.ok(message.usage.output_tokens > 0 && message.usage.output_tokens <= hello.max_tokens);
  assert.ok(message._request_id);
});

test("the same again is read from the cache, and the same", async () => {
  const [first, second] = [await client.messages.create(hello), await client.messages.create(hello)];
  assert.equal(second.content[0].text, first.content[0].text);
  const { input_tokens: total } = await client.messages.countTokens({
    model, system: hello.system, messages: hello.messages });
  for (const { usage } of [first, second]) {
    assert.equal(usage.input_tokens + usage.cache_read_input_tokens, total);
    assert.equal(usage.cache_creation_input_tokens, 0);
  }
  assert.ok(second.usage.cache_read_input_tokens > 0);
});

test("a billing header that changes does not change the prompt", async () => {
  const block = (text) => ({ type: "text", text });
  const withHeader = (number) => ({
    ...hello,
    system: [block(`x-anthropic-billing-header: cc_version=2.1.${number};`),
             { ...block(hello.system), cache_control: { type: "ephemeral" } }],
  });
  await client.messages.create(withHeader(1));
  const second = await client.messages.create(withHeader(2));
  assert.ok(second.usage.cache_read_input_tokens > 0);
  assert.equal(second.content[0].text, await answer(hello));
});

test("blocks of text are a message", async () => {
  const content = [{ type: "text", text: hello.messages[0].content }];
  assert.equal(await answer({ ...hello, messages: [{ role: "user", content }] }), await answer(hello));
});

test("a stream adds up to the same message", async () => {
  const whole = await client.messages.create(hello);
  const stream = client.messages.stream(hello);
  let text = "";
  stream.on("text", (piece) => (text += piece));
  const final = await stream.finalMessage();
  assert.equal(text, whole.content[0].text);
  assert.equal(final.content[0].text, whole.content[0].text);
  assert.equal(final.stop_reason, whole.stop_reason);
  assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
  assert.equal(final.usage.input_tokens + final.usage.cache_read_input_tokens,
               whole.usage.input_tokens + whole.usage.cache_read_input_tokens);
});

test("the events come in their order", async () => {
  const types = [];
  for await (const event of await client.messages.create({ ...hello, stream: true })) types.push(event.type);
  assert.deepEqual(types.filter((type) => type !== "content_block_delta"),
                   ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]);
  assert.equal(types.indexOf("content_block_delta"), 2);
});

test("the stream as it is sent", async () => {
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...hello, stream: true }),
  });
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  const events = (await response.text()).split("\n\n");
  assert.equal(events.pop(), "");
  for (const event of events) {
    const [, name, data] = event.match(/^event: (\w+)\ndata: (.*)$/);
    assert.equal(JSON.parse(data).type, name);
  }
  assert.ok(events.some((event) => event.startsWith("event: ping\n")));
});

test("a stop sequence ends the answer before it", async () => {
  const text = await answer(hello);
  const stop = middleOf(text);
  const expected = text.slice(0, text.indexOf(stop));
  const request = { ...hello, stop_sequences: ["\u0001 never", stop] };
  const message = await client.messages.create(request);
  assert.equal(message.stop_reason, "stop_sequence");
  assert.equal(message.stop_sequence, stop);
  assert.equal(message.content[0].text, expected);
  const streamed = await client.messages.stream(request).finalMessage();
  assert.equal(streamed.stop_reason, "stop_sequence");
  assert.equal(streamed.stop_sequence, stop);
  assert.equal(streamed.content[0].text, expected);
});

test("max_tokens ends the answer", async () => {
  const message = await client.messages.create({ ...hello, max_tokens: 1 });
  assert.equal(message.usage.output_tokens, 1);
  assert.ok(["max_tokens", "end_turn"].includes(message.stop_reason));
});

test("an answer goes on from a final assistant message", async () => {
  const turns = [...hello.messages, { role: "assistant", content: "Once" }];
  const message = await client.messages.create({ ...hello, messages: turns });
  const system = { role: "system", content: hello.system };
  const rendered = await post("/apply-template", { messages: [system, ...hello.messages] });
  const completion = await post("/v1/completions", {
    model, prompt: `${rendered.prompt}Once`, max_tokens: hello.max_tokens, temperature: 0 });
  assert.equal(message.content[0].text, completion.choices[0].text);
  const { input_tokens, cache_read_input_tokens } = message.usage;
  assert.equal(input_tokens + cache_read_input_tokens, completion.usage.prompt_tokens);
});

test("tokens are counted", async () => {
  const messages = [{ role: "user", content: "One" }];
  const short = await client.messages.countTokens({ model, messages });
  const long = await client.messages.countTokens({ model, messages, system: "Be brief, be kind." });
  assert.ok(Number.isInteger(short.input_tokens) && short.input_tokens > 0);
  assert.ok(long.input_tokens > short.input_tokens);
});

test("what is wrong is said as Anthropic says it", async () => {
  const refused = async (change, kind, type, words) => {
    for (const stream of [false, true]) {
      await assert.rejects(client.messages.create({ ...hello, ...change, stream }), (error) => {
        assert.ok(error instanceof kind, `${error}`);
        assert.equal(error.error.type, "error");
        assert.equal(error.type, type);
        assert.match(error.error.error.message, words);
        assert.ok(error.requestID);
        assert.equal(error.error.request_id, error.requestID);
        return true;
      });
    }
  };
  const invalid = [Anthropic.BadRequestError, "invalid_request_error"];
  await refused({ max_tokens: undefined }, ...invalid, /max_tokens/);
  await refused({ max_tokens: -2 }, ...invalid, /max_tokens/);
  await refused({ messages: [] }, ...invalid, /messages/);
  await refused({ max_token: 4 }, ...invalid, /^max_token: Extra inputs are not permitted$/);
  await refused({ tools: [{ input_schema: { type: "object" } }] }, ...invalid, /tools/);
  await refused({ messages: [{ role: "user", content: "A", name: "B" }] }, ...invalid,
                /^messages\.0\.name: Extra inputs are not permitted$/);
  const long = "bird ".repeat(20000);
  await refused({ messages: [{ role: "user", content: long }] }, ...invalid, /^prompt is too long: \d{4,} tokens > \d+ maximum$/);
});

test("what agents send is taken", async () => {
  const message = await client.messages.create({
    ...hello, model: "claude-unknown", max_tokens: 12000, stop_sequences: ["."],
    thinking: { type: "enabled", budget_tokens: 1024 },
    messages: [{ role: "user", content: "A" },
               { role: "assistant", content: [{ type: "thinking", thinking: "?", signature: "s" },
                                              { type: "tool_use", id: "1", name: "f", input: { x: 1 } }] },
               { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: "2" }] }] });
  assert.equal(message.role, "assistant");
});

test("a body that is no JSON", async () => {
  const response = await fetch(`${url}/v1/messages`, { method: "POST", body: "{" });
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.type, "invalid_request_error");
});

test("an answer that is no longer wanted ends", async () => {
  const stream = client.messages.stream({ ...hello, max_tokens: 3000, ignore_eos: true });
  let id;
  stream.on("streamEvent", (event) => {
    if (event.type === "message_start") id = event.message.id;
    if (event.type === "content_block_delta") stream.abort();
  });
  await assert.rejects(stream.done(), Anthropic.APIUserAbortError);
  assert.equal(await stateOf(id, ["cancelled", "finished", "failed"]), "cancelled");
  assert.ok((await answer(hello)).length > 0);
});

test("an answer that was cancelled says so", async () => {
  let id;
  await assert.rejects(async () => {
    for await (const event of await client.messages.create({ ...hello, max_tokens: 3000, ignore_eos: true,
                                                             stream: true })) {
      if (event.type !== "message_start") continue;
      id = event.message.id;
      await fetch(`${url}/v1/requests/${id}`, { method: "DELETE" });
    }
  }, (error) => {
    assert.ok(error instanceof Anthropic.APIError);
    assert.match(error.message, /cancelled/);
    return true;
  });
  assert.equal(await stateOf(id, ["cancelled", "finished", "failed"]), "cancelled");
});
