#!/usr/bin/env bash
# Anthropic's client for JavaScript (@anthropic-ai/sdk 1.12.0, with zod 4.6.7): what zodOutputFormat() sends of a zod
# schema.
#
# Guessed: the JSON Schema of the zod schema, as openai 6.49.0's zodResponseFormat() sends it, so that a server that
# enforces schemas exactly can only give answers that the same zod schema accepts.
# Seen: minimum, maximum, pattern and maxItems are taken out of the schema and written into `description` as words
# ("{minimum: -60, maximum: 60}"). The server never learns of the bounds, and messages.parse() checks the answer with the
# zod schema, which still has them. Tests of structured output through this client must not rely on bounds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > npm.log
npm install --no-audit --no-fund @anthropic-ai/sdk@1.12.0 openai@6.49.0 zod@4.6.7 >> npm.log 2>&1
cat > seen.mjs <<'JS'
import assert from "node:assert/strict";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const Wind = z.object({ degrees: z.number().int().min(-60).max(60), from: z.string().regex(/^[NSEW]{1,2}$/) });
const anthropic = zodOutputFormat(Wind).schema.properties;
const openai = zodResponseFormat(Wind, "wind").json_schema.schema.properties;
console.log("anthropic:", JSON.stringify(anthropic));
console.log("openai:   ", JSON.stringify(openai));
assert.deepEqual(anthropic.degrees, { type: "integer", description: "{minimum: -60, maximum: 60}" });
assert.deepEqual(anthropic.from, { type: "string", description: '{pattern: "^[NSEW]{1,2}$"}' });
assert.deepEqual(openai.degrees, { type: "integer", minimum: -60, maximum: 60 });
assert.deepEqual(openai.from, { type: "string", pattern: "^[NSEW]{1,2}$" });
JS
node seen.mjs
echo "as it was seen"
