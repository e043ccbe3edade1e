// Decimal numbers of any length, as JSON writes them: bounds and constants are compared digit by digit, never rounded.
#pragma once

#include <boost/json/value.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

struct Decimal {
  bool negative = false;  // false for zero
  std::string integer;    // its digits without leading zeros; empty below one
  std::string fraction;   // its digits without trailing zeros

  bool is_zero() const { return integer.empty() && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
  bool operator==(const Decimal&) const = default;
  std::strong_ordering operator<=>(const Decimal& other) const;
};

// JSON's spelling of a number; nullopt where the text is none, or its exponent is beyond a thousand.
std::optional<Decimal> parse_decimal(std::string_view text);
// The number that a value of JSON is (parse_json with kKeepDigits); nullopt for other kinds of value.
std::optional<Decimal> decimal_of(const boost::json::value& value);

}  // namespace hearth
