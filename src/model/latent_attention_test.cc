// Latent attention in the layouts that files have: a checkpoint with keys and values in one matrix, GGUF files with the
// same, and GGUF files with each head's parts apart. One model, and the same logits; with queries of low rank or not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kv/block_pool.h"
#include "model/forward_pass.h"
#include "model/testing/fixture.h"
#include "model/testing/written_checkpoint.h"
#include "weights/gguf_writer.h"

namespace hearth::model_testing {
namespace {

constexpr std::int64_t kWidth = 64, kHeads = 4, kRank = 24, kRope = 8, kKey = 16, kValue = 8, kFf = 32, kExperts = 4;
constexpr std::int64_t kVocabulary = 64, kContext = 128, kTokens = 50;

using Values = std::vector<float>;
using Sizes = std::vector<std::int64_t>;

// What both kinds of files are given of a tensor: the names of each (empty: it has none), the shape, the values.
struct Tensor {
  std::string config_name, gguf_name;
  Sizes shape;
  Values values;
};

enum class Joined : bool { kNo, kYes };

class RandomLatentModel {
 public:
  explicit RandomLatentModel(std::int64_t rank) : q_rank(rank) {
    matrix("model.embed_tokens", "token_embd", {kVocabulary, kWidth}, 1);
    matrix("lm_head", "output", {kVocabulary, kWidth}, 1);
    norm("model.norm", "output_norm", kWidth);
    for (int layer = 0; layer < 2; ++layer) add_layer(layer);
  }

  std::int64_t q_rank;
  std::vector<Tensor> tensors;
  std::vector<Values> key_values;  // [heads, key + value, rank] of each layer

 private:
  Values random(std::int64_t count, float size, float offset = 0) {
    Values values(static_cast<std::size_t>(count));
    for (float& value : values) value = offset + size * (static_cast<float>(random_() >> 8) * 0x1p-23f - 1);
    return values;
  }
  void add(const std::string& config_name, const std::string& gguf_name, const Sizes& shape, Values values) {
    tensors.push_back({config_name, gguf_name, shape, std::move(values)});
  }
  void matrix(const std::string& config_name, const std::string& gguf_name, const Sizes& shape, float size = 0.25f) {
    std::int64_t count = 1;
    for (const std::int64_t dim : shape) count *= dim;
    add(config_name + ".weight", gguf_name + ".weight", shape, random(count, size));
  }
  void norm(const std::string& config_name, const std::string& gguf_name, std::int64_t width) {
    add(config_name + ".weight", gguf_name + ".weight", {width}, random(width, 0.3f, 1));
  }

  void add_layer(int layer) {
    const std::string c = fmt::format("model.layers.{}.", layer), g = fmt::format("blk.{}.", layer);
    norm(c + "input_layernorm", g + "attn_norm", kWidth);
    norm(c + "post_attention_layernorm", g + "ffn_norm", kWidth);
    const std::int64_t queries = kHeads * (kKey + kRope);
    if (q_rank > 0) {
      matrix(c + "self_attn.q_a_proj", g + "attn_q_a", {q_rank, kWidth});
      norm(c + "self_attn.q_a_layernorm", g + "attn_q_a_norm", q_rank);
      matrix(c + "self_attn.q_b_proj", g + "attn_q_b", {queries, q_rank});
    } else {
      matrix(c + "self_attn.q_proj", g + "attn_q", {queries, kWidth});
    }
    matrix(c + "self_attn.kv_a_proj_with_mqa", g + "attn_kv_a_mqa", {kRank + kRope, kWidth});
    norm(c + "self_attn.kv_a_layernorm", g + "attn_kv_a_norm", kRank);
    matrix(c + "self_attn.o_proj", g + "attn_output", {kWidth, kHeads * kValue});
    key_values.push_back(random(kHeads * (kKey + kValue) * kRank, 0.4f));
    if (layer == 0) {
      for (const auto& [config_name, gguf_name] :
           {std::pair{"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"}, {"down_proj", "ffn_down"}}) {
        const bool is_down = std::string_view(gguf_name) == "ffn_down";
        matrix(c + "mlp." + config_name, g + gguf_name, is_down ? Sizes{kWidth, kFf} : Sizes{kFf, kWidth});
      }
      return;
    }
    matrix(c + "mlp.gate", g + "ffn_gate_inp", {kExperts, kWidth}, 0.5f);
    add(c + "mlp.gate.e_score_correction_bias", g + "exp_probs_b.bias", {kExperts}, random(kExperts, 0.2f, 0.3f));
    for (const auto& [config_name, gguf_name] :
         {std::pair{"gate_proj", "ffn_gate"}, {"up_proj", "ffn_up"}, {"down_proj", "ffn_down"}}) {
      const bool is_down = std::string_view(gguf_name) == "ffn_down";
      const Sizes shape = is_down ? Sizes{kWidth, kFf} : Sizes{kFf, kWidth};
      Values all;
      for (std::int64_t e = 0; e < kExperts; ++e) {
        const Values one = random(kFf * kWidth, 0.25f);
        all.insert(all.end(), one.begin(), one.end());
        add(fmt::format("{}mlp.experts.{}.{}.weight", c, e, config_name), "", shape, one);
      }
      add("", fmt::format("{}{}_exps.weight", g, gguf_name), {kExperts, shape[0], shape[1]}, std::move(all));
      matrix(fmt::format("{}mlp.shared_experts.{}", c, config_name), fmt::format("{}{}_shexp", g, gguf_name), shape);
    }
  }

  std::mt19937 random_{11};
};

fs::path write_folder(const RandomLatentModel& model, WrittenCheckpoint& out) {
  for (const Tensor& tensor : model.tensors) {
    if (!tensor.config_name.empty()) out.add(tensor.config_name, tensor.shape, tensor.values);
  }
  for (int layer = 0; layer < 2; ++layer) {
    out.add(fmt::format("model.layers.{}.self_attn.kv_b_proj.weight", layer), {kHeads * (kKey + kValue), kRank},
            model.key_values[static_cast<std::size_t>(layer)]);
  }
  // A layer that predicts a further token.
  out.add("model.layers.2.eh_proj.weight", {2}, Values{1, 2});
  return out.write(fmt::format(
      R"({{"model_type": "deepseek_v3", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
      "num_key_value_heads": 4, "num_nextn_predict_layers": 1, "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
      "intermediate_size": 32, "moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2,
      "n_shared_experts": 1, "n_group": 2, "topk_group": 1, "norm_topk_prob": true, "routed_scaling_factor": 2.5,
      "first_k_dense_replace": 1, "q_lora_rank": {}, "kv_lora_rank": 24, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16,
      "v_head_dim": 8, "tie_word_embeddings": false, "rope_theta": 10000.0, "rope_interleave": true,
      "rope_scaling": {{"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "beta_fast": 32,
                        "beta_slow": 1, "mscale": 0.7, "mscale_all_dim": 0.7}}}})",
      model.q_rank == 0 ? "null" : std::to_string(model.q_rank)));
}

void add_tensor(GgufWriter& writer, const std::string& name, const Sizes& sizes, const Values& values,
                Format format = Format::kF32) {
  Shape shape;
  for (const std::int64_t size : sizes) shape.append(size);
  auto bytes =
      std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(format_bytes(format, shape.element_count())));
  traits(format).encode(values.data(), bytes->data(), shape.element_count());
  writer.add(OutputTensor{name, format, shape, [bytes](ByteSink& sink) { sink.write(*bytes); }});
}

void add_key_values(GgufWriter& writer, const Values& joined, int layer, Joined is_joined) {
  const std::string p = fmt::format("blk.{}.", layer);
  if (is_joined == Joined::kYes) {
    add_tensor(writer, p + "attn_kv_b.weight", {kHeads * (kKey + kValue), kRank}, joined);
    return;
  }
  Values keys, values;
  for (std::int64_t h = 0; h < kHeads; ++h) {
    const auto head = joined.begin() + h * (kKey + kValue) * kRank;
    for (std::int64_t r = 0; r < kRank; ++r) {
      for (std::int64_t k = 0; k < kKey; ++k) keys.push_back(head[k * kRank + r]);
    }
    values.insert(values.end(), head + kKey * kRank, head + (kKey + kValue) * kRank);
  }
  add_tensor(writer, p + "attn_k_b.weight", {kHeads, kRank, kKey}, keys);
  add_tensor(writer, p + "attn_v_b.weight", {kHeads, kValue, kRank}, values);
}

fs::path write_gguf(const RandomLatentModel& model, Joined is_joined) {
  GgufWriter writer;
  writer.add("general.architecture", "deepseek2");
  const auto number = [&](const char* key, std::int64_t value) {
    writer.add(std::string("deepseek2.") + key, static_cast<std::uint32_t>(value));
  };
  number("context_length", kContext), number("embedding_length", kWidth), number("block_count", 2);
  number("feed_forward_length", kFf), number("expert_feed_forward_length", kFf);
  number("attention.head_count", kHeads), number("leading_dense_block_count", 1);
  number("expert_count", kExperts), number("expert_used_count", 2), number("expert_shared_count", 1);
  number("expert_group_count", 2), number("expert_group_used_count", 1), number("expert_gating_func", 2);
  number("rope.dimension_count", kRope), number("rope.scaling.original_context_length", 32);
  number("attention.kv_lora_rank", kRank), number("attention.q_lora_rank", model.q_rank > 0 ? model.q_rank : 1536);
  if (is_joined == Joined::kYes) {
    number("attention.head_count_kv", kHeads), number("attention.key_length", kKey + kRope);
    number("attention.value_length", kValue);
  } else {
    number("attention.head_count_kv", 1), number("attention.key_length", kRank + kRope);
    number("attention.value_length", kRank), number("attention.key_length_mla", kKey + kRope);
    number("attention.value_length_mla", kValue);
  }
  writer.add("deepseek2.expert_weights_norm", true);
  writer.add("deepseek2.expert_weights_scale", 2.5f);
  writer.add("deepseek2.attention.layer_norm_rms_epsilon", 1e-6f);
  writer.add("deepseek2.rope.freq_base", 10000.0f);
  writer.add("deepseek2.rope.scaling.type", "yarn");
  writer.add("deepseek2.rope.scaling.factor", 4.0f);
  writer.add("deepseek2.rope.scaling.yarn_log_multiplier", 0.07f);
  for (const Tensor& tensor : model.tensors) {
    if (!tensor.gguf_name.empty()) add_tensor(writer, tensor.gguf_name, tensor.shape, tensor.values);
  }
  for (int layer = 0; layer < 2; ++layer) {
    add_key_values(writer, model.key_values[static_cast<std::size_t>(layer)], layer, is_joined);
  }
  const fs::path path = fs::temp_directory_path() / fmt::format("hearth-{}-latent.gguf", ::getpid());
  writer.write(path);
  return path;
}

struct LatentSetup {
  ComputeMode compute = ComputeMode::kF32;
  std::int64_t chunk = kTokens;
  AttentionMode attention = AttentionMode::kFused;
  int threads = 2;
};

std::vector<float> logits(const fs::path& path, const LatentSetup& setup = {}) {
  const auto source = ModelSource::open(path);
  CpuDevice device(setup.threads);
  const auto stream = device.open_stream();
  ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())},
                   {.compute = setup.compute,
                    .attention = setup.attention,
                    .context = kContext,
                    .step_tokens_max = setup.chunk,
                    .logit_rows_max = setup.chunk});
  pass.load(*stream);
  // One row of latents for a token and layer, and no values.
  const std::int64_t row_bytes = (kRank + kRope) * (setup.compute == ComputeMode::kF32 ? 4 : 2);
  EXPECT_EQ(pass.sequence_memory_shape().kv.bytes(), 2 * kContext * row_bytes);
  const SequenceMemory memory(pass.arena(), pass.sequence_memory_shape());
  BlockPool pool(pass.sequence_memory_shape().kv.block_count);
  BlockTable table(pool);
  EXPECT_TRUE(table.reserve(kTokens));
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < kTokens; ++i) tokens.push_back(i * 37 % static_cast<int>(kVocabulary));
  std::vector<float> result;
  Batch batch;
  for (std::int64_t at = 0; at < kTokens; at += setup.chunk) {
    const auto step = std::span(tokens).subspan(static_cast<std::size_t>(at),
                                                static_cast<std::size_t>(std::min(setup.chunk, kTokens - at)));
    batch.clear();
    batch.add(step, at, table.blocks(), 0, Batch::Logits::kAll);
    const float* rows = pass.run(*stream, batch, memory);
    result.insert(result.end(), rows, rows + std::ssize(step) * kVocabulary);
  }
  return result;
}

class LatentAttentionModel : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(QueryRanks, LatentAttentionModel, testing::Values(0, 32));

TEST_P(LatentAttentionModel, EveryLayoutOfItsFilesIsTheSameModel) {
  const RandomLatentModel model(GetParam());
  WrittenCheckpoint folder("latent");
  const auto expected = logits(write_folder(model, folder));
  for (const Joined is_joined : {Joined::kNo, Joined::kYes}) {
    const fs::path gguf = write_gguf(model, is_joined);
    EXPECT_LT(relative_error(logits(gguf), expected), 1e-5);
    fs::remove(gguf);
  }
}

TEST_P(LatentAttentionModel, ChunksThreadsAndStepsAgree) {
  const RandomLatentModel model(GetParam());
  WrittenCheckpoint checkpoint("latent");
  const fs::path folder = write_folder(model, checkpoint);
  const auto expected = logits(folder);
  for (const ComputeMode compute : {ComputeMode::kF32, ComputeMode::kBf16}) {
    const auto whole = logits(folder, {.compute = compute});
    for (const std::int64_t chunk : {1, 7}) {
      EXPECT_EQ(logits(folder, {.compute = compute, .chunk = chunk, .threads = 3}), whole) << chunk;
    }
    EXPECT_EQ(whole == expected, compute == ComputeMode::kF32);
  }
  EXPECT_LT(relative_error(logits(folder, {.attention = AttentionMode::kSteps}), expected), 1e-5);
}

}  // namespace
}  // namespace hearth::model_testing
