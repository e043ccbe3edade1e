"""Which contents are held out of the training set, decided by a hash of the content alone.

So a combination is either in the training set or in the held-out set, whatever seed drew it.
"""
import hashlib

HELD_OUT_PERCENT = {"sum": 10, "compare": 10, "sort": 10, "json": 10, "tool": 10, "story": 5}


def is_held_out(task, *content):
    text = "\x1f".join([task, *map(str, content)])
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % 100 < HELD_OUT_PERCENT[task]


class Split:
    """Accepts what belongs to one side: the training set, or the held-out one."""

    def __init__(self, held_out):
        self.held_out = held_out

    def accepts(self, task, *content):
        return is_held_out(task, *content) == self.held_out


TRAINING = Split(False)
HELD_OUT = Split(True)
