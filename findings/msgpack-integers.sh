#!/usr/bin/env bash
# Integers beyond 32 bits in MessagePack, between three JavaScript packages and Python: block hashes, times in ms.
#
# Guessed: writing: an integral number up to 2^53 is written as an integer, as a MessagePack integer has 64 bits;
#   reading: a uint 64 that does not fit a double becomes a bigint or an error.
# Came: msgpackr and msgpack-lite write every number from 2^32 on as float 64, a time in milliseconds for one, and
#   @msgpack/msgpack as uint 64. All three write 1700000000.0 as an integer, so that a field of seconds is float or
#   integer from one message to the next. Reading, msgpackr alone gives bigints; the other two round in silence, and two
#   neighbouring 64-bit hashes are equal.
# Matters: a typed reader (a struct with int and float fields) must accept both kinds for both fields. And a cache index
#   built from 64-bit block hashes by a client with @msgpack/msgpack's defaults takes one block for another.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs python3-msgpack 1.0.3-
echo '{"type": "module"}' > package.json
npm install --silent --ignore-scripts --no-audit --no-fund --omit=optional @msgpack/msgpack@3.1.3 msgpackr@2.1.4 \
  msgpack-lite@0.2.2 >/dev/null

cat > compare.mjs <<'JS'
import assert from "node:assert";
import { execFileSync } from "node:child_process";
import { decode, encode } from "@msgpack/msgpack";
import lite from "msgpack-lite";
import { pack, unpack } from "msgpackr";

const python = (bytes) => execFileSync("/usr/bin/python3", ["-c",
  "import msgpack, sys; print(' '.join(type(v).__name__ for v in msgpack.unpackb(bytes.fromhex(sys.argv[1]))))",
  Buffer.from(bytes).toString("hex")]).toString().trim();
const values = [4294967295, 4294967296, 1764450000000, 9007199254740991, 1700000000.0, 1700000000.5];
console.log("written by, as read by Python 3 (msgpack 1.0.3):", values.join(" "));
const written = {};
const writers = { "@msgpack/msgpack 3.1.3": encode, "msgpackr 2.1.4": pack, "msgpack-lite 0.2.2": lite.encode };
for (const [name, write] of Object.entries(writers)) {
  written[name] = python(write(values));
  console.log(`  ${name}: ${written[name]}`);
}
const hashes = Buffer.from("92cfd1e2f3a4b5c6d7e8cfd1e2f3a4b5c6d7e9", "hex");  // two that differ by 1
const read = {};
const readers = { "@msgpack/msgpack 3.1.3": decode,
  "@msgpack/msgpack, useBigInt64": (bytes) => decode(bytes, { useBigInt64: true }),
  "msgpackr 2.1.4": unpack, "msgpack-lite 0.2.2": lite.decode };
for (const [name, parse] of Object.entries(readers)) {
  const [a, b] = parse(hashes);
  read[name] = a === b ? "equal" : "different";
  console.log(`two neighbouring hashes, ${name}: ${a} and ${b}, ${read[name]}`);
}
const floats = "int float float float int float";
assert.deepEqual(Object.values(written), ["int int int int int float", floats, floats]);
assert.deepEqual(Object.values(read), ["equal", "different", "different", "equal"]);
JS
node compare.mjs
