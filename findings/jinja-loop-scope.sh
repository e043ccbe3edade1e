#!/usr/bin/env bash
# A chat template's `{% set %}` inside `{% for message in messages %}`: how long does the variable live?
#
# Guessed: one round of the loop, in every engine for chat templates. Jinja2 documents that a loop's body has its own
#   scope (that is what `namespace()` exists for), and models' templates are tested with Jinja2 alone.
# Came: Jinja2 starts each round afresh. @huggingface/jinja and minijinja keep what an earlier round has set until the
#   loop ends, so the reasoning of the first answer is printed again with the second, which has none. A loop inside the
#   loop gets a scope of its own each time it is entered, and does not leak.
# Matters: `{% if message.reasoning %}{% set r = message.reasoning %}{% endif %}…{{ r }}` gives another prompt under two
#   of three engines, without an error. An engine with its own interpreter must open a scope for each round, and whoever
#   counts tokens with a JavaScript client gets other counts than the server.
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
{"messages": [{"x": "R1"}, {}, {"x": "R3"}, {}],
 "templates": {
  "one loop":
   "{% for m in messages %}{% if m.x %}{% set r = m.x %}{% endif %}<{{ r }}>{% endfor %}",
  "set before the loop":
   "{% set r = '-' %}{% for m in messages %}{% if m.x %}{% set r = m.x %}{% endif %}<{{ r }}>{% endfor %}",
  "a counter":
   "{% set n = 0 %}{% for m in messages %}{% set n = n + 1 %}{{ n }}{% endfor %}={{ n }}",
  "a loop in the loop":
   "{% for m in messages %}{% for k in [m.x, ''] %}{% if k %}{% set r = k %}{% endif %}<{{ r }}>{% endfor %};{% endfor %}"}}
JSON
cat > jinja2_render.py <<'PY'
import json
from jinja2.sandbox import ImmutableSandboxedEnvironment

cases = json.load(open("cases.json"))
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
print(json.dumps([environment.from_string(text).render(messages=cases["messages"])
                  for text in cases["templates"].values()]))
PY
/usr/bin/python3 jinja2_render.py > jinja2.json
cat > compare.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import { Template } from "@huggingface/jinja";
import { Environment } from "minijinja-js";

const { messages, templates } = JSON.parse(fs.readFileSync("cases.json", "utf8"));
const jinja2 = JSON.parse(fs.readFileSync("jinja2.json", "utf8"));
const minijinja = new Environment();
const rows = Object.entries(templates).map(([name, text], i) => [
  name, jinja2[i], new Template(text).render({ messages }), minijinja.renderStr(text, { messages })]);
console.log("jinja2 3.1.2 | @huggingface/jinja 0.5.11 | minijinja-js 2.11.0");
for (const [name, ...results] of rows) console.log(`${name}: ${results.join(" | ")}`);
const leaked = "<R1><R1><R3><R3>", nested = "<R1><R1>;<><>;<R3><R3>;<><>;";
assert.deepEqual(rows.map((row) => row.slice(1)), [
  ["<R1><><R3><>", leaked, leaked],
  ["<R1><-><R3><->", leaked, leaked],
  ["1111=0", "1234=0", "1234=0"],
  ["<R1><>;<><>;<R3><>;<><>;", nested, nested],
]);
JS
node compare.mjs
