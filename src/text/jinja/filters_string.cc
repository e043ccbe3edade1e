// Filters that make text.
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/str_format.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

// The subject as a string, still Markup if it is.
Value soft_text(Interpreter& interpreter, const Value& subject) {
  interpreter.charge(subject.weight() * kScanCost);
  return subject.is_string() ? subject : Value(to_text(subject));
}

const std::string& expect_text(const Value& subject) {
  if (subject.is_undefined()) fail(subject.hint());
  if (!subject.is_string()) fail(fmt::format("expected a string, not {}", subject.type_name()));
  return subject.bytes();
}

Value escaped(Interpreter& interpreter, const Value& subject) {
  const Value text = soft_text(interpreter, subject);
  return text.is_markup() ? text : Value(escape_html(text.bytes()), true);
}

template <typename Map>
Value mapped(Interpreter& interpreter, const Value& subject, const Arguments& arguments, std::string_view name,
             Map map) {
  expect_no_arguments(name, arguments);
  const Value text = soft_text(interpreter, subject);
  return Value(map(text.bytes()), text.is_markup());
}

Value filter_upper(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return mapped(interpreter, subject, arguments, "upper", to_upper);
}

Value filter_lower(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return mapped(interpreter, subject, arguments, "lower", to_lower);
}

Value filter_capitalize(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return mapped(interpreter, subject, arguments, "capitalize", capitalized);
}

bool begins_word(char32_t c) {
  return c == U'-' || c == U'(' || c == U'{' || c == U'[' || c == U'<' || is_space(c);
}

Value filter_title(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("title", arguments);
  std::string out;
  bool at_begin = true;
  for (const char32_t c : to_code_points(soft_text(interpreter, subject).bytes())) {
    const std::string one = to_utf8(std::u32string_view(&c, 1));
    out += at_begin ? to_upper(one) : to_lower(one);
    at_begin = begins_word(c);
  }
  return Value(std::move(out));
}

Value filter_string(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("string", arguments);
  return soft_text(interpreter, subject);
}

Value filter_trim(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("trim", arguments, {"chars"});
  const Value text = soft_text(interpreter, subject);
  const std::string* characters = bound.given(0) != nullptr ? &bound.text(0) : nullptr;
  return Value(std::string(stripped(text.bytes(), characters, true, true)), text.is_markup());
}

Value filter_replace(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"old", "new", "count"}, 2);
  const std::int64_t count = bound.given(2) != nullptr ? bound.integer_or(2, -1) : -1;
  const bool escapes =
      interpreter.autoescape() && (bound[0]->is_markup() || bound[1]->is_markup() || subject.is_markup());
  if (!escapes) {
    return Value(replaced(interpreter, interpreter.text(subject), interpreter.text(*bound[0]),
                          interpreter.text(*bound[1]), count));
  }
  const Value text = escaped(interpreter, subject);
  return Value(
      replaced(interpreter, text.bytes(), interpreter.text(*bound[0]), escaped(interpreter, *bound[1]).bytes(), count),
      true);
}

Value filter_center(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("center", arguments, {"width"});
  const Value width(bound.integer_or(0, 80));
  const Value text = soft_text(interpreter, subject);
  return interpreter.call(interpreter.attribute(text, "center"), Arguments{{width}, {}});
}

Value filter_indent(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("indent", arguments, {"width", "first", "blank"});
  const std::string& text = expect_text(subject);
  std::string indention;
  if (bound[0] != nullptr && bound[0]->is_string()) {
    indention = bound.text(0);
  } else {
    const std::int64_t width = bound.integer_or(0, 4);
    if (width > static_cast<std::int64_t>(kFieldWidthMax)) fail_limit("indent got too great a width");
    indention.assign(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
  }
  const bool blank = bound.flag_or(2, false);
  interpreter.charge(text.size() * kScanCost);
  std::string out = bound.flag_or(1, false) ? indention : "";
  bool first = true;
  for (const std::string& line : split_lines(text + "\n", false)) {
    interpreter.charge(line.size() + indention.size() + 1);
    if (!first) out += '\n';
    if (!first && (blank || !line.empty())) out += indention;
    first = false;
    out += line;
  }
  return Value(std::move(out), subject.is_markup());
}

Value filter_truncate(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  if (subject.is_undefined()) return subject;
  const std::string end = bound[2] != nullptr ? bound.text(2) : "...";
  const std::int64_t length = bound.integer_or(0, 255);
  const std::int64_t leeway = bound.given(3) != nullptr ? bound.integer_or(3, 5) : 5;
  const auto end_length = static_cast<std::int64_t>(count_code_points(end));
  if (length < end_length || leeway < 0) fail("truncate got too small a length or leeway");
  const std::size_t size = subject.is_string()     ? subject.text().length
                           : subject.is_sequence() ? subject.items().size()
                           : subject.is_dict()     ? subject.dict().entries().size()
                                                   : std::size_t{0};
  const bool has_size = subject.is_string() || subject.is_sequence() || subject.is_dict();
  if (has_size && static_cast<std::int64_t>(size) - leeway <= length) return subject;
  const std::string& text = expect_text(subject);
  interpreter.charge(text.size());
  std::string kept = text.substr(0, byte_offset(text, static_cast<std::size_t>(length - end_length)));
  if (!bound.flag_or(1, false)) kept = kept.substr(0, kept.rfind(' '));
  if (!subject.is_markup()) return Value(kept + end);
  return Value(kept + (bound[2] != nullptr ? escaped(interpreter, *bound[2]).bytes() : end), true);
}

Value filter_wordcount(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("wordcount", arguments);
  std::size_t count = 0;
  bool inside = false;
  for (const char32_t c : to_code_points(soft_text(interpreter, subject).bytes())) {
    if (is_word(c) && !inside) ++count;
    inside = is_word(c);
  }
  return count_value(count);
}

Value filter_format(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    fail("can't handle positional and keyword arguments at the same time");
  }
  const Value text = soft_text(interpreter, subject);
  if (arguments.named.empty()) return percent_format(text, Value::tuple(arguments.positional));
  Dict named;
  for (const auto& [name, value] : arguments.named) named.set(Value(name), value);
  return percent_format(text, Value::dict(std::move(named)));
}

Value filter_escape(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("escape", arguments);
  return escaped(interpreter, subject);
}

Value filter_forceescape(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("forceescape", arguments);
  return Value(escape_html(interpreter.text(subject)), true);
}

Value filter_safe(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("safe", arguments);
  return Value(interpreter.text(subject), true);
}

std::string url_quoted(std::string_view text, bool keep_slash) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '.' || c == '-' || c == '~');
    if (plain || (keep_slash && c == '/')) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

// As a query: a space is "+".
std::string query_quoted(std::string_view text) {
  std::string out = url_quoted(text, false);
  for (std::size_t at = out.find("%20"); at != std::string::npos; at = out.find("%20", at + 1)) out.replace(at, 3, "+");
  return out;
}

Value filter_urlencode(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("urlencode", arguments);
  interpreter.charge(subject.weight() * 3 * kScanCost);
  if (subject.is_string() || !(subject.is_sequence() || subject.is_dict() || subject.is_object())) {
    return Value(url_quoted(to_text(subject), true));
  }
  std::string out;
  const auto append = [&](const Value& key, const Value& value) {
    if (!out.empty()) out += '&';
    out += query_quoted(to_text(key)) + "=" + query_quoted(to_text(value));
  };
  if (subject.is_dict()) {
    for (const auto& [key, value] : subject.dict().entries()) append(key, value);
    return Value(std::move(out));
  }
  for (const Value& pair : interpreter.iterate(subject)) {
    const std::vector<Value> parts = interpreter.iterate(pair);
    if (parts.size() != 2) fail("urlencode expects pairs");
    append(parts[0], parts[1]);
  }
  return Value(std::move(out));
}

Value filter_xmlattr(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("xmlattr", arguments, {"autospace"});
  if (!subject.is_dict()) fail("xmlattr expects a mapping");
  std::string out;
  for (const auto& [key, value] : subject.dict().entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    const std::string name = interpreter.text(key);
    if (name.find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      fail(fmt::format("Invalid character in attribute name: {}", quoted(name)));
    }
    if (!out.empty()) out += ' ';
    out += fmt::format("{}=\"{}\"", escape_html(name), escaped(interpreter, value).bytes());
  }
  return Value(!out.empty() && bound.flag_or(0, true) ? " " + out : out, interpreter.autoescape());
}

// transformers' own tojson: json.dumps without HTML escapes.
Value filter_tojson(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = bound.flag_or(0, false);
  style.sort_keys = bound.flag_or(3, false);
  if (const Value* indent = bound.given(1)) {
    const std::int64_t width = indent->is_string() ? 0 : bound.integer_or(1, 0);
    if (width > 1024) fail_limit("tojson got too great an indent");
    style.indent = indent->is_string() ? indent->bytes()
                                       : std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    style.item_separator = ",";
  }
  if (const Value* separators = bound.given(2)) {
    const std::vector<Value> parts = interpreter.iterate(*separators);
    if (parts.size() != 2) fail("tojson expects two separators");
    style.item_separator = expect_text(parts[0]);
    style.key_separator = expect_text(parts[1]);
  }
  interpreter.charge(subject.weight() * kScanCost);
  return Value(to_json(subject, style));
}

constexpr FilterEntry kFilters[] = {
    {"upper", filter_upper},
    {"lower", filter_lower},
    {"capitalize", filter_capitalize},
    {"title", filter_title},
    {"string", filter_string},
    {"trim", filter_trim},
    {"replace", filter_replace},
    {"center", filter_center},
    {"indent", filter_indent},
    {"truncate", filter_truncate},
    {"wordcount", filter_wordcount},
    {"format", filter_format},
    {"escape", filter_escape},
    {"e", filter_escape},
    {"forceescape", filter_forceescape},
    {"safe", filter_safe},
    {"urlencode", filter_urlencode},
    {"xmlattr", filter_xmlattr},
    {"tojson", filter_tojson},
};

}  // namespace

std::span<const FilterEntry> string_filters() {
  return kFilters;
}

}  // namespace hearth::jinja
