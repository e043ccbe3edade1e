// Boost.JSON's parser does the syntax; a handler of our own reads the numbers again where its result may be wrong.
#include "base/json_value.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/escape.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kBigIntegerName = "\x01integer";
constexpr std::string_view kSerializedBigInteger = "{\"\\u0001integer\":\"";  // stands nowhere within a string

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Receives a document's events and builds its value. The text comes in one piece, so that every number does.
class ValueHandler {
 public:
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  explicit ValueHandler(BigIntegers big_integers) : big_integers_(big_integers) { stack_.reset(); }

  json::value release() { return stack_.release(); }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_object_end(std::size_t count, json::error_code&) {
    stack_.push_object(count);
    return true;
  }
  bool on_array_end(std::size_t count, json::error_code&) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view text, json::error_code&) {
    if (big_integers_ == BigIntegers::kKeepDigits && is_integer({text.data(), text.size()})) {
      stack_.push_key({kBigIntegerName.data(), kBigIntegerName.size()});
      stack_.push_string(text);
      stack_.push_object(1);
      return true;
    }
    double exact = 0;
    // Too large or too small a number stays infinite, or zero, as Boost.JSON and Python have it.
    const auto read = std::from_chars(text.data(), text.data() + text.size(), exact);
    stack_.push_double(read.ec == std::errc{} ? exact : number);
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  BigIntegers big_integers_;
  json::value_stack stack_;
};

// The digits where the values that keep them were written out as objects.
std::string with_big_integers(std::string text) {
  std::size_t at = text.find(kSerializedBigInteger);
  if (at == std::string::npos) return text;
  const std::string_view all = text;
  std::string out;
  std::size_t done = 0;
  for (; at != std::string::npos; at = text.find(kSerializedBigInteger, at)) {
    const std::size_t begin = at + kSerializedBigInteger.size();
    const std::size_t end = text.find('"', begin);
    const std::string_view digits = all.substr(begin, end - begin);
    if (is_integer(digits) && all.substr(end, 2) == "\"}") {
      out += all.substr(done, at - done);
      out += digits;
      at = done = end + 2;
    } else {
      at = begin;
    }
  }
  return out += all.substr(done);
}

}  // namespace

ParsedJson parse_json(std::string_view text, std::size_t depth_max, BigIntegers big_integers) {
  json::parse_options options;
  options.max_depth = depth_max;
  json::basic_parser<ValueHandler> parser(options, big_integers);
  ParsedJson parsed;
  parsed.at = parser.write_some(false, text.data(), text.size(), parsed.error);
  if (parsed.error) return parsed;
  const std::size_t after = text.find_first_not_of(" \t\r\n", parsed.at);
  if (after != std::string_view::npos) {
    parsed.at = after;
    parsed.error = json::error::extra_data;
    return parsed;
  }
  parsed.value = parser.handler().release();
  return parsed;
}

std::optional<std::string_view> big_integer_digits(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr || object->size() != 1 || object->begin()->key() != kBigIntegerName) return std::nullopt;
  const json::string* digits = object->begin()->value().if_string();
  if (digits == nullptr || !is_integer(*digits)) return std::nullopt;
  return std::string_view(*digits);
}

std::string serialized_json(const json::value& value) {
  return with_big_integers(printable_json(json::serialize(value)));
}

std::string text_member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace hearth
