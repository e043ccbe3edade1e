#!/usr/bin/env bash
# One zod type, three JSON Schemas: what a server gets as a tool's `parameters` depends on the package that made it.
#
# Guessed: zod 4's own z.toJSONSchema() and the older package zod-to-json-schema give the same schema but for the
#   draft's name; a zod 4 type handed to the older package is converted or refused.
# Came: handed a zod 4 type, zod-to-json-schema 3.25.2 returns {"$schema": …} and nothing else, without an error: a
#   schema that any JSON satisfies. zod 4's own gives every integer the bounds ±9007199254740991, a field with a default
#   becomes required, a union of literals anyOf of consts (before: enum), a tuple prefixItems (before: an array under
#   items), and date-time gets a pattern that refuses time zones. And Ajv's main class refuses to compile it, because of
#   the $schema in it.
# Matters: a grammar engine must do 16-digit bounds well, since every integer of a zod 4 client has them; one that
#   honours `format` but not `pattern` writes "+01:00", valid as date-time, which the client then rejects; and a bare
#   {"$schema": …} means that the client lost its schema, not that it wants free JSON.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund zod@4.6.7 zod-to-json-schema@3.25.2 ajv@8.20.0 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import { Ajv } from "ajv";
import { z } from "zod";
import { z as z3 } from "zod/v3";
import { zodToJsonSchema } from "zod-to-json-schema";

const booking = (z) => z.object({
  seats: z.number().int(),
  when: z.string().datetime({ offset: false }),
  pace: z.union([z.literal("slow"), z.literal("fast")]),
  size: z.tuple([z.number(), z.number()]),
  retries: z.number().default(3),
});
const own = z.toJSONSchema(booking(z)), old = zodToJsonSchema(booking(z3)), mixed = zodToJsonSchema(booking(z));
console.log("zod 4.6.7, zod-to-json-schema 3.25.2, ajv 8.20.0");
for (const name of Object.keys(own.properties)) {
  console.log(name);
  for (const [version, { properties }] of [["zod 4", own], ["zod 3", old]]) {
    console.log(`  ${version}: ${JSON.stringify(properties[name])}`);
  }
}
console.log("required: zod 4", own.required.join(), "zod 3", old.required.join());
console.log("zod 4's type through zod-to-json-schema:", JSON.stringify(mixed));

assert.deepEqual(mixed, { $schema: "http://json-schema.org/draft-07/schema#" });
assert.deepEqual(own.properties.seats, { type: "integer", minimum: -9007199254740991, maximum: 9007199254740991 });
assert.deepEqual(old.properties.seats, { type: "integer" });
const literal = (text) => ({ type: "string", const: text });
assert.deepEqual(own.properties.pace, { anyOf: [literal("slow"), literal("fast")] });
assert.deepEqual(old.properties.pace, { type: "string", enum: ["slow", "fast"] });
assert(own.properties.size.prefixItems && Array.isArray(old.properties.size.items));
assert(own.required.includes("retries") && !old.required.includes("retries"));
const zoned = "2026-03-01T10:00:00+01:00", utc = "2026-03-01T09:00:00Z";
const pattern = new RegExp(own.properties.when.pattern, "u");
console.log("the pattern of date-time takes", utc, pattern.test(utc), "and", zoned, pattern.test(zoned));
assert(own.properties.when.format === "date-time" && pattern.test(utc) && !pattern.test(zoned));
assert(!booking(z).shape.when.safeParse(zoned).success && !("pattern" in old.properties.when));
assert.throws(() => new Ajv().compile(own), (error) => {
  console.log("Ajv:", error.message);
  return /no schema with key or ref/.test(error.message);
});
JS
node compare.mjs
