"""A sentence with facts, the keys wanted, and the JSON object that holds them in the order asked for."""
import json

import words
from exchange import assistant, user
from grammar import chance, expand, listed, pick, sample
from world import made_up_name

PETS = ("cat", "dog", "pony", "parrot", "rabbit", "hamster", "goldfish", "turtle", "canary", "mouse")
JOBS = ("baker", "teacher", "doctor", "farmer", "sailor", "painter", "pilot", "singer", "nurse", "tailor", "gardener")
MEALS = ("soup", "pizza", "rice", "pancakes", "noodles", "salad", "bread", "cheese", "porridge", "fish", "apple pie")
SKIES = ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear", "stormy")
SIZES = ("small", "medium", "large")
GENRES = ("fairy tale", "mystery", "adventure", "comedy", "history", "poetry")


def draw_name(rng):
    sex = pick(rng, ("he", "she"))
    if chance(rng, 0.35):
        return made_up_name(rng, sex)
    return pick(rng, words.SHE_NAMES if sex == "she" else words.HE_NAMES)


def number_from(low, high):
    return lambda rng: low + int(rng.random() * (high - low + 1))


def one_of(items):
    return lambda rng: pick(rng, items)


# A subject: its own key, how it is drawn, how a sentence begins with it, and its other fields: key, how drawn, clause.
SUBJECTS = (
    ("name", draw_name, "{name}", (
        ("age", number_from(3, 99), "is {age} years old"), ("city", one_of(words.CITIES), "lives in {city}"),
        ("pet", one_of(PETS), "has a {pet}"), ("job", one_of(JOBS), "works as a {job}"), ("food", one_of(MEALS),
                                                                                          "likes {food}"),
        ("colour", one_of(words.COLOURS), "loves the colour {colour}"), ("siblings", number_from(0, 9),
                                                                         "has {siblings} siblings"))),
    ("item", one_of(words.OBJECTS), "[the|a certain] {item}", (
        ("price", number_from(1, 99), "costs {price} coins"), ("colour", one_of(words.COLOURS), "is {colour}"),
        ("size", one_of(SIZES), "comes in size {size}"), ("owner", draw_name, "belongs to {owner}"),
        ("city", one_of(words.CITIES), "was made in {city}"), ("weight", number_from(1, 99), "weighs {weight} grams"))),
    ("animal", one_of(words.ANIMALS), "[the|our] {animal}", (
        ("name", draw_name, "is called {name}"), ("age", number_from(1, 30), "is {age} years old"),
        ("food", one_of(MEALS), "eats {food}"), ("weight", number_from(1, 99), "weighs {weight} kilos"),
        ("home", one_of([name for name, _ in words.PLACES]), "lives near the {home}"))),
    ("city", one_of(words.CITIES), "{city}", (
        ("weather", one_of(SKIES), "is {weather} today"), ("temperature", number_from(0, 39),
                                                           "has {temperature} degrees"),
        ("day", one_of(words.WEEKDAYS), "has its market on {day}"), ("bridges", number_from(1, 60),
                                                                     "has {bridges} bridges"),
        ("mayor", draw_name, "has a mayor called {mayor}"))),
    ("author", draw_name, "{author}", (
        ("title", lambda rng: "The " + pick(rng, words.OBJECTS).capitalize() + " of " + pick(rng, words.CITIES),
         "wrote \"{title}\""), ("pages", number_from(10, 99), "filled {pages} pages"), ("genre", one_of(GENRES),
                                                                                        "writes {genre}"),
        ("city", one_of(words.CITIES), "works in {city}"), ("year", number_from(1900, 2029),
                                                            "became known in {year}"))),
    ("passenger", draw_name, "{passenger}", (
        ("from", one_of(words.CITIES), "comes from {from}"), ("to", one_of(words.CITIES), "travels to {to}"),
        ("day", one_of(words.WEEKDAYS), "leaves on {day}"), ("seat", number_from(1, 99), "has seat {seat}"),
        ("bags", number_from(0, 9), "carries {bags} bags"))),
    ("goods", one_of(words.FRUITS), "[the|these] {goods}", (
        ("count", number_from(1, 99), "are {count} in number"), ("price", number_from(1, 99), "cost {price} coins"),
        ("shop", draw_name, "come from the shop of {shop}"), ("day", one_of(words.WEEKDAYS), "arrived on {day}"))),
)

REQUESTS = (
    "[Write|Make|Give me|Create|Please write] a JSON object with the keys {keys}: {fact}",
    "[Turn this|Put this|Convert this] into JSON with {keys}: {fact}",
    "{fact} [Write|Give me|Put] {keys} [as|in] JSON.",
    "[Write|Make] JSON with the fields {keys}. {fact}", "JSON with {keys}, please: {fact}",
    "Extract {keys} as JSON from this sentence: {fact}", "{fact} Make a JSON object with {keys}.",
    "[Give me|I need] {keys} as JSON. {fact}")


def _sentence(rng, subject_key, begin, clauses, values):
    text = expand(rng, begin + " " + listed(clauses), {key: str(value) for key, value in values.items()})
    return text[0].upper() + text[1:] + "."


def make_object(rng, split):
    while True:
        subject_key, draw, begin, fields = pick(rng, SUBJECTS)
        chosen = sample(rng, fields, 1 + int(rng.random() * 3))
        values = {subject_key: draw(rng)}
        for key, draw_field, _ in chosen:
            values[key] = draw_field(rng)
        if split.accepts("json", *[f"{key}={value}" for key, value in sorted(values.items())]):
            break
    fact = _sentence(rng, subject_key, begin, [clause for _, _, clause in chosen], values)
    keys = list(values)
    if len(keys) > 2 and chance(rng, 0.3):
        keys.remove(pick(rng, keys))
    if chance(rng, 0.3):
        keys = sample(rng, keys, len(keys))
    quoted = [f'"{key}"' for key in keys] if chance(rng, 0.4) else keys
    text = expand(rng, pick(rng, REQUESTS), {"keys": listed(quoted), "fact": fact})
    return [user(text), assistant(json.dumps({key: values[key] for key in keys}))]
