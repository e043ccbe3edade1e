#!/usr/bin/env bash
# A double written by Boost.JSON 1.81 and read again by Boost.JSON 1.81.
#
# Guessed: the same double. The writer gives the shortest text that means this double and no other (as current libraries
#   do), and a parser rounds to the nearest, as strtod and std::from_chars do.
# Came: of random doubles in [0, 1), 1 in 10 comes back changed, by one unit in the last place. The texts are right, the
#   parser is not: with 15 digits it was never wrong, with 16 in some 5 % of all cases, with 17 in some 20 %. The
#   writer's form is a surprise as well: 0.1 is 1E-1, 1.0 is 1E0.
# Matters: logprobs, timestamps or settings that pass through it are no longer bit-exact, and a replay of recorded
#   numbers can differ from the run; Debian 12 has no later Boost. Keep what must be exact as integers or as text.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs g++ 4:12.2.0-
needs libboost-json1.81-dev 1.81.0-

cat > round_trip.cc <<'CC'
#include <boost/json.hpp>
#include <boost/version.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

int failures = 0;

void expect(bool holds, const char* what) {
  if (!holds) std::printf("CHANGED: %s\n", what), ++failures;
}

std::uint64_t bits(double value) {
  std::uint64_t result;
  std::memcpy(&result, &value, sizeof result);
  return result;
}

double exact(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int main() {
  std::printf("Boost.JSON %d.%d\n", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000);
  std::uint64_t state = 1;
  const int count = 200000;
  int changed = 0, by_one = 0, writer_wrong = 0, wrong[18] = {};
  for (int i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const double value = static_cast<double>(state >> 11) * 0x1p-53;
    const std::string text = boost::json::serialize(boost::json::value(value));
    const double back = boost::json::parse(text).as_double();
    changed += back != value;
    by_one += bits(back) == bits(value) + 1 || bits(back) + 1 == bits(value);
    writer_wrong += exact(text) != value;
    for (int digits : {15, 16, 17}) {
      char rounded[32];
      std::snprintf(rounded, sizeof rounded, "%.*f", digits, value);
      wrong[digits] += boost::json::parse(rounded).as_double() != exact(rounded);
    }
  }
  const double percent = 100.0 / count;
  std::printf("written and read again: %.2f %% changed, %.2f %% by one unit in the last place\n",
              changed * percent, by_one * percent);
  std::printf("the same texts read with std::from_chars: %d changed\n", writer_wrong);
  for (int digits : {15, 16, 17})
    std::printf("decimals with %d digits: %.2f %% read wrong\n", digits, wrong[digits] * percent);
  std::string written;
  for (double value : {0.1, 1.0, 100.0, 0.0}) written += boost::json::serialize(boost::json::value(value)) + " ";
  std::printf("0.1, 1.0, 100.0, 0.0 are written as %s\n", written.c_str());
  std::printf("0.9172253103511617 is read as %.17g\n", boost::json::parse("0.9172253103511617").as_double());

  expect(changed * percent > 5 && changed * percent < 15, "round trip");
  expect(writer_wrong == 0, "writer");
  expect(wrong[15] == 0 && wrong[16] * percent > 3 && wrong[17] * percent > 15, "decimals");
  expect(written == "1E-1 1E0 1E2 0E0 ", "form");
  expect(boost::json::parse("0.9172253103511617").as_double() != 0.9172253103511617, "example");
  return failures == 0 ? 0 : 1;
}
CC
g++ -std=c++20 -O1 round_trip.cc -lboost_json -o round_trip
./round_trip
