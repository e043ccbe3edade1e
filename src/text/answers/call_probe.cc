#include "text/answers/call_probe.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <utility>

#include "text/answers/literals.h"
#include "text/answers/probe_words.h"
#include "text/answers/reading.h"
#include "text/answers/syntax_texts.h"

namespace hearth {
namespace {

namespace json = boost::json;

// A JSON value within a text.
struct FoundJson {
  std::size_t begin, end;
  json::value value;
};

// The same as Python writes it.
std::optional<FoundJson> python_at(std::string_view text, std::size_t begin) {
  const std::size_t first = text.find_first_not_of(" \n\t[{", begin);
  if (first == std::string_view::npos || (text[first] != '\'' && text[first] != '"')) return std::nullopt;
  Reader in;
  in.append(text.substr(begin));
  in.end();
  std::string found;
  const JsonSink sink = [&found](std::string_view json) { found += json; };
  boost::system::error_code error;
  if (!read_literal(in, {}, sink)) return std::nullopt;
  json::value value = json::parse(found, error);
  if (error) return std::nullopt;
  return FoundJson{begin, begin + in.position(), std::move(value)};
}

std::optional<FoundJson> json_at(std::string_view text, std::size_t begin) {
  json::stream_parser parser;
  boost::system::error_code error;
  std::size_t size = parser.write_some(text.data() + begin, text.size() - begin, error);
  if (error || !parser.done()) return python_at(text, begin);
  while (size > 0 && kWhiteSpace.find(text[begin + size - 1]) != std::string_view::npos) --size;
  return FoundJson{begin, begin + size, parser.release()};
}

// The outermost list or object that begins in [from, before) and ends behind `before`.
std::optional<FoundJson> json_around(std::string_view text, std::size_t from, std::size_t before) {
  for (std::size_t at = from; at < before; ++at) {
    at = text.find_first_of("{[", at);
    if (at >= before) break;
    std::optional<FoundJson> found = json_at(text, at);
    if (found && found->end > before) return found;
  }
  return std::nullopt;
}

// Where a call's words stand.
struct Words {
  std::size_t name, key, value;
};

std::optional<Words> find_words(std::string_view text, std::size_t from, std::string_view name, std::string_view key,
                                std::string_view value) {
  const std::size_t key_at = text.find(key, from);
  if (key_at == std::string_view::npos) return std::nullopt;
  const std::size_t name_at = text.rfind(name, key_at);  // the nearest, where it is written twice
  const std::size_t value_at = text.find(value, key_at);
  if (name_at == std::string_view::npos || name_at < from || value_at == std::string_view::npos) return std::nullopt;
  return Words{name_at, key_at, value_at};
}

std::string_view part(std::string_view text, std::size_t begin, std::size_t end) {
  return begin <= end ? text.substr(begin, end - begin) : std::string_view();
}

class CallProber {
 public:
  explicit CallProber(std::string_view turn) : turn_(turn) {}

  CallProbe run() {
    const auto first = find_words(turn_, 0, kFirstTool, kFirstKey, kFirstValue);
    if (!first) return {};
    first_ = *first;
    second_ = find_words(turn_, first_.value, kSecondTool, kThirdKey, kThirdValue);
    if (!find_object() && !find_named() && !find_literals()) find_tagged();
    return std::move(probe_);
  }

 private:
  CallSyntax& syntax() { return probe_.syntax; }

  // The calls end and begin there; `second_begin` is npos for calls that are one text.
  void set_frame(std::size_t begin, std::size_t end, std::size_t second_begin, std::size_t last_end) {
    std::string_view opening = turn_.substr(0, begin);
    const std::string_view closing = turn_.substr(last_end);
    const std::size_t id = opening.rfind(kFirstId);
    if (id != std::string_view::npos) {
      syntax().name_begin = trimmed(opening.substr(id + kFirstId.size()));
      opening = opening.substr(0, id);
    }
    probe_.opening = opening;
    probe_.end = closing;
    if (second_begin == std::string_view::npos) return;
    std::string_view between = part(turn_, end, second_begin);
    between = between.substr(0, between.find(kSecondId));
    syntax().call_open = trimmed(common_ending(opening, between));
    syntax().call_close = trimmed(common_beginning(between, closing));
  }

  bool find_object() {
    const auto whole = json_around(turn_, 0, first_.name);
    if (!whole || whole->end < first_.value) return false;
    syntax().form = CallForm::kObject;
    const bool is_list = whole->value.is_array();
    describe(is_list ? whole->value.get_array().front() : whole->value);
    std::size_t second_begin = std::string_view::npos, last_end = whole->end;
    if (second_ && second_->name > whole->end) {
      const auto next = json_around(turn_, whole->end, second_->name);
      if (next) {
        second_begin = next->begin;
        last_end = next->end;
      }
    }
    set_frame(whole->begin, whole->end, second_begin, last_end);
    return true;
  }

  // Under which names a call's object has the tool and the arguments.
  void describe(const json::value& call) {
    const json::object* object = call.if_object();
    if (object == nullptr) return;
    for (const auto& [key, value] : *object) {
      if (key == kFirstTool) {
        syntax().name_is_key = true;
        return;
      }
      if (value.is_string() && value.get_string() == kFirstTool) syntax().name_key = key;
      const json::object* inner = value.if_object();
      const bool is_text =
          value.is_string() && std::string_view(value.get_string()).find(kFirstKey) != std::string::npos;
      if (is_text || (inner != nullptr && inner->contains(kFirstKey))) {
        syntax().arguments_key = key;
      } else if (inner != nullptr) {
        describe(value);
      }
    }
  }

  bool find_named() {
    const std::size_t name_end = first_.name + kFirstTool.size();
    const auto arguments = json_around(turn_, name_end, first_.key);
    if (!arguments || arguments->end < first_.value || !arguments->value.is_object()) return false;
    syntax().form = CallForm::kNamedJson;
    const std::string_view name_mark = part(turn_, name_end, arguments->begin);
    std::vector<std::string> pieces = pieces_of(name_mark);
    std::size_t second_begin = std::string_view::npos, last_end = arguments->end;
    if (second_) {
      const std::size_t second_name_end = second_->name + kSecondTool.size();
      const auto next = json_around(turn_, second_name_end, second_->key);
      if (!next) return false;
      second_begin = second_->name;
      last_end = next->end;
      if (pieces.size() == 1) pieces = alike(name_mark, part(turn_, second_name_end, next->begin));
    }
    set_name_end(pieces);
    set_frame(first_.name, arguments->end, second_begin, last_end);
    return true;
  }

  // Without the call's id.
  static std::vector<std::string> pieces_of(std::string_view mark) {
    const std::size_t id = mark.find(kFirstId);
    if (id == std::string_view::npos) return {std::string(mark)};
    return {std::string(mark.substr(0, id)), std::string(mark.substr(id + kFirstId.size()))};
  }

  void set_name_end(const std::vector<std::string>& pieces) {
    for (const std::string& piece : pieces) {
      const std::string_view bare = trimmed(piece);
      if (!bare.empty()) {
        syntax().name_end.emplace_back(bare);
      } else if (!piece.empty()) {
        syntax().name_end.push_back(piece);  // a line's end
      }
    }
  }

  bool find_literals() {
    const std::size_t name_end = first_.name + kFirstTool.size();
    const std::string_view open = trimmed(part(turn_, name_end, first_.key));
    const std::string_view mark = trimmed(part(turn_, first_.key + kFirstKey.size(), first_.value));
    if ((open != "(" && open != "{") || mark.empty() || (mark.front() != '=' && mark.front() != ':')) return false;
    CallSyntax& found = syntax();
    found.form = CallForm::kLiterals;
    found.arguments_open = open;
    found.arguments_close = open == "(" ? ")" : "}";
    found.key_separator = mark.substr(0, 1);
    const std::string_view quote = trimmed(mark.substr(1));
    if (quote != "'" && quote != "\"") found.quote = quote;
    const std::size_t second_value = turn_.find(kSecondValue, first_.value);
    if (second_value == std::string_view::npos) return false;
    const std::size_t end = literal_end(second_value + kSecondValue.size());
    std::size_t second_begin = std::string_view::npos, last_end = end;
    if (second_) {
      last_end = literal_end(second_->value + kThirdValue.size());
      const std::string_view between = trimmed(part(turn_, end, second_->name));
      if (!between.empty() && between != ",") second_begin = second_->name;
    }
    set_frame(first_.name, end, second_begin, last_end);
    const std::string_view opening = trimmed(probe_.opening), closing = trimmed(probe_.end);
    found.in_list = opening.ends_with('[') && closing.starts_with(']');
    if (found.in_list) {
      probe_.opening = opening.substr(0, opening.size() - 1);
      probe_.end = closing.substr(1);
      if (found.call_open.ends_with('[')) found.call_open.pop_back();
      if (found.call_close.starts_with(']')) found.call_close.erase(0, 1);
    }
    return true;
  }

  // Behind the arguments whose last value ends at `at`.
  std::size_t literal_end(std::size_t at) {
    const std::size_t close = turn_.find(syntax().arguments_close, at);
    return close != std::string_view::npos ? close + 1 : at;
  }

  void find_tagged() {
    const std::size_t name_end = first_.name + kFirstTool.size(), key_end = first_.key + kFirstKey.size(),
                      value_end = first_.value + kFirstValue.size();
    const std::size_t second_key = turn_.find(kSecondKey, value_end);
    const std::size_t second_value = turn_.find(kSecondValue, value_end);
    if (second_key == std::string_view::npos || second_value == std::string_view::npos) return;
    const std::string_view name_mark = part(turn_, name_end, first_.key),
                           value_mark = part(turn_, key_end, first_.value),
                           between = part(turn_, value_end, second_key);
    const std::string_view open = common_ending(name_mark, between);
    const std::string_view close = without_ending(between, open);
    if (trimmed(open).empty() || trimmed(value_mark).empty() || trimmed(close).empty()) return;
    CallSyntax& found = syntax();
    found.form = CallForm::kTagged;
    found.argument_open = trimmed(open);
    found.argument_close = trimmed(close);
    found.key_end = trimmed(value_mark);
    found.value_has_lines = value_mark.ends_with('\n') && close.starts_with('\n');
    std::vector<std::string> pieces{std::string(without_ending(name_mark, open))};
    const std::size_t end = behind(close, second_value + kSecondValue.size());
    std::size_t second_begin = std::string_view::npos, last_end = end;
    if (second_) {
      const std::string_view second_mark = part(turn_, second_->name + kSecondTool.size(), second_->key);
      pieces = alike(without_ending(name_mark, open), without_ending(second_mark, open));
      second_begin = second_->name;
      last_end = behind(close, second_->value + kThirdValue.size());
    }
    set_name_end(pieces);
    std::erase_if(found.name_end, [](const std::string& piece) { return trimmed(piece).empty(); });
    set_frame(first_.name, end, second_begin, last_end);
  }

  std::size_t behind(std::string_view mark, std::size_t at) const {
    const std::string_view bare = trimmed(mark);
    const std::size_t found = turn_.find(bare, at);
    return found != std::string_view::npos ? found + bare.size() : at;
  }

  std::string_view turn_;
  CallProbe probe_;
  Words first_{};
  std::optional<Words> second_;
};

}  // namespace

CallProbe probe_calls_syntax(std::string_view turn) {
  return CallProber(turn).run();
}

void find_value_types(std::string_view turn, CallSyntax& syntax) {
  if (syntax.form != CallForm::kTagged) return;
  const std::size_t key = turn.find(kFirstKey);
  const std::size_t value = key != std::string_view::npos ? turn.find(kNumberValue, key) : key;
  if (value == std::string_view::npos) return;
  const std::string_view mark = trimmed(part(turn, key + kFirstKey.size(), value));
  if (mark == syntax.key_end) return;
  const std::string text_mark = syntax.key_end;
  syntax.key_end = common_beginning(text_mark, mark);
  syntax.text_key_end = trimmed(std::string_view(text_mark).substr(syntax.key_end.size()));
  syntax.other_key_end = trimmed(mark.substr(syntax.key_end.size()));
  syntax.key_end = trimmed(syntax.key_end);
}

}  // namespace hearth
