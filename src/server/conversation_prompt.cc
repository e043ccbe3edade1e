#include "server/conversation_prompt.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <optional>
#include <string>
#include <utility>

#include "server/answer_form.h"
#include "server/call_opening.h"
#include "server/fields.h"
#include "text/answers/answer_probe.h"
#include "text/answers/reading.h"
#include "text/templates/chat_prompt.h"

namespace hearth {
namespace {

namespace json = boost::json;

bool is_special_text(const Tokenizer& tokenizer, std::string_view mark) {
  if (mark.empty()) return false;
  const auto ids = tokenizer.encode(mark, {.add_special = false, .parse_special = true});
  return std::any_of(ids.begin(), ids.end(), [&](TokenId id) { return tokenizer.is_special(id); });
}

void add_marks(const CallSyntax& call, std::vector<std::string_view>& marks) {
  for (const std::string* mark : {&call.section_open, &call.call_open, &call.name_begin, &call.argument_open,
                                  &call.key_end, &call.arguments_open, &call.quote}) {
    marks.push_back(*mark);
  }
  marks.insert(marks.end(), call.name_end.begin(), call.name_end.end());
}

// Special tokens have no text unless it is asked for.
bool has_special_marks(const Tokenizer& tokenizer, const AnswerSyntax& syntax, bool reads_calls) {
  if (syntax.has_message_headers) return true;
  std::vector<std::string_view> marks{syntax.thinking_open, syntax.thinking_close};
  if (reads_calls) {
    add_marks(syntax.call, marks);
    for (const CallSyntax& call : syntax.other_calls) add_marks(call, marks);
  }
  return std::any_of(marks.begin(), marks.end(),
                     [&](std::string_view mark) { return is_special_text(tokenizer, mark); });
}

std::size_t count_calls(const json::object& context) {
  std::size_t count = 0;
  for (const json::value& message : context.at("messages").as_array()) {
    const json::object* object = message.if_object();
    const json::value* calls = object != nullptr ? object->if_contains("tool_calls") : nullptr;
    if (calls != nullptr && calls->is_array()) count += calls->get_array().size();
  }
  return count;
}

// A prompt in the making.
class Prompt {
 public:
  Prompt(const ModelService& service, json::object context, OfferedTools tools)
      : service_(service), tools_(std::move(tools)) {
    if (!tools_.empty()) context["tools"] = tools_.definitions();
    const json::value* effort = context.if_contains("reasoning_effort");
    if (effort != nullptr && effort->is_string()) effort_ = effort->get_string();
    earlier_calls_ = count_calls(context);
    text_ = service.render_chat(std::move(context));
  }

  std::string& text() { return text_; }

  ConversationPrompt end(std::string prefill) {
    ConversationPrompt prompt;
    read_answer(prompt);
    if (prompt.reading.syntax) {
      prompt.shows_special =
          has_special_marks(service_.tokenizer(), *prompt.reading.syntax, prompt.reading.options.reads_calls);
      prompt.reading.prefill = std::move(prefill);
      text_ += prompt.reading.opening;
    }
    prompt.tokens = encode_rendered(service_.tokenizer(), text_);
    return prompt;
  }

 private:
  void read_answer(ConversationPrompt& prompt) {
    AnswerReading& reading = prompt.reading;
    const auto probe = service_.answers(!tools_.empty());
    if (!probe) return;
    if (!probe->reads_effort) prompt.thinking_tokens_max = thinking_tokens_of(effort_);
    const AnswerSyntax& syntax = probe->syntax;
    const bool reads_calls = !tools_.empty() && syntax.calls();
    if (!reads_calls && !syntax.thinks()) return;
    reading.syntax = std::shared_ptr<const AnswerSyntax>(probe, &syntax);
    const std::string& close = syntax.thinking_close;
    prompt.may_think = close.empty() || !trimmed(text_).ends_with(trimmed(close));
    reading.options = {.reads_calls = reads_calls, .thinking_is_open = syntax.is_thinking_after(text_)};
    if (!reads_calls) return;
    reading.ids_hold_names = probe->ids_hold_names;
    reading.earlier_calls = earlier_calls_;
    if (tools_.must_call) reading.opening = call_opening(reading.syntax, tools_, reading.options);
    reading.tools = std::make_shared<const OfferedTools>(std::move(tools_));
  }

  const ModelService& service_;
  OfferedTools tools_;
  std::string text_, effort_;
  std::size_t earlier_calls_ = 0;
};

}  // namespace

void ConversationPrompt::put_into(Request& generation) {
  generation.prompt = std::move(tokens);
  generation.show_special = generation.show_special || shows_special;
  std::int64_t& tokens_max = generation.thinking.token_count_max;
  if (tokens_max < 0) tokens_max = thinking_tokens_max;
  if (!reading.syntax) return;
  put_answer_form(reading, may_think, generation);
  const bool is_whole = generation.grammar && !generation.calls;
  const bool one_call = reading.tools && reading.tools->one_call;
  reading.ends_itself = one_call && (generation.calls || (is_whole && reading.options.reads_calls));
}

ConversationPrompt encode_conversation(const ModelService& service, json::object context, OfferedTools tools,
                                       std::string_view prefill) {
  if (!prefill.empty()) tools.must_call = false;  // the answer has begun with something else
  Prompt prompt(service, std::move(context), std::move(tools));
  // Encoded as one text: the prefill's first word may be one token with what the template wrote before it.
  prompt.text() += prefill;
  return prompt.end(std::string(prefill));
}

ConversationPrompt encode_continued_conversation(const ModelService& service, json::object context,
                                                 OfferedTools tools) {
  const json::array& messages = context.at("messages").as_array();
  const json::value* content = messages.back().as_object().if_contains("content");
  if (content != nullptr && content->is_array() && !content->get_array().empty()) {
    content = content->get_array().back().as_object().if_contains("text");  // of several parts the last
  }
  std::string last(content != nullptr && content->is_string() ? std::string_view(content->get_string()) : "");
  context["add_generation_prompt"] = false;
  tools.must_call = false;
  Prompt prompt(service, std::move(context), std::move(tools));
  std::size_t at = prompt.text().rfind(last);
  if (at == std::string::npos) {  // templates may cut white space off
    last = std::string(trimmed(last));
    at = prompt.text().rfind(last);
  }
  if (last.empty() || at == std::string::npos) {
    throw bad_request("'continue_final_message': the last message's text is not in what the model's template renders",
                      "continue_final_message");
  }
  prompt.text().resize(at + last.size());
  return prompt.end(std::move(last));
}

void set_thinking(json::object& context, bool thinks) {
  for (const char* name : {"enable_thinking", "thinking"}) context[name] = thinks;
}

void set_effort(json::object& context, std::string_view effort) {
  context["reasoning_effort"] = effort;
  if (effort == "none") set_thinking(context, false);
}

}  // namespace hearth
