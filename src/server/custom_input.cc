#include "server/custom_input.h"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <utility>

#include "base/json_value.h"
#include "text/answers/reading.h"

namespace hearth {
namespace {

constexpr std::size_t kInputDepthMax = 32;

// Bytes of the escape that `text` begins with: 0 while it is not whole. A pair of halves of a character is one.
std::size_t escape_size(std::string_view text) {
  if (text.size() < 2) return 0;
  if (text[1] != 'u') return 2;
  constexpr std::size_t kSize = 6;
  if (text.size() < kSize) return 0;
  const bool is_high_half =
      (text[2] == 'd' || text[2] == 'D') && std::string_view("89abAB").find(text[3]) != std::string_view::npos;
  if (!is_high_half) return kSize;
  if (text.size() > kSize && text[kSize] != '\\') return kSize;
  if (text.size() > kSize + 1 && text[kSize + 1] != 'u') return kSize;
  return text.size() >= 2 * kSize ? 2 * kSize : 0;
}

// What the escape stands for; half of a character is U+FFFD.
std::string meaning_of(std::string_view escape) {
  const ParsedJson parsed = parse_json('"' + std::string(escape) + '"', 1, BigIntegers::kAsDouble);
  return parsed.error ? "\uFFFD" : std::string(parsed.value.as_string());
}

}  // namespace

// {"input": "
void CustomInput::find_start() {
  constexpr std::array<std::string_view, 4> kPieces = {"{", "\"input\"", ":", "\""};
  std::size_t at = 0;
  for (const std::string_view piece : kPieces) {
    at = arguments_.find_first_not_of(kWhiteSpace, at);
    if (at == std::string::npos) return;
    const std::string_view there = std::string_view(arguments_).substr(at, piece.size());
    if (there != piece.substr(0, there.size())) {
      place_ = Place::kElsewhere;
      return;
    }
    if (there.size() < piece.size()) return;
    at += piece.size();
  }
  place_ = Place::kInside;
  arguments_.erase(0, at);
}

std::string CustomInput::unescaped() {
  std::string text;
  std::size_t at = 0;
  while (at < arguments_.size()) {
    const std::size_t plain = std::min(arguments_.find_first_of("\\\"", at), arguments_.size());
    text.append(arguments_, at, plain - at);
    at = plain;
    if (at == arguments_.size()) break;
    if (arguments_[at] == '"') {
      place_ = Place::kBehind;
      break;
    }
    const std::string_view rest = std::string_view(arguments_).substr(at);
    const std::size_t size = escape_size(rest);
    if (size == 0) break;
    text += meaning_of(rest.substr(0, size));
    at += size;
  }
  arguments_.erase(0, at);
  return text;
}

std::string CustomInput::add(std::string_view arguments) {
  if (place_ == Place::kBehind) return {};
  arguments_ += arguments;
  if (place_ == Place::kBefore) find_start();
  return place_ == Place::kInside ? unescaped() : std::string();
}

std::string CustomInput::finish() {
  if (place_ == Place::kInside || place_ == Place::kBehind) return {};
  // One text under another name is what was meant.
  const ParsedJson parsed = parse_json(arguments_, kInputDepthMax, BigIntegers::kAsDouble);
  const boost::json::object* object = parsed.error ? nullptr : parsed.value.if_object();
  if (object != nullptr && object->size() == 1 && object->begin()->value().is_string()) {
    return std::string(object->begin()->value().get_string());
  }
  return std::exchange(arguments_, {});
}

}  // namespace hearth
