// Filters that lay text out, or make HTML of it.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/random_bits.h"
#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/filters.h"
#include "text/jinja/html_text.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/pretty_print.h"
#include "text/jinja/text.h"
#include "text/jinja/word_wrap.h"

namespace hearth::jinja {
namespace {

Value filter_striptags(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("striptags", arguments);
  return Value(strip_tags(interpreter.text(subject)));
}

Value filter_wordwrap(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("wordwrap", arguments, {"width", "break_long_words", "wrapstring", "break_on_hyphens"});
  if (!subject.is_string()) fail(missing_attribute(subject, "splitlines"));
  WrapStyle style;
  style.width = bound.integer_or(0, style.width);
  style.break_long_words = bound.flag_or(1, true);
  style.break_on_hyphens = bound.flag_or(3, true);
  const std::string separator = bound.given(2) != nullptr ? bound.text(2) : "\n";
  std::string out;
  bool first = true;
  for (const std::string& paragraph : split_lines(subject.bytes(), false)) {
    interpreter.charge(paragraph.size() * 4 * kScanCost);
    if (!first) out += separator;
    first = false;
    bool first_line = true;
    for (const std::string& line : wrapped_lines(paragraph, style)) {
      interpreter.charge(line.size() + separator.size());
      if (!first_line) out += separator;
      first_line = false;
      out += line;
    }
  }
  return Value(std::move(out));
}

Value filter_pprint(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("pprint", arguments);
  return Value(pretty_printed(interpreter, subject));
}

// The words of `rel`, in order, with those that Jinja adds.
std::string rel_words(std::string_view given, bool nofollow) {
  std::set<std::string> words = {"noopener"};
  if (nofollow) words.insert("nofollow");
  for (std::size_t begin = 0; begin < given.size();) {
    const std::size_t end = std::min(given.find(' ', begin), given.size());
    if (end > begin) words.emplace(given.substr(begin, end - begin));
    begin = end + 1;
  }
  return fmt::format("{}", fmt::join(words, " "));
}

Value filter_urlize(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("urlize", arguments, {"trim_url_limit", "nofollow", "target", "rel", "extra_schemes"});
  LinkStyle style;
  if (bound.given(0) != nullptr) {
    const std::int64_t shown = bound.integer_or(0, 0);
    if (shown < 0) fail("urlize got a negative limit");
    style.shown_max = static_cast<std::size_t>(shown);
  }
  if (bound.given(2) != nullptr) style.target = escape_html(bound.text(2));
  style.rel = escape_html(rel_words(bound.given(3) != nullptr ? bound.text(3) : "", bound.flag_or(1, false)));
  if (bound.given(4) != nullptr) {
    for (const Value& scheme : interpreter.iterate(*bound[4])) {
      if (!scheme.is_string() || !is_scheme(scheme.bytes())) {
        fail(fmt::format("{} is not a valid URI scheme prefix.", to_repr(scheme)));
      }
      style.schemes.push_back(scheme.bytes());
    }
  }
  const std::string text = subject.is_markup() ? subject.bytes() : escape_html(interpreter.text(subject));
  interpreter.charge(text.size() * 4 * kScanCost);
  return Value(with_links(text, style), interpreter.autoescape());
}

// What is chosen is a part of the prompt like any other, and an answer depends on nothing but the prompt.
Value filter_random(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("random", arguments);
  std::size_t count = 0;
  if (subject.is_string()) {
    count = subject.text().length;
  } else if (subject.is_sequence()) {
    count = subject.items().size();
  } else if (subject.is_dict()) {
    count = subject.dict().entries().size();
  } else if (subject.is_object() && subject.object()->indexed() != nullptr) {
    count = subject.object()->indexed()->size();
  } else if (!subject.is_undefined()) {
    fail(fmt::format("object of type '{}' has no random item", subject.type_name()));
  }
  if (count == 0) return Value::undefined("No random item, sequence was empty.");
  const Value index = count_value(static_cast<std::size_t>(random_bits() % count));
  if (subject.is_dict() && subject.dict().find(index) == nullptr) {
    fail(fmt::format("the dict has no key {}", index.integer()));
  }
  return interpreter.subscript(subject, index);
}

constexpr FilterEntry kFilters[] = {
    {"striptags", filter_striptags}, {"wordwrap", filter_wordwrap}, {"pprint", filter_pprint},
    {"urlize", filter_urlize},       {"random", filter_random},
};

}  // namespace

std::span<const FilterEntry> text_filters() {
  return kFilters;
}

}  // namespace hearth::jinja
