#!/usr/bin/env python3
"""Tests of the demo model's tools that need no training: /usr/bin/python3 training/test_demo_model.py

Parts that need jinja2 or numpy are left out where those are missing, and say so.
"""
import json
import os
import random
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import chat_format  # noqa: E402
import conversation  # noqa: E402
import grammar  # noqa: E402
import heldout  # noqa: E402
import split  # noqa: E402
import story  # noqa: E402
import tokenizer  # noqa: E402
import train_bpe  # noqa: E402


def small_tokenizer():
    merges = train_bpe.learn_merges(train_bpe.count_words(1, 1500), tokenizer.FIRST_SPECIAL - 256)
    return tokenizer.Tokenizer(merges)


class Grammar(unittest.TestCase):
    def test_choices_nest_and_slots_are_filled(self):
        texts = {grammar.expand(random.Random(seed), "[a[b|c]|{x}]!", {"x": "y"}) for seed in range(50)}
        self.assertEqual(texts, {"ab!", "ac!", "y!"})

    def test_same_seed_same_documents(self):
        def documents():
            rng = random.Random("seed")
            return [conversation.document(rng, split.TRAINING) for _ in range(200)]
        self.assertEqual(documents(), documents())

    def test_stories_are_well_formed(self):
        rng = random.Random(2)
        for scheme in story.SCHEMES:
            for _ in range(100):
                tale = story.tell(rng, split.TRAINING, scheme=scheme)
                self.assertFalse(re.search(r"  | [,.!?]|[{}\[\]|]|\ba [aeio]|\bAn? an? ", tale.text), tale.text)
                self.assertEqual(tale.text.count('"') % 2, 0, tale.text)
                self.assertIn(tale.hero.name, tale.text)
                self.assertTrue(tale.text.isascii())
                self.assertGreaterEqual(len(tale.questions), 9)
                story.request(rng, tale)

    def test_a_request_names_what_the_story_has(self):
        rng = random.Random(3)
        for _ in range(500):
            tale = story.tell(rng, split.TRAINING)
            named = re.search(r"(?:named|called) (\w+)", story.request(rng, tale))
            if named:
                self.assertIn(named.group(1), tale.text)


class Split(unittest.TestCase):
    def test_shares(self):
        share = sum(split.is_held_out("sum", "+", a, b) for a in range(100) for b in range(a, 100)) / 5050
        self.assertAlmostEqual(share, 0.1, delta=0.015)

    def test_held_out_sums_do_not_occur_in_training(self):
        rng = random.Random(4)
        for _ in range(3000):
            text = conversation.document(rng, split.TRAINING)[1]
            for a, sign, b in re.findall(r"(\d+) ([+-]) (\d+) = \d", text):
                a, b = int(a), int(b)
                pair = (min(a, b), max(a, b)) if sign == "+" else (a, b)
                self.assertFalse(split.is_held_out("sum", sign, *pair), text)

    def test_held_out_items_are_right(self):
        for item in heldout.items(1):
            if item["task"] == "sum":
                a, sign, b, result = re.match(r"(\d+) ([+-]) (\d+) = (\d+)\.", item["expected"]).groups()
                self.assertEqual(int(a) + int(b) if sign == "+" else int(a) - int(b), int(result))
            if item["task"] == "json":
                json.loads(item["expected"])


class Template(unittest.TestCase):
    def test_agrees_with_jinja(self):
        try:
            import jinja2
        except ImportError:
            self.skipTest("jinja2 is not installed")
        environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
        environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
        with open(os.path.join(HERE, "chat_template.jinja"), encoding="utf-8") as file:
            template = environment.from_string(file.read().rstrip("\n"))
        rng, cases = random.Random(5), []
        for _ in range(200):
            messages, tools = conversation.tool_conversation(rng, split.TRAINING)
            cases.append((conversation.maybe_system(rng) + messages, tools))
            cases.append((conversation.maybe_system(rng) + conversation.mixture(rng, split.TRAINING), None))
        for messages, tools in cases:
            for prompt in (False, True):
                rendered = template.render(messages=messages, tools=tools, add_generation_prompt=prompt)
                self.assertEqual(rendered, chat_format.render(messages, tools, prompt))


class Vocabulary(unittest.TestCase):
    def test_encoding_is_reversible_and_special_tokens_are_single(self):
        encoder, rng = small_tokenizer(), random.Random(6)
        for _ in range(200):
            text = conversation.document(rng, split.TRAINING)[1]
            self.assertEqual(encoder.decode(encoder.encode(text)), text)
        self.assertEqual(encoder.encode("<|im_end|>"), [tokenizer.IM_END])
        self.assertEqual(len(encoder.token_texts()), tokenizer.VOCABULARY_SIZE)
        self.assertEqual(len(set(encoder.token_texts())), tokenizer.VOCABULARY_SIZE)


class Files(unittest.TestCase):
    def test_q8_0_and_the_rows_of_heads(self):
        try:
            import numpy as np
            import gguf_file
        except ImportError:
            self.skipTest("numpy is not installed")
        values = np.random.default_rng(1).standard_normal((8, 64)).astype(np.float32)
        again = gguf_file.decode_q8_0(gguf_file.encode_q8_0(values), values.shape)
        self.assertLess(np.abs(again - values).max(), np.abs(values).max() / 127)
        rows = np.arange(8)[:, None]
        self.assertEqual(gguf_file.interleaved(rows, 2)[:, 0].tolist(), [0, 2, 1, 3, 4, 6, 5, 7])
        self.assertEqual(gguf_file.halved(gguf_file.interleaved(rows, 2), 2)[:, 0].tolist(), list(range(8)))

    def test_loss_weights(self):
        try:
            import numpy as np
            import dataset
        except ImportError:
            self.skipTest("numpy or torch is not installed")
        bos, start, end, user, assistant, line = tokenizer.BOS, tokenizer.IM_START, tokenizer.IM_END, 1, 2, 3
        ids = [bos, start, user, line, 9, 9, end, line, start, assistant, line, 8, 8, end, line, bos, 7, 7, bos, start,
               user]
        wanted = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0]
        self.assertEqual(dataset.loss_weights(np.array(ids, "<u2"), assistant).astype(int).tolist(), wanted)


if __name__ == "__main__":
    unittest.main()
