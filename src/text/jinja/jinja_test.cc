// The template language, construct by construct. Expected texts are what Python and Jinja2 define.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/test_support.h"

namespace hearth::jinja {
namespace {

struct Case {
  std::string_view expression;
  std::string_view expected;
};

constexpr std::string_view kContext = R"({
  "x": 5, "f": 1.5, "s": "Hello Wörld", "l": [3, 1, 2], "e": "", "n": null, "t": true, "uni": "日本語 ñ 🎉",
  "d": {"a": 1, "b": {"c": [1, 2, {"k": "v"}]}, "items": "shadow"},
  "users": [{"name": "bob", "age": 30}, {"name": "Alice", "age": 25}, {"name": "carl", "age": 30, "active": true}],
  "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}]
})";

void expect_expressions(const std::vector<Case>& cases) {
  for (const auto& [expression, expected] : cases) {
    SCOPED_TRACE(expression);
    try {
      EXPECT_EQ(render("{{ " + std::string(expression) + " }}", kContext), expected);
    } catch (const TemplateError& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

void expect_templates(const std::vector<Case>& cases) {
  for (const auto& [source, expected] : cases) {
    SCOPED_TRACE(source);
    try {
      EXPECT_EQ(render(source, kContext), expected);
    } catch (const TemplateError& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

// Each row: a template, and a part of the error's message.
void expect_errors(const std::vector<Case>& cases) {
  for (const auto& [source, expected] : cases) {
    SCOPED_TRACE(source);
    const std::string message = error_of(source, kContext);
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

TEST(Jinja, Arithmetic) {
  expect_expressions({
      {"1 + 2 * 3", "7"},
      {"7 // 2 ~ ',' ~ -7 // 2", "3,-4"},
      {"7 % 3 ~ ',' ~ (-7) % 3 ~ ',' ~ 7 % -3", "1,2,-2"},
      {"7.5 // 2", "3.0"},
      {"-7.5 % 2", "0.5"},
      {"2 ** 10", "1024"},
      {"2 ** 3 ** 2", "64"},
      {"2 ** -1", "0.5"},
      {"-2 ** 2", "4"},
      {"4 / 2", "2.0"},
      {"true + true", "2"},
      {"'ab' * 3", "ababab"},
      {"2 * [1]", "[1, 1]"},
      {"(1, 2) + (3,)", "(1, 2, 3)"},
      {"'a' ~ 1 ~ none ~ true ~ 1.0", "a1NoneTrue1.0"},
      {"'a' ~ 'b' * 2", "abb"},
      {"2 * 'a' ~ 1", "aa1"},
      {"- x ~ + x", "-55"},
  });
  expect_errors({
      {"{{ 1 // 0 }}", "by zero"},
      {"{{ 1 / 0 }}", "by zero"},
      {"{{ 1.0 % 0 }}", "modulo"},
      {"{{ 'a' + 1 }}", "can only concatenate str (not \"int\") to str"},
      {"{{ 1 + 'a' }}", "unsupported operand type(s) for +: 'int' and 'str'"},
      {"{{ none + 1 }}", "unsupported operand"},
      {"{{ missing + 1 }}", "'missing' is undefined"},
  });
}

TEST(Jinja, ComparisonAndLogic) {
  expect_expressions({
      {"1 < 2 < 3", "True"},
      {"1 < 3 > 2", "True"},
      {"1 < 2 > 3", "False"},
      {"1 == 1.0 == true", "True"},
      {"[1] == (1,)", "False"},
      {"[1, 2] < [1, 3]", "True"},
      {"{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "True"},
      {"9007199254740993 == 9007199254740992.0", "False"},
      {"'ell' in s", "True"},
      {"4 not in l", "True"},
      {"'a' in d and 'z' not in d", "True"},
      {"none in [none]", "True"},
      {"1 in missing", "False"},
      {"n or x", "5"},
      {"x and e", ""},
      {"not e", "True"},
      {"not 1 in l", "False"},
      {"'y' if x > 3 else 'n'", "y"},
      {"'y' if x > 9", ""},
      {"1 if n else 2 if n else 3", "3"},
      {"missing == missing2", "True"},
      {"missing == none", "False"},
  });
  expect_errors({{"{{ 1 < 'a' }}", "'<' not supported"},
                 {"{{ 1 in 2 }}", "not iterable"},
                 {"{{ 1 in 'a' }}", "requires string"},
                 {"{{ missing < 1 }}", "'missing' is undefined"}});
}

TEST(Jinja, Literals) {
  expect_expressions({
      {R"('a\'b\n\t\\\x41\u00e9\101\q')", "a'b\n\t\\AéA\\q"},
      {R"("\U0001f389")", "🎉"},
      {"'a' 'b'", "ab"},
      {"0x1f ~ 0b11 ~ 0o17 ~ 1_000", "313151000"},
      {"1e3 ~ ' ' ~ 1.5e-7 ~ ' ' ~ 1_0.5", "1000.0 1.5e-07 10.5"},
      {"[1, 'a', none, true, 1.0,]", "[1, 'a', None, True, 1.0]"},
      {"(1,)", "(1,)"},
      {"()", "()"},
      {"1, 2", "(1, 2)"},
      {"{'a': {'b': 1}}", "{'a': {'b': 1}}"},
      {"{1: 'a', 1.0: 'b', true: 'c'}", "{1: 'c'}"},
      {"'}}'", "}}"},
  });
}

TEST(Jinja, TextOfValues) {
  expect_expressions({
      {"1.0 ~ ' ' ~ 0.1 ~ ' ' ~ 1e15 ~ ' ' ~ 1e16 ~ ' ' ~ 1e-4 ~ ' ' ~ 1e-5",
       "1.0 0.1 1000000000000000.0 1e+16 0.0001 1e-05"},
      {"0.1 + 0.2", "0.30000000000000004"},
      {"5e-324 ~ ' ' ~ 1.7976931348623157e308", "5e-324 1.7976931348623157e+308"},
      {"-0.0", "-0.0"},
      {"'nan'|float ~ 'inf'|float", "naninf"},
      {"[none, true, missing]", "[None, True, Undefined]"},
      {R"(["it's", 'q"', "b'\""])", R"(["it's", 'q"', 'b\'"'])"},
      {R"(['\n\t\\\x00\x7f é \u200b'])", R"(['\n\t\\\x00\x7f é \u200b'])"},
      {"d.items() and d.keys()", "dict_keys(['a', 'b', 'items'])"},
      {"range(3) ~ range(1, 9, 2)", "range(0, 3)range(1, 9, 2)"},
  });
}

TEST(Jinja, LookUp) {
  expect_expressions({
      {"d.a ~ d['a'] ~ d.b.c[2].k", "11v"},
      {"d['items']", "shadow"},         // items first
      {"d.items is callable", "True"},  // methods first
      {"d.get('q', 7) ~ d.get('q')", "7None"},
      {"d.missing is defined", "False"},
      {"d.missing", ""},
      {"l[-1] ~ l[0]", "23"},
      {"l[9] is defined", "False"},
      {"l.0", "3"},
      {"uni[0] ~ uni[-1]", "日🎉"},
      {"n.x is defined", "False"},
      {"s['upper']()", "HELLO WÖRLD"},
      {"s.__class__", ""},
      {"l.append is defined", "False"},
      {"users|groupby('age')|first|attr('grouper')", "25"},
  });
  expect_errors({
      {"{{ d.missing.x }}", "'dict object' has no attribute 'missing'"},
      {"{{ n[0].x }}", "None has no element 0"},
      {"{{ missing.x }}", "'missing' is undefined"},
      {"{{ missing() }}", "'missing' is undefined"},
      {"{{ x() }}", "'int' object is not callable"},
      {"{{ l.append(1) }}", "access to attribute 'append' of 'list' object is unsafe"},
      {"{{ d.update({}) }}", "unsafe"},
      {"{{ s.nope() }}", "'str object' has no attribute 'nope'"},
  });
}

TEST(Jinja, Slices) {
  expect_expressions({
      {"l[1:]", "[1, 2]"},
      {"l[:-1]", "[3, 1]"},
      {"l[::-1]", "[2, 1, 3]"},
      {"l[::2]", "[3, 2]"},
      {"l[5:]", "[]"},
      {"uni[0:3]", "日本語"},
      {"uni[::-1]", "🎉 ñ 語本日"},
      {"(1, 2, 3)[1:]", "(2, 3)"},
      {"'abcdef'[4:1:-2]", "ec"},
      {"'abc'[-9223372036854775807:9223372036854775807:9223372036854775807]", "a"},
      {"l[none:none]", "[3, 1, 2]"},
  });
  expect_errors({{"{{ l[::0] }}", "step cannot be zero"},
                 {"{{ l['a':] }}", "slice indices"},
                 {"{{ x[1:] }}", "cannot be sliced"}});
}

TEST(Jinja, StringMethods) {
  expect_expressions({
      {"s.upper() ~ s.lower() ~ s.swapcase()", "HELLO WÖRLDhello wörldhELLO wÖRLD"},
      {"'straße'.upper() ~ 'ﬁx'.title() ~ 'ΑΣ'.lower()", "STRASSEFixας"},
      {"\"they're ok\".title() ~ 'hELLO'.capitalize()", "They'Re OkHello"},
      {"'  a '.strip() ~ '|' ~ '  a '.lstrip() ~ '|' ~ '  a '.rstrip() ~ '|'", "a|a |  a|"},
      {"'\u00a0\u3000a\u2028'.strip()", "a"},
      {"'xyaxy'.strip('yx') ~ 'abcba'.lstrip('ab') ~ 'abcba'.rstrip('ab')", "acbaabc"},
      {"'a,b,c'.split(',')", "['a', 'b', 'c']"},
      {"'a,b,c'.split(',', 1) ~ 'a,b,c'.rsplit(',', 1)", "['a', 'b,c']['a,b', 'c']"},
      {"' a  b c '.split() ~ ' a  b c '.split(none, 1) ~ ' a  b c '.rsplit(none, 1)",
       "['a', 'b', 'c']['a', 'b c '][' a  b', 'c']"},
      {"''.split() ~ ''.split(',')", "[]['']"},
      {"'a\\nb\\r\\nc\\n'.splitlines() ~ 'a\\nb'.splitlines(true)", "['a', 'b', 'c']['a\\n', 'b']"},
      {"s.startswith('He') and s.startswith(('x', 'H')) and s.endswith('ld')", "True"},
      {"s.startswith('e', 1) and s.endswith('l', 0, 4)", "True"},
      {"s.find('r') ~ s.find('l', 4) ~ s.find('zz') ~ s.rfind('l') ~ s.index('W')", "89-196"},
      {"s.count('l') ~ s.count('')", "312"},
      {"s.replace('l', 'L') ~ s.replace('l', 'L', 1)", "HeLLo WörLdHeLlo Wörld"},
      {"'añc'.replace('', '-') ~ 'abc'.replace('', '-', 2)", "-a-ñ-c--a-bc"},
      {"','.join(['a', 'b']) ~ '-'.join('abc')", "a,ba-b-c"},
      {"'é'.isalpha() ~ 'a1'.isalnum() ~ '12'.isdigit() ~ ''.isdigit() ~ '²'.isdecimal()", "TrueTrueTrueFalseFalse"},
      {"'Ab Cd'.istitle() ~ 'AB'.isupper() ~ ' '.isspace() ~ 'é'.isascii()", "TrueTrueTrueFalse"},
      {"'abc'.removeprefix('a') ~ 'abc'.removesuffix('c') ~ 'abc'.removesuffix('')", "bcababc"},
      {"'-7'.zfill(4) ~ 'a'.center(4, '*') ~ 'a'.ljust(3, '.') ~ 'a'.rjust(3)", "-007*a**a..  a"},
      {"'a-b-c'.partition('-') ~ 'a-b-c'.rpartition('-')", "('a', '-', 'b-c')('a-b', '-', 'c')"},
      {"'a\\tb'.expandtabs(4)", "a   b"},
  });
  expect_errors({{"{{ 'a'.split('') }}", "empty separator"},
                 {"{{ 'a'.index('b') }}", "not found"},
                 {"{{ ','.join([1]) }}", "expects strings"},
                 {"{{ 'a'.upper(1) }}", "arguments"},
                 {"{{ 'a'.replace('b') }}", "misses its argument"}});
}

TEST(Jinja, Formatting) {
  expect_expressions({
      {"'{} {}'.format(1, 'a') ~ '{0}{1}{0}'.format('a', 'b') ~ '{a} {b!r}'.format(a=1, b='x')", "1 aaba1 'x'"},
      {"'{:>5}|{:<5}|{:^5}|{:*^5}'.format(1, 'a', 'b', 'c')", "    1|a    |  b  |**c**"},
      {"'{:05d} {:+d} {:,} {:x} {:#b}'.format(-42, 1, 1234567, 255, 5)", "-0042 +1 1,234,567 ff 0b101"},
      {"'{:.2f} {:e} {:g} {:%} {:.3}'.format(3.14159, 12345.678, 0.00001, 0.25, 1234567.0)",
       "3.14 1.234568e+04 1e-05 25.000000% 1.23e+06"},
      {"'{{}} {a[b]} {a[c][0]} {a}'.format(a={'b': 1, 'c': [2]})", "{} 1 2 {'b': 1, 'c': [2]}"},
      {"'{:{w}}|'.format('a', w=3)", "a  |"},
      {"'%s %d %5d|%-5d|%05d %.2f %x %%' % ('a', 3.7, 1, 2, 3, 3.14159, 255)", "a 3     1|2    |00003 3.14 ff %"},
      {"'%(a)s' % {'a': 1} ~ '%r' % 'x' ~ '%*d' % (4, 1)", "1'x'   1"},
      {"'%s-%s'|format(1, 2) ~ '%(a)s'|format(a=3)", "1-23"},
  });
  expect_errors({{"{{ '{}'.format() }}", "out of range"},
                 {"{{ '{'.format(1) }}", "Single '{'"},
                 {"{{ '{x}'.format() }}", "no such key"},
                 {"{{ '%s %s' % 1 }}", "not enough arguments"},
                 {"{{ '%s' % (1, 2) }}", "not all arguments converted"},
                 {"{{ '%d' % 'a' }}", "is required"},
                 {"{{ '{:99999999}'.format(1) }}", "above"},
                 {"{{ '%.99999999f' % 1.5 }}", "above"}});
}

TEST(Jinja, FiltersOverText) {
  expect_expressions({
      {"s|upper ~ s|lower ~ 'ab cD-ef (gh)'|title ~ 'aB'|capitalize", "HELLO WÖRLDhello wörldAb Cd-Ef (Gh)Ab"},
      {"'  a '|trim ~ 'xax'|trim('x') ~ 5|trim", "aa5"},
      {"s|replace('l', 'L', 1) ~ 123|replace(2, 'x')", "HeLlo Wörld1x3"},
      {"'a\\n\\nb'|indent ~ '|' ~ 'a\\n\\nb'|indent(2, true, true) ~ '|' ~ 'a\\nb'|indent('> ')",
       "a\n\n    b|  a\n  \n  b|a\n> b"},
      {"'foo bar baz qux'|truncate(9) ~ 'foo bar baz qux'|truncate(9, true) ~ 'abc'|truncate(3)", "foo...foo ba...abc"},
      {"'a b, c-d'|wordcount ~ '[' ~ 'x'|center(5) ~ ']'", "4[  x  ]"},
      {"'<a b=\"c\">'|escape ~ '<a>'|e|e", "&lt;a b=&#34;c&#34;&gt;&lt;a&gt;"},
      {"('<a>'|safe + '<b>') ~ ('<b>' + '<a>'|safe)", "<a>&lt;b&gt;&lt;b&gt;<a>"},
      {"'a  <b>x</b>\\n y'|striptags", "a x y"},
      {"'a b/c?ü'|urlencode ~ {'a b': 1}|urlencode", "a%20b/c%3F%C3%BCa+b=1"},
      {"{'class': 'x', 'id': none, 'q': '<'}|xmlattr", " class=\"x\" q=\"&lt;\""},
      {"1500000|filesizeformat ~ 1024|filesizeformat(true) ~ 1|filesizeformat", "1.5 MB1.0 KiB1 Byte"},
      {"none|string ~ 1.0|string ~ l|string", "None1.0[3, 1, 2]"},
  });
}

TEST(Jinja, JsonFilter) {
  expect_expressions({
      {"d|tojson", R"({"a": 1, "b": {"c": [1, 2, {"k": "v"}]}, "items": "shadow"})"},
      {"uni|tojson ~ uni|tojson(ensure_ascii=true)", R"("日本語 ñ 🎉""\u65e5\u672c\u8a9e \u00f1 \ud83c\udf89")"},
      {"'<a href=\"x\">&\\'</a>'|tojson", R"("<a href=\"x\">&'</a>")"},
      {R"("\u0001/\b\f\n\r\t\\"|tojson)", R"("\u0001/\b\f\n\r\t\\")"},
      {"[[], {}, [1], (2,)]|tojson(indent=2)", "[\n  [],\n  {},\n  [\n    1\n  ],\n  [\n    2\n  ]\n]"},
      {"{'b': 1, 'a': 2}|tojson(sort_keys=true, separators=(',', ':'))", R"({"a":2,"b":1})"},
      {"{1: 2, none: 3, true: 4.0}|tojson", R"({"1": 4.0, "null": 3})"},
      {"[1.0, 1e16, none, true]|tojson", "[1.0, 1e+16, null, true]"},
  });
  expect_errors({{"{{ missing|tojson }}", "Undefined is not JSON serializable"},
                 {"{{ range|tojson }}", "not JSON serializable"},
                 {"{{ {(1, 2): 3}|tojson }}", "keys must be"}});
}

TEST(Jinja, FiltersOverSequences) {
  expect_expressions({
      {"l|length ~ uni|length ~ d|count ~ missing|length", "3730"},
      {"l|first ~ l|last ~ s|last ~ []|first ~ d|last", "32ditems"},
      {"l|join(',') ~ users|join('-', attribute='name') ~ l|join", "3,1,2bob-Alice-carl312"},
      {"users|map(attribute='name')|map('upper')|join(' ')", "BOB ALICE CARL"},
      {"users|map(attribute='zip', default='?')|list", "['?', '?', '?']"},
      {"users|selectattr('age', 'equalto', 30)|map(attribute='name')|list", "['bob', 'carl']"},
      {"users|selectattr('active')|list|length ~ users|rejectattr('active', 'defined')|list|length", "12"},
      {"l|select('odd')|list ~ l|reject('>', 1)|list ~ [0, '', 2]|select|list", "[3, 1][1][2]"},
      {"l|sort ~ l|sort(reverse=true) ~ ['b', 'A', 'c']|sort ~ ['b', 'A']|sort(case_sensitive=true)",
       "[1, 2, 3][3, 2, 1]['A', 'b', 'c']['A', 'b']"},
      {"users|sort(attribute='age,name')|map(attribute='name')|join(' ')", "Alice bob carl"},
      {"{'b': 1, 'A': 2}|dictsort ~ {'b': 1, 'A': 2}|dictsort(by='value', reverse=true)",
       "[('A', 2), ('b', 1)][('A', 2), ('b', 1)]"},
      {"['a', 'A', 'b', 'a']|unique|list ~ users|unique(attribute='age')|list|length", "['a', 'b']2"},
      {"users|groupby('age')|map(attribute='list')|map('length')|list", "[1, 2]"},
      {"[1, 2, 3, 4, 5]|batch(2, 0)|list ~ [1, 2, 3, 4, 5]|slice(3, 'x')|list",
       "[[1, 2], [3, 4], [5, 0]][[1, 2], [3, 4], [5, 'x']]"},
      {"l|sum ~ users|sum(attribute='age') ~ [[1], [2]]|sum(start=[])", "685[1, 2]"},
      {"l|min ~ l|max ~ ['b', 'A']|min ~ (users|max(attribute='age')).name ~ []|min", "13Abob"},
      {"s|reverse ~ l|reverse|list ~ d|reverse|list", "dlröW olleH[2, 1, 3]['items', 'b', 'a']"},
      {"d|items|list|length ~ missing|items|list ~ d|list", "3[]['a', 'b', 'items']"},
      {"[[1, 2], [3, 4]]|map(attribute=1)|list ~ [{'a': {'b': 1}}]|map(attribute='a.b')|first", "[2, 4]1"},
      {"(missing|join) ~ (missing|list)", "[]"},
  });
  expect_errors({{"{{ x|length }}", "has no len()"},
                 {"{{ (l|map('upper'))|length }}", "has no len()"},
                 {"{{ [1, 'a']|sort }}", "'<' not supported"},
                 {"{{ l|map('nope')|list }}", "no filter named 'nope'"},
                 {"{{ x|list }}", "not iterable"},
                 {"{{ [[]]|unique|list }}", "unhashable type: 'list'"}});
}

TEST(Jinja, FiltersOverNumbers) {
  expect_expressions({
      {"'42'|int ~ '42.9'|int ~ 'x'|int ~ 'x'|int(7) ~ '0x1F'|int(0, 16) ~ ' 12 '|int ~ none|int",
       "4242073"
       "1120"},
      {"3.9|int ~ (-3.9)|int ~ true|int ~ '1_000'|int ~ '1e3'|int", "3-3110001000"},
      {"'3.5'|float ~ 'x'|float ~ 'x'|float(1) ~ 2|float", "3.50.012.0"},
      {"(-5)|abs ~ (-5.5)|abs", "55.5"},
      {"2.5|round ~ 3.5|round ~ 2.345|round(2) ~ 42|round ~ 1234.5|round(-2)",
       "2.04.02.3542"
       "1200.0"},
      {"2.1|round(method='ceil') ~ 2.567|round(1, 'floor')", "3.02.5"},
      {"missing|default('d') ~ e|d('q') ~ e|d('q', true) ~ none|default('z', boolean=true)", "dqz"},
  });
}

TEST(Jinja, GeneratorsAreTakenOnce) {
  expect_templates({
      {"{% set g = l|map('string') %}{{ g|join }}|{{ g|join }}", "312|"},
      {"{% if l|select('gt', 9) %}even an empty one is true{% endif %}", "even an empty one is true"},
      {"{% set g = [1, 'a']|map('abs') %}{{ g|first }}", "1"},  // its second item would fail
      {"{{ {}.items() or 'a view has a length' }}", "a view has a length"},
  });
}

TEST(Jinja, Tests) {
  expect_expressions({
      {"x is number and t is number and t is not integer and x is integer and f is float", "True"},
      {"s is string and l is sequence and d is mapping and d is sequence and d is iterable", "True"},
      {"x is iterable or n is defined and n is not none or missing is defined", "False"},
      {"x is odd and 4 is even and 6 is divisibleby 3 and 6 is not divisibleby(4)", "True"},
      {"x is eq 5 and x is ne 4 and x is gt 4 and x is le 5 and x is in [5] and x is sameas x", "True"},
      {"1 is sameas true or 1.0 is sameas 1", "False"},
      {"'a1' is lower and 'A' is upper and 'upper' is filter and 'odd' is test", "True"},
      {"range is callable and d.get is callable and x is not callable", "True"},
      {"t is true and t is boolean and n is none and ('a'|e) is escaped", "True"},
      {"d.items() is sequence", "False"},
  });
}

TEST(Jinja, Loops) {
  expect_templates({
      {"{% for i in l %}{{ i }}{{ ',' if not loop.last }}{% endfor %}", "3,1,2"},
      {"{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.length }};{% "
       "endfor %}",
       "10323;21213;32103;"},
      {"{% for i in [] %}a{% else %}b{% endfor %}", "b"},
      {"{% for i in l if i > 1 %}{{ i }}:{{ loop.index }}/{{ loop.length }} {% endfor %}", "3:1/2 2:2/2 "},
      {"{% for i in l if i > 9 %}{{ i }}{% else %}none{% endfor %}", "none"},
      {"{% for k, v in d.b.items() %}{{ k }}={{ v[0] }}{% endfor %}", "c=1"},
      {"{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
      {"{% for c in 'añ' %}<{{ c }}>{% endfor %}", "<a><ñ>"},
      {"{% for i in range(10) %}{% if i == 3 %}{% continue %}{% elif i == 6 %}{% break %}{% endif %}{{ i }}{% endfor "
       "%}",
       "01245"},
      {"{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}", "<3>1;3<1>2;1<2>;"},
      {"{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"},
      {"{% for i in [1, 1, 2] %}{{ loop.changed(i) }} {% endfor %}", "True False True "},
      {"{% for n in tree recursive %}[{{ n.v }}@{{ loop.depth }}{{ loop(n.kids) }}]{% endfor %}",
       "[1@1[2@2][3@2[4@3]]]"},
      {"{% for i in [1] %}{% for j in [] %}{% else %}{{ loop.index }}{% endfor %}{% endfor %}", "1"},
      {"{% for i in missing %}x{% else %}none{% endfor %}", "none"},
      {"{% set ns = namespace(found=false) %}{% for i in l if not ns.found %}{{ i }}{% set ns.found = i == 1 %}{% "
       "endfor %}",
       "31"},
  });
  expect_errors({{"{% for i in 5 %}{% endfor %}", "'int' object is not iterable"},
                 {"{% for a, b in [(1, 2, 3)] %}{% endfor %}", "too many values to unpack (expected 2, got 3)"},
                 {"{% for i in l %}{{ loop(l) }}{% endfor %}", "recursive"}});
}

TEST(Jinja, Scopes) {
  expect_templates({
      {"{% for i in l %}{% set x = i %}{% endfor %}{{ x }}", "5"},
      {"{% set q = 1 %}{% for i in l %}{{ q }}{% set q = i %}{{ q }}{% endfor %}{{ q }}", "1311121"},
      {"{% if x %}{% set y = 3 %}{% endif %}{{ y }}", "3"},
      {"{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12"},
      {"{% set a %}x{{ x }}{% endset %}{{ a }}{{ a|length }}", "x52"},
      {"{% set a | replace('b', 'c') | upper %}abc{% endset %}{{ a }}", "ACC"},
      {"{% set ns = namespace({'a': 1}, b=2) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b "
       "}}",
       "72"},
      {"{% with a = 1, b = x %}{{ a }}{{ b }}{% set x = 9 %}{% endwith %}{{ a }}{{ x }}", "155"},
      {"{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}", "5"},
      {"{% generation %}a{{ x }}{% set y = 1 %}{% endgeneration %}{{ y }}", "a5"},
      {"{% for i in l %}{% block b %}[{{ i }}]{% endblock %}{% block c scoped %}{{ i }}{% endblock c %}{% endfor %}",
       "[]3[]1[]2"},
      {"{% filter upper %}abc{{ s }}{% endfilter %}", "ABCHELLO WÖRLD"},
      {"{% filter replace('a', 'b') | upper %}abc{% endfilter %}", "BBC"},
      {"{% autoescape true %}{{ '<' }}{% endautoescape %}{% print x, s[0] %}", "&lt;5H"},
  });
  expect_errors({{"{% set d.y = 1 %}", "non-namespace object"}, {"{% set a, b = 1 %}", "not iterable"}});
}

TEST(Jinja, Macros) {
  expect_templates({
      {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(b=5, a=4) }}",
       "121|131|454"},
      {"{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=4) }}", "1(2,){'z': 4}"},
      {"{% macro m(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ m(*[1, 2]) }} {{ m(**{'a': 3, 'b': 4}) }}", "1-2 3-4"},
      {"{% macro m() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{{ x }}{% endcall %}",
       "<125>"},
      {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210"},
      {"{% set z = 1 %}{% macro m() %}{{ z }}{% endmacro %}{% set z = 2 %}{{ m() }}", "2"},
      {"{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m() }}{{ m.name }}{{ m.arguments }}", "[]m('a',)"},
      {"{% set ns = namespace(x=1) %}{% macro m() %}{% set ns.x = 2 %}{% endmacro %}{{ m() }}{{ ns.x }}", "2"},
  });
  expect_errors({{"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "takes not more than 1"},
                 {"{% macro m(a) %}{% endmacro %}{{ m(q=2) }}", "takes no keyword argument 'q'"},
                 {"{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}", "takes no keyword argument 'caller'"}});
}

TEST(Jinja, Whitespace) {
  expect_templates({
      {"  {% if x %}\n  a\n  {% endif %}\nb\n", "  a\nb"},
      {"a\n  {%- if x %} b {%- endif %}\n c", "a b c"},
      {"a\n  {%+ if x %} b {%+ endif +%}\n c", "a\n   b \n c"},
      {"a  {{- x }}  {{ x -}}  b", "a5  5b"},
      {"{{ x }}\n{{ x }}\n\n", "5\n5\n"},
      {"  {{ x }}\n  {# c #}\nb", "  5\nb"},
      {"x {#- c -#}\n\n y {# d +#}\nz", "xy \nz"},
      {"line\r\nb\rc\r\n", "line\nb\nc"},
      {"{% raw %}\n {{ x }}{% if %}{% endraw %}\nb", "\n {{ x }}{% if %}b"},
      {"a {%- raw -%} x {{ y }} {%- endraw -%} b", "ax {{ y }}b"},
      {"\u00a0 {%- if x %}b{% endif -%}\u3000c", "bc"},
      {"{% for i in l -%}\n  {{ i }}\n{%- endfor %}", "312"},
      {"{%-if x-%} a {%-endif-%} {{-1}}", "a1"},
      {"", ""},
  });
}

TEST(Jinja, Globals) {
  expect_expressions({
      {"range(3)|list ~ range(5, 0, -2)|list ~ range(3)[1] ~ (2 in range(3))", "[0, 1, 2][5, 3, 1]1True"},
      {"dict(a=1, b=2) ~ dict({'a': 1}, b=3) ~ dict([('a', 1)])", "{'a': 1, 'b': 2}{'a': 1, 'b': 3}{'a': 1}"},
      {"strftime_now('%d %b %Y %H:%M %A %j %f%z')", "22 Nov 2026 00:00 Sunday 326 000000"},
      {"strftime_now('')", ""},
  });
  expect_templates({
      {"{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}", "abab"},
      {"{% set j = joiner() %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}", "3, 1, 2"},
  });
  EXPECT_EQ(render("{{ range }}", R"({"range": "the context comes first"})"), "the context comes first");
  expect_errors({{"{{ range(100001) }}", "too big"}, {"{{ range(1, 2, 0) }}", "must not be zero"}});
}

TEST(Jinja, UnknownFiltersMatterOnlyWhenReachedInsideConditions) {
  expect_templates({{"{% if n %}{{ x|nope }}{% endif %}ok", "ok"},
                    {"{{ x if t else x|nope }}", "5"},
                    {"{% if n %}{{ x is nope }}{% endif %}ok", "ok"},
                    {"{% if n %}{% include 'other' %}{% endif %}ok", "ok"}});
  expect_errors({{"{{ x|nope }}", "no filter named 'nope'"},
                 {"{% for i in [] %}{{ i|nope }}{% endfor %}", "no filter named 'nope'"},
                 {"{% if x %}{{ x|nope }}{% endif %}", "no filter named 'nope'"},
                 {"{% include 'other' %}", "needs another template"}});
}

TEST(Jinja, SyntaxErrorsNameTheirLine) {
  const std::vector<std::string_view> broken = {
      "{{ x",
      "{% if x",
      "{# x",
      "{% raw %}x",
      "{% if x %}",
      "{% endif %}",
      "{% for %}",
      "{{ }}",
      "{{ x y }}",
      "{{ (1 }}",
      "{{ 1) }}",
      "{{ [1, 2 }}",
      "{{ 'a }}",
      "{{ x | }}",
      "{{ x. }}",
      "{{ x is }}",
      "{{ ! }}",
      "{{ {'a'} }}",
      "{% nope %}",
      "{% break %}",
      "{% do x %}",
      "{% set 1 = 2 %}",
      "{% set true = 1 %}",
      "{{ f(a=1, 2) }}",
      "{{ '\\xg' }}",
      "{% call x %}",
      "{% macro %}",
      "{% for loop in l %}{% endfor %}",
      "{{ 0x99999999999999999999 }}",
      "{% for i in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
  };
  for (const std::string_view source : broken) {
    SCOPED_TRACE(source);
    try {
      parse("one\ntwo\n" + std::string(source));
      ADD_FAILURE() << "parsed";
    } catch (const TemplateError& error) {
      EXPECT_EQ(error.kind(), TemplateError::Kind::kSyntax);
      EXPECT_EQ(error.line(), 3) << error.what();
    }
  }
}

TEST(Jinja, RuntimeErrorsNameTheirLine) {
  try {
    render("a\n{% if true %}\n  {{ 1 }}\n  {{ missing.x }}\n{% endif %}");
    FAIL();
  } catch (const TemplateError& error) {
    EXPECT_EQ(error.line(), 4);
    EXPECT_STREQ(error.what(), "chat template, line 4: 'missing' is undefined");
    EXPECT_EQ(error.kind(), TemplateError::Kind::kRuntime);
  }
}

TEST(Jinja, RaisedExceptionsAreTheTemplatesOwnWords) {
  try {
    render("\n{{ raise_exception('roles must alternate') }}");
    FAIL();
  } catch (const TemplateError& error) {
    EXPECT_EQ(error.kind(), TemplateError::Kind::kRaised);
    EXPECT_EQ(error.message(), "roles must alternate");
    EXPECT_EQ(error.line(), 2);
  }
}

TEST(Jinja, ContextKeepsOrderAndTypes) {
  EXPECT_EQ(render("{{ c }}", R"({"c": {"z": 1, "a": 2.0, "m": [true, null, "é"]}})"),
            "{'z': 1, 'a': 2.0, 'm': [True, None, 'é']}");
  EXPECT_EQ(
      render("{{ c.k11 }}{{ c['k0'] }}{{ 'k12' in c }}",
             R"({"c": {"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9,"k10":10,"k11":11}})"),
      "110False");
}

TEST(Jinja, NumbersOfTheContextArePythons) {
  constexpr std::string_view kNumbers =
      R"({"d": 0.30000000000000004, "e": 36.60254037844386, "s": 1e-7, "t": 1E5, "u": 18446744073709551615,
          "b": 123456789012345678901234567890, "m": -99999999999999999999, "l": [1, 100000000000000000000, 3]})";
  const std::vector<Case> cases = {
      {"d ~ ' ' ~ e ~ ' ' ~ s ~ ' ' ~ t", "0.30000000000000004 36.60254037844386 1e-07 100000.0"},
      {"[d, e, s, t] | tojson", "[0.30000000000000004, 36.60254037844386, 1e-07, 100000.0]"},
      {"u ~ ' ' ~ b ~ ' ' ~ m", "18446744073709551615 123456789012345678901234567890 -99999999999999999999"},
      {"{'b': b, 'm': [m]} | tojson", R"({"b": 123456789012345678901234567890, "m": [-99999999999999999999]})"},
      {"b is number, b is integer, b is float, b is string, b is mapping, b is iterable",
       "(True, True, False, False, False, False)"},
      {"b == b, b == m, u == 18, b in [b], {b: 1}[b], b is true", "(True, False, False, True, 1, False)"},
      {"b > 5, m < 5, 5 < b, b <= m, u < b, -b < m, b >= b", "(True, True, True, False, True, True, True)"},
      {"l | sort, l | max", "([1, 3, 100000000000000000000], 100000000000000000000)"},
      {"b | int, m | abs, -m, b | string, '%d|%25d' % (b, m), '{:,}'.format(b)",
       "(123456789012345678901234567890, 99999999999999999999, 99999999999999999999, '123456789012345678901234567890', "
       "'123456789012345678901234567890|    -99999999999999999999', '123,456,789,012,345,678,901,234,567,890')"},
      {"b | float, 'yes' if b else 'no'", "(1.2345678901234568e+29, 'yes')"},
  };
  for (const auto& [expression, expected] : cases) {
    EXPECT_EQ(render("{{ " + std::string(expression) + " }}", kNumbers), expected) << expression;
  }
  EXPECT_NE(error_of("{{ '%x' % b }}", kNumbers).find("does not fit 64 bits"), std::string::npos);
  const std::string long_number = "{\"b\": 1" + std::string(kIntegerDigitsMax, '0') + "}";
  EXPECT_NE(error_of("{{ b }}", long_number).find("4300 digits"), std::string::npos);
}

TEST(Jinja, IntegersHaveNoEnd) {
  expect_expressions({
      {"10**20", "100000000000000000000"},
      {"2**63, -2**63, 2**64 - 2**64 + 1", "(9223372036854775808, -9223372036854775808, 1)"},
      {"9223372036854775807 + 1", "9223372036854775808"},
      {"-9223372036854775807 - 2", "-9223372036854775809"},
      {"(-9223372036854775807 - 1) // -1", "9223372036854775808"},
      {"3 ** 64", "3433683820292512484657849089281"},
      {"99999999999 * 99999999999", "9999999999800000000001"},
      {"123456789012345678901234567890 % 97, -123456789012345678901234567890 % 97", "(52, 45)"},
      {"-(10**20) // 3, 10**20 // -3, 10**20 // 10**19", "(-33333333333333333334, -33333333333333333334, 10)"},
      {"10**20 / 10**19, 10**20 + 0.5, 1.5 < 10**20, 10**20 <= 1e19", "(10.0, 1e+20, True, False)"},
      {"-(-9223372036854775807 - 1), (10**20) | abs, 10**20 - 10**20 == 0",
       "(9223372036854775808, 100000000000000000000, True)"},
      {"'123456789012345678901' | int, '-00123456789012345678901' | int, 1e20 | int",
       "(123456789012345678901, -123456789012345678901, 100000000000000000000)"},
      {"(-1)**(10**20), 0**(10**20), (10**20) is divisibleby 7, (10**20) is even", "(1, 0, False, True)"},
      {"10**4000 % 10**9 + 7", "7"},
  });
  expect_errors({{"{{ 10**20 // 0 }}", "division or modulo by zero"},
                 {"{{ 10**20 / 0 }}", "division by zero"},
                 {"{{ 10**5000 }}", "4300 digits"},
                 {"{{ 7**(10**18) }}", "4300 digits"},
                 {"{{ (10**4000) * (10**4000) }}", "4300 digits"},
                 {"{{ 10**4000 / 2 }}", "too large to convert to float"},
                 {"{{ 0xfffffffffffffffff }}", "too large"},
                 {"{{ range(10**20) }}", "expects an integer"},
                 {"{{ 'a'.encode() }}", "bytes are not available"}});
}

}  // namespace
}  // namespace hearth::jinja
