// Settings of files as they come: lists for each layer, values of another kind, more layers than stated, and what a
// family means by leaving a key out.
#include "model/settings.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/error.h"
#include "model/architecture.h"
#include "model/tensor_names.h"
#include "weights/gguf_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

using Integers = std::vector<std::int32_t>;

// A GGUF model of two layers in memory, with tensors of these names.
class GgufModel {
 public:
  template <typename... Entries>
  explicit GgufModel(std::vector<std::string> tensors, const Entries&... entries) {
    GgufWriter writer;
    writer.add("general.architecture", "llama");
    writer.add("llama.block_count", std::uint32_t{2});
    (writer.add(entries.first, entries.second), ...);
    std::ostringstream out;
    writer.write(out);
    head_ = out.str();
    std::vector<WeightEntry> weights;
    for (std::string& name : tensors) weights.push_back({std::move(name), Format::kF32, Shape{0}, {}});
    source_ = ModelSource::in_memory("m", bytes_of(head_), std::move(weights));
  }
  Settings settings() const { return Settings(*source_); }

 private:
  std::string head_;
  std::unique_ptr<ModelSource> source_;
};

template <typename T>
std::pair<std::string_view, T> entry(std::string_view key, T value) {
  return {key, std::move(value)};
}

TEST(Settings, AListOfEqualNumbersIsThatNumber) {
  const GgufModel model({}, entry("llama.attention.head_count_kv", Integers{4, 4}),
                        entry("llama.rope.freq_base", std::vector<float>{5e5F, 5e5F}),
                        entry("llama.attention.head_count", std::uint32_t{8}));
  const Settings settings = model.settings();
  EXPECT_EQ(settings.integer(settings::kKvHeads), 4);
  EXPECT_EQ(settings.number(settings::kRopeBase), 5e5);
  EXPECT_EQ(settings.per_layer(settings::kKvHeads), (std::vector<std::int64_t>{4, 4}));
  EXPECT_EQ(settings.per_layer(settings::kHeads), (std::vector<std::int64_t>{8, 8}));
  EXPECT_EQ(settings.per_layer(settings::kFfWidth), std::nullopt);
}

TEST(Settings, ListsThatDifferOrHaveAnotherLengthAreRefusedByName) {
  const GgufModel model({}, entry("llama.attention.head_count_kv", Integers{4, 2}),
                        entry("llama.feed_forward_length", Integers{64, 64, 64}));
  const Settings settings = model.settings();
  EXPECT_EQ(settings.per_layer(settings::kKvHeads), (std::vector<std::int64_t>{4, 2}));
  expect_error<Unsupported>(
      [&] { settings.integer(settings::kKvHeads); },
      "m: setting 'llama.attention.head_count_kv' is 4 in layer 0 and 2 in layer 1; only the same "
      "in all layers is supported");
  for (const auto read : {+[](const Settings& s) { s.integer(settings::kFfWidth); },
                          +[](const Settings& s) { s.per_layer(settings::kFfWidth); }}) {
    expect_error<InvalidInput>([&] { read(settings); },
                               "m: setting 'llama.feed_forward_length' lists 3 values for 2 layers");
  }
}

TEST(Settings, TensorsOfFurtherLayersAreNoticed) {
  EXPECT_EQ(GgufModel({"blk.0.x", "blk.1.x", "output.weight", "blk.x", "v.blk.7.x"}).settings().layer_count(), 2);
  expect_error<InvalidInput>(
      [] {
        GgufModel({"blk.0.x", "blk.2.attn_q.weight"}).settings().layer_count();
      },
      "m: setting 'llama.block_count' is 2, and the file has a tensor of layer 2, counted from 0: "
      "'blk.2.attn_q.weight'");
  // Which are counted in.
  const GgufModel predicting({"blk.0.x", "blk.1.x"}, entry("llama.nextn_predict_layers", std::uint32_t{1}));
  EXPECT_EQ(predicting.settings().layer_count(), 1);
  // Whether their tensors are there or not; unless they stand behind the count, which then does not have them in it.
  EXPECT_EQ(GgufModel({"blk.0.x"}, entry("llama.nextn_predict_layers", std::uint32_t{1})).settings().layer_count(), 1);
  EXPECT_EQ(GgufModel({"blk.2.x"}, entry("llama.nextn_predict_layers", std::uint32_t{1})).settings().layer_count(), 2);
  const GgufModel nothing_else({"blk.1.x"}, entry("llama.nextn_predict_layers", std::uint32_t{2}));
  expect_error<InvalidInput>([&] { nothing_else.settings().layer_count(); }, "m: 2 of 2 layers predict further tokens");
}

// What config.json of a Llama would say, with changes in front.
std::string config_with(std::string_view changes, std::string_view model_type = "llama") {
  return fmt::format(R"({{{}{}"model_type":"{}","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":2,)"
                     R"("max_position_embeddings":128}})",
                     changes, changes.empty() ? "" : ",", model_type);
}

ModelSpec spec_of(const std::string& config) {
  const TemporaryDirectory folder;
  folder.write("config.json", config);
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  const Settings settings(*source);
  return read_model_spec(settings);
}

TEST(Settings, ValuesOfTheWrongKindAreRefusedByTheKeyThatTheFileHas) {
  struct Case {
    std::string_view changes, sentence;
  };
  for (const auto& [changes, sentence] : {
           Case{R"("n_inner":"4")", "'n_inner' is not a whole number"},
           Case{R"("intermediate_size":2.5)", "'intermediate_size' is not a whole number"},
           Case{R"("num_key_value_heads":true)", "'num_key_value_heads' is not a whole number"},
           Case{R"("num_key_value_heads":[1,"1"])", "'num_key_value_heads' is not a whole number"},
           Case{R"("rms_norm_eps":"1e-5")", "'rms_norm_eps' is not a number"},
           Case{R"("rope_theta":{})", "'rope_theta' is not a number"},
           Case{R"("rope_scaling":"yarn")", "'rope_scaling' is not an object"},
           Case{R"("rope_scaling":{"rope_type":3})", "'rope_type' is not a string"},
           Case{R"("rope_scaling":{"rope_type":"yarn","factor":2,"truncate":"no"})", "'truncate' is not true or false"},
           Case{R"("hidden_activation":1)", "'hidden_activation' is not a string"},
       }) {
    try {
      spec_of(config_with(changes));
      ADD_FAILURE() << changes;
    } catch (const InvalidInput& error) {
      EXPECT_TRUE(std::string_view(error.what()).ends_with(sentence)) << error.what();
    }
  }
}

TEST(Settings, LayerTypesAreKnownWords) {
  const auto read = [](std::string_view types) {
    return spec_of(config_with(fmt::format(R"("sliding_window":16,"layer_types":{})", types), "mistral"));
  };
  const ModelSpec spec = read(R"(["full_attention","sliding_attention"])");
  EXPECT_NE(spec.layers[0].attention().mask.kind, MaskKind::kSlidingWindow);
  EXPECT_EQ(spec.layers[1].attention().mask.kind, MaskKind::kSlidingWindow);
  EXPECT_THROW(read(R"("sliding_attention")"), InvalidInput);
  EXPECT_THROW(read(R"([1,2])"), InvalidInput);
  EXPECT_THROW(read(R"(["full_attention","chunked_attention"])"), Unsupported);
}

TEST(Settings, ListsOfConfigJsonAreReadAsGgufs) {
  EXPECT_EQ(spec_of(config_with(R"("intermediate_size":[96,96])")).layers[0].mlp().width, 96);
  EXPECT_EQ(spec_of(config_with(R"("intermediate_size":[96,64])")).layers[1].mlp().width, 64);
  EXPECT_THROW(spec_of(config_with(R"("intermediate_size":[96,64,32])")), InvalidInput);
  EXPECT_THROW(spec_of(config_with(R"("num_key_value_heads":[2,1])")), Unsupported);
}

TEST(Settings, TheRopeOfGptNeoxIsReadInItsOlderSpelling) {
  const ModelSpec spec = spec_of(config_with(R"("rotary_pct":0.25,"rotary_emb_base":50000)", "gpt_neox"));
  EXPECT_EQ(spec.ropes[0].rotary_dim, 8);
  EXPECT_EQ(spec.ropes[0].base, 50000);
}

TEST(Settings, MiniMaxRotatesAPartOfEachHeadWhereItSaysSo) {
  constexpr std::string_view kExperts =
      R"("num_local_experts":4,"num_experts_per_tok":2,"intermediate_size":64,"rotary_dim":)";
  const auto rotary_dim = [&](std::string_view more) {
    return spec_of(config_with(fmt::format("{}{}", kExperts, more), "minimax_m2")).ropes[0].rotary_dim;
  };
  EXPECT_EQ(rotary_dim("8"), 8);
  EXPECT_EQ(rotary_dim(R"(8,"rope_parameters":{"rope_type":"default"})"), 32);
  EXPECT_THROW(rotary_dim("7"), InvalidInput);
  EXPECT_THROW(rotary_dim("64"), InvalidInput);
}

TEST(Settings, Lfm2sLayersAreListedInTwoWays) {
  const auto read = [](std::string_view more) {
    return spec_of(config_with(fmt::format(R"("conv_L_cache":4,{})", more), "lfm2"));
  };
  for (const std::string_view layers : {R"("layer_types":["conv","full_attention"])", R"("full_attn_idxs":[1])"}) {
    const ModelSpec spec = read(layers);
    EXPECT_FALSE(spec.layers[0].has_attention());
    EXPECT_EQ(spec.layers[0].state_floats(), 3 * spec.width);
    EXPECT_TRUE(spec.layers[1].has_attention());
    EXPECT_EQ(spec.layers[1].state_floats(), 0);
    EXPECT_TRUE(spec.has_states());
  }
  EXPECT_THROW(read(R"("layer_types":["conv","sliding_attention"])"), Unsupported);
  EXPECT_THROW(read(R"("layer_types":["conv"])"), InvalidInput);
  EXPECT_THROW(read(R"("full_attn_idxs":[2])"), InvalidInput);
  EXPECT_THROW(spec_of(config_with(R"("layer_types":["conv","full_attention"])", "lfm2")), InvalidInput);
}

TEST(Settings, Lfm2sFeedForwardWidthIsAdjusted) {
  const auto width = [](std::string_view more) {
    return spec_of(config_with(fmt::format(R"("conv_L_cache":3,"full_attn_idxs":[1],{})", more), "lfm2"))
        .layers[0]
        .mlp()
        .width;
  };
  EXPECT_EQ(width(R"("intermediate_size":600)"), 512);  // two thirds, to the next multiple of 256
  EXPECT_EQ(width(R"("block_ff_dim":600)"), 512);
  EXPECT_EQ(width(R"("intermediate_size":600,"block_multiple_of":32)"), 416);
  EXPECT_EQ(width(R"("intermediate_size":600,"block_multiple_of":32,"block_ffn_dim_multiplier":0.5)"), 224);
  EXPECT_EQ(width(R"("intermediate_size":600,"block_ffn_dim_multiplier":null)"), 400);
  EXPECT_EQ(width(R"("intermediate_size":600,"block_auto_adjust_ff_dim":false)"), 600);
}

std::string mixers_of(const LayerSpec& layer) {
  std::string words = layer.beside ? "Mamba " : "";
  if (layer.has_attention()) return words + (layer.attention().latent ? "latent attention" : "attention");
  if (std::holds_alternative<ShortConvSpec>(layer.mixer)) return "short convolution";
  if (std::holds_alternative<DeltaSpec>(layer.mixer)) return "delta rule";
  if (std::holds_alternative<LightningSpec>(layer.mixer)) return "lightning attention";
  return std::holds_alternative<MambaSpec>(layer.mixer) ? "Mamba" : "";
}

// What the list says of a family is what its models are, as far as the repository has some.
TEST(Settings, FamiliesAreOfTheirKind) {
  const std::filesystem::path folder = std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/data/hf";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path());
    const auto source = ModelSource::open(entry.path());
    const Settings settings(*source);
    const Architecture& family = architecture_of(settings);
    const ModelSpec spec = read_model_spec(settings);
    const bool has_attention = std::ranges::any_of(spec.layers, &LayerSpec::has_attention);
    EXPECT_EQ(family.kind == FamilyKind::kEncoder, spec.looks_ahead());
    EXPECT_EQ(family.kind == FamilyKind::kHybrid, spec.has_states() && has_attention);
    EXPECT_EQ(family.kind == FamilyKind::kRecurrent, !has_attention);
    if (family.kind == FamilyKind::kExperts) {
      EXPECT_TRUE(std::ranges::any_of(spec.layers, &LayerSpec::has_experts));
    }
    for (const LayerSpec& layer : spec.layers) {
      EXPECT_NE(family.mixers.find(mixers_of(layer)), std::string_view::npos) << mixers_of(layer);
    }
  }
}

TEST(Settings, FalconHasThreeForms) {
  const auto form = [](std::string_view changes) { return spec_of(config_with(changes, "falcon")).layers[0]; };
  EXPECT_EQ(form("").attention().kv_head_count, 1);
  EXPECT_TRUE(form("").parallel);
  EXPECT_EQ(form(R"("multi_query":false)").attention().kv_head_count, 2);
  EXPECT_FALSE(form(R"("parallel_attn":false)").parallel);
  const LayerSpec grouped = form(R"("new_decoder_architecture":true,"num_kv_heads":2,"parallel_attn":false)");
  EXPECT_EQ(grouped.attention().kv_head_count, 2);
  EXPECT_TRUE(grouped.parallel);
}

// Those of the paper for 8 heads; of 12, the others stand between its first ones. Falcon scales them with the scores.
TEST(Settings, SlopesOfAlibi) {
  const auto spec = [](std::string_view family, int heads, std::string_view more = "") {
    return spec_of(
        fmt::format(R"({{"model_type":"{}","hidden_size":{},"num_attention_heads":{},"num_hidden_layers":2{}}})",
                    family, 8 * heads, heads, more));
  };
  const auto slopes = [&](auto... what) { return spec(what...).layers[1].attention().slopes; };
  std::vector<float> expected;
  for (int h = 1; h <= 8; ++h) expected.push_back(std::ldexp(1.0f, -h));
  EXPECT_EQ(slopes("bloom", 8), expected);
  EXPECT_TRUE(spec("bloom", 8).ropes.empty());
  for (const double exponent : {0.5, 1.5, 2.5, 3.5}) expected.push_back(static_cast<float>(std::exp2(-exponent)));
  EXPECT_EQ(slopes("bloom", 12), expected);
  EXPECT_EQ(slopes("falcon", 1, R"(,"alibi":true)"), std::vector{0x1p-8f / std::sqrt(8.0f)});
  EXPECT_TRUE(slopes("falcon", 1, R"(,"alibi":false)").empty());
}

TEST(Settings, HunyuanStretchesTheBaseOfItsRopeByAlpha) {
  const auto base = [](std::string_view rope) {
    return spec_of(config_with(fmt::format(R"("rope_scaling":{})", rope), "hunyuan_v1_dense")).ropes[0];
  };
  const RopeSpec stretched = base(R"({"type":"dynamic","factor":1.0,"alpha":1000.0})");
  EXPECT_EQ(stretched.scaling.kind, RopeScalingKind::kNone);
  EXPECT_NEAR(stretched.base, 10000 * std::pow(1000.0, 32.0 / 30), 1e-3);
  EXPECT_EQ(base(R"({"type":"dynamic","factor":2.0})").scaling.kind, RopeScalingKind::kDynamicNtk);
}

TEST(Settings, AModelThatIsMoreThanTextOpensAsItsTextPart) {
  const TemporaryDirectory folder;
  folder.write("config.json",
               fmt::format(R"({{"model_type":"sees","tie_word_embeddings":true,"vision_config":{{"hidden_size":7}},)"
                           R"("text_config":{}}})",
                           config_with("", "qwen2")));
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  const Settings settings(*source);
  EXPECT_EQ(settings.architecture(), "qwen2");
  EXPECT_EQ(read_model_spec(settings).width, 64);
  EXPECT_EQ(settings.boolean(settings::kTiedEmbeddings), true);
  EXPECT_EQ(settings.larger_model_note(),
            "the model 'sees' is more than text: its text part, 'qwen2', is what is opened");
}

// Where the token embedding stands is where every name begins.
TEST(TensorNames, AreFoundWithinLargerModels) {
  const auto output_and_norm = [](std::vector<std::string> tensors) {
    std::vector<WeightEntry> entries;
    for (std::string& name : tensors) entries.push_back({std::move(name), Format::kF32, Shape{0}, {}});
    TensorNames names(NameScheme::kLlama, {});
    names.place_within(entries);
    return names.of(Weight::kOutput) + " " + names.of(Weight::kOutputNorm);
  };
  EXPECT_EQ(output_and_norm({"model.embed_tokens.weight"}), "lm_head model.norm");
  EXPECT_EQ(output_and_norm({"embed_tokens.weight"}), "lm_head model.norm");  // Binder drops the first part
  EXPECT_EQ(output_and_norm({"vision.model.embed_tokens.weight", "language_model.model.embed_tokens.weight"}),
            "language_model.lm_head language_model.model.norm");
  EXPECT_EQ(output_and_norm({"model.vision_tower.embed_tokens.weight", "model.language_model.embed_tokens.weight"}),
            "lm_head model.language_model.norm");
}

TEST(Settings, AHeadSizeThatIsNotSaidIsTheFamilys) {
  EXPECT_EQ(spec_of(config_with("", "llama")).layers[0].attention().head_dim, 32);
  EXPECT_EQ(spec_of(config_with("", "qwen2")).layers[0].attention().head_dim, 32);
  EXPECT_EQ(spec_of(config_with("", "qwen3")).layers[0].attention().head_dim, 128);
  EXPECT_EQ(spec_of(config_with(R"("head_dim":null)", "qwen3")).layers[0].attention().head_dim, 128);
  EXPECT_EQ(spec_of(config_with(R"("head_dim":16)", "qwen3")).layers[0].attention().head_dim, 16);
}

// Of latent attention: the cache's rows, and what whole keys are scaled by.
TEST(Settings, LatentAttentionIsReadFromItsRanks) {
  constexpr std::string_view kSizes =
      R"("kv_lora_rank":512,"qk_rope_head_dim":64,"qk_nope_head_dim":128,"v_head_dim":96,"n_routed_experts":4,)"
      R"("num_experts_per_tok":2,"moe_intermediate_size":32)";
  const auto attention_of = [&](const std::string& changes, std::string_view model_type) {
    return spec_of(config_with(std::string(kSizes) + changes, model_type)).layers[0].attention();
  };
  const AttentionSpec plain = attention_of(R"(,"q_lora_rank":null,"head_dim":64)", "deepseek_v3");
  EXPECT_EQ(plain.kv_head_count, 1);
  EXPECT_EQ(plain.head_dim, 576);
  EXPECT_EQ(plain.latent->q_rank, 0);
  EXPECT_EQ(plain.latent->key_dim, 128);
  EXPECT_EQ(plain.latent->value_dim, 96);
  EXPECT_FLOAT_EQ(plain.scale, 1 / std::sqrt(192.0f));
  // YaRN scales scores as well.
  const std::string yarn =
      R"(,"rope_scaling":{"type":"yarn","factor":40,"original_max_position_embeddings":64,"mscale":0.707,)"
      R"("mscale_all_dim":0.707})";
  const float mscale = 0.0707f * std::log(40.0f) + 1;
  for (const char* model_type : {"deepseek_v2", "deepseek_v3", "kimi_k2", "glm4_moe_lite"}) {
    EXPECT_FLOAT_EQ(attention_of(yarn, model_type).scale, mscale * mscale / std::sqrt(192.0f)) << model_type;
  }
  std::string odd(kSizes);
  odd.replace(odd.find("512"), 3, "20");
  EXPECT_THROW(spec_of(config_with(odd, "deepseek_v3")), Unsupported);
}

// Published files have its numbers in an object, and count layers from 1; transformers has them beside the others.
TEST(Settings, KimiLinearIsReadInBothSpellings) {
  const std::string sizes =
      R"("kv_lora_rank":64,"qk_rope_head_dim":8,"qk_nope_head_dim":16,"v_head_dim":16,"num_experts_per_tok":2,)"
      R"("moe_intermediate_size":32,"first_k_dense_replace":1,)";
  const auto spec = [&](std::string_view more) {
    return spec_of(config_with(sizes + std::string(more), "kimi_linear"));
  };
  const ModelSpec published =
      spec(R"("num_experts":4,"mla_use_nope":true,"linear_attn_config":{"kda_layers":[1],"full_attn_layers":[2],)"
           R"("num_heads":3,"head_dim":16,"short_conv_kernel_size":5})");
  const std::string_view own =
      R"("n_routed_experts":4,"layer_types":["kda_attention","full_attention"],"linear_num_key_heads":3,)"
      R"("linear_key_head_dim":16,"linear_conv_kernel_dim":5,"rope_interleave":true,)"
      R"("rope_parameters":{"rope_type":"default","rope_theta":10000.0})";
  const ModelSpec written = spec(own);
  const ModelSpec later =
      spec(R"("num_experts":4,"layer_types":["linear_attention","full_attention"],"linear_num_heads":3,)"
           R"("linear_head_dim":16,"linear_conv_kernel_dim":5,"mla_use_nope":true)");
  for (const ModelSpec& model : {published, written, later}) {
    const DeltaSpec& delta = std::get<DeltaSpec>(model.layers[0].mixer);
    EXPECT_EQ(delta.k_heads, 3);
    EXPECT_EQ(delta.v_heads, 3);
    EXPECT_EQ(delta.k_dim, 16);
    EXPECT_EQ(delta.kernel, 5);
    EXPECT_TRUE(model.layers[1].attention().latent);
    EXPECT_EQ(model.layers[1].attention().rope, -1);
  }
  for (const std::string_view refused : {R"(,"forget_gate_lower_bound":-5.0)", R"(,"use_full_rank_output_gate":true)",
                                         R"(,"mla_use_output_gate":true)", R"(,"linear_num_value_heads":6)"}) {
    EXPECT_THROW(spec(std::string(own) + std::string(refused)), Unsupported) << refused;
  }
  EXPECT_THROW(spec(R"("n_routed_experts":4,"layer_types":["conv","full_attention"],"linear_num_key_heads":3,)"
                    R"("linear_key_head_dim":16,"linear_conv_kernel_dim":5)"),
               Unsupported);
}

// What scales its layers and ends follows from its depth and width; heads' values are as wide as they may be.
TEST(Settings, MiniCpmThreeHasLatentAttentionWithScales) {
  const ModelSpec spec = spec_of(
      config_with(R"("q_lora_rank":24,"kv_lora_rank":32,"qk_rope_head_dim":8,"qk_nope_head_dim":16,"scale_emb":12,)"
                  R"("scale_depth":1.4,"dim_model_base":16)",
                  "minicpm3"));
  const AttentionSpec& attention = spec.layers[1].attention();
  EXPECT_EQ(attention.latent->value_dim, 32);
  EXPECT_EQ(attention.latent->key_dim, 16);
  EXPECT_FLOAT_EQ(attention.scale, 1 / std::sqrt(24.0f));
  EXPECT_EQ(spec.ropes[0].pairs, RopePairs::kHalfSplit);
  EXPECT_EQ(spec.ropes[0].rotary_dim, 8);
  EXPECT_FLOAT_EQ(spec.layers[0].residual_scale, 1.4f / std::sqrt(2.0f));
  EXPECT_FLOAT_EQ(spec.embedding_scale, 12);
  EXPECT_FLOAT_EQ(spec.logit_scale, 0.25f);
  EXPECT_THROW(spec_of(config_with(R"("sparse_config":{"topk":64})", "minicpm")), Unsupported);
}

// T5's buckets: of 16 for each side, the last from a distance of 91 on.
TEST(Settings, MpnetsBiasesAreOfBuckets) {
  const auto rows =
      spec_of(config_with(R"("relative_attention_num_buckets":32)", "mpnet")).layers[1].attention().bias_rows;
  ASSERT_EQ(rows.size(), 183u);
  const auto row = [&](int offset) { return rows[static_cast<std::size_t>(91 + offset)]; };
  EXPECT_EQ(row(0), 0);
  EXPECT_EQ(row(-7), 7);
  for (const auto& [distance, bucket] : {std::pair{8, 8},
                                         {11, 8},
                                         {12, 9},
                                         {16, 10},
                                         {22, 10},
                                         {23, 11},
                                         {32, 12},
                                         {45, 12},
                                         {46, 13},
                                         {64, 14},
                                         {90, 14},
                                         {91, 15}}) {
    EXPECT_EQ(row(-distance), bucket) << distance;
    EXPECT_EQ(row(distance), 16 + bucket) << distance;
  }
  EXPECT_THROW(spec_of(config_with(R"("relative_attention_num_buckets":64)", "mpnet")), Unsupported);
}

TEST(Settings, ModelsOfDiffusionAreRefusedAsSuch) {
  for (const std::string_view family : {"Dream", "llada"}) {
    try {
      spec_of(config_with("", family));
      FAIL() << family;
    } catch (const Unsupported& error) {
      EXPECT_NE(std::string_view(error.what()).find("diffusion"), std::string_view::npos) << error.what();
    }
  }
}

// Its rope says which part of whole keys is rotated, and queries grow beyond the context that it names.
TEST(Settings, MistralFourScalesQueriesByTheirPosition) {
  const ModelSpec spec = spec_of(config_with(
      R"("kv_lora_rank":256,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"v_head_dim":128,"n_routed_experts":4,)"
      R"("num_experts_per_tok":2,"moe_intermediate_size":32,"q_lora_rank":32,"rope_parameters":{"type":"yarn",)"
      R"("rope_theta":10000.0,"factor":4.0,"original_max_position_embeddings":32,"max_position_embeddings":128,)"
      R"("beta_fast":32,"beta_slow":1,"mscale":1,"mscale_all_dim":1,"llama_4_scaling_beta":0.1,)"
      R"("partial_rotary_factor":0.5})",
      "mistral4"));
  EXPECT_EQ(spec.ropes[0].rotary_dim, 64);
  EXPECT_EQ(spec.layers[0].attention().query_scale.beta, 0.1f);
  EXPECT_EQ(spec.layers[0].attention().query_scale.length, 32);
  EXPECT_TRUE(spec.layers[0].has_experts());
}

// Without a word of it queries stay as they are.
TEST(Settings, MinistralThreeDoesSoWithPlainAttention) {
  const auto scale_of = [](std::string_view more) {
    const std::string rope = fmt::format(
        R"("rope_parameters":{{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32{}}})", more);
    return spec_of(config_with(rope, "ministral3")).layers[1].attention().query_scale;
  };
  EXPECT_EQ(scale_of(R"(,"llama_4_scaling_beta":0.1)").beta, 0.1f);
  EXPECT_EQ(scale_of(R"(,"llama_4_scaling_beta":0.1)").length, 32);
  EXPECT_EQ(scale_of("").beta, 0);
}

TEST(Settings, LingsGenerationsAreToldApart) {
  const std::string experts = R"("num_experts":4,"num_experts_per_tok":2,"moe_intermediate_size":32,)";
  const ModelSpec first = spec_of(config_with(experts + R"("num_shared_experts":2)", "bailing_moe"));
  EXPECT_EQ(first.layers[0].attention().query_key_norm, QueryKeyNorm::kNone);
  EXPECT_EQ(first.layers[0].experts().routing.score, RouterScore::kSoftmax);
  EXPECT_EQ(first.layers[0].experts().shared_width, 64);
  const std::string second = experts + R"("use_qk_norm":true,"partial_rotary_factor":0.5)";
  const ModelSpec spec = spec_of(config_with(second, "bailing_moe"));
  EXPECT_EQ(spec.layers[0].attention().query_key_norm, QueryKeyNorm::kHead);
  EXPECT_EQ(spec.layers[0].experts().routing.score, RouterScore::kSigmoid);
  EXPECT_EQ(spec.ropes[0].rotary_dim, 16);
  EXPECT_THROW(spec_of(config_with(second + R"(,"rotary_dim":8)", "bailing_moe")), InvalidInput);
  EXPECT_THROW(spec_of(config_with(second + R"(,"score_function":"softmax")", "bailing_moe")), Unsupported);
  EXPECT_THROW(spec_of(config_with(experts + R"("norm_head":true)", "bailing_moe")), Unsupported);
}

}  // namespace
}  // namespace hearth
