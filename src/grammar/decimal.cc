#include "grammar/decimal.h"

#include <array>
#include <charconv>

#include "base/json_value.h"

namespace hearth {
namespace {

constexpr int kExponentMax = 1000;

std::strong_ordering compare_magnitudes(const Decimal& a, const Decimal& b) {
  if (a.integer.size() != b.integer.size()) return a.integer.size() <=> b.integer.size();
  if (const auto order = a.integer.compare(b.integer) <=> 0; order != 0) return order;
  return a.fraction.compare(b.fraction) <=> 0;  // without trailing zeros, a longer one is larger
}

template <typename Number>
std::optional<Decimal> written(Number number) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return parse_decimal({text.data(), static_cast<std::size_t>(end - text.data())});
}

}  // namespace

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  if (negative != other.negative) return negative ? std::strong_ordering::less : std::strong_ordering::greater;
  return negative ? compare_magnitudes(other, *this) : compare_magnitudes(*this, other);
}

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal result;
  if (text.starts_with('-')) {
    result.negative = true;
    text.remove_prefix(1);
  }
  std::string digits;
  std::size_t point = std::string::npos, at = 0;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.' && point == std::string::npos) {
      point = digits.size();
    } else if (text[at] >= '0' && text[at] <= '9') {
      digits += text[at];
    } else {
      return std::nullopt;
    }
  }
  if (digits.empty()) return std::nullopt;
  if (point == std::string::npos) point = digits.size();
  int exponent = 0;
  if (at < text.size()) {
    std::string_view written = text.substr(at + 1);
    if (written.starts_with('+')) written.remove_prefix(1);
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (error != std::errc() || end != written.data() + written.size()) return std::nullopt;
    if (exponent > kExponentMax || exponent < -kExponentMax) return std::nullopt;
  }
  const std::ptrdiff_t moved = static_cast<std::ptrdiff_t>(point) + exponent;
  if (moved < 0) digits.insert(0, static_cast<std::size_t>(-moved), '0');
  const std::size_t split = moved < 0 ? 0 : static_cast<std::size_t>(moved);
  if (digits.size() < split) digits.append(split - digits.size(), '0');
  result.integer = digits.substr(0, split);
  result.fraction = digits.substr(split);
  result.integer.erase(0, std::min(result.integer.find_first_not_of('0'), result.integer.size()));
  const std::size_t last = result.fraction.find_last_not_of('0');
  result.fraction.erase(last == std::string::npos ? 0 : last + 1);
  if (result.is_zero()) result.negative = false;
  return result;
}

std::optional<Decimal> decimal_of(const boost::json::value& value) {
  if (const auto digits = big_integer_digits(value)) return parse_decimal(*digits);
  if (value.is_int64()) return written(value.get_int64());
  if (value.is_uint64()) return written(value.get_uint64());
  if (value.is_double()) return written(value.get_double());
  return std::nullopt;
}

}  // namespace hearth
