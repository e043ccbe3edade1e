#!/usr/bin/env bash
# `.strip('\n')` and `| trim` in chat templates, in the three engines that render them.
#
# Guessed: `text.strip('\n')` takes away line breaks and nothing else, everywhere: the templates of reasoning models use
#   it to cut out what stood between the think tags. And `| trim`, which many templates apply to a message's content,
#   takes away white space, for which the three would have the same set.
# Came: @huggingface/jinja's strip, lstrip and rstrip ignore their argument and take all white space, so that an
#   indented first line loses its indentation. And `trim` has three sets: Jinja2 (Python) takes U+001C to U+001F and
#   leaves U+FEFF; @huggingface/jinja (JavaScript) the other way round, and leaves U+0085; minijinja (Rust) takes U+0085
#   but neither of the others.
# Matters: the same template and messages give other tokens in a browser or a client that counts them than on the
#   server, and the prefix cache misses from there on. An interpreter in another language must bring Python's set of
#   white space, not its language's.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs python3-jinja2 3.1.2-
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund @huggingface/jinja@0.5.11 minijinja-js@2.11.0 >/dev/null

cat > cases.json <<'JSON'
[["strip('\\n')", "{{ c.strip('\\n') }}", "\n    x = 1\n"],
 ["lstrip('\\n')", "{{ c.lstrip('\\n') }}", "\n    x = 1\n"],
 ["strip('*')", "{{ c.strip('*') }}", "**bold**"],
 ["trim, U+FEFF", "{{ c | trim }}", "\ufeffx"],
 ["trim, U+001C", "{{ c | trim }}", "x\u001c"],
 ["trim, U+0085", "{{ c | trim }}", "x\u0085"],
 ["trim, U+00A0", "{{ c | trim }}", "\u00a0x"]]
JSON
cat > jinja2_render.py <<'PY'
import json
from jinja2.sandbox import ImmutableSandboxedEnvironment

environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
print(json.dumps([environment.from_string(text).render(c=c) for _, text, c in json.load(open("cases.json"))]))
PY
/usr/bin/python3 jinja2_render.py > jinja2.json
cat > compare.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import { Template } from "@huggingface/jinja";
import { Environment } from "minijinja-js";

const minijinja = new Environment();
minijinja.enablePyCompat();  // without it there is no strip
const jinja2 = JSON.parse(fs.readFileSync("jinja2.json", "utf8"));
const escape = (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");
const visible = (text) => JSON.stringify(text).replace(/[^ -~]/g, escape);
const rows = JSON.parse(fs.readFileSync("cases.json", "utf8")).map(([name, text, c], i) => [
  name, ...[jinja2[i], new Template(text).render({ c }), minijinja.renderStr(text, { c })].map(visible)]);
console.log("jinja2 3.1.2 | @huggingface/jinja 0.5.11 | minijinja-js 2.11.0");
for (const [name, ...results] of rows) console.log(`${name}: ${results.join(" | ")}`);
assert.deepEqual(rows.map((row) => row.slice(1)), [
  ['"    x = 1"', '"x = 1"', '"    x = 1"'],
  ['"    x = 1\\n"', '"x = 1\\n"', '"    x = 1\\n"'],
  ['"bold"', '"**bold**"', '"bold"'],
  ['"\\ufeffx"', '"x"', '"\\ufeffx"'],
  ['"x"', '"x\\u001c"', '"x\\u001c"'],
  ['"x"', '"x\\u0085"', '"x"'],
  ['"x"', '"x"', '"x"'],
]);
JS
node compare.mjs
