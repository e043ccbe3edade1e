// The methods of strings, as Python defines them on code points.
#include <fmt/format.h>

#include <algorithm>

#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/str_format.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

// The part of the string between two optional bounds, and where it begins in code points.
struct Part {
  std::string_view text;
  std::size_t start;
  bool valid;  // false if it begins behind the end: then not even "" is found in it
};

Part part_of(const Value& self, const BoundArguments& bound) {
  const Text& text = self.text();
  if (bound.given(1) == nullptr && bound.given(2) == nullptr) return {text.bytes, 0, true};
  const Value start = bound.value_or(1, Value());
  const SliceRange range = slice_range(text.length, start, bound.value_or(2, Value()), Value());
  const auto first = static_cast<std::size_t>(range.start);
  const std::size_t begin = byte_offset(text.bytes, first);
  const std::size_t size = byte_offset(std::string_view(text.bytes).substr(begin), range.count);
  const auto wanted = start.as_integer().value_or(0);
  return {std::string_view(text.bytes).substr(begin, size), first, wanted <= static_cast<std::int64_t>(text.length)};
}

// Searching from the right may compare the two at every position.
void charge_backward_search(Interpreter& interpreter, std::string_view text, std::string_view wanted) {
  interpreter.charge(text.size() / 64 * wanted.size());
}

std::int64_t find_in(Interpreter& interpreter, const Value& self, const Arguments& arguments, std::string_view method,
                     bool from_right) {
  const BoundArguments bound(method, arguments, {"", "", ""}, 1);
  const Part part = part_of(self, bound);
  const std::string& wanted = bound.text(0);
  if (from_right) charge_backward_search(interpreter, part.text, wanted);
  const std::size_t at = from_right ? part.text.rfind(wanted) : find_text(part.text, wanted);
  if (at == std::string_view::npos || !part.valid) return -1;
  return static_cast<std::int64_t>(part.start + count_code_points(part.text.substr(0, at)));
}

Value str_find(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return Value(find_in(interpreter, self, arguments, "find", false));
}

Value str_rfind(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return Value(find_in(interpreter, self, arguments, "rfind", true));
}

Value found_or_fail(std::int64_t position) {
  if (position < 0) fail("substring not found");
  return Value(position);
}

Value str_index(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return found_or_fail(find_in(interpreter, self, arguments, "index", false));
}

Value str_rindex(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return found_or_fail(find_in(interpreter, self, arguments, "rindex", true));
}

Value str_count(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("count", arguments, {"", "", ""}, 1);
  const Part part = part_of(self, bound);
  const std::string& wanted = bound.text(0);
  if (!part.valid) return count_value(0);
  if (wanted.empty()) return count_value(count_code_points(part.text) + 1);
  std::size_t count = 0;
  for (std::size_t at = find_text(part.text, wanted); at != std::string_view::npos;
       at = find_text(part.text, wanted, at + wanted.size())) {
    ++count;
  }
  return count_value(count);
}

template <typename Matches>
Value match_affix(const Value& self, const Arguments& arguments, std::string_view method, Matches matches) {
  const BoundArguments bound(method, arguments, {"", "", ""}, 1);
  const Part part = part_of(self, bound);
  const Value& affix = *bound[0];
  if (affix.kind() != Value::Kind::kTuple) return Value(matches(part.text, bound.text(0)) && part.valid);
  for (const Value& candidate : affix.items()) {
    if (!candidate.is_string()) fail(fmt::format("{}() expects strings in its tuple", method));
    if (matches(part.text, candidate.bytes()) && part.valid) return Value(true);
  }
  return Value(false);
}

bool has_prefix(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool has_suffix(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

Value str_startswith(Interpreter&, const Value& self, const Arguments& arguments) {
  return match_affix(self, arguments, "startswith", has_prefix);
}

Value str_endswith(Interpreter&, const Value& self, const Arguments& arguments) {
  return match_affix(self, arguments, "endswith", has_suffix);
}

Value str_removeprefix(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("removeprefix", arguments, {""}, 1);
  const std::string& prefix = bound.text(0);
  return has_prefix(self.bytes(), prefix) ? Value(self.bytes().substr(prefix.size())) : self;
}

Value str_removesuffix(Interpreter&, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("removesuffix", arguments, {""}, 1);
  const std::string& suffix = bound.text(0);
  return has_suffix(self.bytes(), suffix) ? Value(self.bytes().substr(0, self.bytes().size() - suffix.size())) : self;
}

Value strip_with(const Value& self, const Arguments& arguments, std::string_view method, bool left, bool right) {
  const BoundArguments bound(method, arguments, {""});
  return Value(stripped(self.bytes(), bound.given(0) != nullptr ? &bound.text(0) : nullptr, left, right));
}

Value str_strip(Interpreter&, const Value& self, const Arguments& arguments) {
  return strip_with(self, arguments, "strip", true, true);
}

Value str_lstrip(Interpreter&, const Value& self, const Arguments& arguments) {
  return strip_with(self, arguments, "lstrip", true, false);
}

Value str_rstrip(Interpreter&, const Value& self, const Arguments& arguments) {
  return strip_with(self, arguments, "rstrip", false, true);
}

Value list_of(Interpreter& interpreter, const std::vector<std::string_view>& parts) {
  interpreter.charge(parts.size() * 2 * kElementWeight);
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.emplace_back(part);
  return Value::list(std::move(items));
}

// Where the word that ends the text begins.
std::size_t word_begin(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0) {
    std::size_t previous = begin - 1;
    while ((static_cast<unsigned char>(text[previous]) & 0xC0U) == 0x80U) --previous;
    std::size_t next = previous;
    if (is_space(decode_at(text, next))) break;
    begin = previous;
  }
  return begin;
}

// At runs of whitespace, with none at either end.
std::vector<std::string_view> split_at_space(std::string_view text, std::int64_t splits_max, bool from_right) {
  std::vector<std::string_view> parts;
  text = from_right ? strip_right(text) : strip_left(text);
  while (!text.empty()) {
    if (splits_max >= 0 && static_cast<std::int64_t>(parts.size()) == splits_max) {
      parts.push_back(text);
      break;
    }
    std::size_t begin = 0;
    std::size_t end = text.size();
    if (from_right) {
      begin = word_begin(text);
    } else {
      for (std::size_t position = 0; position < text.size();) {
        const std::size_t here = position;
        if (!is_space(decode_at(text, position))) continue;
        end = here;
        break;
      }
    }
    parts.push_back(text.substr(begin, end - begin));
    text = from_right ? strip_right(text.substr(0, begin)) : strip_left(text.substr(end));
  }
  return parts;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, std::int64_t splits_max,
                                       bool from_right) {
  std::vector<std::string_view> parts;
  while (splits_max < 0 || static_cast<std::int64_t>(parts.size()) < splits_max) {
    const std::size_t at = from_right ? text.rfind(separator) : find_text(text, separator);
    if (at == std::string_view::npos) break;
    const std::size_t after = at + separator.size();
    parts.push_back(from_right ? text.substr(after) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(after);
  }
  parts.push_back(text);
  return parts;
}

Value split_with(Interpreter& interpreter, const Value& self, const Arguments& arguments, std::string_view method,
                 bool from_right) {
  const BoundArguments bound(method, arguments, {"sep", "maxsplit"});
  const std::int64_t splits_max = bound.integer_or(1, -1);
  std::vector<std::string_view> parts;
  if (bound.given(0) == nullptr) {
    parts = split_at_space(self.bytes(), splits_max, from_right);
  } else {
    if (bound.text(0).empty()) fail("empty separator");
    if (from_right) charge_backward_search(interpreter, self.bytes(), bound.text(0));
    parts = split_at(self.bytes(), bound.text(0), splits_max, from_right);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return list_of(interpreter, parts);
}

Value str_split(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return split_with(interpreter, self, arguments, "split", false);
}

Value str_rsplit(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return split_with(interpreter, self, arguments, "rsplit", true);
}

Value str_splitlines(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("splitlines", arguments, {"keepends"});
  std::vector<Value> items;
  for (std::string& line : split_lines(self.bytes(), bound.flag_or(0, false))) items.emplace_back(std::move(line));
  interpreter.charge(items.size() * 2 * kElementWeight);
  return Value::list(std::move(items));
}

Value partition_with(Interpreter& interpreter, const Value& self, const Arguments& arguments, std::string_view method,
                     bool from_right) {
  const BoundArguments bound(method, arguments, {""}, 1);
  const std::string& separator = bound.text(0);
  if (separator.empty()) fail("empty separator");
  const std::string& text = self.bytes();
  if (from_right) charge_backward_search(interpreter, text, separator);
  const std::size_t at = from_right ? text.rfind(separator) : find_text(text, separator);
  if (at == std::string::npos) {
    return from_right ? Value::tuple({Value(""), Value(""), self}) : Value::tuple({self, Value(""), Value("")});
  }
  return Value::tuple({Value(text.substr(0, at)), Value(separator), Value(text.substr(at + separator.size()))});
}

Value str_partition(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return partition_with(interpreter, self, arguments, "partition", false);
}

Value str_rpartition(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return partition_with(interpreter, self, arguments, "rpartition", true);
}

Value str_join(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {""}, 1);
  std::string out;
  bool first = true;
  for (const Value& item : interpreter.iterate(*bound[0])) {
    if (!item.is_string()) fail(fmt::format("join() expects strings, found {}", item.type_name()));
    interpreter.charge(self.bytes().size() + item.bytes().size());
    if (!first) out += self.bytes();
    first = false;
    out += item.bytes();
  }
  return Value(std::move(out));
}

Value str_replace(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("replace", arguments, {"", "", "count"}, 2);
  return Value(replaced(interpreter, self.bytes(), bound.text(0), bound.text(1), bound.integer_or(2, -1)));
}

Value str_format(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return brace_format(interpreter, self, arguments);
}

Value str_format_map(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("format_map", arguments, {""}, 1);
  if (!bound[0]->is_dict()) fail("format_map() expects a dict");
  Arguments named;
  for (const auto& [key, value] : bound[0]->dict().entries()) {
    if (key.is_string()) named.named.emplace_back(key.bytes(), value);
  }
  return brace_format(interpreter, self, named);
}

template <typename Map>
Value mapped(const Value& self, const Arguments& arguments, std::string_view method, Map map) {
  expect_no_arguments(method, arguments);
  return Value(map(self.bytes()));
}

Value str_upper(Interpreter&, const Value& self, const Arguments& arguments) {
  return mapped(self, arguments, "upper", to_upper);
}

Value str_lower(Interpreter&, const Value& self, const Arguments& arguments) {
  return mapped(self, arguments, "lower", to_lower);
}

Value str_casefold(Interpreter&, const Value& self, const Arguments& arguments) {
  return mapped(self, arguments, "casefold", to_case_folded);
}

Value str_capitalize(Interpreter&, const Value& self, const Arguments& arguments) {
  return mapped(self, arguments, "capitalize", capitalized);
}

bool is_cased(char32_t c) {
  return is_lower(c) || is_upper(c) || is_title(c);
}

Value str_title(Interpreter&, const Value& self, const Arguments& arguments) {
  return mapped(self, arguments, "title", [](std::string_view text) {
    std::string out;
    bool inside = false;
    const std::u32string code_points = to_code_points(text);
    for (std::size_t i = 0; i < code_points.size(); ++i) {
      out += inside ? to_lower_at(code_points, i) : to_title_case(code_points[i]);
      inside = is_cased(code_points[i]);
    }
    return out;
  });
}

Value str_swapcase(Interpreter&, const Value& self, const Arguments& arguments) {
  return mapped(self, arguments, "swapcase", [](std::string_view text) {
    std::string out;
    const std::u32string code_points = to_code_points(text);
    for (std::size_t i = 0; i < code_points.size(); ++i) {
      const std::string one = to_utf8(std::u32string_view(code_points).substr(i, 1));
      out += is_upper(code_points[i]) ? to_lower_at(code_points, i) : is_lower(code_points[i]) ? to_upper(one) : one;
    }
    return out;
  });
}

Value justified(Interpreter& interpreter, const Value& self, const Arguments& arguments, std::string_view method,
                char align) {
  const BoundArguments bound(method, arguments, {"", ""}, 1);
  FormatSpec spec;
  spec.align = align;
  const std::int64_t width = bound.integer_or(0, 0);
  if (width > static_cast<std::int64_t>(kFieldWidthMax)) fail_limit(fmt::format("{}() got too great a width", method));
  spec.width = static_cast<std::size_t>(std::max<std::int64_t>(width, 0));
  interpreter.charge(spec.width);
  if (bound[1] != nullptr) {
    const std::u32string fill = to_code_points(bound.text(1));
    if (fill.size() != 1) fail("The fill character must be exactly one character long");
    spec.fill = fill[0];
  }
  if (align == '^' && self.text().length < spec.width) {
    // Python puts an odd blank on the left if the width is odd.
    const std::size_t missing = spec.width - self.text().length;
    const std::size_t left = missing / 2 + (missing & spec.width & 1U);
    FormatSpec left_part = spec;
    left_part.align = '>';
    left_part.width = self.text().length + left;
    spec.align = '<';
    return Value(padded(padded(self.bytes(), left_part, '>'), spec, '<'));
  }
  return Value(padded(self.bytes(), spec, '<'));
}

Value str_ljust(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return justified(interpreter, self, arguments, "ljust", '<');
}

Value str_rjust(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return justified(interpreter, self, arguments, "rjust", '>');
}

Value str_center(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return justified(interpreter, self, arguments, "center", '^');
}

Value str_zfill(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("zfill", arguments, {""}, 1);
  const std::int64_t width = bound.integer_or(0, 0);
  if (width > static_cast<std::int64_t>(kFieldWidthMax)) fail_limit("zfill() got too great a width");
  interpreter.charge(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)));
  const auto missing = width - static_cast<std::int64_t>(self.text().length);
  if (missing <= 0) return self;
  const std::string& text = self.bytes();
  const std::size_t sign = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  return Value(text.substr(0, sign) + std::string(static_cast<std::size_t>(missing), '0') + text.substr(sign));
}

Value str_expandtabs(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const BoundArguments bound("expandtabs", arguments, {"tabsize"});
  const std::int64_t size = bound.integer_or(0, 8);
  if (size > 1024) fail_limit("expandtabs() got too great a size");
  std::string out;
  std::size_t column = 0;
  for (const char32_t c : to_code_points(self.bytes())) {
    if (c == U'\t') {
      const std::size_t blanks =
          size > 0 ? static_cast<std::size_t>(size) - column % static_cast<std::size_t>(size) : 0;
      interpreter.charge(blanks);
      out.append(blanks, ' ');
      column += blanks;
    } else {
      append_code_point(out, c);
      column = c == U'\n' || c == U'\r' ? 0 : column + 1;
    }
  }
  return Value(std::move(out));
}

// Whether there are characters and each is of the class.
template <bool (*kIsOfClass)(char32_t)>
Value str_all(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("a test of a string", arguments);
  const std::u32string code_points = to_code_points(self.bytes());
  return Value(!code_points.empty() && std::all_of(code_points.begin(), code_points.end(), kIsOfClass));
}

Value str_isascii(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("isascii", arguments);
  return Value(self.text().length == self.bytes().size());
}

Value str_isprintable(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("isprintable", arguments);
  const std::u32string code_points = to_code_points(self.bytes());
  return Value(std::all_of(code_points.begin(), code_points.end(), is_printable));
}

Value str_isidentifier(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("isidentifier", arguments);
  const std::u32string code_points = to_code_points(self.bytes());
  return Value(!code_points.empty() && is_identifier_start(code_points[0]) &&
               std::all_of(code_points.begin(), code_points.end(), is_word));
}

Value str_islower(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("islower", arguments);
  return Value(is_lower_text(self.bytes()));
}

Value str_isupper(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("isupper", arguments);
  return Value(is_upper_text(self.bytes()));
}

Value str_istitle(Interpreter&, const Value& self, const Arguments& arguments) {
  expect_no_arguments("istitle", arguments);
  bool inside = false;
  bool any = false;
  for (const char32_t c : to_code_points(self.bytes())) {
    const bool begins = is_upper(c) || is_title(c);
    if ((begins && inside) || (is_lower(c) && !inside)) return Value(false);
    inside = is_cased(c);
    any = any || inside;
  }
  return Value(any);
}

// Bytes are no value here; text is what templates make.
Value str_encode(Interpreter&, const Value&, const Arguments&) {
  fail("bytes are not available in templates: encode() is not supported");
}

constexpr Method kStringMethods[] = {
    {"encode", str_encode},
    {"capitalize", str_capitalize},
    {"casefold", str_casefold},
    {"center", str_center},
    {"count", str_count},
    {"endswith", str_endswith},
    {"expandtabs", str_expandtabs},
    {"find", str_find},
    {"format", str_format},
    {"format_map", str_format_map},
    {"index", str_index},
    {"isalnum", str_all<is_alnum>},
    {"isalpha", str_all<is_alpha>},
    {"isascii", str_isascii},
    {"isdecimal", str_all<is_decimal>},
    {"isdigit", str_all<is_digit>},
    {"isidentifier", str_isidentifier},
    {"islower", str_islower},
    {"isnumeric", str_all<is_numeric>},
    {"isprintable", str_isprintable},
    {"isspace", str_all<is_space>},
    {"istitle", str_istitle},
    {"isupper", str_isupper},
    {"join", str_join},
    {"ljust", str_ljust},
    {"lower", str_lower},
    {"lstrip", str_lstrip},
    {"partition", str_partition},
    {"removeprefix", str_removeprefix},
    {"removesuffix", str_removesuffix},
    {"replace", str_replace},
    {"rfind", str_rfind},
    {"rindex", str_rindex},
    {"rjust", str_rjust},
    {"rpartition", str_rpartition},
    {"rsplit", str_rsplit},
    {"rstrip", str_rstrip},
    {"split", str_split},
    {"splitlines", str_splitlines},
    {"startswith", str_startswith},
    {"strip", str_strip},
    {"swapcase", str_swapcase},
    {"title", str_title},
    {"upper", str_upper},
    {"zfill", str_zfill},
};

}  // namespace

std::span<const Method> string_methods() {
  return kStringMethods;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t end = position;
    if (!is_line_break(decode_at(text, position))) continue;
    if (text[end] == '\r' && position < text.size() && text[position] == '\n') ++position;
    lines.emplace_back(text.substr(begin, (keep_ends ? position : end) - begin));
    begin = position;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string replaced(Interpreter& interpreter, std::string_view text, std::string_view old, std::string_view with,
                     std::int64_t count) {
  std::string out;
  std::size_t position = 0;
  const auto append = [&](std::string_view piece) {
    interpreter.charge(piece.size() + 1);
    out += piece;
    if (out.size() > kTextBytesMax) fail_limit("a string gets too long");
  };
  if (old.empty()) {
    // Before every character, and at the end.
    while (count != 0) {
      append(with);
      if (count > 0) --count;
      if (position == text.size()) return out;
      const std::size_t begin = position;
      decode_at(text, position);
      append(text.substr(begin, position - begin));
    }
  }
  for (; count != 0; count -= count > 0 ? 1 : 0) {
    const std::size_t at = find_text(text, old, position);
    if (at == std::string_view::npos) break;
    append(text.substr(position, at - position));
    append(with);
    position = at + old.size();
  }
  append(text.substr(position));
  return out;
}

std::string_view stripped(std::string_view text, const std::string* characters, bool left, bool right) {
  if (characters == nullptr) {
    if (left) text = strip_left(text);
    return right ? strip_right(text) : text;
  }
  std::u32string set = to_code_points(*characters);
  std::sort(set.begin(), set.end());
  const auto strips = [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); };
  while (left && !text.empty()) {
    std::size_t next = 0;
    if (!strips(decode_at(text, next))) break;
    text.remove_prefix(next);
  }
  while (right && !text.empty()) {
    std::size_t begin = text.size() - 1;
    while ((static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
    std::size_t next = begin;
    if (!strips(decode_at(text, next))) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::string capitalized(std::string_view text) {
  if (text.empty()) return {};
  const std::u32string code_points = to_code_points(text);
  std::string out = to_title_case(code_points[0]);
  for (std::size_t i = 1; i < code_points.size(); ++i) out += to_lower_at(code_points, i);
  return out;
}

bool is_lower_text(std::string_view text) {
  const std::u32string code_points = to_code_points(text);
  return std::any_of(code_points.begin(), code_points.end(), is_lower) &&
         std::none_of(code_points.begin(), code_points.end(), [](char32_t c) { return is_upper(c) || is_title(c); });
}

bool is_upper_text(std::string_view text) {
  const std::u32string code_points = to_code_points(text);
  return std::any_of(code_points.begin(), code_points.end(), is_upper) &&
         std::none_of(code_points.begin(), code_points.end(), [](char32_t c) { return is_lower(c) || is_title(c); });
}

}  // namespace hearth::jinja
