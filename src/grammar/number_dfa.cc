// The automaton of a set of numbers: the states that reading a number digit by digit leads through. A bound is compared
// with as many digits as were read; divisibility is a remainder.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "grammar/number_set.h"

namespace hearth {
namespace {

// Doubles are written with an exponent from here on (Python; JavaScript from 1e21), and below 1e-4.
constexpr std::size_t kPlainDigitsMax = 16;
constexpr std::size_t kSmallZeros = 4;
constexpr std::uint64_t kModulusMax = 20000;

enum class Phase : std::uint8_t {
  kStart,
  kMinus,
  kZero,
  kFirst,  // one digit that is not 0
  kInteger,
  kPoint,
  kFraction,
  kExponent,        // after the 'e'
  kExponentSigned,  // after its sign
  kExponentDigits,
};

// How the digits read so far compare with a bound's, both without sign.
struct Comparison {
  std::uint16_t digits = 0;  // of the integer part, or after the point, read so far; not counted beyond the bound's
  std::int8_t order = 0;     // -1, 0, 1
  auto operator<=>(const Comparison&) const = default;
};

struct Reading {
  Phase phase = Phase::kStart;
  bool negative = false;
  bool scientific = false;        // an exponent may follow
  std::uint8_t zeros_only = 1;    // the fraction read so far is zero
  std::uint8_t last_zero = 0;     // the fraction ends in 0
  std::uint8_t fraction = 0;      // digits after the point, where they are counted
  std::uint8_t exponent = 0;      // the exponent's reading (exponent_step)
  bool below_double_max = false;  // times 10^308, the digits are a double's
  std::vector<Comparison> bounds;
  std::vector<std::uint32_t> remainders;
  std::vector<std::uint8_t> scales;
  auto operator<=>(const Reading&) const = default;
};

// A multiple's divisor: `modulus` / 10^`digits`.
struct Divisor {
  std::uint64_t modulus;
  std::size_t digits;
  bool negated;
};

class NumberReader {
 public:
  explicit NumberReader(const NumberSet& set) : set_(set), free_(set.is_everything()) {
    for (const NumberInterval& interval : set.intervals) {
      if (interval.low) add_bound(interval.low->value);
      if (interval.high) add_bound(interval.high->value);
    }
    for (const NumberSet::Multiple& multiple : set.multiples) add_divisor(multiple);
  }

  Reading start() const {
    Reading reading;
    reading.bounds.resize(bounds_.size());
    reading.remainders.resize(divisors_.size());
    reading.scales.resize(divisors_.size());
    return reading;
  }

  std::optional<Reading> step(const Reading& from, char c) const {
    Reading to = from;
    const bool digit = c >= '0' && c <= '9';
    switch (from.phase) {
      case Phase::kStart:
        if (c == '-') {
          to.phase = Phase::kMinus;
          to.negative = true;
          return to;
        }
        [[fallthrough]];
      case Phase::kMinus:
        if (!digit) return std::nullopt;
        to.phase = c == '0' ? Phase::kZero : Phase::kFirst;
        to.below_double_max = c == '1';
        integer_digit(to, c);
        return to;
      case Phase::kZero:
      case Phase::kFirst:
      case Phase::kInteger:
        return step_integer(from, c);
      case Phase::kPoint:
      case Phase::kFraction:
        return step_fraction(from, c);
      case Phase::kExponent:
      case Phase::kExponentSigned:
      case Phase::kExponentDigits:
        return step_exponent(from, c);
    }
    return std::nullopt;
  }

  bool accepts(const Reading& reading) const {
    switch (reading.phase) {
      case Phase::kZero:
      case Phase::kFirst:
      case Phase::kInteger:
      case Phase::kFraction:
        return accepts_plain(reading);
      case Phase::kExponentDigits:
        return exponent_ends(reading.exponent);
      default:
        return false;
    }
  }

 private:
  void add_bound(const Decimal& value) {
    if (std::find(bounds_.begin(), bounds_.end(), value) == bounds_.end()) bounds_.push_back(value);
  }

  void add_divisor(const NumberSet::Multiple& multiple) {
    std::string digits = multiple.of.integer + multiple.of.fraction;
    std::uint64_t modulus = 0;
    for (const char c : digits) {
      modulus = modulus * 10 + static_cast<std::uint64_t>(c - '0');
      if (modulus > 1000000000000000) throw Unsupported("a divisor with more than 15 digits cannot be enforced");
    }
    std::size_t scale = multiple.of.fraction.size();
    if (set_.whole == NumberSet::Whole::kOnly) {
      // A whole number's divisibility by p / 10^q is that by p without its common factors with 10^q.
      for (; scale > 0; --scale) {
        if (modulus % 10 == 0)
          modulus /= 10;
        else if (modulus % 5 == 0)
          modulus /= 5;
        else if (modulus % 2 == 0)
          modulus /= 2;
      }
    }
    if (modulus > kModulusMax || scale > 100) {
      throw Unsupported("its value needs more than " + std::to_string(kModulusMax) + " remainders to be enforced");
    }
    if (modulus != 1 || scale != 0 || set_.whole != NumberSet::Whole::kOnly || multiple.negated) {
      divisors_.push_back({modulus, scale, multiple.negated});
    }
  }

  const std::string integer_of(const Decimal& bound) const { return bound.integer.empty() ? "0" : bound.integer; }

  void integer_digit(Reading& to, char c) const {
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      const std::string digits = integer_of(bounds_[i]);
      Comparison& comparison = to.bounds[i];
      if (comparison.digits > digits.size()) continue;
      if (comparison.digits < digits.size() && comparison.order == 0) {
        comparison.order = static_cast<std::int8_t>((c > digits[comparison.digits]) - (c < digits[comparison.digits]));
      }
      ++comparison.digits;
      if (comparison.digits > digits.size()) comparison.order = 1;
    }
    for (std::size_t i = 0; i < divisors_.size(); ++i) remainder_digit(to, i, c);
  }

  void remainder_digit(Reading& to, std::size_t i, char c) const {
    to.remainders[i] = static_cast<std::uint32_t>(
        (to.remainders[i] * std::uint64_t{10} + static_cast<std::uint64_t>(c - '0')) % divisors_[i].modulus);
  }

  // At the end of the integer part, `digits` begins to count the fraction's.
  void end_integer(Reading& to) const {
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (to.bounds[i].digits < integer_of(bounds_[i]).size()) to.bounds[i].order = -1;
      to.bounds[i].digits = 0;
    }
  }

  void end_fraction(Reading& to) const {
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (to.bounds[i].order == 0 && to.bounds[i].digits < bounds_[i].fraction.size()) to.bounds[i].order = -1;
    }
  }

  std::optional<Reading> step_integer(const Reading& from, char c) const {
    Reading to = from;
    if (c >= '0' && c <= '9') {
      if (from.phase == Phase::kZero) return std::nullopt;
      to.phase = Phase::kInteger;
      to.below_double_max = false;
      integer_digit(to, c);
      return to;
    }
    if (set_.digits_alone) return std::nullopt;
    if (c == '.') {
      to.phase = Phase::kPoint;
      const bool exponents = free_ || takes_large(from.negative) || takes_small(from.negative);
      to.scientific = from.phase == Phase::kFirst && exponents;
      end_integer(to);
      return to;
    }
    if ((c == 'e' || c == 'E') && from.phase == Phase::kFirst) return begin_exponent(from);
    return std::nullopt;
  }

  std::optional<Reading> step_fraction(const Reading& from, char c) const {
    if ((c == 'e' || c == 'E') && from.phase == Phase::kFraction && from.scientific) return begin_exponent(from);
    if (c < '0' || c > '9') return std::nullopt;
    Reading to = from;
    to.phase = Phase::kFraction;
    if (from.phase == Phase::kPoint && c > '6') to.below_double_max = false;
    if (from.zeros_only && c != '0') to.zeros_only = 0;
    to.last_zero = c == '0';
    const bool whole = set_.whole == NumberSet::Whole::kOnly;
    if (whole) {
      // ".0", or the digits of a large number with its exponent.
      if (from.fraction >= kPlainDigitsMax || (!from.scientific && (c != '0' || from.fraction > 0)))
        return std::nullopt;
      ++to.fraction;
    } else {
      to.fraction = static_cast<std::uint8_t>(std::min<int>(from.fraction + 1, 2));
    }
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      Comparison& comparison = to.bounds[i];
      if (comparison.order != 0) continue;
      const std::string& digits = bounds_[i].fraction;
      const char against = comparison.digits < digits.size() ? digits[comparison.digits] : '0';
      comparison.order = static_cast<std::int8_t>((c > against) - (c < against));
      if (comparison.digits < digits.size()) ++comparison.digits;
    }
    for (std::size_t i = 0; i < divisors_.size(); ++i) fraction_remainder(to, i, c);
    return to;
  }

  // Beyond the divisor's digits every digit must be 0; a remainder of `modulus` stands for one that is not.
  void fraction_remainder(Reading& to, std::size_t i, char c) const {
    if (to.remainders[i] == divisors_[i].modulus) return;
    if (to.scales[i] < divisors_[i].digits) {
      ++to.scales[i];
      remainder_digit(to, i, c);
    } else if (c != '0') {
      to.remainders[i] = static_cast<std::uint32_t>(divisors_[i].modulus);
    }
  }

  bool divides(const Reading& reading, std::size_t i) const {
    const Divisor& divisor = divisors_[i];
    std::uint64_t remainder = reading.remainders[i];
    if (remainder == divisor.modulus) return false;
    for (std::size_t digit = reading.scales[i]; digit < divisor.digits; ++digit) {
      remainder = remainder * 10 % divisor.modulus;
    }
    return remainder == 0;
  }

  bool accepts_plain(Reading reading) const {
    const bool integer_only = reading.phase != Phase::kFraction;
    if (integer_only) end_integer(reading);
    end_fraction(reading);
    const bool whole = integer_only || reading.zeros_only;
    if (set_.whole == NumberSet::Whole::kOnly && (!whole || reading.fraction > 1)) return false;
    if (set_.whole == NumberSet::Whole::kNever && whole) return false;
    for (std::size_t i = 0; i < divisors_.size(); ++i) {
      if (divides(reading, i) == divisors_[i].negated) return false;
    }
    for (const NumberInterval& interval : set_.intervals) {
      if (holds(interval, reading)) return true;
    }
    return false;
  }

  // The order of the number read and a bound.
  int order_of(const Decimal& bound, const Reading& reading) const {
    const auto index = static_cast<std::size_t>(std::find(bounds_.begin(), bounds_.end(), bound) - bounds_.begin());
    const int magnitude = reading.bounds[index].order;
    if (bound.is_zero()) return reading.negative ? -magnitude : magnitude;
    if (bound.negative != reading.negative) return reading.negative ? -1 : 1;
    return reading.negative ? -magnitude : magnitude;
  }

  bool holds(const NumberInterval& interval, const Reading& reading) const {
    if (interval.low) {
      const int order = order_of(interval.low->value, reading);
      if (order < 0 || (order == 0 && interval.low->open)) return false;
    }
    if (interval.high) {
      const int order = order_of(interval.high->value, reading);
      if (order > 0 || (order == 0 && interval.high->open)) return false;
    }
    // A lone value has no zeros after its own digits, but the one of ".0".
    const bool lone = interval.low && interval.high && interval.low->value == interval.high->value;
    return !(lone && reading.phase == Phase::kFraction && reading.last_zero &&
             !(reading.zeros_only && reading.fraction == 1));
  }

  // Whether the numbers beyond every bound, on the side of the sign, belong to the set.
  bool takes_large(bool negative) const {
    if (set_.whole == NumberSet::Whole::kNever) return false;
    for (const Divisor& divisor : divisors_) {
      if (divisor.negated || divisor.digits > kPlainDigitsMax || !divides_powers_of_ten(divisor)) return false;
    }
    for (const Decimal& bound : bounds_) {
      if (bound.integer.size() > kPlainDigitsMax) return false;
    }
    return negative ? !set_.intervals.front().low : !set_.intervals.back().high;
  }

  // Whether it divides every whole number.
  static bool divides_powers_of_ten(const Divisor& divisor) {
    std::uint64_t power = 1;
    for (std::size_t i = 0; i < divisor.digits; ++i) power *= 10;
    return power % divisor.modulus == 0;
  }

  // Whether the numbers between zero and the next bound, on the side of the sign, belong to the set.
  bool takes_small(bool negative) const {
    if (set_.whole == NumberSet::Whole::kOnly || !divisors_.empty()) return false;
    for (const Decimal& bound : bounds_) {
      if (!bound.is_zero() && bound.integer.empty() && bound.fraction.starts_with("0000")) return false;
    }
    const Decimal zero, tiny{negative, "", std::string(kSmallZeros, '0') + "1"};
    for (const NumberInterval& interval : set_.intervals) {
      const bool low = !interval.low || interval.low->value < tiny;
      const bool high = !interval.high || interval.high->value > tiny;
      if (low && high) return true;
    }
    return false;
  }

  std::optional<Reading> begin_exponent(const Reading& from) const {
    if (!free_ && !takes_large(from.negative) && !takes_small(from.negative)) return std::nullopt;
    Reading to = start();
    to.phase = Phase::kExponent;
    to.negative = !free_ && from.negative;
    to.below_double_max = from.below_double_max;
    return to;
  }

  std::optional<Reading> step_exponent(const Reading& from, char c) const {
    Reading to = from;
    if (from.phase == Phase::kExponent && (c == '+' || c == '-')) {
      if (!free_ && !(c == '+' ? takes_large(from.negative) : takes_small(from.negative))) return std::nullopt;
      to.phase = Phase::kExponentSigned;
      to.scientific = c == '-';
      return to;
    }
    if (c < '0' || c > '9') return std::nullopt;
    if (from.phase == Phase::kExponent && !free_ && !takes_large(from.negative)) return std::nullopt;
    to.phase = Phase::kExponentDigits;
    to.exponent = exponent_step(from, c);
    if (to.exponent == 0) return std::nullopt;
    return to;
  }

  // Exponents up to 307 (308 where that is a double), from 16 on (large) or from 5 on (small), or any (free), with a
  // leading zero for one digit. Readings: 1: more digits are needed; 2: one more; 3: may end or take one more of any;
  // 4: may end or take 0 to 7 or 8; 5: ends; 6: may end, or go on as after a first '1' or '2'; 7: as after a first '3';
  // 8: or one more digit; 9: after a '1' of a large exponent; 10: after its '2'; 11: after its '3'; 12: after another;
  // 13: after a '0'.
  std::uint8_t exponent_step(const Reading& from, char c) const {
    const int digit = c - '0';
    const bool small = from.scientific;
    switch (from.exponent) {
      case 0:
        if (free_) return digit == 0 ? 8 : digit <= 2 ? 6 : digit == 3 ? 7 : 8;
        if (small) return digit == 0 ? 13 : digit >= 5 ? 8 : digit <= 2 ? 10 : digit == 3 ? 11 : 12;
        return digit == 0 ? 0 : digit == 1 ? 9 : digit == 2 ? 10 : digit == 3 ? 11 : 12;
      case 2:
      case 3:
      case 8:
      case 12:
        return 5;
      case 4:
        return digit <= 7 || (digit == 8 && from.below_double_max) ? 5 : 0;
      case 6:
      case 10:
        return 3;
      case 7:
      case 11:
        return digit == 0 ? 4 : 5;
      case 9:
        return digit >= 6 ? 3 : 2;
      case 13:
        return digit >= 5 ? 5 : 0;
      default:
        return 0;
    }
  }

  static bool exponent_ends(std::uint8_t reading) { return reading >= 3 && reading <= 8; }

  const NumberSet& set_;
  bool free_;
  std::vector<Decimal> bounds_;
  std::vector<Divisor> divisors_;
};

// The automaton without the states from which no number is reached.
ByteDfa pruned(const ByteDfa& dfa) {
  const std::size_t n = dfa.accepting.size();
  std::vector<std::uint8_t> live(dfa.accepting);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t state = n; state-- > 0;) {
      if (live[state]) continue;
      for (const std::uint32_t target : dfa.next[state]) {
        if (target != ByteDfa::kDead && live[target]) live[state] = 1, changed = true;
      }
    }
  }
  ByteDfa result;
  if (n == 0 || !live[0]) return result;
  std::vector<std::uint32_t> number(n, ByteDfa::kDead);
  std::uint32_t count = 0;
  for (std::size_t state = 0; state < n; ++state) {
    if (live[state]) number[state] = count++;
  }
  for (std::size_t state = 0; state < n; ++state) {
    if (!live[state]) continue;
    result.accepting.push_back(dfa.accepting[state]);
    result.next.push_back(dfa.next[state]);
    for (std::uint32_t& target : result.next.back()) {
      if (target != ByteDfa::kDead) target = number[target];
    }
  }
  return result;
}

}  // namespace

std::uint32_t number_byte(std::uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - std::uint32_t{'0'};
  switch (byte) {
    case '-':
      return 10;
    case '+':
      return 11;
    case '.':
      return 12;
    case 'e':
      return 13;
    case 'E':
      return 14;
    default:
      return 15;
  }
}

ByteDfa make_number_dfa(const NumberSet& set, std::size_t states_max) {
  const NumberReader reader(set);
  std::map<Reading, std::uint32_t> index{{reader.start(), 0}};
  std::vector<Reading> readings{reader.start()};
  ByteDfa dfa;
  for (std::size_t state = 0; state < readings.size(); ++state) {
    dfa.accepting.push_back(reader.accepts(readings[state]));
    dfa.next.emplace_back().fill(ByteDfa::kDead);
    for (const char c : {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '-', '+', '.', 'e', 'E'}) {
      std::optional<Reading> next = reader.step(readings[state], c);
      if (!next) continue;
      const auto [found, is_new] = index.try_emplace(*next, static_cast<std::uint32_t>(readings.size()));
      if (is_new) {
        if (readings.size() >= states_max) throw Unsupported("the numbers it allows need too many states");
        readings.push_back(*std::move(next));
      }
      dfa.next[state][number_byte(static_cast<std::uint8_t>(c))] = found->second;
    }
  }
  return pruned(dfa);
}

}  // namespace hearth
