#!/usr/bin/env bash
# A streamed tool call that the token limit cuts off in the middle of an argument: what does the client's program get?
#
# Guessed: an error, or at least a call marked as broken: the arguments are no JSON, and the server said finish_reason
#   "length" (stop_reason "max_tokens").
# Came: LangChain closes the JSON by itself: a proper entry of tool_calls, half a string as the argument, nothing in
#   invalid_tool_calls. Anthropic's SDK gives a tool_use block without the open argument, so that one with optional
#   arguments looks whole. OpenAI's helper passes the text on as it is, and throws only where the tool was sent with
#   strict: true. The AI SDK marks the call as invalid and does not run it.
# Matters: with LangChain "a table in San Fran" is booked as if the model had asked for it. The server is the last that
#   knows the call to be cut: leaving out an unfinished call, or ending it where the grammar lets it end, is safer than
#   sending what there is and trusting finish_reason.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund --omit=optional openai@7.59.0 ai@7.0.173 zod@4.6.7 \
  @ai-sdk/openai-compatible@3.0.92 @langchain/openai@1.6.0 @langchain/core@1.4.0 @anthropic-ai/sdk@1.14.0 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import http from "node:http";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";

const parameters = { type: "object", properties: { city: { type: "string" }, seats: { type: "integer" } },
  required: ["city", "seats"], additionalProperties: false };
const messages = [{ role: "user", content: "a table, please" }];
const tools = [{ type: "function", function: { name: "book", parameters } }];

let cut = "";
const chat = () => [[{ role: "assistant", content: null, tool_calls: [{ index: 0, id: "c1", type: "function",
  function: { name: "book", arguments: cut } }] }, null], [{}, "length"]]
  .map(([delta, finish_reason]) => `data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk", created: 1,
    model: "m", choices: [{ index: 0, delta, finish_reason }] })}\n\n`).join("") + "data: [DONE]\n\n";
const anthropic = () => [
  { type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "m", content: [],
    stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } },
  { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "c1", name: "book", input: {} } },
  { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: cut } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "max_tokens", stop_sequence: null }, usage: { output_tokens: 9 } },
  { type: "message_stop" }].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
const server = http.createServer((request, response) => request.resume().on("end", () => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(request.url.includes("messages") ? anthropic() : chat());
}));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const host = `http://127.0.0.1:${server.address().port}`, baseURL = `${host}/v1`;

const openai = (strict) => async () => {
  const client = new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 });
  const mine = strict ? [{ type: "function", function: { ...tools[0].function, strict } }] : tools;
  const answer = await client.chat.completions.stream({ model: "m", messages, tools: mine }).finalChatCompletion();
  return answer.choices[0].message.tool_calls[0].function.arguments;
};
const clients = {
  "openai 7.59.0": openai(false),
  "openai 7.59.0, strict": openai(true),
  "ai 7.0.173": async () => {
    const ran = [];
    const model = createOpenAICompatible({ name: "p", apiKey: "k", baseURL })("m");
    const result = streamText({ model, messages, maxRetries: 0, onError() {},
      tools: { book: tool({ inputSchema: jsonSchema(parameters), execute: (input) => ran.push(input) }) } });
    await result.consumeStream();
    return { invalid: (await result.toolCalls)[0].invalid, ran };
  },
  "@langchain/openai 1.6.0": async () => {
    const configuration = { baseURL };
    const model = new ChatOpenAI({ model: "m", apiKey: "k", configuration, maxRetries: 0 }).bindTools(tools);
    let answer;
    for await (const chunk of await model.stream(messages)) answer = answer ? answer.concat(chunk) : chunk;
    return { args: answer.tool_calls[0].args, invalid: answer.invalid_tool_calls.length };
  },
  "@anthropic-ai/sdk 1.14.0": async () => {
    const client = new Anthropic({ apiKey: "k", baseURL: host, maxRetries: 0 });
    return (await client.messages.stream({ model: "m", max_tokens: 9, messages }).finalMessage()).content[0].input;
  },
};
const seen = {};
for (cut of ['{"city": "San Fran', '{"city": "Paris", "seats": 12']) {
  console.log("arguments:", cut);
  for (const [name, run] of Object.entries(clients)) {
    let result;
    try { result = await run(); } catch (error) { result = "throws: " + error.message; }
    (seen[name] ??= []).push(result);
    console.log(`  ${name}: ${JSON.stringify(result)}`);
  }
}
server.close();
assert.deepEqual(seen["openai 7.59.0"], ['{"city": "San Fran', '{"city": "Paris", "seats": 12']);
assert(seen["openai 7.59.0, strict"].every((result) => /^throws: .*length limit/.test(result)));
assert.deepEqual(seen["ai 7.0.173"], [{ invalid: true, ran: [] }, { invalid: true, ran: [] }]);
assert.deepEqual(seen["@langchain/openai 1.6.0"], [{ args: { city: "San Fran" }, invalid: 0 },
  { args: { city: "Paris", seats: 12 }, invalid: 0 }]);
assert.deepEqual(seen["@anthropic-ai/sdk 1.14.0"], [{}, { city: "Paris" }]);
process.exit(0);
JS
node compare.mjs
