// The functions that every template can call.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "text/jinja/arguments.h"
#include "text/jinja/error.h"
#include "text/jinja/objects.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

constexpr std::int64_t kRangeMax = 100000;  // what Jinja's sandbox allows
constexpr std::size_t kTimeBytesMax = 4096;

Value range(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("range", arguments, {"", "", ""}, 1);
  const bool from_zero = bound[1] == nullptr;
  const std::int64_t start = from_zero ? 0 : bound.integer_or(0, 0);
  const std::int64_t stop = bound.integer_or(from_zero ? 0 : 1, 0);
  const std::int64_t step = bound.integer_or(2, 1);
  if (step == 0) fail("range() arg 3 must not be zero");
  // In unsigned arithmetic, which holds any distance between two 64-bit integers.
  const auto distance = step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                                 : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
  const auto pace = step > 0 ? static_cast<std::uint64_t>(step) : std::uint64_t{0} - static_cast<std::uint64_t>(step);
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const std::uint64_t count = empty ? 0 : (distance - 1) / pace + 1;
  if (count > kRangeMax) fail(fmt::format("range too big: more than {} items", kRangeMax));
  interpreter.charge(count * kElementWeight);
  std::vector<Value> items;
  items.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    items.emplace_back(
        static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + i * static_cast<std::uint64_t>(step)));
  }
  std::string repr =
      step == 1 ? fmt::format("range({}, {})", start, stop) : fmt::format("range({}, {}, {})", start, stop, step);
  return Value(std::make_shared<View>(View::Kind::kRange, std::move(items), std::move(repr)));
}

// What dict() and namespace() take: a mapping or pairs, then named values.
Dict dict_from(Interpreter& interpreter, const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) fail("expected at most 1 positional argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    interpreter.charge(source.weight());
    if (source.is_dict()) {
      dict = source.dict();
    } else {
      for (const Value& pair : interpreter.iterate(source)) {
        std::vector<Value> parts = interpreter.iterate(pair);
        if (parts.size() != 2) fail("a dict is made of pairs");
        dict.set(std::move(parts[0]), std::move(parts[1]));
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(Value(name), value);
  interpreter.charge(dict.entries().size() * 2 * kElementWeight);
  return dict;
}

Value make_dict(Interpreter& interpreter, const Arguments& arguments) {
  return Value::dict(dict_from(interpreter, arguments));
}

Value make_namespace(Interpreter& interpreter, const Arguments& arguments) {
  const auto object = std::make_shared<Namespace>();
  interpreter.keep(object);
  const Dict attributes = dict_from(interpreter, arguments);
  for (const auto& [key, value] : attributes.entries()) {
    if (key.is_string()) object->set(interpreter, key.bytes(), value);
  }
  return Value(object);
}

Value make_cycler(Interpreter&, const Arguments& arguments) {
  if (!arguments.named.empty()) fail("cycler() takes no keyword arguments");
  if (arguments.positional.empty()) fail("at least one item has to be provided");
  return Value(std::make_shared<Cycler>(arguments.positional));
}

Value make_joiner(Interpreter&, const Arguments& arguments) {
  const BoundArguments bound("joiner", arguments, {"sep"});
  Value separator = bound.value_or(0, Value(", "));
  if (separator.depth() >= kValueDepthMax) {
    fail_limit(fmt::format("a value is nested more than {} levels deep", kValueDepthMax));
  }
  return Value(std::make_shared<Joiner>(std::move(separator)));
}

Value raise_exception(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("raise_exception", arguments, {"message"}, 1);
  throw TemplateError(TemplateError::Kind::kRaised, interpreter.text(*bound[0]));
}

// Python's strftime is C's, but for microseconds and zones: the clock has neither.
std::string python_time_format(const std::string& format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const char conversion = format[++i];
    if (conversion == 'f') {
      out += "000000";
    } else if (conversion != 'z' && conversion != 'Z') {
      out += '%';
      out += conversion;
    }
  }
  return out;
}

Value strftime_now(Interpreter& interpreter, const Arguments& arguments) {
  const BoundArguments bound("strftime_now", arguments, {"format"}, 1);
  const std::string format = python_time_format(bound.text(0)) + " ";  // so that an empty result is no failure
  if (format.size() > kTimeBytesMax / 4) fail("strftime_now() got too long a format");
  if (format.find('\0') != std::string::npos) fail("strftime_now() got a format with a NUL in it");
  const std::tm now = interpreter.clock()();
  std::array<char, kTimeBytesMax> buffer{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const std::size_t size = std::strftime(buffer.data(), buffer.size(), format.c_str(), &now);
#pragma GCC diagnostic pop
  if (size == 0) fail("strftime_now() makes too long a text");
  std::string text(buffer.data(), size - 1);
  if (!is_utf8(text)) fail("strftime_now() makes text that is not UTF-8");
  return Value(std::move(text));
}

}  // namespace

Function find_global(std::string_view name) {
  static constexpr std::pair<std::string_view, Function> kGlobals[] = {
      {"range", range},
      {"dict", make_dict},
      {"namespace", make_namespace},
      {"cycler", make_cycler},
      {"joiner", make_joiner},
      {"raise_exception", raise_exception},
      {"strftime_now", strftime_now},
  };
  for (const auto& [global, function] : kGlobals) {
    if (global == name) return function;
  }
  return nullptr;
}

}  // namespace hearth::jinja
