// Sets of numbers, and the bytes in which their members are written: JSON's numbers as a deterministic automaton.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "grammar/decimal.h"

namespace hearth {

struct NumberBound {
  Decimal value;
  bool open = false;  // the value itself does not belong
  bool operator==(const NumberBound&) const = default;
};

struct NumberInterval {
  std::optional<NumberBound> low, high;  // nullopt: no bound
  bool operator==(const NumberInterval&) const = default;
};

// The numbers of some intervals that are whole, or not, and (no) multiples of others.
struct NumberSet {
  enum class Whole { kEither, kOnly, kNever };
  struct Multiple {
    Decimal of;
    bool negated = false;
    bool operator==(const Multiple&) const = default;
  };

  std::vector<NumberInterval> intervals{NumberInterval{}};  // ascending, apart from each other
  Whole whole = Whole::kEither;
  bool digits_alone = false;  // written without a point and an exponent, as JSON Schema's draft 4 wants integers
  std::vector<Multiple> multiples;

  bool operator==(const NumberSet&) const = default;
  bool clearly_empty() const { return intervals.empty(); }
  bool is_everything() const {
    return whole == Whole::kEither && !digits_alone && multiples.empty() && intervals.size() == 1 &&
           !intervals[0].low && !intervals[0].high;
  }
  NumberSet intersected(const NumberSet& other) const;
  // The numbers outside of the intervals, with nothing said of the rest.
  NumberSet outside_intervals() const;
};

NumberSet number_at_least(const Decimal& value, bool open);
NumberSet number_at_most(const Decimal& value, bool open);
NumberSet number_among(std::vector<Decimal> values);

// Transitions on bytes; state 0 is the beginning.
struct ByteDfa {
  static constexpr std::uint32_t kDead = 0xffffffff;
  std::vector<std::array<std::uint32_t, 16>> next;  // by number_byte()
  std::vector<std::uint8_t> accepting;

  bool empty() const { return accepting.empty(); }
};
// The index of a byte of a number: '0' to '9', '-', '+', '.', 'e', 'E'; 15 for every other.
std::uint32_t number_byte(std::uint8_t byte);

// Spellings: those without exponent, where a whole number may have ".0" and others any digits after the point, but a
// lone value no needless zeros; and exponents as Python and JavaScript write them for very large and very small
// numbers, or freely where every number is allowed. No spelling is beyond a double's range. Throws Unsupported where
// the set needs too many states.
ByteDfa make_number_dfa(const NumberSet& set, std::size_t states_max);

}  // namespace hearth
