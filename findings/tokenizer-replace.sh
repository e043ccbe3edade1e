#!/usr/bin/env bash
# Two fields of tokenizer.json in the two readers that Hugging Face ships: Rust's tokenizers and
# @huggingface/tokenizers.
#
# Guessed: the port reads the same file to the same ids; where a `Replace` normalizer's content has a "$", it is
#   expanded in both (both languages' regular expression libraries expand $1 in replacements) or in neither.
# Came: Rust inserts the content as it stands; in JavaScript "$1" becomes the first group, and "$&" the match even where
#   the pattern is a plain string. An added token with "single_word": true is matched inside words by the port: the flag
#   is read by Rust only.
# Matters: a model whose normalizer writes a dollar sign, or that has whole-word tokens, gets other ids in the browser
#   than on the server. Whoever implements the format must keep his library's replacement syntax out of `content`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund tokenizers@0.23.2 @huggingface/tokenizers@0.2.0 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import { Tokenizer as Ported } from "@huggingface/tokenizers";
import native from "tokenizers";

const vocab = Object.fromEntries([..."?abcdeghiklmnorstuy0123456789$&- EUR"].map((c, i) => [c, i]));
const description = (fields) => ({
  version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null,
  post_processor: null, decoder: null, model: { type: "BPE", dropout: null, unk_token: "?",
    continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
    ignore_merges: false, vocab, merges: [] },
  ...fields });
const replace = (pattern, content) => ({ normalizer: { type: "Replace", pattern, content } });
const cases = {
  "Regex (\\d+) EUR to $1": [replace({ Regex: "(\\d+) EUR" }, "$1"), "25 EUR"],
  "String EUR to $&": [replace({ String: "EUR" }, "$&"), "25 EUR"],
  "single_word token 'sun'": [{ added_tokens: [{ id: 50, content: "sun", single_word: true, lstrip: false,
    rstrip: false, normalized: false, special: false }] }, "sun sunny"],
};
const rows = [];
console.log("tokenizers 0.23.2 | @huggingface/tokenizers 0.2.0");
for (const [name, [fields, text]] of Object.entries(cases)) {
  const rust = native.Tokenizer.fromString(JSON.stringify(description(fields)));
  const javascript = new Ported(description(fields), {});
  rows.push([(await rust.encode(text, null, { addSpecialTokens: false })).getTokens().join("|"),
    javascript.encode(text, { add_special_tokens: false }).tokens.join("|")]);
  console.log(`${name}, in "${text}": ${rows.at(-1).join("   ")}`);
}
assert.deepEqual(rows, [["$|1", "2|5"], ["2|5| |$|&", "2|5| |E|U|R"], ["sun| |s|u|n|n|y", "sun| |sun|n|y"]]);
process.exit(0);
JS
node compare.mjs
