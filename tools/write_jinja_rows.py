#!/usr/bin/env python3
"""Writes into tests/data/jinja/rows.json what Jinja2 makes of each row's template: "rendered", or "error".

    python3 tools/write_jinja_rows.py [--check]

The environment is the one that transformers renders chat templates with. A new row is {"template": …} at any place of
the file; --check only says whether the file is what Jinja2 makes of it. Needs python3-jinja2 (3.1).
"""
import copy
import datetime
import json
import pathlib
import sys

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

PATH = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "jinja" / "rows.json"
NOW = datetime.datetime(2026, 11, 22)


def raise_exception(message):
    raise TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = NOW.strftime
    return made


def outcome(made, template, context):
    try:
        return {"rendered": made.from_string(template).render(**copy.deepcopy(context))}
    except Exception as error:  # whatever Python raises, a template's user sees an error
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    data = json.loads(PATH.read_text())
    made = environment()
    rows = [{"template": row["template"], **outcome(made, row["template"], data["context"])} for row in data["rows"]]
    lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in rows)
    text = f'{{\n  "context": {json.dumps(data["context"], ensure_ascii=False)},\n  "rows": [\n{lines}\n  ]\n}}\n'
    if "--check" in sys.argv:
        sys.exit(0 if PATH.read_text() == text else f"{PATH} is not what Jinja2 makes of it")
    PATH.write_text(text)


if __name__ == "__main__":
    main()
