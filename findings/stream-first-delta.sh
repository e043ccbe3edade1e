#!/usr/bin/env bash
# The first delta of a streamed chat answer: `role` looks like decoration, and a tool's name like any other string.
#
# Guessed: whoever asked for an answer knows that it is the assistant's, so a stream without `role` works; and the
#   strings of a delta are appended, as `content` and `arguments` are, so a name may come in two pieces, and the id with
#   the second.
# Came: without `role`, LangChain's message has the text but no tool call at all, and no error: an agent just stops.
#   OpenAI's helper throws after the last chunk. The AI SDK does not mind. A name in two pieces is appended by none of
#   the three: OpenAI's helper and LangChain keep the second half as the name, the AI SDK makes two calls of it. An id
#   that comes later is replaced by a random one in the AI SDK, so that the tool's result goes back under an id that the
#   server never gave out.
# Matters: the first delta must have `role`, and a call's first delta id, type and the whole name; a server that streams
#   tokens as they come must hold a call back until its name is complete.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund --omit=optional openai@7.59.0 ai@7.0.173 zod@4.6.7 \
  @ai-sdk/openai-compatible@3.0.92 @langchain/openai@1.6.0 @langchain/core@1.4.0 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import http from "node:http";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";

const type = "function", role = { role: "assistant", content: null };
const call = (fields, extra = {}) => ({ ...extra, tool_calls: [{ index: 0, ...fields }] });
const named = (name) => ({ type, function: { name, arguments: "" } });
const rest = call({ function: { arguments: "{}" } });
const streams = {
  "as OpenAI's": [call({ id: "c1", ...named("get_time") }, role), rest],
  "without role": [call({ id: "c1", ...named("get_time") }), rest],
  "name in two pieces": [call({ id: "c1", ...named("get_") }, role),
    call({ function: { name: "time", arguments: "{}" } })],
  "id in the second delta": [call(named("get_time"), role), call({ id: "c1", function: { arguments: "{}" } })],
};
let deltas;
const server = http.createServer((request, response) => request.resume().on("end", () => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const delta of [...deltas, {}]) {
    const finish_reason = deltas.includes(delta) ? null : "tool_calls";
    response.write(`data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk", created: 1, model: "m",
      choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
  }
  response.end("data: [DONE]\n\n");
}));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const messages = [{ role: "user", content: "what time is it?" }];
const parameters = { type: "object", properties: {} };
const tools = ["get_time", "get_", "time"].map((name) => ({ type, function: { name, parameters } }));

const clients = {
  openai: async () => {
    const client = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
    const answer = await client.chat.completions.stream({ model: "m", messages, tools }).finalChatCompletion();
    return answer.choices[0].message.tool_calls.map((c) => `${c.function.name}/${c.id}`).join();
  },
  ai: async () => {
    const model = createOpenAICompatible({ name: "p", apiKey: "k", baseURL })("m");
    const mine = tools.map((t) => [t.function.name, tool({ inputSchema: jsonSchema(parameters) })]);
    const result = streamText({ model, messages, maxRetries: 0, onError() {}, tools: Object.fromEntries(mine) });
    await result.consumeStream();
    return (await result.toolCalls).map((c) => `${c.toolName}/${c.toolCallId === "c1" ? "c1" : "random"}`).join();
  },
  langchain: async () => {
    const configuration = { baseURL };
    const model = new ChatOpenAI({ model: "m", apiKey: "k", configuration, maxRetries: 0 }).bindTools(tools);
    let answer;
    for await (const chunk of await model.stream(messages)) answer = answer ? answer.concat(chunk) : chunk;
    return answer.tool_calls?.map((c) => `${c.name}/${c.id}`).join() ?? "no tool_calls";
  },
};
const rows = [];
console.log("openai 7.59.0 | ai 7.0.173 with @ai-sdk/openai-compatible 3.0.92 | @langchain/openai 1.6.0");
for (const [name, stream] of Object.entries(streams)) {
  deltas = stream;
  const row = [];
  for (const run of Object.values(clients)) {
    try { row.push(await run()); } catch (error) { row.push("throws: " + error.message); }
  }
  rows.push(row);
  console.log(`${name}: ${row.join(" | ")}`);
}
server.close();
assert.deepEqual(rows, [
  ["get_time/c1", "get_time/c1", "get_time/c1"],
  ["throws: missing role for choice 0", "get_time/c1", "no tool_calls"],
  ["time/c1", "get_/c1,time/random", "time/c1"],
  ["get_time/c1", "get_time/random", "get_time/c1"],
]);
process.exit(0);
JS
node compare.mjs
