// Both directions from one table, built at compile time.
#include "text/tokenizers/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace hearth {
namespace {

constexpr int kFirstSubstitute = 0x100;
constexpr int kAlphabetEnd = 0x144;

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<std::uint16_t, 256> character{};     // by byte
  std::array<std::int16_t, kAlphabetEnd> byte{};  // by character; -1: not in the alphabet
  std::array<std::array<char, 2>, 256> utf8{};    // by byte
  std::array<std::uint8_t, 256> utf8_bytes{};     // by byte
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.byte.fill(-1);
  int next = kFirstSubstitute;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const int character = stands_for_itself(static_cast<int>(byte)) ? static_cast<int>(byte) : next++;
    alphabet.character[byte] = static_cast<std::uint16_t>(character);
    alphabet.byte[static_cast<std::size_t>(character)] = static_cast<std::int16_t>(byte);
    if (character < 0x80) {
      alphabet.utf8[byte][0] = static_cast<char>(character);
      alphabet.utf8_bytes[byte] = 1;
    } else {
      alphabet.utf8[byte][0] = static_cast<char>(0xC0 | character >> 6);
      alphabet.utf8[byte][1] = static_cast<char>(0x80 | (character & 0x3F));
      alphabet.utf8_bytes[byte] = 2;
    }
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

void append_in_byte_alphabet(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) {
    const auto index = static_cast<unsigned char>(byte);
    out.append(kAlphabet.utf8[index].data(), kAlphabet.utf8_bytes[index]);
  }
}

std::optional<std::string> bytes_from_alphabet(std::string_view text) {
  std::string bytes;
  for (std::size_t position = 0; position < text.size();) {
    const Utf8Char character = decode_utf8(text, position);
    if (!character.valid || character.code_point >= kAlphabetEnd) return std::nullopt;
    const std::int16_t byte = kAlphabet.byte[character.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    position += character.bytes;
  }
  return bytes;
}

}  // namespace hearth
