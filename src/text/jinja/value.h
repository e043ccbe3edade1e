// The values that a template computes with: Python's, as far as chat templates can see them. Strings, sequences and
// dicts are immutable once made and shared by reference (the sandbox that templates are written for refuses to change
// them); only namespaces, loops and a few helper objects have state.
//
// Every container knows how deep and how heavy the tree below it is. Making one beyond the limits fails, so no
// recursion over values can exhaust the stack, and no small web of shared references can stand for a huge tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace hearth::jinja {

class Dict;
class Interpreter;
class Object;
class Value;
struct Arguments;

inline constexpr std::size_t kValueDepthMax = 200;
inline constexpr std::size_t kValueWeightMax = std::size_t{1} << 30;
inline constexpr std::size_t kIntegerDigitsMax = 4300;  // what Python reads and writes
inline constexpr std::size_t kTextBytesMax = std::size_t{64} << 20;
// A value's share of its container's weight, and what it costs to store one.
inline constexpr std::size_t kElementWeight = 64;

// A string: valid UTF-8 and its number of code points. Markup is what `safe` and `escape` make: text that escapes what
// it is combined with.
struct Text {
  std::string bytes;
  std::size_t length;
  bool markup;
};

// A list, a tuple, or a pair that `groupby` makes (a tuple whose fields are also called `grouper` and `list`).
struct Sequence {
  enum class Kind { kList, kTuple, kGroup };
  Kind kind;
  std::vector<Value> items;
  std::size_t depth;
  std::size_t weight;
};

class Value {
 public:
  enum class Kind { kUndefined, kNone, kBoolean, kInteger, kFloat, kString, kList, kTuple, kDict, kObject };

  Value() = default;  // none
  Value(bool boolean) : data_(boolean) {}
  Value(std::int64_t integer) : data_(integer) {}
  Value(double number) : data_(number) {}
  // Throws TemplateError(kLimit) if longer than kTextBytesMax. `bytes` must be valid UTF-8.
  Value(std::string bytes, bool markup = false);
  Value(std::string_view bytes) : Value(std::string(bytes)) {}
  Value(const char* bytes) : Value(std::string(bytes)) {}
  Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}
  // Throw TemplateError(kLimit) if too deep or too heavy.
  static Value list(std::vector<Value> items) { return sequence(Sequence::Kind::kList, std::move(items)); }
  static Value tuple(std::vector<Value> items) { return sequence(Sequence::Kind::kTuple, std::move(items)); }
  static Value sequence(Sequence::Kind kind, std::vector<Value> items);
  static Value dict(Dict dict);
  // An integer of any size by its decimal digits, with a sign if it is negative. Throws TemplateError where there are
  // more than kIntegerDigitsMax.
  static Value integer(std::string_view digits);
  // The value of a name or attribute that does not exist; using it fails with `hint`.
  static Value undefined(std::string hint);

  Kind kind() const;
  bool is_undefined() const { return data_.index() == 1; }
  bool is_none() const { return data_.index() == 0; }
  bool is_string() const { return data_.index() == 5; }
  bool is_dict() const { return data_.index() == 7; }
  bool is_sequence() const { return data_.index() == 6; }  // list or tuple
  bool is_object() const { return data_.index() == 8; }
  bool is_markup() const { return is_string() && text().markup; }

  // The stored alternative; the caller has checked the kind.
  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  double number() const { return std::get<double>(data_); }
  const Text& text() const { return *std::get<std::shared_ptr<const Text>>(data_); }
  const std::string& bytes() const { return text().bytes; }
  const std::vector<Value>& items() const { return std::get<std::shared_ptr<const Sequence>>(data_)->items; }
  const Sequence& sequence() const { return *std::get<std::shared_ptr<const Sequence>>(data_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(data_); }
  const std::string& hint() const { return *std::get<std::shared_ptr<const std::string>>(data_); }
  const std::shared_ptr<Object>& object() const { return std::get<std::shared_ptr<Object>>(data_); }
  template <typename T>
  std::shared_ptr<T> object_as() const {  // null if it is anything else
    return is_object() ? std::dynamic_pointer_cast<T>(object()) : nullptr;
  }

  // A boolean or an integer as Python's int; nullopt for any other kind.
  std::optional<std::int64_t> as_integer() const;
  // A boolean, an integer or a float as a double.
  std::optional<double> as_number() const;
  // The digits of an integer beyond 64 bits; empty for any other value.
  std::string_view big_integer() const;

  std::size_t depth() const;
  std::size_t weight() const;
  // Python's name of its type, for messages: "str", "NoneType", "dict", …
  std::string type_name() const;
  // Whether both are the same object (`is`); small values compare by kind and content.
  bool same_as(const Value& other) const;

 private:
  std::variant<std::monostate, std::shared_ptr<const std::string>, bool, std::int64_t, double,
               std::shared_ptr<const Text>, std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
               std::shared_ptr<Object>>
      data_;
};

// Keys and values in insertion order. A key is none, a number, a string or a tuple of those; 1, 1.0 and true are one
// key.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;

  // Replaces the value of an equal key. Throws TemplateError if the key cannot be one, or the dict gets too heavy.
  void set(Value key, Value value);
  // Null if absent, and for a key that cannot be one.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t depth() const { return depth_; }
  std::size_t weight() const { return weight_; }

 private:
  std::size_t locate(const Value& key, std::size_t hash) const;  // entries_.size() if absent

  std::vector<Entry> entries_;
  std::unordered_multimap<std::size_t, std::size_t> index_;  // hash -> entry, kept once the dict is no longer small
  std::size_t depth_ = 1;
  std::size_t weight_ = kElementWeight;
};

// A call's arguments as the template wrote them.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Whatever is not plain data: functions, methods, macros, namespaces, loops, generators, views.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string type_name() const = 0;
  virtual std::string repr() const { return "<" + type_name() + " object>"; }
  virtual std::size_t depth() const { return 1; }
  virtual std::size_t weight() const { return kElementWeight; }
  virtual bool callable() const { return false; }
  virtual std::string_view big_integer() const { return {}; }
  virtual Value call(Interpreter& interpreter, const Arguments& arguments);
  virtual std::optional<Value> attribute(Interpreter& interpreter, std::string_view name);
  // The remaining items if it can be iterated; a generator is exhausted by it.
  virtual std::optional<std::vector<Value>> take_items() { return std::nullopt; }
  virtual bool iterable() const { return false; }
  // Null if it has no length or no subscript.
  virtual std::optional<std::size_t> length() const { return std::nullopt; }
  virtual const std::vector<Value>* indexed() const { return nullptr; }
};

bool truth(const Value& value);
// Python's ==; never fails. Time grows with the smaller weight.
bool equals(const Value& left, const Value& right);
// nullopt if the value cannot be a dict key.
std::optional<std::size_t> hash(const Value& value);

}  // namespace hearth::jinja
