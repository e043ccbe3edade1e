// Every model file among the shared fixtures opens: files that other programs wrote, in both layouts.
#include <gtest/gtest.h>

#include <filesystem>

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

}  // namespace
}  // namespace hearth
