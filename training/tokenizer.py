"""A byte-level BPE: encoding with the merges of tokenizer.json, and the byte alphabet that such files spell tokens in.

The pre-tokenizer is Qwen2's pattern. The training text is ASCII, so that Python's own `re` can stand in for it: for
other text use a real tokenizer library. Encodings are cached per word, which makes the encoder quick enough for the
whole training set.
"""
import json
import os
import re

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
           r"|\s+(?!\S)|\s+")
WORD = re.compile(PATTERN.replace(r"\p{L}\p{N}", "A-Za-z0-9").replace(r"\p{L}", "[A-Za-z]").replace(r"\p{N}", "[0-9]"))

VOCABULARY_SIZE = 4096
# In the order of their ids, after the bytes and the merges. The marks of a tool call are part of the text.
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<|reserved_0|>",
           "<|reserved_1|>", "<|reserved_2|>")
NOT_SPECIAL = ("<tool_call>", "</tool_call>")
FIRST_SPECIAL = VOCABULARY_SIZE - len(SPECIAL)
BOS, IM_START, IM_END = FIRST_SPECIAL, FIRST_SPECIAL + 1, FIRST_SPECIAL + 2


def byte_alphabet():
    """The printable character that stands for each byte (GPT-2's table)."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for byte in range(256):
        if byte in printable:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


class Tokenizer:
    def __init__(self, merges):
        """`merges`: pairs of ids, in order of rank; the merge of rank r makes the token 256 + r."""
        self.merges = [tuple(pair) for pair in merges]
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.bytes = [bytes([byte]) for byte in range(256)]
        for left, right in self.merges:
            self.bytes.append(self.bytes[left] + self.bytes[right])
        assert len(self.bytes) == FIRST_SPECIAL
        self.special = {text: FIRST_SPECIAL + index for index, text in enumerate(SPECIAL)}
        self.special_text = {index: text for text, index in self.special.items()}
        self._split = re.compile("(" + "|".join(re.escape(text) for text in SPECIAL) + ")")
        self._words = {}

    @classmethod
    def load(cls, folder):
        """From a folder's tokenizer.json, as train_bpe.py wrote it."""
        with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
            model = json.load(file)["model"]
        ids = model["vocab"]
        return cls([[ids[left], ids[right]] for left, right in model["merges"]])

    def _encode_word(self, word):
        ids = list(word.encode())
        while len(ids) > 1:
            best = min((self.ranks.get(pair, 1 << 30), at) for at, pair in enumerate(zip(ids, ids[1:])))
            if best[0] == 1 << 30:
                break
            pair, merged, at = self.merges[best[0]], [], 0
            while at < len(ids):
                if at + 1 < len(ids) and (ids[at], ids[at + 1]) == pair:
                    merged.append(256 + best[0])
                    at += 2
                else:
                    merged.append(ids[at])
                    at += 1
            ids = merged
        return ids

    def encode(self, text):
        """Ids of an ASCII text, special tokens included where they are spelled out."""
        out, words = [], self._words
        for index, part in enumerate(self._split.split(text)):
            if index % 2:
                out.append(self.special[part])
                continue
            for word in WORD.findall(part):
                ids = words.get(word)
                if ids is None:
                    ids = words[word] = self._encode_word(word)
                out += ids
        return out

    def decode(self, ids):
        pieces = [self.bytes[i] if i < FIRST_SPECIAL else self.special_text[i].encode() for i in ids]
        return b"".join(pieces).decode("utf-8", "replace")

    def token_texts(self):
        """Every token as a vocabulary spells it: bytes through the byte alphabet, special tokens as they are."""
        table = byte_alphabet()
        return ["".join(table[byte] for byte in token) for token in self.bytes] + list(SPECIAL)

    def merge_texts(self):
        texts = self.token_texts()
        return [(texts[left], texts[right]) for left, right in self.merges]
