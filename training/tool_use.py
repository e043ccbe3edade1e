"""Exchanges with tools: the call that a question needs, and the sentence that its result makes."""
import json

from exchange import assistant, tool_call, tool_result, user
from grammar import expand, pick
from tools_world import TOOLS

NO_TOOL = "I have no tool for that."


def _draw_arguments(rng, split, entry):
    while True:
        values = {key: draw(rng) for key, (_, draw) in entry[2].items()}
        if len(set(values.values())) == len(values) and split.accepts("tool", entry[0], *values.values()):
            return values


def _ask(rng, entry, values):
    """What a user says; `{?}` ends a question word's sentence, `{cost}` completes `What does the kettle cost`."""
    slots = {key: str(value) for key, value in values.items()}
    slots.update({"?": "\0", "cost": "\1"})
    text = expand(rng, "[" + entry[3] + "]", slots)
    text = text.replace("\0", "?" if text.startswith(("What", "How")) else ".")
    text = text.replace("\1", " cost?" if text.startswith("What does") else "?")
    return text[0].upper() + text[1:]


def call(rng, split, tool):
    """[question, call, result, answer]"""
    values = _draw_arguments(rng, split, tool.entry)
    result = {key: draw(rng) for key, draw in tool.results.items()}
    slots = {key: str(value) for key, value in {**values, **result}.items()}
    return [user(_ask(rng, tool.entry, values)),
            tool_call(tool.name, {tool.names[key]: value for key, value in values.items()}),
            tool_result(json.dumps(result)), assistant(expand(rng, tool.answer, slots))]


def no_call(rng, split, tools):
    """A question for a tool that is not among `tools`."""
    present = [tool.key for tool in tools]
    entry = pick(rng, [entry for entry in TOOLS if entry[0] not in present])
    return [user(_ask(rng, entry, _draw_arguments(rng, split, entry))), assistant(NO_TOOL)]
