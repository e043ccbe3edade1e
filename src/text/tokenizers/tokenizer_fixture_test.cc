// The tokenizers against rows that llama.cpp and Hugging Face's tokenizers computed for well-known vocabularies.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

namespace json = boost::json;

const std::filesystem::path kShared = HEARTH_SHARED_DIR;

json::value read_json(const std::filesystem::path& path) {
  return json::parse(std::string(MappedFile(path).text()));
}

std::vector<TokenId> ids_of(const json::value& value) {
  return json::value_to<std::vector<TokenId>>(value);
}

std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kShared / "fixtures/tokenizers")) {
    if (entry.path().extension() == ".gguf") names.push_back(entry.path().stem().string());
  }
  return names;
}

class TokenizerFixture : public testing::TestWithParam<std::string> {};

TEST_P(TokenizerFixture, EveryRowHasTheIdsOfTheReference) {
  const std::filesystem::path folder = kShared / "fixtures/tokenizers";
  const auto source = ModelSource::open(folder / (GetParam() + ".gguf"));
  const auto tokenizer = Tokenizer::open(*source);
  const json::value rows = read_json(folder / (GetParam() + ".json"));
  ASSERT_FALSE(rows.as_array().empty());
  for (const json::value& row : rows.as_array()) {
    const std::string text(row.at("text").as_string());
    EXPECT_EQ(tokenizer->encode(text), ids_of(row.at("ids"))) << "text: " << row.at("text");
    EXPECT_EQ(tokenizer->encode(text, {.add_special = true, .parse_special = true}), ids_of(row.at("ids_special")))
        << "text: " << row.at("text");
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& parameter) {
  std::string name = parameter.param;
  for (char& c : name) c = c == '-' || c == '.' ? '_' : c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerFixture, testing::ValuesIn(fixture_names()), test_name);

TEST(TokenizerJson, TinyStoriesPromptsAndTextsAreTheReferences) {
  const std::filesystem::path folder = kShared / "models/TinyStories-656K";
  const auto source = ModelSource::open(folder);
  const auto tokenizer = Tokenizer::open(*source);
  EXPECT_TRUE(tokenizer->adds_bos());
  ASSERT_TRUE(tokenizer->eos().has_value());
  EXPECT_TRUE(tokenizer->is_end_of_generation(*tokenizer->eos()));
  const json::value rows = read_json(folder / "reference_greedy.json");
  ASSERT_FALSE(rows.as_array().empty());
  for (const json::value& row : rows.as_array()) {
    const std::vector<TokenId> prompt = ids_of(row.at("prompt_ids"));
    EXPECT_EQ(tokenizer->encode(row.at("prompt").as_string(), {.add_special = true}), prompt);
    std::vector<TokenId> all = prompt;
    for (const TokenId id : ids_of(row.at("greedy_ids"))) all.push_back(id);
    EXPECT_EQ(tokenizer->decode(all), row.at("text").as_string());
  }
}

}  // namespace
}  // namespace hearth
