// Filters over sequences: order, groups, sums, ends.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/objects.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

std::size_t length_of(Interpreter& interpreter, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
      return 0;
    case Value::Kind::kString:
      return value.text().length;
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return value.items().size();
    case Value::Kind::kDict:
      return value.dict().entries().size();
    default:
      break;
  }
  if (const auto loop = value.object_as<LoopObject>()) return static_cast<std::size_t>(loop->count_items(interpreter));
  const auto length = value.is_object() ? value.object()->length() : std::nullopt;
  if (!length) fail(fmt::format("object of type '{}' has no len()", value.type_name()));
  return *length;
}

Value filter_length(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("length", arguments);
  return count_value(length_of(interpreter, subject));
}

Value filter_first(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("first", arguments);
  std::optional<Value> first;
  if (const auto source = subject.object_as<Generator>()) {
    first = source->take_first();
  } else if (subject.is_sequence()) {
    if (!subject.items().empty()) first = subject.items().front();
  } else {
    const std::vector<Value> items = interpreter.iterate(subject);
    if (!items.empty()) first = items.front();
  }
  return first ? *first : Value::undefined("No first item, sequence was empty.");
}

bool is_reversible(const Value& value) {
  return !value.is_object() || (value.object()->length() && value.object()->iterable());
}

Value filter_last(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("last", arguments);
  if (!is_reversible(subject)) fail(fmt::format("'{}' object is not reversible", subject.type_name()));
  if (subject.is_sequence() && !subject.items().empty()) return subject.items().back();
  const std::vector<Value> items = interpreter.iterate(subject);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

Value filter_list(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("list", arguments);
  return Value::list(interpreter.iterate(subject));
}

Value filter_reverse(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("reverse", arguments);
  if (subject.is_string()) return slice(interpreter, subject, Value(), Value(), Value(std::int64_t{-1}));
  std::vector<Value> items = interpreter.iterate(subject);
  std::reverse(items.begin(), items.end());
  if (!is_reversible(subject)) return Value::list(std::move(items));
  return Value(std::make_shared<Generator>(std::move(items)));
}

Value filter_items(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  expect_no_arguments("items", arguments);
  return Generator::from([&](std::vector<Value>& items) {
    if (subject.is_undefined()) return;
    if (!subject.is_dict()) fail("Can only get item pairs from a mapping.");
    items = interpreter.iterate(interpreter.call(interpreter.attribute(subject, "items"), {}));
  });
}

Value filter_join(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("join", arguments, {"d", "attribute"});
  const Value separator = bound[0] != nullptr ? *bound[0] : Value("");
  std::optional<AttributePath> path;
  if (bound.given(1) != nullptr) path.emplace(*bound[1]);
  std::vector<Value> items = interpreter.iterate(subject);
  bool markup = separator.is_markup();
  for (Value& item : items) {
    if (path) item = path->get(interpreter, item);
    markup = markup || item.is_markup();
  }
  markup = markup && interpreter.autoescape();
  const auto text_of = [&](const Value& value) {
    const std::string text = interpreter.text(value);
    return markup && !value.is_markup() ? escape_html(text) : text;
  };
  const std::string between = text_of(separator);
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    interpreter.charge(between.size());
    if (i > 0) out += between;
    out += text_of(items[i]);
  }
  return Value(std::move(out), markup);
}

// The items' keys for sorting: the item itself, or what the attribute paths name ("a,b": a list of both).
std::vector<Value> sort_keys(Interpreter& interpreter, const std::vector<Value>& items, const Value* attribute,
                             bool case_sensitive) {
  std::vector<AttributePath> paths;
  if (attribute != nullptr && attribute->is_string()) {
    for (std::string_view rest = attribute->bytes();;) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      paths.emplace_back(Value(rest.substr(0, comma)));
      if (comma == rest.size()) break;
      rest.remove_prefix(comma + 1);
    }
  } else if (attribute != nullptr) {
    paths.emplace_back(*attribute);
  }
  std::vector<Value> keys;
  for (const Value& item : items) {
    interpreter.charge(item.weight());
    const auto finished = [&](const Value& key) { return case_sensitive ? key : case_folded(key); };
    if (paths.empty()) {
      keys.push_back(finished(item));
      continue;
    }
    std::vector<Value> parts;
    for (const AttributePath& path : paths) parts.push_back(finished(path.get(interpreter, item)));
    keys.push_back(Value::list(std::move(parts)));
  }
  return keys;
}

// The order that a stable sort by `keys` puts the items in.
std::vector<std::size_t> sorted_order(Interpreter& interpreter, const std::vector<Value>& keys, bool reverse) {
  for (const Value& key : keys) interpreter.charge(key.weight() * 32);
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return reverse ? less(keys[b], keys[a]) : less(keys[a], keys[b]);
  });
  return order;
}

Value filter_sort(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const std::vector<Value> items = interpreter.iterate(subject);
  const std::vector<Value> keys = sort_keys(interpreter, items, bound.given(2), bound.flag_or(1, false));
  std::vector<Value> sorted;
  for (const std::size_t i : sorted_order(interpreter, keys, bound.flag_or(0, false))) sorted.push_back(items[i]);
  return Value::list(std::move(sorted));
}

Value filter_dictsort(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = bound[1] != nullptr ? interpreter.text(*bound[1]) : "key";
  if (by != "key" && by != "value") fail("You can only sort by either \"key\" or \"value\"");
  if (!subject.is_dict()) {
    fail(subject.is_undefined() ? subject.hint() : missing_attribute(subject, "items"));
  }
  std::vector<Value> keys;
  for (const auto& [key, value] : subject.dict().entries()) {
    const Value& sort_by = by == "key" ? key : value;
    keys.push_back(bound.flag_or(0, false) ? sort_by : case_folded(sort_by));
  }
  std::vector<Value> sorted;
  for (const std::size_t i : sorted_order(interpreter, keys, bound.flag_or(2, false))) {
    const auto& [key, value] = subject.dict().entries()[i];
    sorted.push_back(Value::tuple({key, value}));
  }
  return Value::list(std::move(sorted));
}

Value filter_unique(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("unique", arguments, {"case_sensitive", "attribute"});
  std::optional<AttributePath> path;
  if (bound.given(1) != nullptr) path.emplace(*bound[1]);
  return Generator::from([&](std::vector<Value>& kept) {
    Dict seen;
    for (const Value& item : interpreter.iterate(subject)) {
      Value key = path ? path->get(interpreter, item) : item;
      if (!bound.flag_or(0, false)) key = case_folded(key);
      interpreter.charge(key.weight());
      const std::size_t count = seen.entries().size();
      seen.set(std::move(key), Value());
      if (seen.entries().size() > count) kept.push_back(item);
    }
  });
}

Value filter_groupby(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const AttributePath path(*bound[0]);
  const std::vector<Value> items = interpreter.iterate(subject);
  std::vector<Value> names;  // as they are shown
  std::vector<Value> keys;   // as they are compared
  for (const Value& item : items) {
    names.push_back(path.get(interpreter, item, bound.given(1)));
    keys.push_back(bound.flag_or(2, false) ? names.back() : case_folded(names.back()));
  }
  const std::vector<std::size_t> order = sorted_order(interpreter, keys, false);
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < order.size();) {
    std::vector<Value> members;
    std::size_t end = begin;
    for (; end < order.size() && interpreter.equal(keys[order[end]], keys[order[begin]]); ++end) {
      members.push_back(items[order[end]]);
    }
    groups.push_back(Value::sequence(Sequence::Kind::kGroup, {names[order[begin]], Value::list(std::move(members))}));
    begin = end;
  }
  return Value::list(std::move(groups));
}

Value filter_batch(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("batch", arguments, {"linecount", "fill_with"}, 1);
  const std::int64_t size = bound.integer_or(0, 0);
  const auto is_full = [&](const std::vector<Value>& batch) { return static_cast<std::int64_t>(batch.size()) == size; };
  return Generator::from([&](std::vector<Value>& batches) {
    std::vector<Value> batch;
    for (Value& item : interpreter.iterate(subject)) {
      if (is_full(batch)) batches.push_back(Value::list(std::exchange(batch, {})));
      batch.push_back(std::move(item));
    }
    if (batch.empty()) return;
    const Value* fill = bound.given(1);
    while (fill != nullptr && static_cast<std::int64_t>(batch.size()) < size) {
      interpreter.charge(kElementWeight + fill->weight());
      batch.push_back(*fill);
    }
    batches.push_back(Value::list(std::move(batch)));
  });
}

Value filter_slice(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("slice", arguments, {"slices", "fill_with"}, 1);
  return Generator::from([&](std::vector<Value>& slices) {
    const std::vector<Value> items = interpreter.iterate(subject);
    const std::int64_t wanted = bound.integer_or(0, 0);
    if (wanted == 0) fail("integer division or modulo by zero");
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0));
    std::size_t begin = 0;
    for (std::size_t i = 0; i < count; ++i) {
      interpreter.charge(2 * kElementWeight);
      const bool longer = i < items.size() % count;
      const std::size_t end = begin + items.size() / count + (longer ? 1 : 0);
      std::vector<Value> part(items.begin() + static_cast<std::ptrdiff_t>(begin),
                              items.begin() + static_cast<std::ptrdiff_t>(end));
      if (bound.given(1) != nullptr && !longer) part.push_back(*bound[1]);
      slices.push_back(Value::list(std::move(part)));
      begin = end;
    }
  });
}

Value filter_sum(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  const BoundArguments bound("sum", arguments, {"attribute", "start"});
  std::optional<AttributePath> path;
  if (bound.given(0) != nullptr) path.emplace(*bound[0]);
  Value total = bound.value_or(1, Value(std::int64_t{0}));
  if (total.is_string()) fail("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : interpreter.iterate(subject)) {
    total = arithmetic(interpreter, BinaryOperator::kAdd, total, path ? path->get(interpreter, item) : item);
  }
  return total;
}

Value extreme(Interpreter& interpreter, const Value& subject, const Arguments& arguments, std::string_view name,
              bool greatest) {
  const BoundArguments bound(name, arguments, {"case_sensitive", "attribute"});
  const std::vector<Value> items = interpreter.iterate(subject);
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  std::optional<AttributePath> path;
  if (bound.given(1) != nullptr) path.emplace(*bound[1]);
  std::size_t best = 0;
  Value best_key;
  for (std::size_t i = 0; i < items.size(); ++i) {
    Value key = path ? path->get(interpreter, items[i]) : items[i];
    if (!bound.flag_or(0, false)) key = case_folded(key);
    interpreter.charge(key.weight());
    if (i > 0 && !(greatest ? less(best_key, key) : less(key, best_key))) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value filter_min(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return extreme(interpreter, subject, arguments, "min", false);
}

Value filter_max(Interpreter& interpreter, const Value& subject, const Arguments& arguments) {
  return extreme(interpreter, subject, arguments, "max", true);
}

constexpr FilterEntry kFilters[] = {
    {"length", filter_length}, {"count", filter_length},      {"first", filter_first},   {"last", filter_last},
    {"list", filter_list},     {"reverse", filter_reverse},   {"items", filter_items},   {"join", filter_join},
    {"sort", filter_sort},     {"dictsort", filter_dictsort}, {"unique", filter_unique}, {"groupby", filter_groupby},
    {"batch", filter_batch},   {"slice", filter_slice},       {"sum", filter_sum},       {"min", filter_min},
    {"max", filter_max},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() {
  return kFilters;
}

}  // namespace hearth::jinja
