// Where the last tokens of a sequence stood before, and so what may follow them now: the longest of the occurrences
// that are looked at, and of equally long ones the newest. Grows with its sequence, at most ten words for each token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hearth {

class NgramIndex {
 public:
  static constexpr std::int64_t kLengthMin = 2;   // of an occurrence
  static constexpr std::int64_t kLengthMax = 64;  // more is not looked at
  static constexpr std::int64_t kChained = 4;  // from so many tokens on, older occurrences are looked at as well, ...
  static constexpr std::int64_t kCandidates = 32;  // ... the newest so many

  // The sequence's next token.
  void push(std::int32_t token);

  struct Match {
    std::int64_t next = 0;    // position of the token that followed
    std::int64_t length = 0;  // so many tokens before it are the sequence's last ones
  };
  std::optional<Match> find() const;
  // What followed, `count` tokens; where the sequence ends within them, as if it went on repeating itself.
  std::vector<std::int32_t> continuation(const Match& match, std::int64_t count) const;

  std::int64_t token_count() const { return static_cast<std::int64_t>(tokens_.size()); }
  std::int64_t bytes() const;  // allocated

 private:
  // The place in a table of so many places of the last `length` tokens before `end`.
  std::size_t place(std::int64_t end, std::int64_t length, std::size_t places) const;
  // Where pairs_ has the last two tokens before `end`, or would have them.
  std::size_t pair_place(std::int64_t end) const;
  void note(std::int64_t end);
  void grow();
  std::int64_t common_length(std::int64_t end) const;

  std::vector<std::int32_t> tokens_;
  // Positions that a token followed at, the newest for the two tokens before it (pairs_), and for the hash of the last
  // kChained; 0: there is none.
  std::vector<std::int32_t> pairs_, chained_;
  std::vector<std::int32_t> older_;  // for each position in `chained_`, the one before it
};

}  // namespace hearth
