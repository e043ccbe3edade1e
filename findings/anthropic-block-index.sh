#!/usr/bin/env bash
# `index` of content_block_start in Anthropic's streams: a name or a position?
#
# Guessed: a name. Every delta says which block it belongs to, so a server may leave a block out (one of thinking that
#   is not to be shown, say) and keep the numbers of the others, or start two blocks in either order.
# Came: the SDK appends each block that starts, whatever its index, and looks for a delta's block at that position. With
#   the indices 0 and 2 the second block's text is lost; with 1 before 0 the first place has the text of the other block
#   and the rest is lost. No error, no warning. Interleaved deltas of two blocks are fine, and so is a missing
#   content_block_stop.
# Matters: who filters, merges or reorders blocks in a proxy or a server must number them again from 0, in order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund @anthropic-ai/sdk@1.14.0 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import http from "node:http";
import Anthropic from "@anthropic-ai/sdk";

const start = (index) => ({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
const text = (index, text) => ({ type: "content_block_delta", index, delta: { type: "text_delta", text } });
const stop = (index) => ({ type: "content_block_stop", index });
const streams = {
  "0, 1": [start(0), text(0, "first"), stop(0), start(1), text(1, "second"), stop(1)],
  "0, 1 interleaved": [start(0), start(1), text(1, "sec"), text(0, "first"), text(1, "ond"), stop(1), stop(0)],
  "0, 1 without stop": [start(0), text(0, "first"), start(1), text(1, "second")],
  "0, 2": [start(0), text(0, "first"), stop(0), start(2), text(2, "second"), stop(2)],
  "1, 0": [start(1), text(1, "second"), stop(1), start(0), text(0, "first"), stop(0)],
};
let events;
const server = http.createServer((request, response) => request.resume().on("end", () => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of [{ type: "message_start", message: { id: "m", type: "message", role: "assistant", model: "m",
    content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } }, ...events,
  { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 4 } },
  { type: "message_stop" }]) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
}));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const client = new Anthropic({ apiKey: "k", baseURL: `http://127.0.0.1:${server.address().port}`, maxRetries: 0 });
const rows = {};
console.log("@anthropic-ai/sdk 1.14.0");
for (const [name, stream] of Object.entries(streams)) {
  events = stream;
  const messages = [{ role: "user", content: "hello" }];
  const answer = await client.messages.stream({ model: "m", max_tokens: 9, messages }).finalMessage();
  rows[name] = answer.content.map((block) => block.text);
  console.log(`${name}: ${JSON.stringify(rows[name])}`);
}
server.close();
assert.deepEqual(rows, { "0, 1": ["first", "second"], "0, 1 interleaved": ["first", "second"],
  "0, 1 without stop": ["first", "second"], "0, 2": ["first", ""], "1, 0": ["first", ""] });
process.exit(0);
JS
node compare.mjs
