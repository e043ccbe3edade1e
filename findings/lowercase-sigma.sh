#!/usr/bin/env bash
# The `Lowercase` normalizer of tokenizer.json (and BertNormalizer's lowercase) on a Greek word in capitals.
#
# Guessed: it lower-cases the text as Rust's str::to_lowercase, Python's str.lower, ICU and JavaScript do. All of them
#   agree on this word, since Unicode has a rule for it: a capital sigma at the end of a word becomes U+03C2.
# Came: Rust's tokenizers maps character by character, without the rule: U+03C3 at the end, too. @huggingface/tokenizers
#   calls toLowerCase on the whole text and gives U+03C2, other bytes and other ids than the library whose file it
#   reads. Both turn U+0130 into "i" and U+0307, so "one character at a time" does not mean "one for one".
# Matters: a tokenizer written with a library's lower-casing of strings is right on all test texts without Greek
#   capitals, and wrong for uncased embedding models there. The file's meaning is the per-character mapping.
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

const word = "\u039f\u0394\u039f\u03a3";  // omicron, delta, omicron, sigma in capitals: "road"
const capital_i = "\u0130";
// A vocabulary of single characters: what is found in the text after the normalizer is what is seen.
const vocab = Object.fromEntries([..."?\u03bf\u03b4\u03c3\u03c2i\u0307"].map((c, i) => [c, i]));
const description = (normalizer) => ({
  version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer, pre_tokenizer: null,
  post_processor: null, decoder: null, model: { type: "BPE", dropout: null, unk_token: "?",
    continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false,
    ignore_merges: false, vocab, merges: [] } });
const points = (tokens) => tokens.map((t) => t.codePointAt(0).toString(16).padStart(4, "0")).join(" ");
const rows = {};
console.log("tokenizers 0.23.2 | @huggingface/tokenizers 0.2.0");
for (const [name, normalizer] of Object.entries({
  Lowercase: { type: "Lowercase" },
  BertNormalizer: { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true,
    strip_accents: false, lowercase: true },
})) {
  const rust = native.Tokenizer.fromString(JSON.stringify(description(normalizer)));
  const javascript = new Ported(description(normalizer), {});
  rows[name] = [];
  for (const text of [word, capital_i]) {
    rows[name].push([points((await rust.encode(text, null, { addSpecialTokens: false })).getTokens()),
      points(javascript.encode(text, { add_special_tokens: false }).tokens)]);
    console.log(`${name}, ${points([...text])}: ${rows[name].at(-1).join(" | ")}`);
  }
}
console.log("JavaScript's toLowerCase:", points([...word.toLowerCase()]));
const expected = [["03bf 03b4 03bf 03c3", "03bf 03b4 03bf 03c2"], ["0069 0307", "0069 0307"]];
assert.deepEqual(rows, { Lowercase: expected, BertNormalizer: expected });
assert.equal(points([...word.toLowerCase()]), "03bf 03b4 03bf 03c2");
process.exit(0);
JS
node compare.mjs
