// Shapes have the sizes of the models they are named after, and the model that is made of one can be bound and has
// weights of the right size.
#include "commands/bench/synthetic_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "model/architecture.h"

namespace hearth {
namespace {

double billions(std::string_view shape) {
  return 1e-9 * static_cast<double>(total_elements(synthetic_tensors(model_shape(shape), "bf16")));
}

TEST(ModelShapes, HaveTheirModelsParameterCounts) {
  // The published counts of the models' own files.
  EXPECT_EQ(total_elements(synthetic_tensors(model_shape("llama-3.1-8b"), "f16")), 8030261248);
  EXPECT_EQ(total_elements(synthetic_tensors(model_shape("llama-3.2-1b"), "f16")), 1235814400);
  EXPECT_EQ(total_elements(synthetic_tensors(model_shape("llama-2-7b"), "f16")), 6738415616);
  EXPECT_EQ(total_elements(synthetic_tensors(model_shape("qwen2.5-0.5b"), "f16")), 494032768);
  EXPECT_EQ(total_elements(synthetic_tensors(model_shape("qwen3-0.6b"), "f16")), 596049920);
  EXPECT_NEAR(billions("qwen3-4b"), 4.02, 0.01);
  EXPECT_NEAR(billions("qwen3-8b"), 8.19, 0.01);
  EXPECT_NEAR(billions("qwen3-32b"), 32.76, 0.01);
  EXPECT_NEAR(billions("qwen3-30b-a3b"), 30.53, 0.01);
  EXPECT_NEAR(billions("gpt-oss-20b"), 20.91, 0.01);
  EXPECT_NEAR(billions("llama-3.3-70b"), 70.55, 0.01);
  EXPECT_NEAR(billions("lfm2-1.2b"), 1.17, 0.01);
}

TEST(ModelShapes, AnUnknownOneListsTheKnown) {
  try {
    model_shape("llama-9");
    FAIL();
  } catch (const InvalidInput& error) {
    EXPECT_NE(std::string_view(error.what()).find("llama-9"), std::string_view::npos);
    for (const ModelShape& shape : model_shapes()) {
      EXPECT_NE(std::string_view(error.what()).find(shape.name), std::string_view::npos);
    }
  }
}

std::map<std::string, Format> formats_of(std::string_view shape, std::string_view format) {
  std::map<std::string, Format> formats;
  for (const SyntheticTensor& tensor : synthetic_tensors(model_shape(shape), format)) {
    formats[tensor.name] = tensor.format;
  }
  return formats;
}

TEST(FormatMix, Q4KMIsThatOfLlamaCpp) {
  // The size of llama.cpp's own file, but for its metadata and the 64 rope factors.
  EXPECT_NEAR(static_cast<double>(total_bytes(synthetic_tensors(model_shape("llama-3.1-8b"), "q4_k_m"))), 4.913e9, 2e6);

  std::map<std::string, Format> formats = formats_of("llama-3.1-8b", "q4_k_m");
  EXPECT_EQ(formats["token_embd.weight"], Format::kQ4K);
  EXPECT_EQ(formats["output.weight"], Format::kQ6K);
  EXPECT_EQ(formats["output_norm.weight"], Format::kF32);
  std::string better;
  for (int i = 0; i < 32; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    EXPECT_EQ(formats[layer + "attn_q.weight"], Format::kQ4K);
    EXPECT_EQ(formats[layer + "attn_v.weight"], formats[layer + "ffn_down.weight"]);
    if (formats[layer + "attn_v.weight"] == Format::kQ6K) better += std::to_string(i) + " ";
  }
  EXPECT_EQ(better, "0 1 2 3 6 9 12 15 18 21 24 27 28 29 30 31 ");

  formats = formats_of("llama-3.2-1b", "q4_k_m");
  EXPECT_EQ(formats["token_embd.weight"], Format::kQ6K);
  EXPECT_FALSE(formats.contains("output.weight"));
}

TEST(FormatMix, RefusesWhatCannotBeMade) {
  EXPECT_THROW(synthetic_tensors(model_shape("tiny"), "q9"), InvalidInput);
  EXPECT_THROW(synthetic_tensors(model_shape("qwen2.5-0.5b"), "q4_k"), InvalidInput);  // rows of 896
}

TEST(SyntheticModel, HasRandomWeightsInEveryFormat) {
  for (const FormatTraits& format : all_formats()) {
    SyntheticModel model(model_shape("tiny"), format.name);
    ASSERT_EQ(model.source().tensors().size(), synthetic_tensors(model_shape("tiny"), format.name).size());
    for (const std::string_view name : {"token_embd.weight", "blk.3.ffn_down.weight"}) {
      const WeightEntry* entry = model.source().find(name);
      ASSERT_NE(entry, nullptr);
      EXPECT_EQ(entry->format, format.format);
      const std::int64_t count = entry->shape.element_count();
      ASSERT_EQ(static_cast<std::int64_t>(entry->bytes.size()), format_bytes(format.format, count));
      std::vector<float> values(static_cast<std::size_t>(count));
      format.decode_f32(entry->bytes.data(), values.data(), count);
      double sum = 0, squares = 0;
      for (const float value : values) sum += value, squares += double{value} * value;
      if (format.encode == nullptr) {
        // Random bytes: as large as weights are, and of both signs or, with minimums, not.
        EXPECT_GT(squares, 0) << format.name;
        EXPECT_LT(std::sqrt(squares / static_cast<double>(count)), 8 * 0.02) << format.name;
        continue;
      }
      EXPECT_NEAR(sum / static_cast<double>(count), 0, 1e-3) << format.name;
      EXPECT_NEAR(std::sqrt(squares / static_cast<double>(count)), 0.02, 2e-3) << format.name;
    }
    model.make_distinct(format.format);
    EXPECT_GE(model.matrix_bytes(format.format), format_bytes(format.format, 512 * 256));
  }
}

TEST(SyntheticModel, HasExperts) {
  const SyntheticModel model(model_shape("qwen3-30b-a3b"), "q4_k_m");
  const ModelSpec spec = read_model_spec(Settings(model.source()));
  ASSERT_TRUE(spec.layers.back().has_experts());
  EXPECT_EQ(spec.layers.back().experts().routing.expert_count, 128);
  EXPECT_EQ(spec.layers.back().experts().routing.used, 8);
  EXPECT_EQ(spec.layers.back().experts().width, 768);
  EXPECT_EQ(model.source().find("blk.47.ffn_down_exps.weight")->shape, (Shape{128, 2048, 768}));
}

TEST(SyntheticModel, HasSinksAndWindows) {
  const SyntheticModel model(model_shape("gpt-oss-20b"), "q8_0");
  const ModelSpec spec = read_model_spec(Settings(model.source()));
  EXPECT_TRUE(spec.layers[0].attention().sinks);
  EXPECT_EQ(spec.layers[0].attention().mask.window, 128);
  EXPECT_EQ(spec.layers[1].attention().mask.window, 0);
  EXPECT_EQ(spec.layers[1].experts().routing.used, 4);
  EXPECT_EQ(model.source().find("blk.23.ffn_up_exps.weight")->format, Format::kMxfp4);
}

TEST(SyntheticModel, HasShortConvolutions) {
  const SyntheticModel model(model_shape("lfm2-1.2b"), "q4_0");
  const ModelSpec spec = read_model_spec(Settings(model.source()));
  std::string attention;
  for (std::int64_t i = 0; i < spec.layer_count(); ++i) {
    if (spec.layers[static_cast<std::size_t>(i)].has_attention()) attention += std::to_string(i) + " ";
  }
  EXPECT_EQ(attention, "2 5 8 10 12 14 ");
  EXPECT_EQ(spec.layers[0].state_floats(), 2 * 2048);
}

TEST(SyntheticModel, ReadsAsTheArchitectureItIs) {
  for (const std::string_view name : {"tiny", "qwen2.5-0.5b", "qwen3-0.6b"}) {
    const ModelShape& shape = model_shape(name);
    const SyntheticModel model(shape, "q4_0");
    const Settings settings(model.source());
    const ModelSpec spec = read_model_spec(settings);
    EXPECT_EQ(spec.architecture, shape.architecture);
    EXPECT_EQ(spec.layer_count(), shape.layers);
    EXPECT_EQ(spec.width, shape.width);
    const AttentionSpec& attention = spec.layers.back().attention();
    EXPECT_EQ(spec.layers.back().mlp().width, shape.ff_width);
    EXPECT_EQ(attention.q_width(), shape.heads * shape.head_dim);
    EXPECT_EQ(attention.kv_width(), shape.kv_heads * shape.head_dim);
    EXPECT_EQ(spec.context_max, shape.context);
    EXPECT_EQ(attention.query_key_norm, shape.query_key_norm ? QueryKeyNorm::kHead : QueryKeyNorm::kNone);
    ASSERT_EQ(spec.ropes.size(), 1u);
    EXPECT_EQ(spec.ropes[0].base, shape.rope_base);
    EXPECT_EQ(model.source().find("blk.0.attn_q.bias") != nullptr, shape.qkv_bias);
    EXPECT_EQ(model.source().find("output.weight") == nullptr, shape.tied);
  }
}

}  // namespace
}  // namespace hearth
