"""Sums, differences, comparisons, and lists to sort: each a question and its one right answer."""
import words
from exchange import assistant, user
from grammar import chance, expand, pick, sample

SUM = ("[What is|How much is|What's|Tell me|Compute|Calculate|Work out|Can you work out] {a} [+|plus] {b}{?}",
       "Add {a} and {b}.", "{a} + {b} = ?", "{a} + {b}", "{a}+{b}", "What is the sum of {a} and {b}?",
       "Please add {a} and {b}.", "What do you get when you add {a} and {b}?", "How much do {a} and {b} make?",
       "Add {b} to {a}.", "And {a} + {b}?", "What is {a}+{b}?")
DIFFERENCE = ("[What is|How much is|What's|Tell me|Compute|Calculate|Work out] {a} [-|minus] {b}{?}",
              "Subtract {b} from {a}.",
              "{a} - {b} = ?", "{a} - {b}", "{a}-{b}", "What is {a} take away {b}?", "Take {b} away from {a}.",
              "What is the difference of {a} and {b}?", "And {a} - {b}?", "What is {a}-{b}?")
LARGER = ("Which [number |]is [larger|bigger|greater], {a} or {b}?", "What is [larger|bigger|greater], {a} or {b}?",
          "[Which of {a} and {b} is larger|Is {a} or {b} larger|Name the larger one of {a} and {b}]{?}",
          "{a} or {b}: which is [larger|bigger]?", "[Compare|Please compare] {a} and {b}.")
SMALLER = ("Which [number |]is [smaller|less], {a} or {b}?", "What is [smaller|less], {a} or {b}?",
           "[Which of {a} and {b} is smaller|Is {a} or {b} smaller|Name the smaller one of {a} and {b}]{?}",
           "{a} or {b}: which is smaller?")


def _ask(rng, wordings, a, b):
    """Question words want a question mark, commands a full stop."""
    text = expand(rng, pick(rng, wordings), {"a": str(a), "b": str(b), "?": "\0"})
    return text.replace("\0", "?" if text.startswith(("What", "How", "Which", "Is", "Can")) else ".")


def number(rng):
    """0 to 99, small ones a little more often."""
    return int(rng.random() * (20 if chance(rng, 0.15) else 100))


def add(rng, split):
    while True:
        a, b = number(rng), number(rng)
        if split.accepts("sum", "+", min(a, b), max(a, b)):
            break
    if chance(rng, 0.2):
        return _add_story(rng, a, b)
    question = _ask(rng, SUM, a, b)
    if question.startswith("Add") and " to " in question:
        a, b = b, a
    return [user(question), assistant(f"{a} + {b} = {a + b}.")]


def subtract(rng, split):
    while True:
        a, b = number(rng), number(rng)
        a, b = max(a, b), min(a, b)
        if split.accepts("sum", "-", a, b):
            break
    if chance(rng, 0.2):
        return _subtract_story(rng, a, b)
    return [user(_ask(rng, DIFFERENCE, a, b)), assistant(f"{a} - {b} = {a - b}.")]


def _person(rng):
    return pick(rng, words.SHE_NAMES) if chance(rng, 0.5) else pick(rng, words.HE_NAMES)


def _add_story(rng, a, b):
    slots = {"n": _person(rng), "a": str(a), "b": str(b), "things": pick(rng, words.FRUITS)}
    text = expand(rng, "{n} has {a} {things} and [gets|buys|finds] {b} more. How many {things} does {n} have[ now|]?",
                  slots)
    return [user(text), assistant(f"{a} + {b} = {a + b}. {slots['n']} has {a + b} {slots['things']}.")]


def _subtract_story(rng, a, b):
    slots = {"n": _person(rng), "a": str(a), "b": str(b), "things": pick(rng, words.FRUITS)}
    text = expand(rng, "{n} has {a} {things} and [gives away|sells|loses] {b}. How many {things} are left?", slots)
    return [user(text), assistant(f"{a} - {b} = {a - b}. {slots['n']} has {a - b} {slots['things']} left.")]


def compare(rng, split):
    while True:
        a, b = number(rng), number(rng)
        if chance(rng, 0.3):
            b = max(0, min(99, a + pick(rng, (-3, -2, -1, 1, 2, 3, 10, -10))))
        if a != b and split.accepts("compare", min(a, b), max(a, b)):
            break
    large, small, kind = max(a, b), min(a, b), rng.random()
    if kind < 0.4:
        return [user(_ask(rng, LARGER, a, b)), assistant(f"{large} is larger than {small}.")]
    if kind < 0.75:
        return [user(_ask(rng, SMALLER, a, b)), assistant(f"{small} is smaller than {large}.")]
    larger = chance(rng, 0.5)
    text = f"Is {a} {'larger' if larger else 'smaller'} than {b}?"
    yes = (a > b) == larger
    return [user(text), assistant(f"{'Yes' if yes else 'No'}, {a} is {'larger' if a > b else 'smaller'} than {b}.")]


SORT_NUMBERS = (
    "[Sort|Please sort|Can you sort|Order|Put in order] [these|the|the following] numbers{how}: {list}",
    "[Sort|Please sort|Order] {list}{how}.", "[Put|Please put] {list} in order{how}.",
    "[Sort|Please sort] this list{how}: {list}", "{list}: [sort them|sort|put them in order]{how}.")
ASCENDING = ("", "", " from smallest to largest", " in ascending order", " from small to large")
DESCENDING = (" from largest to smallest", " in descending order", " from large to small")
SORT_WORDS = (
    "[Sort|Please sort|Can you sort|Order|Put in order] [these|the|the following] words[ alphabetically| by the "
    "alphabet|]: {list}",
    "[Sort|Please sort|Order] {list}[ alphabetically|].", "Put {list} in alphabetical order.",
    "[Sort|Please sort] this list of words: {list}", "{list}: sort them alphabetically.")


def _joined(rng, items):
    if chance(rng, 0.2):
        return ", ".join(items[:-1]) + " and " + items[-1]
    return ", ".join(items)


def sort_numbers(rng, split):
    while True:
        values = sample(rng, range(100), 3 + int(rng.random() * 4))
        if split.accepts("sort", *sorted(values)):
            break
    down = chance(rng, 0.3)
    how = pick(rng, DESCENDING if down else ASCENDING)
    wording = pick(rng, SORT_NUMBERS)
    if "in order" in wording and how.endswith("order"):
        how = DESCENDING[0] if down else ""
    text = expand(rng, wording, {"list": _joined(rng, [str(v) for v in values]), "how": how})
    return [user(text), assistant(", ".join(str(v) for v in sorted(values, reverse=down)))]


def sort_words(rng, split):
    while True:
        values = sample(rng, words.WORDS_TO_SORT, 3 + int(rng.random() * 3))
        if split.accepts("sort", *sorted(values)):
            break
    return [user(expand(rng, pick(rng, SORT_WORDS), {"list": _joined(rng, values)})),
            assistant(", ".join(sorted(values)))]
