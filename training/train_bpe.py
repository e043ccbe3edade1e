#!/usr/bin/env python3
"""Trains the byte-level BPE of 4,096 entries on the generator's text and writes the tokenizer's files.

    train_bpe.py OUT_FOLDER [--seed 1] [--documents 60000]

Writes tokenizer.json and tokenizer_config.json (with the chat template) as Hugging Face reads them. Pair counts are
kept up to date merge by merge; ties go to the pair of smaller ids, so that the result depends on the seed alone.
"""
import argparse
import collections
import heapq
import json
import os
import random
import sys

import conversation
import split
import tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))


def count_words(seed, documents):
    rng, counts = random.Random(f"bpe {seed}"), collections.Counter()
    pieces = tokenizer.re.compile("|".join(tokenizer.re.escape(text) for text in tokenizer.SPECIAL))
    for _ in range(documents):
        for part in pieces.split(conversation.document(rng, split.TRAINING)[1]):
            counts.update(tokenizer.WORD.findall(part))
    return sorted((word, count) for word, count in counts.items() if count > 1)


def learn_merges(word_counts, merge_count):
    """Pairs of ids in the order in which they were merged."""
    words = [list(word.encode()) for word, _ in word_counts]
    weights = [count for _, count in word_counts]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for index, ids in enumerate(words):
        for pair in zip(ids, ids[1:]):
            pairs[pair] += weights[index]
            places[pair].add(index)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(heap)
    merges = []
    while len(merges) < merge_count:
        count, pair = heapq.heappop(heap)
        if -count != pairs[pair]:
            continue  # an old count: the present one is in the heap as well
        new, touched = 256 + len(merges), set()
        merges.append(pair)
        for index in sorted(places.pop(pair)):
            ids, weight, merged, at = words[index], weights[index], [], 0
            for old in zip(ids, ids[1:]):
                pairs[old] -= weight
                touched.add(old)
            while at < len(ids):
                if at + 1 < len(ids) and (ids[at], ids[at + 1]) == pair:
                    merged.append(new)
                    at += 2
                else:
                    merged.append(ids[at])
                    at += 1
            words[index] = merged
            for fresh in zip(merged, merged[1:]):
                pairs[fresh] += weight
                places[fresh].add(index)
                touched.add(fresh)
        for changed in touched:
            if pairs[changed] > 0:
                heapq.heappush(heap, (-pairs[changed], changed))
    return merges


def added_token(index, text):
    return {"id": index, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": text not in tokenizer.NOT_SPECIAL}


def tokenizer_json(model):
    texts = model.token_texts()
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    bos = tokenizer.SPECIAL[0]
    single = [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added_token(tokenizer.FIRST_SPECIAL + i, text) for i, text in enumerate(tokenizer.SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": tokenizer.PATTERN}, "behavior": "Isolated", "invert": False},
            byte_level]},
        "post_processor": {"type": "TemplateProcessing", "single": single,
                           "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {bos: {"id": bos, "ids": [tokenizer.BOS], "tokens": [bos]}}},
        "decoder": dict(byte_level),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {text: index for index, text in enumerate(texts[:tokenizer.FIRST_SPECIAL])},
                  "merges": [list(pair) for pair in model.merge_texts()]}}


def tokenizer_config():
    with open(os.path.join(HERE, "chat_template.jinja"), encoding="utf-8") as file:
        template = file.read().rstrip("\n")  # a line break at the end would be rendered by some engines
    decoder = {}
    for index, text in enumerate(tokenizer.SPECIAL):
        entry = added_token(tokenizer.FIRST_SPECIAL + index, text)
        decoder[str(entry.pop("id"))] = entry
    return {"add_bos_token": True, "add_prefix_space": False, "added_tokens_decoder": decoder,
            "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
            "clean_up_tokenization_spaces": False, "model_max_length": 1024, "errors": "replace", "unk_token": None,
            "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}


def write_files(folder, model):
    os.makedirs(folder, exist_ok=True)
    for name, content in (("tokenizer.json", tokenizer_json(model)), ("tokenizer_config.json", tokenizer_config())):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=60000)
    options = parser.parse_args()
    counts = count_words(options.seed, options.documents)
    print(f"{len(counts)} different words, {sum(count for _, count in counts)} in all", file=sys.stderr)
    model = tokenizer.Tokenizer(learn_merges(counts, tokenizer.FIRST_SPECIAL - 256))
    write_files(options.out, model)


if __name__ == "__main__":
    main()
