// Poolings, and what sentence-transformers' files say of them.
#include "model/embedding.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "weights/safetensors_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

TEST(Pooler, PiecesAreOneText) {
  const std::vector<float> states{1, 2, 3, 4, 5, 9};  // of three tokens
  const auto pooled = [&](Pooling pooling, std::size_t cut) {
    Pooler pooler(pooling, 2);
    pooler.add(std::span(states).first(cut));
    pooler.add(std::span(states).subspan(cut));
    return pooler.result();
  };
  for (const std::size_t cut : {0, 2, 4, 6}) {
    EXPECT_EQ(pooled(Pooling::kMean, cut), (std::vector<float>{3, 5}));
    EXPECT_EQ(pooled(Pooling::kCls, cut), (std::vector<float>{1, 2}));
    EXPECT_EQ(pooled(Pooling::kLast, cut), (std::vector<float>{5, 9}));
    EXPECT_EQ(pooled(Pooling::kNone, cut), states);
  }
}

TEST(Pooler, ShorterVectorsHaveLengthOneAgain) {
  EXPECT_EQ(normalized({3, 4, 12}, 2), (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(normalized({0, 0}, 5), (std::vector<float>{0, 0}));
}

TEST(DenseLayer, FunctionsAndNorms) {
  DenseLayer layer;
  layer.in = layer.out = 2;
  layer.weight = {1, 0, 0, 2};
  layer.bias = {0, -1};
  const auto through = [&](DenseLayer::Function function) {
    layer.function = function;
    return through_dense(std::span(&layer, 1), {-1, 2});
  };
  EXPECT_EQ(through(DenseLayer::Function::kNone), (std::vector<float>{-1, 3}));
  EXPECT_EQ(through(DenseLayer::Function::kRelu), (std::vector<float>{0, 3}));
  EXPECT_EQ(through(DenseLayer::Function::kTanh)[0], static_cast<float>(std::tanh(-1.0)));
  EXPECT_NEAR(through(DenseLayer::Function::kGelu)[0], -0.158655f, 1e-6f);
  layer.norm_weight = {2, 4};
  layer.norm_bias = {0, 10};
  EXPECT_EQ(through(DenseLayer::Function::kNone), (std::vector<float>{-2, 14}));  // -1 and 3 are 1 and 1 of 2 around 1
}

class SentenceFolder {
 public:
  SentenceFolder() { folder_.write("config.json", R"({"model_type":"bert"})"); }
  void write(const std::string& name, std::string_view text) {
    const auto path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  EmbeddingSpec read(bool looks_ahead = true) const {
    ModelSpec model;
    model.width = 2;
    model.layers.resize(1);
    if (looks_ahead) model.layers[0].attention().mask.kind = MaskKind::kBidirectional;
    return read_embedding_spec(*ModelSource::open(folder_.path()), model);
  }
  std::filesystem::path path() const { return folder_.path(); }

 private:
  TemporaryDirectory folder_;
};

constexpr std::string_view kModules =
    R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
  {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"}])";

TEST(EmbeddingSpec, WithoutFilesTheKindOfModelDecides) {
  const SentenceFolder folder;
  EXPECT_EQ(folder.read().pooling, Pooling::kMean);
  EXPECT_EQ(folder.read(false).pooling, Pooling::kLast);
  EXPECT_TRUE(folder.read().normalize);
}

TEST(EmbeddingSpec, ModulesSayHowStatesArePooled) {
  SentenceFolder folder;
  folder.write("modules.json", kModules);
  const auto pooling_of = [&](std::string_view config) {
    folder.write("1_Pooling/config.json", config);
    return folder.read().pooling;
  };
  EXPECT_EQ(
      pooling_of(R"({"word_embedding_dimension":2,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})"),
      Pooling::kCls);
  EXPECT_EQ(pooling_of(R"({"pooling_mode_mean_tokens":true})"), Pooling::kMean);
  EXPECT_EQ(pooling_of(R"({"pooling_mode_lasttoken":true})"), Pooling::kLast);
  EXPECT_EQ(pooling_of(R"({"pooling_mode":"lasttoken"})"), Pooling::kLast);
  EXPECT_FALSE(folder.read().normalize);
  EXPECT_THROW(pooling_of(R"({"pooling_mode_max_tokens":true})"), Unsupported);
  EXPECT_THROW(pooling_of(R"({"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})"), Unsupported);
  EXPECT_THROW(pooling_of("{}"), InvalidInput);
  folder.write("modules.json", R"([{"path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])");
  EXPECT_TRUE(folder.read().normalize);
  folder.write("modules.json", R"([{"path":"../1","type":"x.Pooling"}])");
  EXPECT_THROW(folder.read(), InvalidInput);
  folder.write("modules.json", R"([{"path":"1","type":"x.CNN"}])");
  EXPECT_THROW(folder.read(), Unsupported);
}

TEST(EmbeddingSpec, PromptsHaveNamesAndADefault) {
  SentenceFolder folder;
  constexpr std::string_view kPrompts = R"("prompts":{"query":"ask: ","document":""},"default_prompt_name":)";
  folder.write("config_sentence_transformers.json", fmt::format("{{{}\"query\"}}", kPrompts));
  const EmbeddingSpec spec = folder.read();
  EXPECT_EQ(spec.default_prompt, "ask: ");
  ASSERT_NE(spec.find_prompt("document"), nullptr);
  EXPECT_EQ(spec.find_prompt("passage"), nullptr);
  folder.write("config_sentence_transformers.json", fmt::format("{{{}null}}", kPrompts));
  EXPECT_EQ(folder.read().default_prompt, "");
}

TEST(EmbeddingSpec, DenseLayersFollowPooling) {
  SentenceFolder folder;
  folder.write("modules.json", R"([{"path":"2_Dense","type":"sentence_transformers.models.Dense"}])");
  folder.write("2_Dense/config.json", R"({"activation_function":"torch.nn.modules.linear.Identity"})");
  SafetensorsWriter writer;
  const std::vector<float> weight{1, 2, 3, 4, 5, 6};
  writer.add({"linear.weight", Format::kF32, Shape{3, 2},
              [&](ByteSink& sink) { sink.write(std::as_bytes(std::span(weight))); }});
  writer.write(folder.path() / "2_Dense/model.safetensors");
  const EmbeddingSpec spec = folder.read();
  EXPECT_EQ(spec.width, 3);
  EXPECT_EQ(through_dense(spec.dense, {1, -1}), (std::vector<float>{-1, -1, -1}));
  folder.write("2_Dense/config.json", R"({"activation_function":"torch.nn.modules.activation.Tanh"})");
  EXPECT_EQ(through_dense(folder.read().dense, {1, -1})[0], static_cast<float>(std::tanh(-1.0)));
  folder.write("2_Dense/config.json", R"({"activation_function":"torch.nn.modules.activation.GELU"})");
  EXPECT_THROW(folder.read(), Unsupported);
}

}  // namespace
}  // namespace hearth
