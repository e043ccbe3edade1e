#!/usr/bin/env python3
"""Generates the training set: the same seed makes the same bytes.

    generate.py --show 20 [--kind plain] [--seed 1]                       print documents
    generate.py --out FOLDER --tokenizer FOLDER [--seed 1] [--shards 16] [--documents 32000]

The second writes shard_00.xz and so on, each of `--documents` documents as 16-bit token ids, little-endian, every
document after its <|endoftext|>. A shard depends on the seed and its number alone.
"""
import argparse
import array
import json
import lzma
import os
import random
import sys
import time

import conversation
import split
import tokenizer

# Measured on these ids: 16-bit values, so that the literal coder should know an even byte from an odd one.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 1, "lp": 1, "pb": 1, "dict_size": 1 << 26}]


def shard_ids(encoder, seed, shard, documents):
    rng, ids = random.Random(f"hearth-tales {seed} {shard}"), array.array("H")
    for _ in range(documents):
        ids.append(tokenizer.BOS)
        ids.extend(encoder.encode(conversation.document(rng, split.TRAINING)[1]))
    return ids


def write_shard(folder, shard, ids):
    if sys.byteorder == "big":
        ids.byteswap()
    with lzma.open(shard_path(folder, shard), "wb", filters=FILTERS) as file:
        file.write(ids.tobytes())


def shard_path(folder, shard):
    return os.path.join(folder, f"shard_{shard:02d}.xz")


def show(options):
    rng, left = random.Random(f"show {options.seed}"), options.show
    while left > 0:
        kind, text = conversation.document(rng, split.TRAINING)
        if options.kind in ("", kind):
            print(f"--- {kind}\n{text}")
            left -= 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--kind", default="")
    parser.add_argument("--out")
    parser.add_argument("--tokenizer")
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--first", type=int, default=0, help="the first shard to write")
    parser.add_argument("--documents", type=int, default=32000, help="of one shard")
    options = parser.parse_args()
    if options.show:
        show(options)
        return
    os.makedirs(options.out, exist_ok=True)
    encoder, total, started = tokenizer.Tokenizer.load(options.tokenizer), 0, time.time()
    for shard in range(options.first, options.shards):
        ids = shard_ids(encoder, options.seed, shard, options.documents)
        write_shard(options.out, shard, ids)
        total += len(ids)
        size = os.path.getsize(shard_path(options.out, shard))
        print(f"shard {shard}: {len(ids)} tokens, {size} bytes, {time.time() - started:.0f} s", file=sys.stderr)
    with open(os.path.join(options.out, "data.json"), "w", encoding="utf-8") as file:
        json.dump({"seed": options.seed, "shards": options.shards, "documents": options.documents * options.shards,
                   "tokens": total}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
