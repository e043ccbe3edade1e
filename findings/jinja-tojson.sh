#!/usr/bin/env bash
# `{{ tool | tojson }}`: the text that a model reads of a tool, made by four engines from one object.
#
# Guessed: JSON is JSON: the same members in the order in which they were sent, with white space as the only difference.
#   The filter is Jinja2's own, so plain Jinja2 is the safest choice.
# Came: four texts. Plain Jinja2 sorts the keys and writes <, >, & and ' as \u escapes, since its filter is made for web
#   pages; transformers replaces it by one that does neither, and that is what templates are tested with. minijinja
#   follows plain Jinja2 in both, and leaves out the spaces. @huggingface/jinja keeps the order but for keys that look
#   like integers, which JavaScript puts first, and writes 1.0 as 1, as JSON.parse has lost the difference.
# Matters: with another order and \u003c the model sees a tool that it was not trained on; nothing fails, calls get
#   worse. An engine must implement transformers' filter, not Jinja2's, and keep order and number spelling from the
#   request to the template; parsing into sorted or JavaScript objects is too late to mend.
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

cat > tool.json <<'JSON'
{"name": "rate", "description": "x < y, the guest's stars", "scale": {"b": "bad", "10": "best", "2": "poor"}, "step": 1.0}
JSON
cat > jinja2_render.py <<'PY'
import json
from jinja2.sandbox import ImmutableSandboxedEnvironment

tool = json.load(open("tool.json"))
plain = ImmutableSandboxedEnvironment()
as_transformers = ImmutableSandboxedEnvironment()
as_transformers.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)  # its default arguments
print(json.dumps([e.from_string("{{ tool | tojson }}").render(tool=tool) for e in (as_transformers, plain)]))
PY
/usr/bin/python3 jinja2_render.py > jinja2.json
cat > compare.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import { Template } from "@huggingface/jinja";
import { Environment } from "minijinja-js";

const tool = JSON.parse(fs.readFileSync("tool.json", "utf8")), text = "{{ tool | tojson }}";
const [asTransformers, plain] = JSON.parse(fs.readFileSync("jinja2.json", "utf8"));
const texts = {
  "jinja2 3.1.2 with transformers' filter": asTransformers,
  "jinja2 3.1.2": plain,
  "@huggingface/jinja 0.5.11": new Template(text).render({ tool }),
  "minijinja-js 2.11.0": new Environment().renderStr(text, { tool }),
};
for (const [name, rendered] of Object.entries(texts)) console.log(`${name}:\n  ${rendered}`);
assert.deepEqual(Object.values(texts), [
  fs.readFileSync("tool.json", "utf8").trim(),
  '{"description": "x \\u003c y, the guest\\u0027s stars", "name": "rate", ' +
    '"scale": {"10": "best", "2": "poor", "b": "bad"}, "step": 1.0}',
  '{"name": "rate", "description": "x < y, the guest\'s stars", ' +
    '"scale": {"2": "poor", "10": "best", "b": "bad"}, "step": 1}',
  '{"description":"x \\u003c y, the guest\\u0027s stars","name":"rate",' +
    '"scale":{"10":"best","2":"poor","b":"bad"},"step":1}',
]);
JS
node compare.mjs
