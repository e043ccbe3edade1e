// Answers of /v1/chat/completions.
#include <boost/json/array.hpp>
#include <memory>
#include <utility>

#include "server/openai/openai_answer.h"

namespace hearth {
namespace {

namespace json = boost::json;

class ChatFormat final : public ChoiceFormat {
 public:
  explicit ChatFormat(ChoiceFormatOptions options) : options_(std::move(options)) {}

  json::object whole(std::span<const FinishedChoice> choices) const override {
    json::array all;
    UsageTotal total;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const FinishedChoice& choice = choices[i];
      total.add(choice.end.usage, i == 0);
      all.push_back(
          {{"index", i},
           {"message",
            {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}, {"annotations", json::array()}}},
           {"logprobs", logprobs(choice.tokens)},
           {"finish_reason", openai_finish_reason(choice.end.reason)}});
    }
    json::object answer = head("chat.completion");
    answer["choices"] = std::move(all);
    answer["usage"] = total.json();
    return answer;
  }

  std::string opening(int index) override {
    return chunk(index, {{"role", "assistant"}, {"content", ""}, {"refusal", nullptr}}, nullptr, nullptr);
  }

  std::string piece(int index, std::string_view text, std::span<const GeneratedToken> tokens) override {
    return chunk(index, {{"content", text}}, tokens.empty() ? json::value() : logprobs(tokens), nullptr);
  }

  std::string closing(int index, const GenerationEnd& end) override {
    return chunk(index, {}, nullptr, json::string(openai_finish_reason(end.reason)));
  }

  std::string usage(const UsageTotal& total) override {
    json::object answer = head("chat.completion.chunk");
    answer["choices"] = json::array();
    answer["usage"] = total.json();
    return sse_data(answer);
  }

 private:
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

  json::value logprobs(std::span<const GeneratedToken> tokens) const {
    if (!options_.logprobs) return nullptr;
    json::array content;
    for (const GeneratedToken& token : tokens) content.push_back(token_logprobs(token, options_.spelling));
    return json::object{{"content", std::move(content)}, {"refusal", nullptr}};
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
};

}  // namespace

std::unique_ptr<ChoiceFormat> chat_format(ChoiceFormatOptions options) {
  return std::make_unique<ChatFormat>(std::move(options));
}

}  // namespace hearth
