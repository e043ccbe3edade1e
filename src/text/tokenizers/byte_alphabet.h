// The alphabet of byte-level tokenizers (GPT-2's): every byte has a visible character, so that a vocabulary of text can
// hold any bytes. Printable Latin-1 stands for itself; the other 68 bytes, in order, are U+0100 and up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// Appends the characters that stand for the bytes.
void append_in_byte_alphabet(std::string_view bytes, std::string& out);

// The bytes that a text in the alphabet stands for; nullopt when it holds any other character.
std::optional<std::string> bytes_from_alphabet(std::string_view text);

}  // namespace hearth
