// The well-formedness table of the Unicode Standard (table 3-7): only a lead byte's second byte has a range of its own.
#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace hearth {
namespace {

struct Lead {
  std::size_t bytes;  // of the whole sequence; 0: no sequence starts with this byte
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
};

Lead classify(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

}  // namespace

Utf8Char decode_utf8(std::string_view text, std::size_t position) {
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const unsigned char first = byte_at(0);
  if (first < 0x80) return {first, 1, true, false};
  const Lead lead = classify(first);
  if (lead.bytes == 0) return {kReplacementCharacter, 1, false, false};
  char32_t code_point = first & (0xFFU >> (lead.bytes + 1));
  for (std::size_t i = 1; i < lead.bytes; ++i) {
    if (position + i >= text.size()) return {kReplacementCharacter, i, false, true};
    const unsigned char byte = byte_at(i);
    const unsigned char low = i == 1 ? lead.second_min : 0x80;
    const unsigned char high = i == 1 ? lead.second_max : 0xBF;
    if (byte < low || byte > high) return {kReplacementCharacter, i, false, false};
    code_point = code_point << 6 | (byte & 0x3FU);
  }
  return {code_point, lead.bytes, true, false};
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void append_utf8(char32_t code_point, std::string& out) {
  const auto push = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | code_point >> 6);
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | code_point >> 12);
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | code_point >> 18);
    push(0x80 | (code_point >> 12 & 0x3F));
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

std::string to_utf8(char32_t code_point) {
  std::string out;
  append_utf8(code_point, out);
  return out;
}

std::size_t utf8_run_bytes(std::string_view text, std::size_t position, bool& valid) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;
  std::size_t end = position;
  valid = decode_utf8(text, position).valid;
  while (end < text.size()) {
    std::uint64_t word = 0;
    if (valid && text.size() - end >= sizeof(word)) {  // eight ASCII bytes at a time
      std::memcpy(&word, text.data() + end, sizeof(word));
      if ((word & kHighBits) == 0) {
        end += sizeof(word);
        continue;
      }
    }
    const Utf8Char character = decode_utf8(text, end);
    if (character.valid != valid) break;
    end += character.bytes;
  }
  return end - position;
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_utf8_run(text, [&](std::string_view run, bool valid) {
    if (valid) {
      out += run;
    } else {
      for_each_character(run, [&](char32_t, std::string_view, bool) { append_utf8(kReplacementCharacter, out); });
    }
  });
  return out;
}

}  // namespace hearth
