// Construction, limits, truth, equality and hashing of template values.
#include "text/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "base/check.h"
#include "text/jinja/error.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

// Below this many entries a scan beats an index.
constexpr std::size_t kSmallDict = 8;
constexpr double kTwoTo63 = 9223372036854775808.0;

void check_limits(std::size_t depth, std::size_t weight) {
  if (depth > kValueDepthMax) fail_limit(fmt::format("a value is nested more than {} levels deep", kValueDepthMax));
  if (weight > kValueWeightMax) fail_limit("a value takes too much memory");
}

std::size_t combine(std::size_t seed, std::size_t hash) {
  return seed ^ (hash + 0x9e3779b97f4a7c15U + (seed << 6U) + (seed >> 2U));
}

bool equal_items(const std::vector<Value>& left, const std::vector<Value>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), equals);
}

bool equal_dicts(const Dict& left, const Dict& right) {
  if (left.entries().size() != right.entries().size()) return false;
  return std::all_of(left.entries().begin(), left.entries().end(), [&](const Dict::Entry& entry) {
    const Value* other = right.find(entry.first);
    return other != nullptr && equals(entry.second, *other);
  });
}

class BigInteger : public Object {
 public:
  explicit BigInteger(std::string_view digits) : digits_(digits) {}
  std::string type_name() const override { return "int"; }
  std::string repr() const override { return digits_; }
  std::size_t weight() const override { return kElementWeight + digits_.size(); }
  std::string_view big_integer() const override { return digits_; }

 private:
  std::string digits_;
};

bool is_whole(double number) {
  return number >= -kTwoTo63 && number < kTwoTo63 && number == std::floor(number);
}

bool equal_numbers(const Value& left, const Value& right) {
  const auto a = left.as_integer();
  const auto b = right.as_integer();
  if (a && b) return *a == *b;
  if (!a && !b) return left.number() == right.number();
  const double number = a ? right.number() : left.number();
  return is_whole(number) && static_cast<std::int64_t>(number) == (a ? *a : *b);
}

}  // namespace

Value::Value(std::string bytes, bool markup) {
  if (bytes.size() > kTextBytesMax) fail_limit(fmt::format("a string is longer than {} bytes", kTextBytesMax));
  const std::size_t length = count_code_points(bytes);
  data_ = std::make_shared<const Text>(Text{std::move(bytes), length, markup});
}

Value Value::sequence(Sequence::Kind kind, std::vector<Value> items) {
  std::size_t depth = 1;
  std::size_t weight = kElementWeight;
  for (const Value& item : items) {
    depth = std::max(depth, item.depth() + 1);
    weight += item.weight();
  }
  check_limits(depth, weight);
  Value value;
  value.data_ = std::make_shared<const Sequence>(Sequence{kind, std::move(items), depth, weight});
  return value;
}

Value Value::dict(Dict dict) {
  Value value;
  value.data_ = std::make_shared<const Dict>(std::move(dict));
  return value;
}

Value Value::integer(std::string_view digits) {
  std::int64_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (read.ec == std::errc{}) return Value(number);
  if (digits.size() > kIntegerDigitsMax + (digits.starts_with('-') ? 1 : 0)) {
    fail(fmt::format("an integer has more than {} digits", kIntegerDigitsMax));
  }
  return Value(std::make_shared<BigInteger>(digits));
}

std::string_view Value::big_integer() const {
  return is_object() ? object()->big_integer() : std::string_view();
}

Value Value::undefined(std::string hint) {
  Value value;
  value.data_ = std::make_shared<const std::string>(std::move(hint));
  return value;
}

Value::Kind Value::kind() const {
  switch (data_.index()) {
    case 0:
      return Kind::kNone;
    case 1:
      return Kind::kUndefined;
    case 2:
      return Kind::kBoolean;
    case 3:
      return Kind::kInteger;
    case 4:
      return Kind::kFloat;
    case 5:
      return Kind::kString;
    case 6:
      return sequence().kind == Sequence::Kind::kList ? Kind::kList : Kind::kTuple;
    case 7:
      return Kind::kDict;
    default:
      return Kind::kObject;
  }
}

std::optional<std::int64_t> Value::as_integer() const {
  if (const auto* flag = std::get_if<bool>(&data_)) return *flag ? 1 : 0;
  if (const auto* whole = std::get_if<std::int64_t>(&data_)) return *whole;
  return std::nullopt;
}

std::optional<double> Value::as_number() const {
  if (const auto* floating = std::get_if<double>(&data_)) return *floating;
  if (const auto whole = as_integer()) return static_cast<double>(*whole);
  return std::nullopt;
}

std::size_t Value::depth() const {
  if (is_sequence()) return sequence().depth;
  if (is_dict()) return dict().depth();
  if (is_object()) return object()->depth();
  return 0;
}

std::size_t Value::weight() const {
  if (is_string()) return kElementWeight + bytes().size();
  if (is_sequence()) return sequence().weight;
  if (is_dict()) return dict().weight();
  if (is_object()) return object()->weight();
  return kElementWeight;
}

std::string Value::type_name() const {
  switch (kind()) {
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBoolean:
      return "bool";
    case Kind::kInteger:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return is_markup() ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kObject:
      break;
  }
  return object()->type_name();
}

bool Value::same_as(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::kUndefined:
      return &hint() == &other.hint();
    case Kind::kList:
    case Kind::kTuple:
      return &sequence() == &other.sequence();
    case Kind::kDict:
      return &dict() == &other.dict();
    case Kind::kObject:
      return object() == other.object();
    default:
      return equals(*this, other);
  }
}

void Dict::set(Value key, Value value) {
  const auto key_hash = hash(key);
  if (!key_hash) fail(fmt::format("unhashable type: '{}'", key.type_name()));
  const std::size_t position = locate(key, *key_hash);
  depth_ = std::max({depth_, value.depth() + 1, key.depth() + 1});
  weight_ += key.weight() + value.weight();
  check_limits(depth_, weight_);
  if (position < entries_.size()) {
    entries_[position].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() == kSmallDict + 1) {
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(hash(entries_[i].first).value_or(0), i);
  } else if (entries_.size() > kSmallDict) {
    index_.emplace(*key_hash, entries_.size() - 1);
  }
}

std::size_t Dict::locate(const Value& key, std::size_t key_hash) const {
  if (entries_.size() <= kSmallDict) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return equals(entry.first, key); });
    return static_cast<std::size_t>(found - entries_.begin());
  }
  const auto [begin, end] = index_.equal_range(key_hash);
  for (auto it = begin; it != end; ++it) {
    if (equals(entries_[it->second].first, key)) return it->second;
  }
  return entries_.size();
}

const Value* Dict::find(const Value& key) const {
  const auto key_hash = hash(key);
  if (!key_hash) return nullptr;
  const std::size_t position = locate(key, *key_hash);
  return position < entries_.size() ? &entries_[position].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (entries_.size() <= kSmallDict) {
    for (const Entry& entry : entries_) {
      if (entry.first.is_string() && entry.first.bytes() == key) return &entry.second;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(std::hash<std::string_view>{}(key));
  for (auto it = begin; it != end; ++it) {
    const Entry& entry = entries_[it->second];
    if (entry.first.is_string() && entry.first.bytes() == key) return &entry.second;
  }
  return nullptr;
}

Value Object::call(Interpreter&, const Arguments&) {
  fail(fmt::format("'{}' object is not callable", type_name()));
}

std::optional<Value> Object::attribute(Interpreter&, std::string_view) {
  return std::nullopt;
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
    case Value::Kind::kNone:
      return false;
    case Value::Kind::kBoolean:
      return value.boolean();
    case Value::Kind::kInteger:
      return value.integer() != 0;
    case Value::Kind::kFloat:
      return value.number() != 0;
    case Value::Kind::kString:
      return !value.bytes().empty();
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return !value.items().empty();
    case Value::Kind::kDict:
      return !value.dict().entries().empty();
    case Value::Kind::kObject:
      break;
  }
  return value.object()->length().value_or(1) != 0;
}

bool equals(const Value& left, const Value& right) {
  if (left.as_number() && right.as_number()) return equal_numbers(left, right);
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Value::Kind::kUndefined:
    case Value::Kind::kNone:
      return true;
    case Value::Kind::kString:
      return left.bytes() == right.bytes();
    case Value::Kind::kList:
    case Value::Kind::kTuple:
      return &left.sequence() == &right.sequence() || equal_items(left.items(), right.items());
    case Value::Kind::kDict:
      return &left.dict() == &right.dict() || equal_dicts(left.dict(), right.dict());
    default:
      break;
  }
  if (left.object() == right.object()) return true;
  if (!left.big_integer().empty()) return left.big_integer() == right.big_integer();
  const auto* a = left.object()->indexed();
  const auto* b = right.object()->indexed();
  return a != nullptr && b != nullptr && equal_items(*a, *b);
}

std::optional<std::size_t> hash(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kUndefined:
    case Value::Kind::kNone:
      return 1;
    case Value::Kind::kBoolean:
    case Value::Kind::kInteger:
      return std::hash<std::int64_t>{}(*value.as_integer());
    case Value::Kind::kFloat:
      return is_whole(value.number()) ? std::hash<std::int64_t>{}(static_cast<std::int64_t>(value.number()))
                                      : std::hash<double>{}(value.number());
    case Value::Kind::kString:
      return std::hash<std::string_view>{}(value.bytes());
    case Value::Kind::kTuple: {
      std::size_t result = value.items().size();
      for (const Value& item : value.items()) {
        const auto item_hash = hash(item);
        if (!item_hash) return std::nullopt;
        result = combine(result, *item_hash);
      }
      return result;
    }
    case Value::Kind::kObject:
      if (!value.big_integer().empty()) return std::hash<std::string_view>{}(value.big_integer());
      return std::hash<const void*>{}(value.object().get());
    default:
      return std::nullopt;
  }
}

}  // namespace hearth::jinja
