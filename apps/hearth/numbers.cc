#include "apps/hearth/numbers.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t digits(std::string_view text, std::size_t at) {
  const std::size_t begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at - begin;
}

// "+007" becomes "7".
template <typename T>
std::string whole_number(std::string& text) {
  const std::size_t sign = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  const std::size_t count = digits(text, sign);
  if (count == 0 || sign + count != text.size()) return "'" + text + "' is not a whole number in base ten";
  const std::size_t zeros = std::min(text.find_first_not_of('0', sign), text.size() - 1) - sign;
  std::string number = text.starts_with('-') ? "-" : "";
  number += text.substr(sign + zeros);
  T value{};
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size()) {
    constexpr std::string_view kRange = std::is_signed_v<T> ? "-9223372036854775808 to 9223372036854775807"
                                                            : "0 to 18446744073709551615";
    return text + " is out of range: " + std::string(kRange);
  }
  text = number == "-0" ? "0" : number;
  return {};
}

// Digits with a point, and an exponent; not hexadecimal. What is not finite passes: an option's own range refuses it.
std::string number(std::string& text) {
  std::size_t at = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  for (const char* word : {"inf", "infinity", "nan"}) {
    if (CLI::detail::to_lower(text.substr(at)) == word) return {};
  }
  const std::size_t whole = digits(text, at);
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = digits(text, at + 1);
    at += 1 + fraction;
  }
  bool is_number = whole + fraction > 0;
  if (is_number && at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = digits(text, at);
    is_number = exponent > 0;
    at += exponent;
  }
  return is_number && at == text.size() ? std::string() : "'" + text + "' is not a number in base ten";
}

}  // namespace

void read_numbers_in_base_ten(CLI::App& app) {
  const auto every_option = [](CLI::Option*) { return true; };
  for (CLI::Option* option : app.get_options(every_option)) {
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT")) option->transform(CLI::Validator(whole_number<std::uint64_t>, ""));
    if (type.starts_with("INT")) option->transform(CLI::Validator(whole_number<std::int64_t>, ""));
    if (type.starts_with("FLOAT") || type.starts_with("NUMBER")) option->transform(CLI::Validator(number, ""));
  }
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) read_numbers_in_base_ten(*verb);
}

}  // namespace hearth
