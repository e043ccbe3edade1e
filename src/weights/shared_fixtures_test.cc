// Every model file among the shared fixtures opens: files that other programs wrote, in both layouts. And the blocks of
// weights there decode to what ggml makes of them.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "formats/format.h"
#include "weights/json.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(HEARTH_SHARED_DIR) / "fixtures";

TEST(SharedFixtures, EveryGgufModelOpens) {
  int count = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(kFixtures / "gguf")) {
    if (file.path().extension() != ".gguf") continue;
    const std::unique_ptr<ModelSource> source = ModelSource::open(file.path());
    EXPECT_FALSE(source->tensors().empty()) << file.path();
    EXPECT_TRUE(source->metadata().string("general.architecture")) << file.path();
    EXPECT_NE(source->find("token_embd.weight"), nullptr) << file.path();
    for (const Metadata::Entry& entry : source->metadata().entries()) source->metadata().to_string(entry, 8);
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(SharedFixtures, EveryVocabularyOpens) {
  int count = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(kFixtures / "tokenizers")) {
    if (file.path().extension() != ".gguf") continue;
    const std::unique_ptr<ModelSource> source = ModelSource::open(file.path());
    EXPECT_TRUE(source->tensors().empty()) << file.path();
    EXPECT_GT(source->metadata().strings("tokenizer.ggml.tokens").value().size(), 1000U) << file.path();
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(SharedFixtures, EveryHuggingFaceFolderOpens) {
  int count = 0;
  for (const fs::directory_entry& folder : fs::directory_iterator(kFixtures / "hf")) {
    if (!fs::exists(folder.path() / "config.json")) continue;
    const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
    EXPECT_EQ(source->kind(), ModelSource::Kind::kHuggingFace);
    EXPECT_TRUE(source->config().contains("model_type")) << folder.path();
    EXPECT_FALSE(source->tensors().empty()) << folder.path();
    ++count;
  }
  EXPECT_GT(count, 0);
}

TEST(SharedFixtures, EveryFormatsBlocksDecode) {
  std::ifstream file(kFixtures / "formats.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const boost::json::object all = parse_json_object(text, "formats.json");
  int count = 0;
  for (const auto& [name, entry] : all.at("formats").as_object()) {
    const std::optional<Format> format = format_by_ggml_type(entry.at("ggml_type").to_number<std::uint32_t>());
    ASSERT_TRUE(format) << name;
    EXPECT_EQ(traits(*format).block_bytes, entry.at("block_bytes").to_number<int>()) << name;
    const std::string_view digits = entry.at("bytes").as_string();
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      bytes.push_back(static_cast<std::byte>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
    }
    const boost::json::array& expected = entry.at("values").as_array();
    const auto block_count = static_cast<std::int64_t>(bytes.size()) / traits(*format).block_bytes;
    std::vector<float> values(static_cast<std::size_t>(block_count * traits(*format).block_elements));
    ASSERT_GE(values.size(), expected.size()) << name;
    traits(*format).decode_f32(bytes.data(), values.data(), std::ssize(values));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(values[i], static_cast<float>(expected[i].to_number<double>())) << name << " " << i;
    }
    ++count;
  }
  EXPECT_GE(count, 25);
}

}  // namespace
}  // namespace hearth
