// str(), repr(), json.dumps.
#include "text/jinja/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>

#include "base/json_value.h"
#include "text/jinja/error.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

void check_size(const std::string& out) {
  if (out.size() > kTextBytesMax) fail_limit(fmt::format("a text is longer than {} bytes", kTextBytesMax));
}

void append_escape(std::string& out, char32_t c) {
  if (c < 0x100) {
    out += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
  } else if (c < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
  } else {
    out += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
  }
}

void append_quoted_char(std::string& out, char32_t c, char quote) {
  if (c == U'\\' || c == static_cast<char32_t>(quote)) {
    out += '\\';
    out += static_cast<char>(c);
  } else if (c == U'\n') {
    out += "\\n";
  } else if (c == U'\r') {
    out += "\\r";
  } else if (c == U'\t') {
    out += "\\t";
  } else if (is_printable(c)) {
    append_code_point(out, c);
  } else {
    append_escape(out, c);
  }
}

void append_repr(std::string& out, const Value& value);

void append_items(std::string& out, const std::vector<Value>& items) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out += ", ";
    first = false;
    append_repr(out, item);
  }
}

void append_dict(std::string& out, const Dict& dict) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) out += ", ";
    first = false;
    append_repr(out, key);
    out += ": ";
    append_repr(out, value);
  }
  out += '}';
}

void append_repr(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
      out += "Undefined";
      break;
    case Value::Kind::kNone:
      out += "None";
      break;
    case Value::Kind::kBoolean:
      out += value.boolean() ? "True" : "False";
      break;
    case Value::Kind::kInteger:
      out += fmt::format("{}", value.integer());
      break;
    case Value::Kind::kFloat:
      out += float_repr(value.number());
      break;
    case Value::Kind::kString:
      out += value.is_markup() ? fmt::format("Markup({})", quoted(value.bytes())) : quoted(value.bytes());
      break;
    case Value::Kind::kList:
      out += '[';
      append_items(out, value.items());
      out += ']';
      break;
    case Value::Kind::kTuple:
      out += '(';
      append_items(out, value.items());
      out += value.items().size() == 1 ? ",)" : ")";
      break;
    case Value::Kind::kDict:
      append_dict(out, value.dict());
      break;
    case Value::Kind::kObject:
      out += value.object()->repr();
      break;
  }
  check_size(out);
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  void write(const Value& value) {
    switch (value.kind()) {
      case Value::Kind::kNone:
        out_ += "null";
        break;
      case Value::Kind::kBoolean:
        out_ += value.boolean() ? "true" : "false";
        break;
      case Value::Kind::kInteger:
        out_ += fmt::format("{}", value.integer());
        break;
      case Value::Kind::kFloat:
        out_ += number(value.number());
        break;
      case Value::Kind::kString:
        write_string(value.bytes());
        break;
      case Value::Kind::kList:
      case Value::Kind::kTuple:
        write_array(value.items());
        break;
      case Value::Kind::kDict:
        write_object(value.dict());
        break;
      default:
        out_ += value.big_integer();
        if (!value.big_integer().empty()) break;
        fail(fmt::format("Object of type {} is not JSON serializable", value.type_name()));
    }
    check_size(out_);
  }

  std::string take() { return std::move(out_); }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return float_repr(value);
  }

  void new_line() {
    if (!style_.indent) return;
    out_ += '\n';
    for (std::size_t i = 0; i < depth_; ++i) out_ += *style_.indent;
    check_size(out_);
  }

  void write_array(const std::vector<Value>& items) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    ++depth_;
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line();
      write(item);
    }
    --depth_;
    new_line();
    out_ += ']';
  }

  void write_object(const Dict& dict) {
    if (dict.entries().empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [](const Dict::Entry* a, const Dict::Entry* b) { return less(a->first, b->first); });
    }
    out_ += '{';
    ++depth_;
    bool first = true;
    for (const Dict::Entry* entry : entries) {
      if (!first) out_ += style_.item_separator;
      first = false;
      new_line();
      write_string(key_text(entry->first));
      out_ += style_.key_separator;
      write(entry->second);
    }
    --depth_;
    new_line();
    out_ += '}';
  }

  static std::string key_text(const Value& key) {
    switch (key.kind()) {
      case Value::Kind::kString:
        return key.bytes();
      case Value::Kind::kNone:
        return "null";
      case Value::Kind::kBoolean:
        return key.boolean() ? "true" : "false";
      case Value::Kind::kInteger:
        return fmt::format("{}", key.integer());
      case Value::Kind::kFloat:
        return number(key.number());
      default:
        if (!key.big_integer().empty()) return std::string(key.big_integer());
        fail(fmt::format("keys must be str, int, float, bool or None, not {}", key.type_name()));
    }
  }

  void write_unit(std::uint32_t unit) { out_ += fmt::format("\\u{:04x}", unit); }

  void write_escaped_ascii(char32_t c) {
    if (c < 0x10000) {
      write_unit(c);
    } else {
      write_unit(0xD800 + ((c - 0x10000) >> 10U));
      write_unit(0xDC00 + ((c - 0x10000) & 0x3FFU));
    }
  }

  void write_string(std::string_view text) {
    constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    out_ += '"';
    for (std::size_t i = 0; i < text.size();) {
      const char byte = text[i];
      if (const std::size_t special = kSpecial.find(byte); special != std::string_view::npos) {
        out_ += '\\';
        out_ += kLetters[special];
        ++i;
      } else if (static_cast<unsigned char>(byte) < 0x20) {
        write_unit(static_cast<unsigned char>(byte));
        ++i;
      } else if (style_.ascii && static_cast<unsigned char>(byte) >= 0x7F) {
        write_escaped_ascii(decode_at(text, i));
      } else {
        out_ += byte;
        ++i;
      }
    }
    out_ += '"';
  }

  const JsonStyle& style_;
  std::string out_;
  std::size_t depth_ = 0;
};

Value from_json_at(const boost::json::value& json, std::size_t depth) {
  if (depth > kValueDepthMax / 2) fail_limit("the template's input is nested too deeply");
  switch (json.kind()) {
    case boost::json::kind::null:
      return Value();
    case boost::json::kind::bool_:
      return Value(json.get_bool());
    case boost::json::kind::int64:
      return Value(json.get_int64());
    case boost::json::kind::uint64:
      return Value::integer(fmt::format("{}", json.get_uint64()));
    case boost::json::kind::double_:
      return Value(json.get_double());
    case boost::json::kind::string: {
      const auto& text = json.get_string();
      const std::string_view bytes(text.data(), text.size());
      if (!is_utf8(bytes)) fail("the template's input is not valid UTF-8");
      return Value(bytes);
    }
    case boost::json::kind::array: {
      std::vector<Value> items;
      items.reserve(json.get_array().size());
      for (const auto& item : json.get_array()) items.push_back(from_json_at(item, depth + 1));
      return Value::list(std::move(items));
    }
    case boost::json::kind::object:
      break;
  }
  if (const auto digits = big_integer_digits(json)) return Value::integer(*digits);
  Dict dict;
  for (const auto& entry : json.get_object()) {
    const std::string_view key(entry.key().data(), entry.key().size());
    if (!is_utf8(key)) fail("the template's input is not valid UTF-8");
    dict.set(Value(key), from_json_at(entry.value(), depth + 1));
  }
  return Value::dict(std::move(dict));
}

}  // namespace

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  // The shortest digits that read back as this number, with an exponent where Python writes one.
  char buffer[64];
  const auto end = std::to_chars(std::begin(buffer), std::end(buffer), number, std::chars_format::scientific).ptr;
  const std::string_view digits(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = digits.find('e');
  int exponent = 0;
  const char* first = digits.data() + mark + 1;
  std::from_chars(*first == '+' ? first + 1 : first, end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(digits);
  const auto fixed_end = std::to_chars(std::begin(buffer), std::end(buffer), number, std::chars_format::fixed).ptr;
  std::string text(buffer, fixed_end);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string quoted(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t position = 0; position < text.size();) append_quoted_char(out, decode_at(text, position), quote);
  out += quote;
  return out;
}

std::string ascii_only(std::string_view repr) {
  std::string out;
  for (std::size_t position = 0; position < repr.size();) {
    const char32_t c = decode_at(repr, position);
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      append_escape(out, c);
    }
  }
  return out;
}

std::string to_repr(const Value& value) {
  std::string out;
  append_repr(out, value);
  return out;
}

std::string to_text(const Value& value) {
  if (value.is_string()) return value.bytes();
  if (value.is_undefined()) return {};
  return to_repr(value);
}

std::string to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.write(value);
  return writer.take();
}

Value from_json(const boost::json::value& json) {
  return from_json_at(json, 0);
}

}  // namespace hearth::jinja
