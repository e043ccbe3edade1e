"""Templates that are expanded at random, and the small amount of English that they need.

A template is text with `[one|another|]` for a free choice, which may nest, and `{slot}` for a value that the caller
fixed. What a question may ask about is always a slot; a choice only changes the wording. Templates are parsed once.
"""
import re

_PARSED = {}
_PLAIN_START = re.compile(r"(^|[.!?] |\n)([a-z])")


class Slot:
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


def _parse(text, at, depth):
    """Nodes up to the end of this choice: a list of str, Slot, and lists of alternatives (each a list of nodes)."""
    alternatives, nodes, start = [], [], at
    while at < len(text):
        character = text[at]
        if character not in "[]|{":
            at += 1
            continue
        if character == "|" and depth == 0:
            raise ValueError(f"| outside brackets: {text!r}")
        if at > start:
            nodes.append(text[start:at])
        if character == "{":
            end = text.index("}", at)
            nodes.append(Slot(text[at + 1:end]))
            at = end + 1
        elif character == "[":
            inner, at = _parse(text, at + 1, depth + 1)
            nodes.append(inner)
        else:
            alternatives.append(nodes)
            nodes = []
            at += 1
            if character == "]":
                if depth == 0:
                    raise ValueError(f"] without [: {text!r}")
                return alternatives, at
        start = at
    if depth > 0:
        raise ValueError(f"[ without ]: {text!r}")
    if at > start:
        nodes.append(text[start:at])
    return nodes, at


def parse(text):
    nodes = _PARSED.get(text)
    if nodes is None:
        nodes = _PARSED[text] = _parse(text, 0, 0)[0]
    return nodes


def _expand(nodes, slots, random, out):
    for node in nodes:
        kind = node.__class__
        if kind is str:
            out.append(node)
        elif kind is Slot:
            out.append(slots[node.name])
        else:
            _expand(node[int(random() * len(node))], slots, random, out)


def expand(rng, text, slots):
    """The template with choices made and slots filled; not capitalized."""
    out = []
    _expand(parse(text), slots, rng.random, out)
    return "".join(out)


def capitalize(text):
    """Upper case at the start of the text and after a full stop.

    Not after `?"` or `!"`, where a sentence may go on: templates write {He} there, or a name.
    """
    return _PLAIN_START.sub(lambda m: m.group(1) + m.group(2).upper(), text)


def upper_first(text):
    return text[:1].upper() + text[1:]


def a(noun):
    """The noun with its indefinite article."""
    return ("an " if noun[0] in "aeiouAEIOU" and not noun.startswith(("uni", "use", "one")) else "a ") + noun


def the(phrase):
    """`a jar of honey` -> `the jar of honey`."""
    return "the " + phrase.split(" ", 1)[1]


def listed(items):
    """`a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def pick(rng, items):
    return items[int(rng.random() * len(items))]


def chance(rng, probability):
    return rng.random() < probability


def sample(rng, items, count):
    """`count` different items in random order."""
    chosen = []
    while len(chosen) < count:
        item = pick(rng, items)
        if item not in chosen:
            chosen.append(item)
    return chosen
