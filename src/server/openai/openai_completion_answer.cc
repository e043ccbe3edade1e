// Answers of /v1/completions: the old format, with arrays side by side where the new one has an object for each token.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <memory>
#include <utility>

#include "server/openai/openai_answer.h"
#include "text/unicode/utf8.h"

namespace hearth {
namespace {

namespace json = boost::json;

// A token's text; one that is a part of a character is spelt as OpenAI does.
std::string old_spelling(const std::string& bytes) {
  if (repair_utf8(bytes) == bytes) return bytes;
  std::string spelt = "bytes:";
  for (const char byte : bytes) spelt += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return spelt;
}

std::int64_t characters_in(std::string_view bytes) {
  std::int64_t count = 0;
  for (const char byte : bytes) count += (static_cast<unsigned char>(byte) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

class CompletionFormat final : public ChoiceFormat {
 public:
  explicit CompletionFormat(ChoiceFormatOptions options) : options_(std::move(options)) {}

  json::object whole(std::span<const FinishedChoice> choices) const override {
    json::array all;
    UsageTotal total;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const FinishedChoice& choice = choices[i];
      const int index = static_cast<int>(i);
      total.add(choice.end.usage, index % options_.choice_count == 0);
      std::int64_t offset = 0;
      all.push_back(described(index, echoed(index) + choice.text, logprobs(choice.tokens, offset),
                              json::string(openai_finish_reason(choice.end.reason))));
    }
    json::object answer = head();
    answer["choices"] = std::move(all);
    answer["usage"] = total.json();
    return answer;
  }

  std::string opening(int index) override {
    const std::string prompt = echoed(index);
    return prompt.empty() ? std::string() : chunk(described(index, prompt, nullptr, nullptr));
  }

  std::string piece(int index, std::string_view text, std::span<const GeneratedToken> tokens) override {
    if (offsets_.size() <= static_cast<std::size_t>(index)) offsets_.resize(static_cast<std::size_t>(index) + 1);
    json::value described_tokens;
    if (!tokens.empty()) described_tokens = logprobs(tokens, offsets_[static_cast<std::size_t>(index)]);
    return chunk(described(index, text, std::move(described_tokens), nullptr));
  }

  std::string closing(int index, const GenerationEnd& end) override {
    return chunk(described(index, "", nullptr, json::string(openai_finish_reason(end.reason))));
  }

  std::string usage(const UsageTotal& total) override {
    json::object answer = head();
    answer["choices"] = json::array();
    answer["usage"] = total.json();
    return sse_data(answer);
  }

 private:
  json::object head() const {
    const AnswerHead& known = options_.head;
    return {{"id", known.id},
            {"object", "text_completion"},
            {"created", known.created},
            {"model", known.model},
            {"system_fingerprint", known.fingerprint},
            {"seed", known.seed}};
  }

  std::string echoed(int index) const {
    if (options_.prompts.empty()) return {};
    return options_.prompts.at(static_cast<std::size_t>(index / options_.choice_count));
  }

  static json::object described(int index, std::string_view text, json::value logprobs_of_text,
                                json::value finish_reason) {
    return {{"text", text},
            {"index", index},
            {"logprobs", std::move(logprobs_of_text)},
            {"finish_reason", std::move(finish_reason)}};
  }

  std::string chunk(json::object choice) const {
    json::object answer = head();
    answer["choices"].emplace_array().push_back(std::move(choice));
    if (options_.include_usage) answer["usage"] = nullptr;
    return sse_data(answer);
  }

  // `offset`: of the first token's text in the answer's, in characters; moved behind the last one.
  json::value logprobs(std::span<const GeneratedToken> tokens, std::int64_t& offset) const {
    if (!options_.logprobs) return nullptr;
    json::array texts, values, likeliest, offsets;
    bool has_likeliest = false;
    for (const GeneratedToken& token : tokens) {
      const std::string bytes = options_.spelling(token.id);
      texts.push_back(json::string(old_spelling(bytes)));
      values.push_back(finite_logprob(token.logprob.value_or(0)));
      json::object by_text;
      for (const TokenLogprob& top : token.top_logprobs) {
        by_text.emplace(old_spelling(options_.spelling(top.id)), finite_logprob(top.logprob));
      }
      has_likeliest = has_likeliest || !token.top_logprobs.empty();
      // The chosen one stands there in any case.
      by_text.emplace(old_spelling(bytes), finite_logprob(token.logprob.value_or(0)));
      likeliest.push_back(std::move(by_text));
      offsets.push_back(offset);
      offset += characters_in(bytes);
    }
    return json::object{{"tokens", std::move(texts)},
                        {"token_logprobs", std::move(values)},
                        {"top_logprobs", has_likeliest ? json::value(std::move(likeliest)) : json::value()},
                        {"text_offset", std::move(offsets)}};
  }

  ChoiceFormatOptions options_;
  std::vector<std::int64_t> offsets_;  // of each choice's next token
};

}  // namespace

std::unique_ptr<ChoiceFormat> completion_format(ChoiceFormatOptions options) {
  return std::make_unique<CompletionFormat>(std::move(options));
}

}  // namespace hearth
