#!/usr/bin/env python3
"""Writes the held-out set: prompts and exact answers whose contents the training set leaves out.

    heldout.py OUT.jsonl [--seed 1]

A line is {"task", "messages", "tools" where there are any, "expected"}: the prompt is the rendered messages with a
generation prompt, and `expected` is what the model has to write before <|im_end|>. For the task "story" only the loss
counts, as a story can be told in many ways.
"""
import argparse
import json
import random

import chat_format
import conversation
import json_objects
import numbers_and_lists
import split
import story
import tool_use
import tools_world
from exchange import assistant, user
from grammar import chance, expand, pick

COUNTS = {"sum": 100, "compare": 100, "sort_numbers": 100, "sort_words": 100, "json": 100, "tool_call": 80,
          "tool_answer": 50, "question": 80, "story": 40}


def item(task, messages, tools=None):
    """The last message is what the model has to say."""
    line = {"task": task, "messages": messages[:-1]}
    if tools:
        line["tools"] = tools
    return {**line, "expected": chat_format.assistant_text(messages[-1])}


def make_sum(rng):
    return item("sum", pick(rng, (numbers_and_lists.add, numbers_and_lists.subtract))(rng, split.HELD_OUT))


def make_compare(rng):
    return item("compare", numbers_and_lists.compare(rng, split.HELD_OUT))


def make_sort_numbers(rng):
    return item("sort_numbers", numbers_and_lists.sort_numbers(rng, split.HELD_OUT))


def make_sort_words(rng):
    return item("sort_words", numbers_and_lists.sort_words(rng, split.HELD_OUT))


def make_json(rng):
    return item("json", json_objects.make_object(rng, split.HELD_OUT))


def make_tool_call(rng):
    tools = tools_world.some_tools(rng, 1 + int(rng.random() * 2))
    return item("tool_call", tool_use.call(rng, split.HELD_OUT, pick(rng, tools))[:2], [tool.schema for tool in tools])


def make_tool_answer(rng):
    tools = tools_world.some_tools(rng, 1)
    return item("tool_answer", tool_use.call(rng, split.HELD_OUT, tools[0]), [tools[0].schema])


def make_question(rng):
    tale = story.tell(rng, split.HELD_OUT)
    wording, answer = story.question(rng, tale, set())
    if chance(rng, 0.2):
        first = [user(expand(rng, pick(rng, conversation.READ), {"text": tale.text, "question": wording}))]
    else:
        first = [user(story.request(rng, tale)), assistant(tale.text), user(wording)]
    return item("question", first + [assistant(answer)])


def make_story(rng):
    tale = story.tell(rng, split.HELD_OUT)
    return item("story", [user(story.request(rng, tale)), assistant(tale.text)])


def items(seed):
    lines, seen = [], set()
    for task, count in COUNTS.items():
        rng, made = random.Random(f"held-out {seed} {task}"), 0
        while made < count:
            line = globals()["make_" + task](rng)
            key = json.dumps(line)
            if key not in seen:
                seen.add(key)
                lines.append(line)
                made += 1
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with open(options.out, "w", encoding="utf-8") as file:
        for line in items(options.seed):
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
