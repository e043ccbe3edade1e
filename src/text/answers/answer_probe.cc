#include "text/answers/answer_probe.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <string_view>
#include <utility>

#include "text/answers/call_probe.h"
#include "text/answers/known_syntaxes.h"
#include "text/answers/probe_words.h"
#include "text/answers/reading.h"
#include "text/answers/syntax_texts.h"

namespace hearth {
namespace {

namespace json = boost::json;

using Text = std::optional<std::string>;

constexpr std::string_view kReasoningFields[] = {"reasoning_content", "reasoning", "thinking"};
bool contains(const Text& text, std::string_view word) {
  return text && text->find(word) != std::string::npos;
}

class AnswerProber {
 public:
  AnswerProber(const ProbeRender& render, const std::string& source) : render_(render), source_(source) {}

  AnswerProbe run() {
    prompt_ = rendered({}, true, std::nullopt);
    if (prompt_) examine();
    if (!prompt_) find_thinking();
    AnswerSyntax& syntax = probe_.syntax;
    if (source_.find("<|channel|>") != std::string::npos && source_.find("<|message|>") != std::string::npos) {
      syntax.has_message_headers = syntax.has_channels = true;
    }
    probe_.shows_calls = syntax.calls();
    probe_.reads_effort = source_.find("reasoning_effort") != std::string::npos;
    if (!probe_.shows_calls) take_known_calls();
    add_forgotten_marks();
    return std::move(probe_);
  }

 private:
  struct Turn {
    std::string_view text = {}, reasoning = {};
    int calls = 0;
  };

  // A model that writes objects may forget the mark before them; one without a mark may write Python in their place.
  void add_forgotten_marks() {
    AnswerSyntax& syntax = probe_.syntax;
    if (syntax.call.form != CallForm::kObject || probe_.is_default || !syntax.other_calls.empty()) return;
    const bool is_bare = syntax.call.section_open.empty() && syntax.call.call_open.empty();
    syntax.other_calls.push_back(is_bare ? bare_python_syntax() : bare_object_syntax(syntax.call));
  }

  void take_known_calls() {
    std::vector<CallSyntax> known = known_call_syntaxes(source_);
    probe_.is_default = known.empty();
    if (known.empty()) known = default_call_syntaxes();
    probe_.syntax.call = std::move(known.front());
    probe_.syntax.other_calls.assign(std::make_move_iterator(known.begin() + 1), std::make_move_iterator(known.end()));
  }

  void examine() {
    probe_.shows_tools = contains(prompt_, kFirstTool) && contains(prompt_, kFirstKey);
    find_form();
    answer_ = turn({.text = kAnswerText});
    find_reasoning();
    calls_ = turn({.calls = 2});
    if (!contains(calls_, kSecondTool) && contains(turn({.calls = 1}), kFirstTool)) calls_ = turn({.calls = 1});
    find_turn_start();
    find_message_headers();
    find_thinking();
    find_calls();
    find_text_marks();
  }

  // The conversation with the assistant's turn, if there is one.
  Text rendered(const Turn& turn, bool wants_prompt, std::optional<bool> thinks) const {
    json::array messages{json::object{{"role", "user"}, {"content", kQuestion}}};
    if (!wants_prompt) {
      json::object message{{"role", "assistant"}, {"content", turn.text}};
      if (!turn.reasoning.empty()) message[field_] = turn.reasoning;
      if (turn.calls != 0) message["tool_calls"] = probe_calls(turn.calls, form_);
      messages.push_back(std::move(message));
    }
    json::object context{{"messages", std::move(messages)},
                         {"tools", probe_tools(turn.calls)},
                         {"documents", nullptr},
                         {"add_generation_prompt", wants_prompt}};
    if (thinks) {
      context["enable_thinking"] = *thinks;
      context["thinking"] = *thinks;
    }
    return render_(context);
  }
  Text turn(const Turn& turn) const { return rendered(turn, false, std::nullopt); }

  // Arguments and ids in the form in which the template shows a call.
  void find_form() {
    for (const bool has_named_ids : {false, true}) {
      for (const bool as_text : {false, true}) {
        form_ = {.as_text = as_text, .has_named_ids = has_named_ids};
        const Text text = turn({.calls = 1});
        if (!contains(text, kFirstTool) || !contains(text, kFirstValue)) continue;
        probe_.ids_hold_names = has_named_ids;
        return;
      }
    }
    form_ = {};
  }

  void find_reasoning() {
    for (const std::string_view field : kReasoningFields) {
      field_ = field;
      thought_ = turn({.text = kAnswerText, .reasoning = kThought});
      thought_call_ = turn({.reasoning = kThought, .calls = 1});
      if (!contains(thought_, kThought) && !contains(thought_call_, kThought)) continue;
      probe_.reasoning_field = field;
      return;
    }
    thought_.reset();
    thought_call_.reset();
  }

  // What every turn of the assistant begins with, behind the question; the prompt may say more. White space differs.
  void find_turn_start() {
    silent_ = rendered({}, true, false);
    std::string start = without_space(after(*prompt_, kQuestion));
    for (const Text* text : {&answer_, &calls_, &thought_, &thought_call_}) {
      if (contains(*text, kQuestion)) start = common_beginning(start, without_space(after(**text, kQuestion)));
    }
    // Where a question is marked as one that wants no thoughts, that prompt tells nothing.
    if (contains(silent_, kQuestion)) {
      const std::string silent = without_space(after(*silent_, kQuestion));
      if (const auto alike = common_beginning(start, silent); !alike.empty()) start = std::string(alike);
    }
    turn_start_ = start;
    const std::string_view tail = after(*prompt_, kQuestion);
    probe_.syntax.turn_open = trimmed(tail.substr(0, tail.size() - body(prompt_).size()));
  }
  // Behind what every turn begins with.
  std::string_view body(const Text& text) const {
    if (!text) return {};
    if (!contains(text, kQuestion)) return *text;
    std::string_view rest = after(*text, kQuestion);
    for (const char c : turn_start_) {
      const std::size_t at = rest.find_first_not_of(kWhiteSpace);
      if (at == std::string_view::npos || rest[at] != c) break;
      rest.remove_prefix(at + 1);
    }
    return rest;
  }

  void find_message_headers() {
    const std::string_view all = body(answer_);
    probe_.syntax.has_message_headers =
        all.substr(0, all.find(kAnswerText)).find("<|message|>") != std::string_view::npos;
  }

  static std::string_view before(std::string_view text, std::string_view word) {
    const std::size_t at = text.find(word);
    return at != std::string_view::npos ? text.substr(0, at) : std::string_view();
  }
  static std::string_view after(std::string_view text, std::string_view word) {
    const std::size_t at = text.rfind(word);
    return at != std::string_view::npos ? text.substr(at + word.size()) : std::string_view();
  }

  void find_thinking() {
    AnswerSyntax& syntax = probe_.syntax;
    const std::string_view with_text = body(thought_), with_call = body(thought_call_);
    const bool shows_both =
        contains(thought_, kThought) && after(with_text, kThought).find(kAnswerText) != std::string::npos;
    const std::string_view to_text = shows_both ? before(after(with_text, kThought), kAnswerText) : std::string_view();
    const std::string_view to_call =
        contains(thought_call_, kThought) ? before(after(with_call, kThought), kFirstTool) : std::string_view();
    if (!to_text.empty()) {
      find_thinking_close(to_text, to_call);
      syntax.thinking_open = trimmed(before(with_text, kThought));
    } else if (!to_call.empty()) {
      syntax.thinking_close = trimmed(first_tag(trimmed(to_call)));
      syntax.thinking_open = trimmed(before(with_call, kThought));
    }
    if (!syntax.thinking_close.empty() && syntax.thinking_open.empty()) find_thinking_open();
    separate_thinking_close();
    // Brackets and line breaks are in every text: nothing tells thoughts from it.
    constexpr std::size_t kMarkBytesMin = 3;
    if (syntax.thinking_close.size() < kMarkBytesMin) {
      syntax.thinking_open.clear();
      syntax.thinking_close.clear();
    }
    if (syntax.thinks()) return;
    const auto [open, close] = known_thinking_marks(source_);
    syntax.thinking_open = open;
    syntax.thinking_close = close;
  }

  // Of thoughts that the prompt opens.
  void find_thinking_open() {
    AnswerSyntax& syntax = probe_.syntax;
    const Text thinking = rendered({}, true, true);
    for (const std::string& open : mirrored(syntax.thinking_close)) {
      if (!contains(prompt_, open) && !contains(thinking, open) && source_.find(open) == std::string::npos) continue;
      syntax.thinking_open = open;
      return;
    }
    // Some prompts begin the thoughts with a sentence.
    const std::string_view tail = trimmed(body(thinking ? thinking : prompt_));
    syntax.thinking_open = tail.empty() ? last_tag_of(thinking ? *thinking : *prompt_) : tail;
    if (syntax.thinking_open.ends_with(syntax.thinking_close)) syntax.thinking_open.clear();
  }

  // What every text begins with may stand behind the end of the thoughts.
  void separate_thinking_close() {
    AnswerSyntax& syntax = probe_.syntax;
    const std::string_view tag = first_tag(syntax.thinking_close);
    if (tag.size() == syntax.thinking_close.size()) return;
    const std::string thinking = rendered({}, true, true).value_or(*prompt_);
    for (const std::string& open : mirrored(tag)) {
      if (open != syntax.thinking_open && !trimmed(thinking).ends_with(open)) continue;
      syntax.thinking_close = std::string(tag);
      syntax.thinking_open = open;
      return;
    }
  }

  void find_thinking_close(std::string_view to_text, std::string_view to_call) {
    AnswerSyntax& syntax = probe_.syntax;
    std::string_view close = to_text;
    if (!to_call.empty()) {
      const std::string_view both = common_beginning(to_text, to_call);
      close = trimmed(both).empty() ? first_tag(trimmed(to_text)) : both;
    }
    // A prompt that asks for no thoughts may open the text.
    const std::string_view opened = trimmed(body(silent_));
    if (!opened.empty() && close.size() > opened.size() && trimmed(close).ends_with(opened)) {
      close = without_ending(trimmed(close), opened);
    }
    syntax.thinking_close = trimmed(close);
  }

  // Without what is written of thoughts where there are none.
  std::string_view without_thinking(std::string_view text) const {
    for (;;) {
      text.remove_prefix(std::min(text.find_first_not_of(kWhiteSpace), text.size()));
      std::string_view rest = text;
      for (const std::string* mark : {&probe_.syntax.thinking_open, &probe_.syntax.thinking_close}) {
        rest = mark->empty() ? rest : without_beginning(rest, *mark);
      }
      if (rest.size() == text.size()) return text;
      text = rest;
    }
  }

  void find_calls() {
    if (!contains(calls_, kFirstTool) || !contains(calls_, kFirstValue)) return;
    CallProbe found = probe_calls_syntax(body(calls_));
    if (found.syntax.form == CallForm::kNone) return;
    const auto more = turn({.calls = kTypedCall});
    if (more) find_value_types(body(more), found.syntax);
    call_end_ = std::string(found.end);
    const Text with_text = turn({.text = kAnswerText, .calls = 1});
    // Of what stands before calls with a text and without the shorter is the mark: a template may drop the text, write
    // it behind the calls, or begin another turn.
    std::string_view opening = trimmed(without_thinking(found.opening));
    const CallProbe after_text = probe_calls_syntax(body(with_text));
    if (after_text.opening.find(kAnswerText) != std::string_view::npos) {
      between_ = std::string(after(after_text.opening, kAnswerText));
      const std::string_view other = trimmed(between_);
      if (opening.empty() || (!other.empty() && opening.ends_with(other))) opening = other;
    }
    if (probe_.syntax.has_message_headers) {
      opening = after_message(opening);
      found.syntax.call_open = after_message(found.syntax.call_open);
    }
    opening_ = std::string(opening);
    probe_.syntax.call = std::move(found.syntax);
  }

  static std::string_view after_message(std::string_view text) {
    constexpr std::string_view kMark = "<|message|>";
    const std::size_t at = text.rfind(kMark);
    return at != std::string_view::npos ? trimmed(text.substr(at + kMark.size())) : text;
  }

  void find_text_marks() {
    AnswerSyntax& syntax = probe_.syntax;
    CallSyntax& call = syntax.call;
    const std::string_view text_end = after(body(answer_), kAnswerText), call_end = call_end_;
    std::string_view turn_end = trimmed(text_end);
    if (call.form != CallForm::kNone) {
      const std::string_view both = common_ending(turn_end, trimmed(call_end));
      if (!trimmed(both).empty()) turn_end = trimmed(both);
    }
    if (!syntax.has_message_headers && contains(answer_, kAnswerText)) {
      syntax.content_open = trimmed(without_thinking(before(body(answer_), kAnswerText)));
      std::string_view close = common_beginning(text_end, between_);
      if (trimmed(close).empty() || close == text_end) close = without_ending(trimmed(text_end), turn_end);
      syntax.content_close = trimmed(close);
      if (call.form == CallForm::kNone) syntax.content_close.clear();
      if (syntax.thinking_close.size() > syntax.content_open.size()) {
        const std::string_view rest = without_ending(syntax.thinking_close, syntax.content_open);
        syntax.thinking_close = std::string(trimmed(rest));
      }
    }
    syntax.turn_end = without_beginning(turn_end, syntax.content_close);
    std::string_view turn_open = without_beginning(syntax.turn_open, syntax.turn_end);
    if (!syntax.thinking_open.empty()) turn_open = without_ending(trimmed(turn_open), syntax.thinking_open);
    syntax.turn_open = std::string(trimmed(turn_open));
    if (call.form == CallForm::kNone) return;
    std::string_view opening = without_beginning(trimmed(opening_), syntax.content_open);
    opening = without_beginning(trimmed(opening), syntax.content_close);
    find_section(trimmed(opening), call_end);
  }

  // Around all calls: what is written once.
  void find_section(std::string_view opening, std::string_view end) {
    CallSyntax& call = probe_.syntax.call;
    call.section_open = trimmed(without_ending(opening, call.call_open));
    end = trimmed(without_beginning(trimmed(end), call.call_close));
    const std::string_view close = section_close(call.section_open, end);
    call.section_close = close;
    probe_.syntax.call_turn_end = trimmed(end.substr(close.size()));
    // Of two marks around each call the inner one is enough.
    const std::size_t opens = call.call_open.find(">\n");
    if (call.section_open.empty() && opens != std::string::npos) {
      call.section_open = call.call_open.substr(0, opens + 1);
      call.call_open = trimmed(std::string_view(call.call_open).substr(opens + 1));
    }
    const std::size_t closes = call.call_close.find(">\n");
    if (call.section_close.empty() && closes != std::string::npos) {
      call.section_close = trimmed(std::string_view(call.call_close).substr(closes + 1));
      call.call_close.resize(closes + 1);
    }
    call.prompt_opens = !call.section_open.empty() && trimmed(*prompt_).ends_with(call.section_open);
  }

  // Of what stands behind the calls the part that closes them all; the rest is the turn's end.
  std::string_view section_close(std::string_view open, std::string_view end) const {
    if (open.empty()) return {};
    for (std::size_t size = 0; size < end.size();) {
      const std::string_view tag = first_tag(end.substr(size));
      size += tag.size();
      for (const std::string& opposite : mirrored(tag)) {
        if (open.find(opposite) != std::string_view::npos) return end.substr(0, size);
      }
    }
    const std::string& turn_end = probe_.syntax.turn_end;
    return turn_end.empty() ? end : trimmed(without_ending(end, turn_end));
  }

  const ProbeRender& render_;
  const std::string& source_;
  AnswerProbe probe_;
  CallForms form_;
  std::string_view field_ = kReasoningFields[0];
  Text prompt_, silent_, answer_, calls_, thought_, thought_call_;
  std::string turn_start_;  // without white space
  std::string call_end_, opening_, between_;
};

}  // namespace

AnswerProbe probe_answers(const ProbeRender& render, const std::string& source) {
  return AnswerProber(render, source).run();
}

}  // namespace hearth
