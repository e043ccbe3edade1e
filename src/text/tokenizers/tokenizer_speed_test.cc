// Tokenizing is linear in the text. A quarter of a megabyte takes a fraction of a second, what is quadratic takes
// minutes; the limit leaves room for sanitizers and busy machines.
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "text/tokenizers/gguf_metadata_builder.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

constexpr std::size_t kTextBytes = 100'000;
constexpr double kSecondsMax = 5;

std::vector<std::string> texts() {
  std::string prose;
  while (prose.size() < kTextBytes) prose += "The quick brown fox's 1234 jumps, over\nna\u00EFve  dogs! ";
  return {prose,
          std::string(kTextBytes, ' '),
          std::string(kTextBytes, ' ') + "x",
          std::string(kTextBytes, 'a'),
          std::string(kTextBytes, 'A'),
          std::string(kTextBytes, '7'),
          std::string(kTextBytes, '\n'),
          std::string(kTextBytes, '\x80')};
}

void expect_fast(const Tokenizer& tokenizer, const char* name) {
  for (const std::string& text : texts()) {
    const auto start = std::chrono::steady_clock::now();
    tokenizer.encode(text, {.add_special = true, .parse_special = true});
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    EXPECT_LT(elapsed.count(), kSecondsMax) << name << ", text of " << text.substr(0, 3);
  }
}

// Merges that double runs of a character, as trained vocabularies have them.
void add_runs(const std::string& character, std::vector<std::string>& tokens, std::vector<std::string>& merges) {
  std::string run = character;
  for (int i = 0; i < 6; ++i) {
    merges.push_back(run + " " + run);
    run += run;
    tokens.push_back(run);
  }
}

TEST(TokenizerSpeed, EveryBytePairPreTokenizerIsLinear) {
  for (const char* pre :
       {"default", "gpt-2", "llama-bpe", "qwen2", "qwen35", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon",
        "starcoder", "tekken", "gpt-4o", "superbpe", "tiny_aya", "kimi-k2", "bloom", "exaone-moe"}) {
    GgufMetadataBuilder builder;
    auto tokens = byte_level_tokens();
    std::vector<std::string> merges;
    for (const char* character : {"\u0120", "a", "A", "7", "\u010A"}) add_runs(character, tokens, merges);
    builder.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", pre);
    builder.texts("tokenizer.ggml.tokens", tokens).texts("tokenizer.ggml.merges", merges);
    expect_fast(*Tokenizer::from_gguf(builder.metadata()), pre);
  }
}

TEST(TokenizerSpeed, TheOtherKindsAreLinear) {
  for (const char* model : {"llama", "bert", "t5"}) {
    GgufMetadataBuilder builder;
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "\u2581", "a", "A", "7"};
    std::vector<std::string> merges;
    for (const char* character : {"\u2581", "a", "A", "7"}) add_runs(character, tokens, merges);
    std::vector<std::int32_t> types(tokens.size(), 1);
    types[0] = 2;
    types[1] = types[2] = 3;
    std::vector<float> scores;
    for (std::size_t i = 0; i < tokens.size(); ++i) scores.push_back(-static_cast<float>(i));
    builder.text("tokenizer.ggml.model", model).texts("tokenizer.ggml.tokens", tokens);
    builder.integers("tokenizer.ggml.token_type", types).floats("tokenizer.ggml.scores", scores);
    expect_fast(*Tokenizer::from_gguf(builder.metadata()), model);
  }
}

TEST(TokenizerSpeed, EqualRanksAreLinearToo) {
  GgufMetadataBuilder builder;
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (std::string run = "\u2581"; run.size() < 96; run += "\u2581") tokens.push_back(run);
  builder.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", tokens);
  expect_fast(*Tokenizer::from_gguf(builder.metadata()), "equal scores");
}

}  // namespace
}  // namespace hearth
