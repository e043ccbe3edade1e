// A set of small numbers, of any size, that can be compared and stored.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hearth {

class BitSet {
 public:
  BitSet() = default;
  explicit BitSet(std::size_t size) : words_((size + 63) / 64) {}

  bool test(std::size_t at) const { return at / 64 < words_.size() && (words_[at / 64] >> at % 64 & 1) != 0; }
  void set(std::size_t at) {
    if (at / 64 >= words_.size()) words_.resize(at / 64 + 1);
    words_[at / 64] |= std::uint64_t{1} << at % 64;
  }
  bool any() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return true;
    }
    return false;
  }
  std::size_t count() const {
    std::size_t result = 0;
    for (const std::uint64_t word : words_) result += static_cast<std::size_t>(std::popcount(word));
    return result;
  }
  bool intersects(const BitSet& other) const {
    for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i) {
      if ((words_[i] & other.words_[i]) != 0) return true;
    }
    return false;
  }
  // Whether anything new came in.
  bool unite(const BitSet& other) {
    if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
    bool grew = false;
    for (std::size_t i = 0; i < other.words_.size(); ++i) {
      const std::uint64_t word = words_[i] | other.words_[i];
      grew = grew || word != words_[i];
      words_[i] = word;
    }
    return grew;
  }
  BitSet without(const BitSet& other) const {
    BitSet result = *this;
    for (std::size_t i = 0; i < words_.size() && i < other.words_.size(); ++i) result.words_[i] &= ~other.words_[i];
    return result;
  }

  // Of sets that grew to the same size.
  auto operator<=>(const BitSet&) const = default;

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace hearth
