#!/usr/bin/env bash
# The `event:` line of a stream, the blank line at its end, and what three clients make of them.
#
# Guessed: a chat stream is read from its data lines. A named event that a client does not know (`event: ping`, which
#   Anthropic's API sends to keep connections open) is skipped as the standard's dispatch does without a listener; where
#   the data has its own "type", as in Anthropic's API, the event line repeats it and may be left out.
# Came: OpenAI's SDK puts a ping's data among the chunks of a chat stream, and its helper dies of it ("chunk.choices is
#   not iterable"); the AI SDK reports an error in the stream. An event named thread.… changes what the program gets:
#   the chunk inside {event, data}. Anthropic's SDK drops all data without an event line, in silence, and then says that
#   no chunks came. And the last event without a blank line after it, which eventsource-parser (and the AI SDK with it)
#   discards as the standard says, is delivered by OpenAI's SDK.
# Matters: keep a chat stream open with comments (": …"), never with named events; never leave out Anthropic's event
#   lines; end each event with a blank line, the last one too, or it is lost with some clients.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund --omit=optional openai@7.59.0 @anthropic-ai/sdk@1.14.0 \
  eventsource-parser@4.1.3 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 zod@4.6.7 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import http from "node:http";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import { createParser } from "eventsource-parser";
import OpenAI from "openai";

let body;
const server = http.createServer((request, response) => request.resume().on("end", () => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(body);
}));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const host = `http://127.0.0.1:${server.address().port}`, baseURL = `${host}/v1`;
const messages = [{ role: "user", content: "hello" }];
const attempt = async (run) => { try { return await run(); } catch (error) { return "throws: " + error.message; } };

const chunk = (delta, finish_reason = null) => `data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk",
  created: 1, model: "m", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const text = chunk({ role: "assistant", content: "hi" }), finish = chunk({}, "stop"), done = "data: [DONE]\n\n";
const openai = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
const chat = {
  "openai, helper": async () => {
    const answer = await openai.chat.completions.stream({ model: "m", messages }).finalChatCompletion();
    return answer.choices[0].message.content;
  },
  "openai, chunks": async () => {
    const got = [];
    for await (const c of await openai.chat.completions.create({ model: "m", messages, stream: true })) {
      got.push(c.choices ? c.choices[0].delta.content ?? c.choices[0].finish_reason : Object.keys(c).join("+") || "{}");
    }
    return got.join(" ");
  },
  "ai": async () => {
    let errors = 0;
    const model = createOpenAICompatible({ name: "p", apiKey: "k", baseURL })("m");
    const result = streamText({ model, messages, maxRetries: 0, onError() { ++errors; } });
    await result.consumeStream();
    return `${await result.text}, ${errors} errors`;
  },
  "eventsource-parser": () => {
    const events = [];
    createParser({ onEvent: (event) => events.push(event.event ?? "-") }).feed(body);
    return `${events.length} events`;
  },
};
const streams = {
  "a comment": text + ": ping\n\n" + finish + done,
  "event: ping": text + "event: ping\ndata: {}\n\n" + finish + done,
  "event: thread.note": text + "event: thread.note\ndata: {\"note\": 1}\n\n" + finish + done,
  "no blank line at the end": text + finish.trimEnd() + "\n",
};
const rows = {};
console.log("openai 7.59.0, ai 7.0.173, eventsource-parser 4.1.3");
for (const [name, stream] of Object.entries(streams)) {
  body = stream;
  rows[name] = [];
  for (const run of Object.values(chat)) rows[name].push(await attempt(run));
  console.log(`${name}: ${rows[name].join(" | ")}`);
}

const events = [
  { type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "m", content: [],
    stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hi" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 2 } },
  { type: "message_stop" }];
const anthropic = new Anthropic({ apiKey: "k", baseURL: host, maxRetries: 0 });
const answer = () => attempt(async () => {
  const message = await anthropic.messages.stream({ model: "m", max_tokens: 9, messages }).finalMessage();
  return message.content[0].text;
});
body = events.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join("");
const whole = await answer();
body = events.map((e) => `data: ${JSON.stringify(e)}\n\n`).join("");
const bare = await answer();
console.log(`@anthropic-ai/sdk 1.14.0: with event lines ${whole} | without: ${bare}`);
server.close();

assert.deepEqual(rows, {
  "a comment": ["hi", "hi stop", "hi, 0 errors", "3 events"],
  "event: ping": ["throws: chunk.choices is not iterable", "hi {} stop", "hi, 1 errors", "4 events"],
  "event: thread.note": ["throws: chunk.choices is not iterable", "hi event+data stop", "hi, 1 errors", "4 events"],
  "no blank line at the end": ["hi", "hi stop", "hi, 1 errors", "1 events"],
});
assert.equal(whole, "hi");
assert.match(bare, /^throws: request ended without sending any chunks/);
process.exit(0);
JS
node compare.mjs
