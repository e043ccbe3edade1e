#!/usr/bin/env bash
# Vocabulary entries that begin with U+FEFF (code in the wild begins with it, so vocabularies have such tokens).
#
# Guessed: a token is its bytes: readers of vocabularies hand them out as they are, and decode(encode(text)) is the
#   text.
# Came: JavaScript's TextDecoder takes a leading byte order mark away unless told not to, and three packages decode
#   single tokens or strings with it. @huggingface/gguf reads the entry "\ufeffusing" as "using", so that a vocabulary
#   has two entries of that name. js-tiktoken and gpt-tokenizer lose the mark at the beginning of a text when they
#   decode; gpt-tokenizer never gives out token 3305 of cl100k_base (the mark itself) nor any of the seven others that
#   begin with it, but two or more tokens in its place, so its counts are off. Within a text js-tiktoken is right, and
#   so are OpenAI's tiktoken (compiled to WebAssembly) and node-llama-cpp's GGUF reader.
# Matters: token counts and ids of a client differ from the server's for files with a byte order mark; a reader that
#   inverts such a vocabulary maps text to the wrong id. Decoding token by token needs ignoreBOM: true.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund --omit=optional @huggingface/gguf@0.4.6 \
  node-llama-cpp@3.22.1 js-tiktoken@1.0.21 gpt-tokenizer@4.0.0 tiktoken@1.0.22 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import { gguf } from "@huggingface/gguf";
import * as gptTokenizer from "gpt-tokenizer/encoding/cl100k_base";
import { getEncoding } from "js-tiktoken";
import { readGgufFileInfo } from "node-llama-cpp";
import { get_encoding } from "tiktoken";

const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(BigInt(n)); return b; };
const string = (text) => Buffer.concat([u64(Buffer.byteLength(text)), Buffer.from(text)]);
const tokens = ["using", "\ufeffusing", "\ufeff", "a\ufeff"];
fs.writeFileSync("vocabulary.gguf", Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0), u64(2),
  string("general.architecture"), u32(8), string("llama"),
  string("tokenizer.ggml.tokens"), u32(9), u32(8), u64(tokens.length), ...tokens.map(string), Buffer.alloc(32)]));
const visible = (value) => JSON.stringify(value).replaceAll("\ufeff", "\\ufeff");
const hugging = (await gguf("vocabulary.gguf", { allowLocalFile: true })).metadata["tokenizer.ggml.tokens"];
const llama = (await readGgufFileInfo("vocabulary.gguf")).metadata.tokenizer.ggml.tokens;
console.log("in the file:            ", visible(tokens));
console.log("@huggingface/gguf 0.4.6:", visible(hugging));
console.log("node-llama-cpp 3.22.1:  ", visible(llama));

const wasm = get_encoding("cl100k_base"), js = getEncoding("cl100k_base");
const text = new TextDecoder("utf-8", { ignoreBOM: true });
const bytesOf = (ids) => wasm.decode(new Uint32Array(ids));
const packages = {
  "tiktoken 1.0.22": { encode: (t) => [...wasm.encode(t)], decode: (ids) => text.decode(bytesOf(ids)) },
  "js-tiktoken 1.0.21": { encode: (t) => js.encode(t), decode: (ids) => js.decode(ids) },
  "gpt-tokenizer 4.0.0": { encode: (t) => gptTokenizer.encode(t), decode: (ids) => gptTokenizer.decode(ids) },
};
const rows = {};
for (const [name, { encode, decode }] of Object.entries(packages)) {
  rows[name] = ["\ufeffusing", "x\ufeff"].map((t) => [encode(t).join(" "), visible(decode(encode(t)))]);
  console.log(`${name}: ${rows[name].map(([ids, back]) => `${ids} -> ${back}`).join(" | ")}`);
}
const marked = [];
for (let id = 0; id < 100256; ++id) {
  const bytes = bytesOf([id]);
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) marked.push(id);
}
const unreachable = marked.filter((id) => !gptTokenizer.encode(text.decode(bytesOf([id]))).includes(id));
console.log("tokens of cl100k_base that begin with the mark:", marked.join(" "));
console.log("of these never from gpt-tokenizer:", unreachable.join(" "));

assert.deepEqual(hugging, ["using", "using", "", "a\ufeff"]);
assert.deepEqual(llama, tokens);
assert.deepEqual(rows["tiktoken 1.0.22"], [["4117", '"\\ufeffusing"'], ["87 3305", '"x\\ufeff"']]);
assert.deepEqual(rows["js-tiktoken 1.0.21"], [["4117", '"using"'], ["87 3305", '"x\\ufeff"']]);
assert.deepEqual(rows["gpt-tokenizer 4.0.0"], [["171 3299 985", '"using"'], ["87 171 3299", '"x\\ufeff"']]);
assert(marked.length === 8 && unreachable.length === 8);
process.exit(0);
JS
node compare.mjs
