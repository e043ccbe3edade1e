// What packing shares: a row of weights as the integers, scales and minimums that its format says, and the codes of
// integers that are looked up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "formats/code_values.h"
#include "formats/format.h"

namespace hearth {

// One row of a tensor, in whole groups of 16.
struct IntegerRow {
  explicit IntegerRow(std::int64_t k)
      : q(static_cast<std::size_t>(k)), scale(q.size() / kInt8GroupElements), min(scale.size()) {}

  // `blocks` has as many elements as this.
  void decode(const FormatTraits& format, const std::byte* blocks) {
    format.decode_int8(blocks, q.data(), scale.data(), min.data(), std::ssize(q));
  }

  std::vector<std::int8_t> q;
  std::vector<float> scale, min;
};

// From an integer to the code that stands for it; of equal ones the first.
class CodeFinder {
 public:
  explicit CodeFinder(const CodeValues& values) {
    for (std::size_t code = values.size(); code-- > 0;) {
      codes_[static_cast<std::uint8_t>(values[code])] = static_cast<std::uint8_t>(code);
    }
  }
  std::uint8_t operator()(std::int8_t q) const { return codes_[static_cast<std::uint8_t>(q)]; }

 private:
  std::array<std::uint8_t, 256> codes_{};
};

}  // namespace hearth
