// Calls whose arguments stand between marks, each value as bare text: what Qwen3-Coder, GLM and MiniMax write.
#include <string>
#include <string_view>
#include <vector>

#include "text/answers/call_reader.h"

namespace hearth {
namespace {

constexpr std::string_view kDataOpen = "<![CDATA[", kDataClose = "]]>";

}  // namespace

CallReader::Outcome CallReader::tagged_call() {
  std::string name;
  if (!open_call() || !tagged_name(name)) return Outcome::kNone;
  begin(name);
  arguments("{");
  bool is_whole = true;
  for (bool is_first = true; is_whole; is_first = false) {
    if (accept(in_, syntax_.argument_open)) {
      is_whole = tagged_argument(name, is_first);
      continue;
    }
    if (syntax_.call_close.empty()) break;
    is_whole = close_call();
    break;
  }
  if (is_whole) arguments("}");
  return end(is_whole);
}

bool CallReader::tagged_name(std::string& name) {
  std::vector<std::string_view> ends{syntax_.argument_open};
  for (const std::string_view end : {std::string_view(syntax_.call_close), std::string_view(syntax_.section_close)}) {
    if (!end.empty()) ends.push_back(end);
  }
  if (!syntax_.name_end.empty()) ends.push_back(syntax_.name_end.front());
  if (!read_until(in_, ends, kNameBytesMax, name) || !find_tool(name)) return false;
  for (std::size_t i = 0; i < syntax_.name_end.size(); ++i) {
    const std::string& piece = syntax_.name_end[i];
    if (i > 0) {
      std::string between;
      const std::vector<std::string_view> next{piece};
      if (!read_until(in_, next, kBetweenBytesMax, between)) return false;
    }
    if (!in_.rest().starts_with(piece)) break;  // a call without it
    in_.skip(piece.size());
  }
  return true;
}

bool CallReader::tagged_argument(std::string_view name, bool is_first) {
  std::string key;
  const std::vector<std::string_view> ends{first_part(syntax_.key_end)};
  if (!read_until(in_, ends, kNameBytesMax, key) || !accept(in_, syntax_.key_end)) return false;
  ValueTypes types = tools_.of(name, trimmed(key));
  if (!key_variant(types)) return false;
  arguments((is_first ? "\"" : ", \"") + json_escaped(trimmed(key)) + "\": ");
  const std::size_t start = in_.position();
  if (accept(in_, kDataOpen)) {
    const std::string close = std::string(kDataClose) + syntax_.argument_close;
    return tagged_value(close, kText);
  }
  in_.return_to(start);
  return tagged_value(syntax_.argument_close, types);
}

// Past what depends on the value's type, where it is written.
bool CallReader::key_variant(ValueTypes& types) {
  if (syntax_.text_key_end == syntax_.other_key_end) return true;
  const bool is_text = accept(in_, syntax_.text_key_end);
  if (is_text) {
    types = kText;
    return true;
  }
  const bool is_other = accept(in_, syntax_.other_key_end);
  if (is_other) {
    if (types == 0 || types == kText) types = static_cast<ValueTypes>(~kText & 127);
    return true;
  }
  if (!syntax_.text_key_end.ends_with('>')) return false;
  static const std::vector<std::string_view> kTagEnds = {">"};
  std::string other;  // of another type
  const bool has_end = read_until(in_, kTagEnds, kBetweenBytesMax, other);
  if (!has_end) return false;
  in_.skip(1);
  if (types == kText) types = 0;
  return true;
}

bool CallReader::tagged_value(std::string_view close, ValueTypes types) {
  if (syntax_.value_has_lines && in_.want(1) && in_.rest().front() == '\n') in_.skip(1);
  const bool flows = types == kText;
  if (flows) arguments("\"");
  const std::size_t end = value_end(close, flows);
  if (end == std::string::npos) return false;
  std::string_view value = in_.rest().substr(0, end);
  if (syntax_.value_has_lines && value.ends_with('\n')) value.remove_suffix(1);
  arguments(flows ? json_escaped(value) + '"' : json_of_bare_text(value, types));
  in_.skip(end + close.size());
  return true;
}

// Where the value ends in the rest; of a text that flows, what is certain was given on and read. `close` within a value
// does not end it: after the end comes another argument, or the call's end.
std::size_t CallReader::value_end(std::string_view close, bool flows) {
  std::vector<std::string_view> followers{syntax_.argument_open};
  for (const std::string* follower : {&syntax_.call_close, &syntax_.section_close, &syntax_.call_open}) {
    if (!follower->empty()) followers.push_back(*follower);
  }
  const std::vector<std::string_view> closes{close};
  const std::size_t held = syntax_.value_has_lines ? 1 : 0;
  std::size_t from = 0;
  for (;;) {
    MarkerSearch found = find_marker(in_.rest().substr(from), closes, in_.ended());
    found.at += from;
    if (found.marker >= 0) {
      const std::size_t start = in_.position();
      in_.skip(found.at + close.size());
      const bool is_end = syntax_.call_close.empty() || follows(in_, followers, true);
      in_.return_to(start);
      if (is_end) return found.at;
      from = found.at + 1;
      continue;
    }
    if (flows && found.at > held) {
      const std::size_t certain = whole_characters(in_.rest(), found.at - held);
      arguments(json_escaped(in_.rest().substr(0, certain)));
      in_.skip(certain);
      from = found.at - certain;
    } else {
      from = found.at;
    }
    if (!in_.want_more()) return std::string::npos;
  }
}

}  // namespace hearth
