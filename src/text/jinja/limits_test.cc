// Templates that try to hang, to exhaust memory or to overflow the stack, and templates that are broken at random: each
// must end, soon, in text or in a TemplateError.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/test_support.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

TemplateError::Kind kind_of_error(const std::string& source) {
  try {
    render(source);
  } catch (const TemplateError& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return TemplateError::Kind::kSyntax;
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(JinjaLimits, RecursionEnds) {
  const std::vector<std::string> sources = {
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f() %}{% if 1 %}{% for i in [1] %}{% set x %}{{ [f(), {'a': f()|upper}] }}{% endset %}{% endfor %}"
      "{% endif %}{% endmacro %}{{ f() }}",
      "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set ns = namespace() %}{% for x in [1] recursive %}{% set ns.l = loop %}{{ ns.l([1]) }}{% endfor %}",
  };
  for (const std::string& source : sources) {
    SCOPED_TRACE(source);
    EXPECT_EQ(kind_of_error(source), TemplateError::Kind::kLimit);
  }
}

TEST(JinjaLimits, NestingEnds) {
  constexpr std::size_t kMany = 20000;
  const std::vector<std::string> sources = {
      "{{ " + repeated("(", kMany) + "1" + repeated(")", kMany) + " }}",
      "{{ " + repeated("[", kMany),
      "{{ " + repeated("{1:", kMany),
      "{{ " + repeated("not ", kMany) + "1 }}",
      "{{ " + repeated("-", kMany) + "1 }}",
      "{{ a" + repeated(".b", kMany) + " }}",
      "{{ a" + repeated("|upper", kMany) + " }}",
      "{{ a" + repeated("()", kMany) + " }}",
      "{{ " + repeated("1 if 0 else ", kMany) + "1 }}",
      "{{ " + repeated("1 if 1 ", kMany) + " }}",
      repeated("{% if 1 %}", kMany),
      "{% set " + repeated("(", kMany),
  };
  for (const std::string& source : sources) {
    SCOPED_TRACE(source.substr(0, 30));
    EXPECT_THROW(render(source), TemplateError);
  }
}

TEST(JinjaLimits, LongChainsAreNotDeep) {
  EXPECT_EQ(render("{{ " + repeated("1 + ", 5000) + "1 }}"), "5001");
  EXPECT_EQ(render("{{ " + repeated("1 ~ ", 5000) + "1 }}").size(), 5001U);
  EXPECT_EQ(render("{{ " + repeated("1 and ", 5000) + "7 }}"), "7");
  EXPECT_EQ(render("{% if 0 %}" + repeated("{% elif 0 %}", 5000) + "{% else %}x{% endif %}"), "x");
}

TEST(JinjaLimits, WorkAndMemoryEnd) {
  const std::vector<std::string> sources = {
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(x='aaaaaaaa') %}{% for a in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for a in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "{% set ns = namespace(x='a') %}{% for a in range(100) %}{% set ns.x = ns.x|replace('a', 'aaaaaaaa') %}{% endfor "
      "%}",
      "{% set ns = namespace(x=['a']) %}{% for a in range(100) %}{% set ns.x = [ns.x, ns.x, ns.x] %}{% endfor %}{{ "
      "ns.x }}",
      "{{ 'a' * 10 ** 12 }}",
      "{{ [1] * 10 ** 12 }}",
      "{{ 'a'.center(10 ** 12) }}",
      "{{ '%99999999d' % 1 }}",
      "{{ [1]|tojson(indent=10 ** 9) }}",
      "{{ 'a'|indent(10 ** 9) }}",
      "{{ [1]|batch(10 ** 12, 1)|list }}",
      "{{ [1]|slice(10 ** 12)|list }}",
      "{% for i in range(1000) %}{{ 'a' * 1000000 }}{% endfor %}",
  };
  for (const std::string& source : sources) {
    SCOPED_TRACE(source);
    EXPECT_EQ(kind_of_error(source), TemplateError::Kind::kLimit);
  }
}

// Values that refer to older values, a hundred thousand times over, or to themselves: neither may overflow the stack
// when they are used or freed, nor leak.
TEST(JinjaLimits, ChainsAndCyclesOfValuesAreFreed) {
  const std::vector<std::string_view> steps = {
      "{% set ns.x = [ns.x] %}",
      "{% set ns.x = [ns.x.index] %}",
      "{% set ns.x = namespace(p=ns.x) %}",
      "{% set ns.x = joiner(ns.x) %}",
      "{% set ns.x = [ns.x]|select %}",
      "{% for i in [ns.x] %}{% set ns.x = loop %}{% endfor %}",
      "{% set old = ns.x %}{% for i in [1] recursive %}{% set ns.x = loop %}{% endfor %}",
      "{% set old = ns.x %}{% for i in [1] %}{% set ns.x = loop %}{% endfor %}",
      "{% set old = ns.x %}{% for i in [1] if i %}{% set ns.x = loop %}{% endfor %}",
      "{% set old = ns.x %}{% macro m() %}{{ old }}{% endmacro %}{% set ns.x = m %}",
      "{% set ns.x = loop %}{{ loop.changed(loop) }}",
  };
  for (const std::string_view step : steps) {
    SCOPED_TRACE(step);
    const std::string source =
        "{% set ns = namespace(x=[1]) %}{% for a in range(30000) %}" + std::string(step) + "{% endfor %}{{ ns.x }}";
    try {
      render(source);
    } catch (const TemplateError& error) {
      EXPECT_EQ(error.kind(), TemplateError::Kind::kLimit) << error.what();
    }
  }
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.x = ns %}{{ ns.x.x.x is defined }}"), "True");
}

constexpr std::string_view kSeeds[] = {
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m.content|trim + '<|im_end|>' }}{% endfor %}",
    "{% set ns = namespace(a=[], b='') %}{% for i in range(5) %}{% set ns.a = ns.a + [i ** 2 // 3] %}{% endfor %}{{ "
    "ns.a }}",
    "{% macro m(a, b={'x': [1, 2.5e3, none]}) -%} {{ a }}{{ b|tojson(indent=2) }}{{ varargs }} {%- endmacro %}{{ m(1, "
    "2, 3) }}",
    "{%- if messages[0].role == 'system' and x is not defined %}{{ messages[1:]|length }}{% else %}{{ 'é'.upper() }}{% "
    "endif -%}",
    "{{ '%5.2f|%s' % (1.5, 'a') }}{{ '{:>8}{!r}'.format('x', 'y') }}{{ 'a,b'.split(',')|map('upper')|join('-') }}",
    "{# c #}{% raw %}{{ x }}{% endraw %}{% filter indent(2) %}a\nb{% endfilter %}{% call(q) m() %}{{ q }}{% endcall %}",
    "{{ messages|selectattr('role', 'eq', 'user')|map(attribute='content')|first|default('x', true) }}{{ 'a'[::-1] }}",
    "{% for k, v in {'a': 1}|dictsort recursive %}{{ loop.index }}{{ loop.cycle('x', 'y') }}{{ strftime_now('%Y') }}{% "
    "endfor %}",
};

constexpr std::string_view kFragments[] = {
    "{{",          "}}",    "{%",      "%}",       "{#",       "#}",
    "-",           "+",     "(",       ")",        "[",        "]",
    "{",           "}",     "|",       ".",        ",",        ":",
    "'",           "\"",    "\\",      "~",        "**",       "//",
    "%",           " is ",  " in ",    " not ",    " if ",     " else ",
    "endfor",      "endif", "loop",    "range(9)", "messages", "9223372036854775807",
    "-1",          "1e308", "0",       "é",        "\n",       " recursive ",
    "|list",       "|sort", "|tojson", ".items()", "[::-1]",   "caller()",
    "namespace()",
};

std::string mutated(std::mt19937_64& random) {
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  std::string text(kSeeds[pick(std::size(kSeeds))]);
  for (std::size_t edits = 1 + pick(6); edits > 0; --edits) {
    const std::size_t at = pick(text.size() + 1);
    switch (pick(4)) {
      case 0:
        text.insert(at, kFragments[pick(std::size(kFragments))]);
        break;
      case 1:
        text.erase(at, pick(8));
        break;
      case 2:
        text.insert(at, text.substr(pick(text.size() + 1), pick(20)));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(32 + pick(95));
    }
  }
  return text;
}

TEST(JinjaLimits, BrokenTemplatesFailCleanly) {
  constexpr std::string_view kConversation =
      R"({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "ü"}], "n": null})";
  std::mt19937_64 random(20260722);
  std::size_t rendered = 0;
  std::size_t failed = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string source = mutated(random);
    if (!is_utf8(source)) continue;
    SCOPED_TRACE(source);
    try {
      EXPECT_TRUE(is_utf8(render(source, kConversation)));
      ++rendered;
    } catch (const TemplateError&) {
      ++failed;
    }
  }
  // Both must be common, or the mutations test nothing.
  EXPECT_GT(rendered, 300U);
  EXPECT_GT(failed, 300U);
}

}  // namespace
}  // namespace hearth::jinja
