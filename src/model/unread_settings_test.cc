// Settings that nobody reads: those that change results are refused by the name that the file has for them, those that
// mean nothing or state what the model does anyway are not.
#include "model/unread_settings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "model/architecture.h"
#include "weights/gguf_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

// What reading a Llama says that has one more setting; empty: it is read.
std::string refusal(const ModelSource& source) {
  try {
    read_model_spec(Settings(source));
    return "";
  } catch (const Unsupported& error) {
    return error.what();
  }
}

template <typename... Values>
std::string gguf_refusal(std::string_view architecture, const std::pair<std::string_view, Values>&... more) {
  GgufWriter writer;
  writer.add("general.architecture", architecture);
  const auto own = [&](std::string_view key) { return fmt::format("{}.{}", architecture, key); };
  for (const auto& [key, number] : {std::pair{"block_count", 2u}, std::pair{"embedding_length", 64u},
                                    std::pair{"attention.head_count", 4u}, std::pair{"context_length", 128u}}) {
    writer.add(own(key), number);
  }
  (writer.add(own(more.first), more.second), ...);
  std::ostringstream out;
  writer.write(out);
  const std::string head = out.str();
  return refusal(*ModelSource::in_memory("m.gguf", bytes_of(head), {}));
}

template <typename T>
std::string with(std::string_view key, T value, std::string_view architecture = "llama") {
  return gguf_refusal(architecture, std::pair<std::string_view, T>(key, std::move(value)));
}

using Integers = std::vector<std::int32_t>;

TEST(UnreadSettings, OfGgufAreRefusedByName) {
  const std::string refused = with("attention.value_scale", 0.5F);
  EXPECT_NE(refused.find("m.gguf"), std::string::npos) << refused;
  EXPECT_NE(refused.find("'llama.attention.value_scale' (0.5)"), std::string::npos) << refused;
  for (const std::string_view key :
       {"attention.clamp_kqv", "attention.anything.at_all", "attention.max_alibi_bias", "attention.scale",
        "attention.sliding_window", "rope.of_the_future", "rope.freq_base_long"}) {
    EXPECT_NE(with(key, 8.0F).find(key), std::string::npos) << key;
  }
  EXPECT_NE(with("attention.causal", false).find("attention.causal"), std::string::npos);
  EXPECT_NE(with("rope.dimension_sections", Integers{16, 24, 24, 0}).find("dimension_sections"), std::string::npos);
  EXPECT_NE(with("attention.kind", "alibi").find("(alibi)"), std::string::npos);
  EXPECT_NE(with("attention.recurrent_layers", Integers{0, 1}).find("recurrent_layers"), std::string::npos);
  EXPECT_EQ(with("attention.recurrent_layers", Integers{0, 0}), "");
}

TEST(UnreadSettings, AllOfThemAreNamedAtOnce) {
  const std::string refused = gguf_refusal("llama", std::pair<std::string_view, float>("attention.clamp_kqv", 8.0F),
                                           std::pair<std::string_view, float>("rope.bent", 2.0F));
  EXPECT_NE(refused.find("clamp_kqv"), std::string::npos) << refused;
  EXPECT_NE(refused.find("rope.bent"), std::string::npos) << refused;
}

TEST(UnreadSettings, OfGgufPassWhereTheyChangeNothing) {
  EXPECT_EQ(with("attention.clamp_kqv", 0.0F), "");
  EXPECT_EQ(with("attention.value_scale", 1.0F), "");
  EXPECT_EQ(with("attention.causal", true), "");
  EXPECT_EQ(with("attention.kind", ""), "");
  EXPECT_EQ(with("attention.scale", 0.25F), "");  // 1 / sqrt(64 / 4)
  EXPECT_EQ(with("attention.sliding_window", std::uint32_t{128}), "");
  EXPECT_EQ(with("attention.layer_norm_epsilon", 1e-5F), "");
  EXPECT_EQ(with("attention.indexer.types", Integers{0, 0}), "");
  EXPECT_EQ(with("rope.dimension_sections", Integers{0, 0, 0, 0}), "");
  EXPECT_EQ(with("rope.scaling.finetuned", true), "");
  EXPECT_EQ(with("rope.scaling.yarn_ext_factor", 1.0F), "");
  // Another architecture's, or of another kind.
  EXPECT_EQ(with("tokenizer.rope", 5.0F), "");
  // GPT-2 has no rope.
  EXPECT_EQ(with("rope.freq_base_long", 8.0F, "gpt2"), "");
  EXPECT_NE(with("attention.clamp_kqv", 8.0F, "gpt2"), "");
}

TEST(UnreadSettings, OfLayersWithAWindowMustAgreeWithTheOthers) {
  const auto gemma = [](std::uint32_t head_of_windows) {
    return gguf_refusal("gemma3", std::pair<std::string_view, std::uint32_t>("attention.sliding_window", 16),
                        std::pair<std::string_view, std::uint32_t>("attention.key_length", 32),
                        std::pair<std::string_view, std::uint32_t>("attention.key_length_swa", head_of_windows));
  };
  EXPECT_EQ(gemma(32), "");
  EXPECT_NE(gemma(64).find("gemma3.attention.key_length_swa"), std::string::npos);
  // No layer of Llama has a window.
  EXPECT_EQ(with("attention.key_length_swa", std::uint32_t{64}), "");
}

std::string config_refusal(std::string_view more, std::string_view model_type = "llama") {
  const TemporaryDirectory folder;
  folder.write("config.json",
               fmt::format(R"({{{},"model_type":"{}","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,)"
                           R"("max_position_embeddings":128}})",
                           more, model_type));
  return refusal(*ModelSource::open(folder.path()));
}

TEST(UnreadSettings, OfConfigJsonAreRefusedByName) {
  struct Case {
    std::string_view more, named;
    std::string_view model_type = "llama";
  };
  for (const auto& [more, named, model_type] : {
           Case{R"("is_causal":false)", "'is_causal'"},
           Case{R"("sliding_window":16)", "'sliding_window' (16)"},
           Case{R"("attention_chunk_size":64)", "'attention_chunk_size'"},
           Case{R"("attn_logit_softcapping":30.0)", "'attn_logit_softcapping'"},
           Case{R"("residual_multiplier":0.5)", "'residual_multiplier'"},
           Case{R"("use_qk_norm":true)", "'use_qk_norm'"},
           Case{R"("rotary_dim":8)", "'rotary_dim'"},
           Case{R"("no_rope_layers":[1,0])", "'no_rope_layers'"},
           Case{R"("layer_types":["full_attention","linear_attention"])", "'layer_types'"},
           Case{R"("rope_scaling":{"rope_type":"default","spiral":[4,2,2]})", "'rope_scaling.spiral'"},
           Case{R"("rope_parameters":{"full_attention":{"rope_type":"default","spiral":1.2}})",
                "'rope_parameters.full_attention.spiral'"},
           Case{R"("rope_parameters":{"rope_theta":5e5},"rope_scaling":{"factor":2.0})", "'rope_scaling.factor'"},
       }) {
    const std::string refused = config_refusal(more, model_type);
    EXPECT_NE(refused.find(named), std::string::npos) << more << ": " << refused;
  }
}

TEST(UnreadSettings, OfConfigJsonPassWhereTheyChangeNothing) {
  struct Case {
    std::string_view more;
    std::string_view model_type = "llama";
  };
  for (const auto& [more, model_type] : {
           Case{R"("use_bidirectional_attention":false)", "gemma3_text"},
           Case{R"("attn_logit_softcapping":50.0)", "gemma3_text"},
           Case{R"("is_causal":true)"},
           Case{R"("attention_bias":true,"attention_dropout":0.1,"attn_pdrop":0.1)"},
           Case{R"("_attn_implementation":"flash_attention_2","use_flash_attn":true)"},
           Case{R"("sliding_window":null,"attention_chunk_size":null,"use_mrope":false)"},
           Case{R"("sliding_window":4096)"},
           Case{R"("sliding_window":16,"use_sliding_window":false,"max_window_layers":1)", "qwen2"},
           Case{R"("sliding_window":16,"sliding_window_size":16)", "gemma2"},
           Case{R"("sliding_window":16,"sliding_window_pattern":"LG","layer_types":["sliding_attention",)"
                R"("full_attention"])",
                "exaone4"},
           Case{R"("layer_types":["full_attention","full_attention"])"},
           Case{R"("layer_types":["full_attention","sliding_attention"],"use_sliding_window":false,)"
                R"("sliding_window":16)",
                "qwen3"},
           Case{R"("query_pre_attn_scalar":16,"residual_multiplier":1.0)"},
           Case{R"("rope_theta":5e5,"rope_parameters":{"rope_theta":1e6,"rope_type":"default"})"},
           Case{R"("rope_scaling":{"type":"yarn","rope_type":"yarn","factor":4.0,"finetuned":true,)"
                R"("original_max_position_embeddings":32,"extrapolation_factor":1.0})"},
       }) {
    EXPECT_EQ(config_refusal(more, model_type), "") << more;
  }
}

}  // namespace
}  // namespace hearth
