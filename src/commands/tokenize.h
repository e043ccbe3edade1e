// `hearth tokenize`: text to token ids and back.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace hearth {

struct TokenizeOptions {
  std::filesystem::path model;
  std::optional<std::string> text;  // unset: standard input, to its end
  bool stdin0 = false;              // standard input holds NUL-terminated records
  bool special = false;             // add and parse special tokens; decoding: show them
  bool ids = false;                 // records are ids, to be decoded
};

// Encoding prints one line of ids for each record; decoding prints the text, and a NUL after each record of --stdin0.
void tokenize(const TokenizeOptions& options);

}  // namespace hearth
