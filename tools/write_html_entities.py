#!/usr/bin/env python3
"""Writes src/text/jinja/html_entities.cc: HTML's named characters, as Python's html.entities has them.

    python3 tools/write_html_entities.py > src/text/jinja/html_entities.cc
"""
import html.entities

COLUMNS_MAX = 118

HEAD = """// Written by tools/write_html_entities.py from Python's html.entities.html5: HTML's named characters.
#include "text/jinja/html_entities.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace hearth::jinja {
namespace {

// clang-format off
constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
"""

TAIL = """};
// clang-format on

}  // namespace

std::string_view html_entity(std::string_view name) {
  const auto* found = std::lower_bound(std::begin(kEntities), std::end(kEntities), name,
                                       [](const auto& entity, std::string_view key) { return entity.first < key; });
  return found != std::end(kEntities) && found->first == name ? found->second : std::string_view();
}

}  // namespace hearth::jinja
"""


def literal(character):
    code = ord(character)
    named = {"\t": "\\t", "\n": "\\n", '"': '\\"', "\\": "\\\\"}
    if character in named:
        return named[character]
    return character if 0x20 <= code < 0x7F else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def main():
    line = ""
    print(HEAD, end="")
    for name, text in sorted(html.entities.html5.items()):
        entry = f'{{"{name}", "{"".join(map(literal, text))}"}},'
        if line and len(line) + len(entry) > COLUMNS_MAX:
            print(" " + line)
            line = ""
        line += " " + entry
    print(" " + line)
    print(TAIL, end="")


if __name__ == "__main__":
    main()
