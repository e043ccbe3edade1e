// Answers of /v1/completions: the old format, with arrays side by side where the new one has an object for each token.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <memory>
#include <utility>

#include "base/utf8.h"
#include "server/openai/openai_answer.h"

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

std::int64_t count_characters(std::string_view bytes) {
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
      std::int64_t offset = count_characters(prompt_of(index)) - characters_in(choice.prompt);
      std::vector<GeneratedToken> tokens = choice.prompt;
      const std::vector<GeneratedToken> answered = choice.tokens();
      tokens.insert(tokens.end(), answered.begin(), answered.end());
      all.push_back(described(index, echoed(index) + choice.text(), logprobs(tokens, offset),
                              json::string(openai_finish_reason(choice.end.reason))));
    }
    json::object answer = head();
    answer["choices"] = std::move(all);
    answer["usage"] = total.json();
    return answer;
  }

  std::string opening(int index) override {
    const std::string prompt = options_.logprobs ? std::string() : echoed(index);
    return prompt.empty() ? std::string() : chunk(described(index, prompt, nullptr, nullptr));
  }

  std::string scored_prompt(int index, std::span<const GeneratedToken> tokens) override {
    std::int64_t offset = count_characters(prompt_of(index)) - characters_in(tokens);
    return chunk(described(index, echoed(index), logprobs(tokens, offset), nullptr));
  }

  std::string piece(int index, const AnswerPiece& piece) override {
    while (std::ssize(offsets_) <= index) {
      offsets_.push_back(count_characters(prompt_of(static_cast<int>(offsets_.size()))));
    }
    json::value described_tokens;
    if (!piece.tokens.empty()) {
      described_tokens = logprobs(piece.tokens, offsets_[static_cast<std::size_t>(index)]);
    }
    return chunk(described(index, piece.text, std::move(described_tokens), nullptr));
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

  // More than in the text that they stand for where a beginning token or a space was put before it.
  std::int64_t characters_in(std::span<const GeneratedToken> tokens) const {
    std::int64_t count = 0;
    for (const GeneratedToken& token : tokens) count += count_characters(options_.spelling(token.id));
    return count;
  }

  std::string_view prompt_of(int index) const {
    if (options_.prompts.empty()) return {};
    return options_.prompts.at(static_cast<std::size_t>(index / options_.choice_count));
  }

  std::string echoed(int index) const { return options_.echo ? std::string(prompt_of(index)) : std::string(); }

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
    if (usage_so_far()) answer["usage"] = usage_so_far()->json();
    return sse_data(answer);
  }

  // `offset`: of the first token's text in the prompt and the answer put together, in characters; moved behind the
  // last one.
  json::value logprobs(std::span<const GeneratedToken> tokens, std::int64_t& offset) const {
    if (!options_.logprobs) return nullptr;
    json::array texts, values, likeliest, offsets;
    bool has_likeliest = false;
    for (const GeneratedToken& token : tokens) {
      const std::string bytes = options_.spelling(token.id);
      texts.push_back(json::string(old_spelling(bytes)));
      offsets.push_back(std::max<std::int64_t>(0, offset));
      offset += count_characters(bytes);
      if (!token.logprob) {  // nothing comes before the prompt's first token that could make it likely
        values.push_back(nullptr);
        likeliest.push_back(nullptr);
        continue;
      }
      values.push_back(finite_logprob(*token.logprob));
      json::object by_text;
      for (const TokenLogprob& top : token.top_logprobs) {
        by_text.emplace(old_spelling(options_.spelling(top.id)), finite_logprob(top.logprob));
      }
      has_likeliest = has_likeliest || !token.top_logprobs.empty();
      // The chosen one stands there in any case.
      by_text.emplace(old_spelling(bytes), finite_logprob(*token.logprob));
      likeliest.push_back(std::move(by_text));
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
