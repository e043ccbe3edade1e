#include "text/answers/call_reader.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "text/answers/literals.h"

namespace hearth {
namespace {

constexpr std::string_view kBareToken = "<|python_tag|>";  // Llama 3 may write it before a call

void add_marker(std::string_view marker, std::vector<std::string_view>& markers) {
  if (!marker.empty() && std::find(markers.begin(), markers.end(), marker) == markers.end()) markers.push_back(marker);
}

// `</x>` of "```</x>": what some models leave out stands before.
std::string_view last_tag(std::string_view text) {
  const std::size_t at = text.rfind('<');
  return at != std::string_view::npos && at > 0 ? text.substr(at) : std::string_view();
}

}  // namespace

CallReader::CallReader(Reader& in, AnswerEvents& events, const CallSyntax& syntax, const ToolTypes& tools)
    : in_(in), events_(events), syntax_(syntax), tools_(tools) {
  if (!is_bare()) return;
  if (syntax_.form == CallForm::kObject) {
    beginnings_ = {"{\"" + syntax_.name_key + "\"", "{\"type\"", std::string(kBareToken)};
  } else if (syntax_.form == CallForm::kLiterals && syntax_.in_list) {
    for (const std::string_view name : tools_.names()) {
      beginnings_.push_back("[" + std::string(name) + syntax_.arguments_open);
    }
  }
}

std::vector<std::string_view> CallReader::markers() const {
  std::vector<std::string_view> markers;
  if (syntax_.form == CallForm::kNone) return markers;
  add_marker(syntax_.section_open, markers);
  add_marker(syntax_.call_open, markers);
  return markers;
}

bool CallReader::can_begin_bare() const {
  return syntax_.form != CallForm::kNone && (is_bare() || syntax_.prompt_opens);
}

bool CallReader::read_calls(std::string_view space) {
  const std::size_t start = in_.position();
  space_ = space;
  is_broken_ = false;
  Outcome outcome = Outcome::kNone;
  bool has_call = false;
  for (;;) {
    const std::size_t before = in_.position();
    if (has_call && is_bare() && !accept(in_, ";")) accept(in_, ",");
    call_start_ = in_.position();
    const bool is_opened = accept(in_, syntax_.section_open) && !syntax_.section_open.empty();
    is_marked_ = is_opened || !syntax_.call_open.empty();
    outcome = call();
    if (outcome == Outcome::kNone) {
      in_.return_to(before);
      break;
    }
    has_call = true;
    space_.clear();
    if (outcome == Outcome::kBroken) break;
    in_.forget();
    accept(in_, syntax_.section_close);
  }
  if (has_call && outcome != Outcome::kBroken) accept(in_, syntax_.section_close);
  if (!has_call) in_.return_to(start);
  return has_call;
}

bool CallReader::read_arguments_of(std::string_view name) {
  call_start_ = in_.position();
  if (!skip_space(in_) || in_.rest().front() != '{') {
    in_.return_to(call_start_);
    return false;
  }
  begin(name);
  const JsonSink sink = [this](std::string_view json) { arguments(json); };
  end(read_json(in_, sink));
  return true;
}

CallReader::Outcome CallReader::call() {
  if (is_bare()) accept(in_, kBareToken);
  switch (syntax_.form) {
    case CallForm::kNone:
      return Outcome::kNone;
    case CallForm::kObject:
      return json_calls();
    case CallForm::kNamedJson:
      return named_call();
    case CallForm::kTagged:
      return tagged_call();
    case CallForm::kLiterals:
      return literal_calls();
  }
  return Outcome::kNone;
}

CallReader::Outcome CallReader::named_call() {
  if (!open_call()) return Outcome::kNone;
  std::vector<std::string_view> ends{"{"};
  for (const std::string& piece : syntax_.name_end) add_marker(piece, ends);
  std::string name, between;
  const std::vector<std::string_view> object{"{"};
  if (!read_until(in_, ends, kNameBytesMax, name)) return Outcome::kNone;
  if (!find_tool(name) || !read_until(in_, object, kBetweenBytesMax, between)) return Outcome::kNone;
  begin(name);
  const JsonSink sink = [this](std::string_view json) { arguments(json); };
  const bool is_whole = begins_python_dict() ? read_literal(in_, {}, sink) : read_json(in_, sink);
  const Outcome outcome = end(is_whole);
  if (is_whole) close_call();
  return outcome;
}

CallReader::Outcome CallReader::literal_calls() {
  if (!open_call()) return Outcome::kNone;
  const bool is_list = syntax_.in_list && accept(in_, "[");
  if (is_bare() && !is_list) return Outcome::kNone;
  Outcome outcome = literal_call();
  while (outcome == Outcome::kCall) {
    const std::size_t before = in_.position();
    accept(in_, ",");
    call_start_ = in_.position();
    if (literal_call() != Outcome::kNone) continue;
    in_.return_to(before);
    break;
  }
  if (outcome != Outcome::kCall) return outcome;
  if (is_list) accept(in_, "]");
  close_call();
  return outcome;
}

CallReader::Outcome CallReader::literal_call() {
  if (!skip_space(in_)) return Outcome::kNone;
  std::string name;
  const std::vector<std::string_view> ends{syntax_.arguments_open, "]", "<", "\n", " "};
  if (!read_until(in_, ends, kNameBytesMax, name)) return Outcome::kNone;
  if (!find_tool(name) || !in_.rest().starts_with(syntax_.arguments_open)) return Outcome::kNone;
  in_.skip(syntax_.arguments_open.size());
  begin(name);
  arguments("{");
  const bool is_whole = literal_arguments(name);
  if (is_whole) arguments("}");
  return end(is_whole);
}

// A value that is in quotes although it cannot be a text.
bool CallReader::typed_literal(ValueTypes types) {
  std::string json;
  const JsonSink sink = [&json](std::string_view more) { json += more; };
  if (!read_literal(in_, syntax_.quote, sink, {.is_argument = syntax_.key_separator == "="})) return false;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  arguments(!error && value.is_string() ? json_of_bare_text(value.get_string(), types) : json);
  return true;
}

bool CallReader::literal_arguments(std::string_view tool) {
  const std::vector<std::string_view> key_ends{syntax_.key_separator, syntax_.arguments_close};
  const JsonSink sink = [this](std::string_view json) { arguments(json); };
  for (bool is_first = true;; is_first = false) {
    if (accept(in_, syntax_.arguments_close)) return true;
    if (!is_first && !accept(in_, ",")) return false;
    if (!is_first && accept(in_, syntax_.arguments_close)) return true;
    std::string key;
    if (!read_until(in_, key_ends, kNameBytesMax, key) || !accept(in_, syntax_.key_separator)) return false;
    std::string_view name = trimmed(key);
    if (name.size() > 1 && (name.front() == '"' || name.front() == '\'')) name = name.substr(1, name.size() - 2);
    arguments((is_first ? "\"" : ", \"") + json_escaped(name) + "\": ");
    const ValueTypes types = tools_.of(tool, name);
    const bool may_be_text = types == 0 || (types & kText) != 0;
    const LiteralPlace place{.is_argument = syntax_.key_separator == "=", .is_text = types == kText};
    const bool is_value = may_be_text ? read_literal(in_, syntax_.quote, sink, place) : typed_literal(types);
    if (!is_value) return false;
  }
}

bool CallReader::open_call() {
  if (!accept(in_, syntax_.call_open) || !skip_space(in_)) return false;
  if (syntax_.name_begin.empty()) return true;
  std::string id;
  const std::vector<std::string_view> begins{syntax_.name_begin};
  if (!read_until(in_, begins, kBetweenBytesMax, id)) return false;
  in_.skip(syntax_.name_begin.size());
  return skip_space(in_);
}

bool CallReader::close_call() {
  if (syntax_.call_close.empty()) return true;
  // Some models write a brace too many.
  constexpr std::string_view kExcess = "}])";
  constexpr int kExcessMax = 4;
  const std::size_t start = in_.position();
  for (int i = 0; i <= kExcessMax; ++i) {
    if (accept(in_, syntax_.call_close)) return true;
    const std::string_view tag = last_tag(syntax_.call_close);
    if (!tag.empty() && accept(in_, tag)) return true;
    if (!skip_space(in_) || kExcess.find(in_.rest().front()) == std::string_view::npos) break;
    in_.skip(1);
  }
  in_.return_to(start);
  return false;
}

void CallReader::begin(std::string_view name) {
  events_.add(AnswerEvent::Kind::kCall, name);
}

CallReader::Outcome CallReader::end(bool is_whole) {
  if (is_whole) {
    events_.add(AnswerEvent::Kind::kCallEnd, {});
    return Outcome::kCall;
  }
  is_broken_ = true;
  events_.add(AnswerEvent::Kind::kCallBroken, space_ + std::string(in_.since(call_start_)));
  return Outcome::kBroken;
}

// Some models write functions.NAME, or an id that has the name in it: functions.NAME:0.
bool CallReader::find_tool(std::string& name) const {
  std::string_view bare = trimmed(name);
  if (!tools_.knows(bare)) {
    constexpr std::string_view kSpace = "functions.";
    if (bare.starts_with(kSpace)) bare.remove_prefix(kSpace.size());
    const std::size_t colon = bare.rfind(':');
    const bool has_index = colon != std::string_view::npos && colon + 1 < bare.size() &&
                           bare.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
    if (has_index && !tools_.knows(bare)) bare = bare.substr(0, colon);
  }
  name = std::string(bare);
  return tools_.empty() ? is_marked_ && is_tool_name(name) : tools_.knows(name);
}

CallReaders::CallReaders(Reader& in, AnswerEvents& events, const AnswerSyntax& syntax, const ToolTypes& tools) {
  readers_.reserve(1 + syntax.other_calls.size());
  readers_.emplace_back(in, events, syntax.call, tools);
  for (const CallSyntax& other : syntax.other_calls) readers_.emplace_back(in, events, other, tools);
}

std::vector<std::string_view> CallReaders::markers() const {
  std::vector<std::string_view> all;
  for (const CallReader& reader : readers_) {
    for (const std::string_view marker : reader.markers()) add_marker(marker, all);
  }
  return all;
}

std::vector<std::string_view> CallReaders::markers_in_text() const {
  std::vector<std::string_view> all = markers();
  for (const CallReader& reader : readers_) {
    for (const std::string& beginning : reader.beginnings()) add_marker(beginning, all);
  }
  return all;
}

bool CallReaders::can_begin_bare() const {
  return std::any_of(readers_.begin(), readers_.end(), [](const CallReader& one) { return one.can_begin_bare(); });
}

bool CallReaders::read_calls(std::string_view space) {
  return std::any_of(readers_.begin(), readers_.end(), [&](CallReader& one) { return one.read_calls(space); });
}

bool CallReaders::is_broken() const {
  return std::any_of(readers_.begin(), readers_.end(), [](const CallReader& one) { return one.is_broken(); });
}

}  // namespace hearth
