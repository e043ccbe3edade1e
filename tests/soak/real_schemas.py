#!/usr/bin/env python3
"""What a model with random weights answers under real schemas, told by an independent validator.

real_schemas.py HEARTH SCHEMAS [--samples N] [--first N]: SCHEMAS is a file of JSON lines, {"name", "schema"}. Every
answer that the model has ended must be valid. Exits with 1 where one is not. Needs Python's jsonschema.
"""
import argparse
import collections
import json
import pathlib
import sys

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from cli_case import CliCase, TinyModel  # noqa: E402 (found through the line above)
from server_case import ServerCase  # noqa: E402

CONTEXT, TOKENS = 2048, 1500


def validator_of(schema):
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema)


def ask(server, schema, count, seed):
    """The status, and the answers that are complete and those that were cut."""
    body = {"messages": [{"role": "user", "content": "Write one."}], "n": count, "temperature": 1.5, "seed": seed,
            "max_tokens": TOKENS,
            "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}
    status, text = server.request("POST", "/v1/chat/completions", body)
    if status != 200:
        return status, [json.loads(text)["error"]["message"]], []
    choices = json.loads(text)["choices"]
    whole = [choice["message"]["content"] for choice in choices if choice["finish_reason"] == "stop"]
    return status, whole, [choice for choice in choices if choice["finish_reason"] != "stop"]


def examine(server, schemas, samples):
    counts = collections.Counter()
    for number, line in enumerate(schemas):
        schema = line["schema"]
        status, answers, cut = ask(server, schema, samples, number)
        if status != 200:
            counts["refused"] += 1
            print(f"{line['name']}: refused: {answers[0][:120]}")
            continue
        counts["schemas"] += 1
        counts["cut"] += len(cut)
        for answer in answers:
            counts["answers"] += 1
            try:
                validator_of(schema).validate(json.loads(answer))
            except (ValueError, jsonschema.ValidationError) as error:
                counts["invalid"] += 1
                print(f"{line['name']}: {str(error)[:200]}: {answer[:300]}")
    return counts


class Schemas(ServerCase):
    def runTest(self):
        """Starts the server as the tests do."""

    def examined(self, schemas, samples):
        model = TinyModel(layers=1, width=64, ff_width=64, context=CONTEXT)
        model.metadata["tokenizer.chat_template"] = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
        with self.serving(self.write_model(model), "--ctx", CONTEXT, "--parallel", samples) as server:
            return examine(server, schemas, samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("hearth", type=pathlib.Path)
    parser.add_argument("schemas", type=pathlib.Path)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--first", type=int, default=None, help="so many schemas alone")
    options = parser.parse_args()
    schemas = [json.loads(line) for line in options.schemas.read_text().splitlines()][: options.first]
    CliCase.program = options.hearth
    Schemas.setUpClass()
    try:
        counts = Schemas().examined(schemas, options.samples)
    finally:
        Schemas.doClassCleanups()
    print(dict(counts))
    return 1 if counts["invalid"] or not counts["answers"] else 0


if __name__ == "__main__":
    sys.exit(main())
