// SentencePiece's precompiled_charsmap: a list of replacements of character sequences, as a double-array trie over the
// sequences and a block of NUL-terminated replacements (SentencePiece's normalizer, and Darts-clone for the trie).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class Charsmap {
 public:
  struct Match {
    std::size_t bytes;  // of the text that is replaced
    std::string_view replacement;
  };

  // Throws InvalidInput if the parts contradict each other.
  explicit Charsmap(std::string_view data);

  std::optional<Match> longest_prefix(std::string_view text) const { return search(text, false); }
  std::optional<Match> shortest_prefix(std::string_view text) const { return search(text, true); }

 private:
  std::optional<Match> search(std::string_view text, bool shortest) const;
  std::string_view replacement_at(std::size_t offset) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace hearth
