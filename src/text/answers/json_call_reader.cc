// Calls that are JSON as a whole: {"name": "f", "arguments": {…}}, lists of them, and {"f": {…}}.
#include <array>
#include <string>
#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "text/answers/call_reader.h"
#include "text/answers/literals.h"

namespace hearth {

// What was read of an object.
struct ObjectCall {
  std::string name;
  std::string early_arguments;  // that came before the name
  bool has_begun = false, has_early_arguments = false;
  bool has_arguments = false;  // all of them, after the name
  int depth = 0;               // {"function": {"name": …}} has a name one deeper
};

namespace {

constexpr int kWrappersMax = 2;

bool is_name(std::string_view key, const CallSyntax& syntax) {
  return key == syntax.name_key || key == "name";
}

bool is_arguments(std::string_view key, const CallSyntax& syntax) {
  return key == syntax.arguments_key || key == "arguments" || key == "parameters";
}

bool is_usual(std::string_view key) {
  return key == "type" || key == "id" || key == "tool_call_id";
}

// Arguments that are no object: JSON of one in a string, or none.
std::string object_in(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  if (error || value.is_null()) return error ? std::string() : "{}";
  if (value.is_object()) return std::string(json);
  if (!value.is_string()) return {};
  const std::string text(std::string_view(value.get_string()));
  if (trimmed(text).empty()) return "{}";
  const boost::json::value inner = boost::json::parse(text, error);
  return !error && inner.is_object() ? text : std::string();
}

}  // namespace

CallReader::Outcome CallReader::json_calls() {
  if (!accept(in_, syntax_.call_open) || !skip_space(in_)) return Outcome::kNone;
  Outcome outcome = Outcome::kNone;
  if (in_.rest().front() == '[') {
    outcome = json_list();
  } else if (in_.rest().front() == '{') {
    outcome = object_call();
  }
  if (outcome == Outcome::kCall) close_call();
  return outcome;
}

CallReader::Outcome CallReader::json_list() {
  in_.skip(1);
  Outcome all = Outcome::kNone;
  for (;;) {
    if (all == Outcome::kCall) call_start_ = in_.position();
    if (!skip_space(in_) || in_.rest().front() != '{') break;
    const Outcome one = object_call();
    if (one == Outcome::kNone) break;
    all = one;
    if (one == Outcome::kBroken) break;
    accept(in_, ",");
  }
  if (all == Outcome::kCall) accept(in_, "]");
  return all;
}

CallReader::Outcome CallReader::object_call() {
  ObjectCall call;
  in_.skip(1);
  bool is_whole = object_fields(call);
  // Some models forget the last brace.
  if (!is_whole && call.has_arguments && !syntax_.call_close.empty())
    is_whole = follows(in_, {syntax_.call_close}, false);
  if (!call.has_begun) {
    const std::string arguments_json = call.has_early_arguments ? object_in(call.early_arguments) : "{}";
    // An object without arguments may be anything, unless a mark says that it is a call.
    const bool may_be_call = call.has_early_arguments || !is_bare();
    if (!is_whole || !may_be_call || !find_tool(call.name) || arguments_json.empty()) return Outcome::kNone;
    begin(call.name);
    arguments(arguments_json);
  }
  return end(is_whole);
}

bool CallReader::object_fields(ObjectCall& call) {
  for (;;) {
    if (!skip_space(in_)) return false;
    if (in_.rest().front() == '}') {
      in_.skip(1);
      if (call.depth-- == 0) return true;
      accept(in_, ",");
      continue;
    }
    std::string key;
    if (!read_json_string(in_, key) || !accept(in_, ":") || !skip_space(in_)) {
      return false;
    }
    if (!object_value(call, key)) return false;
    accept(in_, ",");
  }
}

bool CallReader::object_value(ObjectCall& call, const std::string& key) {
  const char first = in_.rest().front();
  if (syntax_.name_is_key && first == '{' && call.name.empty()) {
    call.name = key;
    if (!find_tool(call.name)) return false;
    return object_arguments(call);
  }
  if (is_name(key, syntax_) && first == '"') {
    const bool is_text = read_json_string(in_, call.name);
    return is_text && find_tool(call.name);
  }
  if (is_arguments(key, syntax_)) return object_arguments(call);
  if (key == "function" && first == '{' && call.depth < kWrappersMax) {
    in_.skip(1);
    ++call.depth;
    return true;
  }
  // An answer that is JSON of its own is not waited for.
  if (is_bare() && call.name.empty() && !is_usual(key)) return false;
  const JsonSink nowhere = [](std::string_view) {};
  return read_json(in_, nowhere);
}

// {'key': …}, which is no JSON; some models write it, and some templates.
bool CallReader::begins_python_dict() {
  static const std::vector<std::string_view> kQuotes = {"'"};
  const std::size_t start = in_.position();
  const bool begins = accept(in_, "{") && follows(in_, kQuotes, false);
  in_.return_to(start);
  return begins;
}

bool CallReader::object_arguments(ObjectCall& call) {
  if (!call.name.empty() && !call.has_begun && in_.rest().front() == '{') {
    begin(call.name);
    call.has_begun = true;
    const JsonSink sink = [this](std::string_view json) { arguments(json); };
    call.has_arguments = begins_python_dict() ? read_literal(in_, {}, sink) : read_json(in_, sink);
    return call.has_arguments;
  }
  call.has_early_arguments = true;
  const JsonSink sink = [&call](std::string_view json) { call.early_arguments += json; };
  return read_json(in_, sink);
}

}  // namespace hearth
