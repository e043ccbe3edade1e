// Boost.JSON does the parsing. It knows neither Python's literals nor a rule on duplicate keys: the former are
// rewritten before the parse, the latter is a pass of its own.
#include "weights/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/escape.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 64;

json::parse_options parse_options() {
  json::parse_options options;
  options.max_depth = kDepthMax;
  return options;
}

// A document in standard JSON, and where it was lengthened by one character to become so.
struct StandardText {
  std::string text;
  std::vector<std::size_t> inserted;

  std::size_t original_position(std::size_t position) const {
    return position -
           static_cast<std::size_t>(std::lower_bound(inserted.begin(), inserted.end(), position) - inserted.begin());
  }
};

// Writes "1e9999  ", which overflows to infinity, for "Infinity", and "null" for "NaN", outside of strings.
StandardText rewrite_literals(std::string_view text) {
  constexpr std::string_view kInfinity = "Infinity";
  constexpr std::string_view kNan = "NaN";
  StandardText standard;
  standard.text.reserve(text.size());
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      standard.text += c;
      standard.text += text[++i];
    } else if (!in_string && text.substr(i).starts_with(kInfinity)) {
      standard.text += "1e9999  ";
      i += kInfinity.size() - 1;
    } else if (!in_string && text.substr(i).starts_with(kNan)) {
      standard.text += "null";
      standard.inserted.push_back(standard.text.size() - 1);
      i += kNan.size() - 1;
    } else {
      if (c == '"') in_string = !in_string;
      standard.text += c;
    }
  }
  return standard;
}

// Receives a document's events and stops at the first key that its object already has.
class DuplicateKeyHandler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  const std::optional<std::string>& duplicate() const { return duplicate_; }

  bool on_object_begin(json::error_code&) {
    objects_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, json::error_code&) {
    objects_.pop_back();
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key_ += part;
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& error) {
    key_ += part;
    if (!objects_.back().insert(key_).second) {
      duplicate_ = key_;
      error = json::error::syntax;
      return false;
    }
    key_.clear();
    return true;
  }
  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t, json::error_code&) { return true; }
  bool on_string_part(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_string(json::string_view, std::size_t, json::error_code&) { return true; }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, json::error_code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code&) { return true; }
  bool on_double(double, json::string_view, json::error_code&) { return true; }
  bool on_bool(bool, json::error_code&) { return true; }
  bool on_null(json::error_code&) { return true; }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  std::vector<std::unordered_set<std::string>> objects_;
  std::string key_;
  std::optional<std::string> duplicate_;
};

[[noreturn]] void fail(const std::string& file_name, std::size_t position, std::string_view problem) {
  throw InvalidInput(fmt::format("{}: JSON at byte {}: {}", file_name, position, problem));
}

// `text` is known to be well-formed.
void refuse_duplicate_keys(std::string_view text, const std::string& file_name, std::size_t start) {
  json::basic_parser<DuplicateKeyHandler> parser(parse_options());
  json::error_code error;
  const std::size_t position = parser.write_some(false, text.data(), text.size(), error);
  if (const std::optional<std::string>& key = parser.handler().duplicate()) {
    fail(file_name, start + position, fmt::format("the key {} is there twice", quote_name(*key)));
  }
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

json::object parse_json_object(std::string_view text, const std::string& file_name, JsonDialect dialect,
                               std::size_t start, BigIntegers big_integers) {
  if (dialect == JsonDialect::kPython) {
    const std::size_t bytes = text.size();
    text = without_byte_order_mark(text);
    start += bytes - text.size();
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    fail(file_name, start, "a byte order mark of UTF-16 stands here; JSON files are UTF-8");
  }
  if (const std::size_t invalid = find_invalid_utf8(text); invalid != text.npos) {
    fail(file_name, start + invalid, "the bytes are not valid UTF-8");
  }
  ParsedJson parsed = parse_json(text, kDepthMax, big_integers);
  if (parsed.error && dialect == JsonDialect::kPython &&
      (text.find("NaN") != text.npos || text.find("Infinity") != text.npos)) {
    const StandardText standard = rewrite_literals(text);
    parsed = parse_json(standard.text, kDepthMax, big_integers);
    parsed.at = standard.original_position(parsed.at);
  }
  if (parsed.error) fail(file_name, start + parsed.at, parsed.error.message());
  if (!parsed.value.is_object()) fail(file_name, start, "the document is not an object");
  if (dialect == JsonDialect::kStrict) refuse_duplicate_keys(text, file_name, start);
  return std::move(parsed.value.as_object());
}

}  // namespace hearth
