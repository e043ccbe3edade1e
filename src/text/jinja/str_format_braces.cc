// str.format: replacement fields {name.attribute[index]!conversion:specification}.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/str_format.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

std::optional<std::int64_t> as_index(std::string_view text) {
  std::int64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (text.empty() || text[0] == '-' || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return index;
}

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments, bool escapes)
      : interpreter_(interpreter), arguments_(arguments), escapes_(escapes) {}

  // A specification may hold fields itself, one level deep.
  std::string run(std::string_view format, int levels) {
    if (levels == 0) fail("Max string recursion exceeded");
    std::string out;
    for (std::size_t i = 0; i < format.size();) {
      const char c = format[i];
      const bool doubled = i + 1 < format.size() && format[i + 1] == c;
      if (c != '{' && c != '}') {
        out += c;
        ++i;
      } else if (doubled) {
        out += c;
        i += 2;
      } else if (c == '}') {
        fail("Single '}' encountered in format string");
      } else {
        const std::size_t end = field_end(format, i + 1);
        out += field(format.substr(i + 1, end - i - 1), levels);
        i = end + 1;
      }
      if (out.size() > kTextBytesMax) fail_limit("a formatted text is too long");
    }
    return out;
  }

 private:
  static std::size_t field_end(std::string_view format, std::size_t begin) {
    int open = 1;
    for (std::size_t i = begin; i < format.size(); ++i) {
      if (format[i] == '{') ++open;
      if (format[i] == '}' && --open == 0) return i;
    }
    fail("Single '{' encountered in format string");
  }

  std::string field(std::string_view text, int levels) {
    // Inside brackets neither "!" nor ":" ends the name.
    std::size_t name_end = 0;
    bool bracket = false;
    for (; name_end < text.size(); ++name_end) {
      if (text[name_end] == '[') bracket = true;
      if (text[name_end] == ']') bracket = false;
      if (!bracket && (text[name_end] == '!' || text[name_end] == ':')) break;
    }
    Value value = lookup(numbered(text.substr(0, name_end)));
    std::string_view rest = text.substr(name_end);
    if (!rest.empty() && rest[0] == '!') {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':')) fail("expected ':' after conversion specifier");
      value = converted(value, rest[1]);
      rest.remove_prefix(2);
    }
    const std::string spec = rest.empty() ? std::string() : run(rest.substr(1), levels - 1);
    if (escapes_ && value.is_markup()) {
      if (!spec.empty()) fail(fmt::format("Format specifier {} given to a text that has none", quoted(spec)));
      return value.bytes();
    }
    std::string formatted = spec.empty() ? interpreter_.text(value) : format_value(value, parse_format_spec(spec));
    interpreter_.charge(formatted.size());
    return escapes_ ? escape_html(formatted) : formatted;
  }

  Value converted(const Value& value, char conversion) {
    interpreter_.charge(value.weight());
    if (conversion == 's') return Value(to_text(value));
    if (conversion == 'r') return Value(to_repr(value));
    if (conversion == 'a') return Value(ascii_only(to_repr(value)));
    fail(fmt::format("Unknown conversion specifier '{}'", conversion));
  }

  // The field's name, or its number where it has no name. Fields have numbers in the text or from counting, not both.
  std::string numbered(std::string_view name) {
    if (name.empty()) {
      if (is_manual_) fail("cannot switch from manual field specification to automatic field numbering");
      return std::to_string(next_++);
    }
    if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      if (next_ > 0) fail("cannot switch from automatic field numbering to manual field specification");
      is_manual_ = true;
    }
    return std::string(name);
  }

  // name.attribute[index]…; the name a number, or an argument's.
  Value lookup(std::string_view path) {
    std::size_t position = std::min(path.find_first_of(".["), path.size());
    Value value = argument(path.substr(0, position));
    while (position < path.size()) {
      const bool item = path[position] == '[';
      const std::size_t begin = position + 1;
      const std::size_t end = std::min(path.find_first_of(item ? "]" : ".[", begin), path.size());
      const std::string_view name = path.substr(begin, end - begin);
      if (name.empty()) fail("Empty attribute in format string");
      if (item && end == path.size()) fail("Missing ']' in format string");
      const auto index = item ? as_index(name) : std::nullopt;
      value = index  ? interpreter_.subscript(value, Value(*index))
              : item ? interpreter_.subscript(value, Value(name))
                     : interpreter_.attribute(value, name);
      position = item ? end + 1 : end;
    }
    return value;
  }

  const Value& argument(std::string_view name) {
    const auto index = as_index(name);
    if (index) {
      if (static_cast<std::size_t>(*index) >= arguments_.positional.size()) {
        fail(fmt::format("Replacement index {} out of range for positional args tuple", *index));
      }
      return arguments_.positional[static_cast<std::size_t>(*index)];
    }
    for (const auto& [key, value] : arguments_.named) {
      if (key == name) return value;
    }
    fail(fmt::format("no such key: {}", quoted(name)));
  }

  Interpreter& interpreter_;
  const Arguments& arguments_;
  bool escapes_;
  std::int64_t next_ = 0;  // of fields without a name
  bool is_manual_ = false;
};

}  // namespace

Value brace_format(Interpreter& interpreter, const Value& format, const Arguments& arguments) {
  const bool escapes = format.is_markup();
  return Value(BraceFormatter(interpreter, arguments, escapes).run(format.bytes(), 2), escapes);
}

}  // namespace hearth::jinja
