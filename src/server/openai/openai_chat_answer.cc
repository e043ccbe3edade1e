// Answers of /v1/chat/completions.
#include <boost/json/array.hpp>
#include <memory>
#include <utility>

#include "server/openai/openai_answer.h"

namespace hearth {
namespace {

namespace json = boost::json;
using Kind = AnswerPiece::Kind;

// A call, or a part of it, under the names that its kind of tool has.
json::object call_object(bool is_custom, std::string_view name, std::string_view arguments) {
  json::object inner;
  if (!name.empty()) inner["name"] = name;
  inner[is_custom ? "input" : "arguments"] = arguments;
  return {{is_custom ? "custom" : "function", std::move(inner)}};
}

json::object whole_call(const AnswerPart& part) {
  const bool is_custom = part.call.tool.is_custom;
  json::object call = call_object(is_custom, part.call.tool.name, part.text);
  call["id"] = part.call.id;
  call["type"] = is_custom ? "custom" : "function";
  return call;
}

class ChatFormat final : public ChoiceFormat {
 public:
  explicit ChatFormat(ChoiceFormatOptions options) : options_(std::move(options)) {}

  json::object whole(std::span<const FinishedChoice> choices) const override {
    json::array all;
    UsageTotal total;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const FinishedChoice& choice = choices[i];
      total.add(choice.end.usage, i == 0);
      all.push_back({{"index", i},
                     {"message", message(choice.parts)},
                     {"logprobs", logprobs(choice.tokens())},
                     {"finish_reason", finish_reason(choice.end, has_called(choice.parts))}});
    }
    json::object answer = head("chat.completion");
    answer["choices"] = std::move(all);
    answer["usage"] = total.json();
    return answer;
  }

  std::string opening(int index) override {
    return chunk(index, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, nullptr, nullptr);
  }

  std::string piece(int index, const AnswerPiece& piece) override {
    Choice& choice = choice_at(index);
    switch (piece.kind) {
      case Kind::kReasoning:
        return chunk(index, {{"reasoning_content", piece.text}}, nullptr, nullptr);
      case Kind::kContent:
        return chunk(index, {{"content", piece.text}}, piece.tokens.empty() ? json::value() : logprobs(piece.tokens),
                     nullptr);
      case Kind::kCall:
        ++choice.call_count;
        choice.is_custom = piece.call.tool.is_custom;
        return call_chunk(index, &piece.call, "");
      case Kind::kArguments:
        return call_chunk(index, nullptr, piece.text);
      case Kind::kCallEnd:
        choice.has_called = true;
        return {};
      case Kind::kCallBroken:
        // The call stays unfinished: no client can take it for a whole one.
        return piece.is_cut ? std::string() : chunk(index, {{"content", piece.text}}, nullptr, nullptr);
    }
    return {};
  }

  std::string closing(int index, const GenerationEnd& end) override {
    return chunk(index, {}, nullptr, json::string(finish_reason(end, choice_at(index).has_called)));
  }

  std::string usage(const UsageTotal& total) override {
    json::object answer = head("chat.completion.chunk");
    answer["choices"] = json::array();
    answer["usage"] = total.json();
    return sse_data(answer);
  }

 private:
  // What was streamed of a choice.
  struct Choice {
    std::int64_t call_count = 0;
    bool is_custom = false;  // the last call
    bool has_called = false;
  };

  Choice& choice_at(int index) {
    const auto at = static_cast<std::size_t>(index);
    if (choices_.size() <= at) choices_.resize(at + 1);
    return choices_[at];
  }

  json::object head(std::string_view object) const {
    const AnswerHead& known = options_.head;
    return {{"id", known.id},
            {"object", object},
            {"created", known.created},
            {"model", known.model},
            {"system_fingerprint", known.fingerprint},
            {"seed", known.seed},
            {"service_tier", "default"}};
  }

  std::string_view finish_reason(const GenerationEnd& end, bool has_called) const {
    if (!has_called || end.reason != FinishReason::kStop) return openai_finish_reason(end.reason);
    return options_.old_functions ? "function_call" : "tool_calls";
  }

  json::object message(const std::vector<AnswerPart>& parts) const {
    json::array calls;
    for (const AnswerPart& part : parts) {
      if (part.kind == Kind::kCall) calls.push_back(whole_call(part));
    }
    const std::string text = text_of(parts, Kind::kContent), thought = text_of(parts, Kind::kReasoning);
    const bool says_nothing = text.empty() && !calls.empty();
    json::object message{{"role", "assistant"},
                         {"content", says_nothing ? json::value() : json::value(text)},
                         {"refusal", nullptr},
                         {"annotations", json::array()}};
    if (!thought.empty()) message["reasoning_content"] = thought;
    if (calls.empty()) return message;
    if (options_.old_functions) {
      message["function_call"] = calls.front().at("function");
    } else {
      message["tool_calls"] = std::move(calls);
    }
    return message;
  }

  json::value logprobs(std::span<const GeneratedToken> tokens) const {
    if (!options_.logprobs) return nullptr;
    json::array content;
    for (const GeneratedToken& token : tokens) content.push_back(token_logprobs(token, options_.spelling));
    return json::object{{"content", std::move(content)}, {"refusal", nullptr}};
  }

  // `begun`: the call's beginning; null: more of its arguments.
  std::string call_chunk(int index, const ToolCall* begun, std::string_view arguments) {
    const Choice& choice = choice_at(index);
    json::object call = call_object(choice.is_custom, begun != nullptr ? begun->tool.name : std::string(), arguments);
    if (options_.old_functions) return chunk(index, {{"function_call", call.at("function")}}, nullptr, nullptr);
    call["index"] = choice.call_count - 1;
    if (begun != nullptr) {
      call["id"] = begun->id;
      call["type"] = choice.is_custom ? "custom" : "function";
    }
    return chunk(index, {{"tool_calls", json::array{std::move(call)}}}, nullptr, nullptr);
  }

  std::string chunk(int index, json::object delta, json::value logprobs_of_delta, json::value finish_reason) const {
    json::object answer = head("chat.completion.chunk");
    json::array& choices = answer["choices"].emplace_array();
    choices.push_back({{"index", index},
                       {"delta", std::move(delta)},
                       {"logprobs", std::move(logprobs_of_delta)},
                       {"finish_reason", std::move(finish_reason)}});
    if (options_.include_usage) answer["usage"] = nullptr;
    if (usage_so_far()) answer["usage"] = usage_so_far()->json();
    return sse_data(answer);
  }

  ChoiceFormatOptions options_;
  std::vector<Choice> choices_;
};

}  // namespace

std::unique_ptr<ChoiceFormat> chat_format(ChoiceFormatOptions options) {
  return std::make_unique<ChatFormat>(std::move(options));
}

}  // namespace hearth
