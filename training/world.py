"""What a story is about: its characters, things and places, and the sentences said so far.

A scheme (schemes_*.py) gets a World with everything chosen, says its sentences through it, and states the facts that
may be asked about. The World turns every choice into slots of the grammar: `{h}` is the hero's name, `{he}`, `{him}`,
`{his}`, `{He}`, `{His}` the hero's pronouns, `{f}`, `{f.he}` and so on the helper's, `{g}` those of a third one.
"""
import words
from grammar import a, capitalize, chance, expand, pick, sample, the, upper_first

SYLLABLE_STARTS = ("b", "br", "d", "f", "fl", "g", "h", "j", "k", "kr", "l", "m", "n", "p", "pl", "r", "s", "st", "t",
                   "tr", "v",
                   "w", "z", "th", "sh")
SYLLABLE_MIDDLES = ("b", "d", "l", "ll", "lm", "m", "mb", "n", "nd", "nn", "p", "r", "rl", "rt", "s", "st", "t", "v",
                    "z", "lk", "ss")
SYLLABLE_VOWELS = ("a", "e", "i", "o", "u", "a", "e", "i", "o", "ee", "oo")
PRONOUNS = {"he": ("he", "him", "his", "himself"), "she": ("she", "her", "her", "herself")}


def made_up_name(rng, pronoun):
    name = pick(rng, SYLLABLE_STARTS) + pick(rng, SYLLABLE_VOWELS) + pick(rng, SYLLABLE_MIDDLES)
    if chance(rng, 0.3):
        name += pick(rng, SYLLABLE_VOWELS[:9]) + pick(rng, ("l", "n", "r", "m", "t"))
    last = pick(rng, ("a", "a", "i", "e", "ina", "is") if pronoun == "she" else ("o", "o", "us", "i", "an", "el"))
    return (name + last).capitalize()


class Character:
    def __init__(self, name, kind, pronoun, size):
        self.name, self.kind, self.pronoun, self.size = name, kind, pronoun, size

    def slots(self, prefix, out):
        he, him, his, himself = PRONOUNS[self.pronoun]
        dot = "" if prefix == "h" else prefix + "."
        out.update({prefix: self.name, dot + "he": he, dot + "him": him, dot + "his": his,
                    dot + ("himself" if prefix == "h" else "self"): himself,
                    dot + "He": upper_first(he), dot + "His": upper_first(his),
                    prefix + ".kind": self.kind, prefix + ".a_kind": a(self.kind),
                    prefix + ".a": a(f"{self.size} {self.kind}") if self.size else a(self.kind),
                    prefix + ".the": f"{self.name} the {self.kind}"})


def make_character(rng, kinds, taken, pronoun=None):
    """A character of one of `kinds`, with a name and a kind that `taken` (a list of characters) does not have."""
    while True:
        kind = pick(rng, kinds)
        sex = "she" if kind in words.SHE_ONLY else "he" if kind in words.HE_ONLY else None
        if pronoun and sex and sex != pronoun or any(kind == other.kind for other in taken):
            continue
        sex = sex or pronoun or pick(rng, ("he", "she"))
        if chance(rng, 0.35):
            name = made_up_name(rng, sex)
        else:
            name = pick(rng, words.SHE_NAMES if sex == "she" else words.HE_NAMES)
        if any(name == other.name for other in taken):
            continue
        size = pick(rng, words.SIZES) if chance(rng, 0.6) else ""
        if kind in words.PEOPLE and size in words.NOT_FOR_CHILDREN or (
                kind in words.BIG_KINDS + words.GROWN_UPS and size in words.NOT_FOR_BIG):
            size = ""
        return Character(name, kind, sex, size)


HERO_KINDS = words.ANIMALS * 2 + words.PEOPLE * 12 + words.MADE_UP
HELPER_KINDS = words.ANIMALS * 2 + words.PEOPLE * 4 + words.MADE_UP + words.GROWN_UPS


class World:
    """The choices of one story and its text so far. `hero`, if given, is kept from an earlier story."""

    def __init__(self, rng, split, hero=None, hero_not=(), friend_not=()):
        self.rng = rng
        while True:
            self.hero = hero or make_character(rng, HERO_KINDS, ())
            self.friend = make_character(rng, HELPER_KINDS, [self.hero], "she" if self.hero.pronoun == "he" else "he")
            self.third = make_character(rng, HELPER_KINDS, [self.hero, self.friend])
            self.object = pick(rng, words.OBJECTS)
            self.place = pick(rng, words.PLACES)
            if (self.hero.kind not in hero_not and self.friend.kind not in friend_not
                    and split.accepts("story", self.hero.name, self.hero.kind, self.object, self.place[0])):
                break
            if hero and hero.kind in hero_not:
                raise ValueError("this hero does not fit the scheme")
        self.paragraphs, self.sentences = [], []
        self.questions = []  # (wordings, answer)
        self.slots = slots = {}
        self.hero.slots("h", slots)
        self.friend.slots("f", slots)
        self.third.slots("g", slots)
        colour, other_colour = sample(rng, words.COLOURS, 2)
        name, preposition = self.place
        food, food2 = sample(rng, words.FOODS, 2)
        trinket = pick(rng, words.TRINKETS)
        self.home = pick(rng, words.HOMES)
        slots.update(
            obj=self.object, a_obj=a(self.object), cobj=f"{colour} {self.object}", a_cobj=a(f"{colour} {self.object}"),
            colour=colour, colour2=other_colour, a_colour2=a(other_colour), place="the " + name,
            in_place=f"{preposition} the {name}",
            spot=pick(rng, words.SPOTS), home=self.home, food=food, the_food=the(food), food2=food2,
            the_food2=the(food2), tri=trinket, the_tri=the(trinket), tri0=trinket.split(" ", 1)[1])
        slots["when"] = expand(rng, WHEN, slots)

    # Telling.

    def set(self, **values):
        self.slots.update(values)

    def say(self, template):
        text = capitalize(expand(self.rng, template, self.slots)).replace("  ", " ").strip()
        self.sentences.append(text)

    def maybe(self, probability, template):
        if self.rng.random() < probability:
            self.say(template)

    def paragraph(self):
        if self.sentences:
            self.paragraphs.append(" ".join(self.sentences))
            self.sentences = []

    def text(self, separator):
        self.paragraph()
        return separator.join(self.paragraphs)

    # Facts.

    def fill(self, template):
        return expand(self.rng, template, self.slots)

    def ask(self, wordings, answer):
        """Any of the wordings (a template) has this one answer."""
        self.questions.append((wordings, capitalize(self.fill(answer))))

    def about(self, clause, theme, summary, ending, things=()):
        """How a request may describe the story, its one-sentence summary, and how it ended."""
        self.clause, self.theme = self.fill(clause), self.fill(theme)
        self.summary, self.ending = capitalize(self.fill(summary)), capitalize(self.fill(ending))
        self.things = [self.fill(thing) for thing in things]


WHEN = ("[one|one fine|one windy|one cold|one rainy|one bright|one misty|one warm|one grey] "
        "[morning|afternoon|evening|day]|one [Monday|Sunday|Friday|Saturday] [morning|afternoon]"
        "|on the first day of [spring|summer|autumn|winter]|one day in [spring|summer|autumn|winter|April|October]"
        "|early one morning|late one afternoon|on a [quiet|sunny|cloudy|frosty] day|just before [noon|supper|sunset]")
WHEN = f"[{WHEN}]"
