#!/usr/bin/env bash
# JSON Schema's `pattern` in seven validators: one keyword, two languages.
#
# Guessed: simple patterns mean the same in all validators; the specification recommends a subset of ECMA-262 for that,
#   and what differs (look-behind, \p{…}) is exotic.
# Came: an escaped hyphen outside of a class, as in `^\d{4}\-\d{2}$`, does not compile in four of five JavaScript
#   validators (they use the u flag), and is fine for the fifth and both Python ones. `^\d+$` takes Arabic-Indic digits
#   in both of Python's; "12" with a line break after it is taken by jsonschema, not by fastjsonschema, which rewrites
#   the `$`. `.` takes U+2028 in Python alone, `\s` takes U+001C in Python and U+FEFF in JavaScript.
# Matters: a grammar made from a pattern must choose: with ASCII \d and \w, `$` at the very end only, and `.` without
#   U+2028 and \r, what it lets the model write is valid for both sides. And an engine that refuses `\-` as ECMA-262
#   says refuses tools whose schemas a Python program finds valid.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs python3-jsonschema 4.10.3-
needs python3-fastjsonschema 2.16.3-
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund ajv@8.20.0 @exodus/schemasafe@1.3.0 \
  @cfworker/json-schema@4.1.6 @hyperjump/json-schema@1.18.0 is-my-json-valid@2.20.6 >/dev/null

cat > cases.json <<'JSON'
[["^\\d{4}\\-\\d{2}$", "2026-11"], ["^\\d+$", "12\n"], ["^\\d+$", "\u0661\u0662"], ["^\\w+$", "\u00e9"],
 ["^.$", "\u2028"], ["^.$", "\r"], ["^\\s$", "\u001c"], ["^\\s$", "\ufeff"]]
JSON
cat > check.py <<'PY'
import json
import fastjsonschema
import jsonschema

def fast(schema, text):
    try:
        fastjsonschema.validate(schema, text)
        return "yes"
    except fastjsonschema.JsonSchemaValueException:
        return "no"

print(json.dumps([["yes" if jsonschema.Draft7Validator({"pattern": p}).is_valid(t) else "no",
                   fast({"$schema": "http://json-schema.org/draft-07/schema#", "pattern": p}, t)]
                  for p, t in json.load(open("cases.json"))]))
PY
/usr/bin/python3 check.py > python.json
cat > compare.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import { validator } from "@exodus/schemasafe";
import { Validator } from "@cfworker/json-schema";
import { registerSchema, validate } from "@hyperjump/json-schema/draft-07";
import { Ajv } from "ajv";
import isMyJsonValid from "is-my-json-valid";

const $schema = "http://json-schema.org/draft-07/schema#";
const validators = {
  ajv: (pattern, text) => new Ajv({ strict: false }).validate({ pattern }, text),
  schemasafe: (pattern, text) => validator({ $schema, pattern })(text),
  cfworker: (pattern, text) => new Validator({ pattern }, "7").validate(text).valid,
  hyperjump: async (pattern, text, i) => {
    registerSchema({ $schema, pattern }, `https://example.com/${i}`);
    return (await validate(`https://example.com/${i}`, text)).valid;
  },
  "is-my-json-valid": (pattern, text) => isMyJsonValid({ pattern })(text),
};
const python = JSON.parse(fs.readFileSync("python.json", "utf8"));
const names = [...Object.keys(validators), "jsonschema (Python)", "fastjsonschema (Python)"];
const escape = (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");
console.log("pattern, text:", names.join(" | "));
const rows = [];
for (const [i, [pattern, text]] of JSON.parse(fs.readFileSync("cases.json", "utf8")).entries()) {
  const row = [];
  for (const check of Object.values(validators)) {
    try { row.push((await check(pattern, text, i)) ? "yes" : "no"); } catch { row.push("refused"); }
  }
  rows.push([...row, ...python[i]].join(" "));
  console.log(pattern, JSON.stringify(text).replace(/[^ -~]/g, escape) + ":", [...row, ...python[i]].join(" | "));
}
const others = "no no no no no yes yes";
assert.deepEqual(rows, ["refused refused refused refused yes yes yes", "no no no no no yes no", others, others, others,
  others, others, "yes yes yes yes yes no no"]);
JS
node compare.mjs
