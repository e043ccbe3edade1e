#include "grammar/number_set.h"

#include <algorithm>
#include <utility>

namespace hearth {
namespace {

// Whether a lower bound lies above another; none lies below all.
bool above(const std::optional<NumberBound>& a, const std::optional<NumberBound>& b) {
  if (!a || !b) return a.has_value() && !b.has_value();
  if (const auto order = a->value <=> b->value; order != 0) return order > 0;
  return a->open && !b->open;
}

bool below(const std::optional<NumberBound>& a, const std::optional<NumberBound>& b) {
  if (!a || !b) return a.has_value() && !b.has_value();
  if (const auto order = a->value <=> b->value; order != 0) return order < 0;
  return a->open && !b->open;
}

bool holds_nothing(const NumberInterval& interval) {
  if (!interval.low || !interval.high) return false;
  const auto order = interval.low->value <=> interval.high->value;
  return order > 0 || (order == 0 && (interval.low->open || interval.high->open));
}

NumberSet of(NumberInterval interval) {
  NumberSet result;
  result.intervals = {std::move(interval)};
  return result;
}

}  // namespace

NumberSet NumberSet::intersected(const NumberSet& other) const {
  NumberSet result;
  result.intervals.clear();
  for (const NumberInterval& a : intervals) {
    for (const NumberInterval& b : other.intervals) {
      NumberInterval both{above(a.low, b.low) ? a.low : b.low, below(a.high, b.high) ? a.high : b.high};
      if (!holds_nothing(both)) result.intervals.push_back(std::move(both));
    }
  }
  result.whole = whole == Whole::kEither ? other.whole : whole;
  if (other.whole != Whole::kEither && other.whole != result.whole) result.intervals.clear();
  result.digits_alone = digits_alone || other.digits_alone;
  result.multiples = multiples;
  for (const Multiple& multiple : other.multiples) {
    const auto& known = result.multiples;
    if (std::find(known.begin(), known.end(), multiple) == known.end()) result.multiples.push_back(multiple);
  }
  return result;
}

NumberSet NumberSet::outside_intervals() const {
  NumberSet result;
  result.intervals.clear();
  std::optional<NumberBound> low;
  for (const NumberInterval& interval : intervals) {
    if (interval.low) {
      NumberInterval gap{low, NumberBound{interval.low->value, !interval.low->open}};
      if (!holds_nothing(gap)) result.intervals.push_back(std::move(gap));
    }
    if (!interval.high) return result;
    low = NumberBound{interval.high->value, !interval.high->open};
  }
  result.intervals.push_back({low, std::nullopt});
  return result;
}

NumberSet number_at_least(const Decimal& value, bool open) {
  return of({NumberBound{value, open}, std::nullopt});
}

NumberSet number_at_most(const Decimal& value, bool open) {
  return of({std::nullopt, NumberBound{value, open}});
}

NumberSet number_among(std::vector<Decimal> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  NumberSet result;
  result.intervals.clear();
  for (Decimal& value : values) result.intervals.push_back({NumberBound{value, false}, NumberBound{value, false}});
  return result;
}

}  // namespace hearth
