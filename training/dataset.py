"""The training ids on the device: loading, the weight of each token in the loss, and batches."""
import concurrent.futures
import glob
import lzma
import os

import numpy as np
import torch

import tokenizer

OTHERS_WEIGHT = 0.1  # of what users, tools and system messages say; the assistant's words and plain stories weigh 1


def load(folder, encoder):
    """(ids, which of them count fully in the loss) of all shards in order."""
    assistant_id = encoder.encode("assistant")
    assert len(assistant_id) == 1
    paths = sorted(glob.glob(os.path.join(folder, "shard_*.xz")))
    if not paths:
        raise SystemExit(f"no shards in {folder}")

    def read(path):
        with lzma.open(path) as file:
            ids = np.frombuffer(file.read(), dtype="<u2")
        return ids, loss_weights(ids, assistant_id[0])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        shards = list(pool.map(read, paths))
    return np.concatenate([ids for ids, _ in shards]), np.concatenate([learned for _, learned in shards])


def loss_weights(ids, assistant_id):
    """Which tokens the model is to learn to write: True in assistants' turns (with <|im_end|>) and plain documents."""
    at = np.arange(len(ids), dtype=np.int32)

    def last(mask):
        """Where `mask` was true the last time, up to each position; -1: never."""
        return np.maximum.accumulate(np.where(mask, at, -1))
    start, document = last(ids == tokenizer.IM_START), last(ids == tokenizer.BOS)
    ended = np.concatenate([[-1], last(ids == tokenizer.IM_END)[:-1]])  # before this position
    role = ids[np.minimum(start + 1, len(ids) - 1)]
    in_turn = (start > document) & (ended < start) & (at >= start + 3)  # after <|im_start|>, the role and "\n"
    learned = in_turn & (role == assistant_id)
    # A document is plain if no turn begins in it right after its <|endoftext|>; its end is the next <|endoftext|>.
    plain = ids[np.minimum(document + 1, len(ids) - 1)] != tokenizer.IM_START
    plain = np.where(ids == tokenizer.BOS, np.concatenate([[False], plain[:-1]]), plain)
    return learned | plain


class Batches:
    """Rows of `length` + 1 tokens, each beginning with a document, in random order."""

    def __init__(self, ids, learned, length, rows, device, seed):
        starts = np.flatnonzero(ids == tokenizer.BOS)
        starts = starts[starts + length + 1 <= len(ids)]
        self.ids = torch.from_numpy(ids.astype(np.int32)).to(device)
        self.learned = torch.from_numpy(learned).to(device)
        self.starts = torch.from_numpy(starts.astype(np.int64)).to(device)
        self.row = torch.arange(length + 1, device=device)
        self.rows, self.seed, self.epoch, self.used = rows, seed, 0, 0
        self.shuffle()

    def shuffle(self):
        generator = torch.Generator().manual_seed(self.seed * 1000 + self.epoch)
        self.order = torch.randperm(len(self.starts), generator=generator).to(self.starts.device)
        self.used = 0

    def next(self):
        """(inputs, targets, weights of the targets)  # each [rows, length]"""
        if self.used + self.rows > len(self.order):
            self.epoch += 1
            self.shuffle()
        first = self.starts[self.order[self.used:self.used + self.rows]]
        self.used += self.rows
        at = first[:, None] + self.row
        ids = self.ids[at].long()
        weights = self.learned[at[:, 1:]].float() * (1 - OTHERS_WEIGHT) + OTHERS_WEIGHT
        return ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), weights
