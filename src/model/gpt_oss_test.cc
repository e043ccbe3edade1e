// gpt-oss in the layouts that its files have: floats, transposed, with gate and up in turn, as transformers saves it;
// mxfp4 in pairs of values and scales, as OpenAI published it; and GGUF's mxfp4. One model, and the same logits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "device/cpu/cpu_device.h"
#include "formats/mxfp4.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kv/block_pool.h"
#include "model/forward_pass.h"
#include "model/testing/fixture.h"
#include "model/testing/written_checkpoint.h"
#include "weights/gguf_writer.h"

namespace hearth::model_testing {
namespace {

constexpr std::int64_t kWidth = 64, kFfWidth = 32, kHeads = 4, kKvHeads = 2, kHeadDim = 16, kExperts = 4;
constexpr std::int64_t kLayers = 2, kVocabulary = 64;

struct Packed {
  std::vector<std::uint8_t> pairs;   // [rows, in / 32, 16]
  std::vector<std::uint8_t> scales;  // [rows, in / 32]
};

struct Layer {
  std::map<std::string, std::vector<float>> floats;
  Packed gate_up, down;  // rows of all experts, gate and up in turn
};

class RandomGptOss {
 public:
  RandomGptOss() {
    embedding = floats(kVocabulary * kWidth, 1), output = floats(kVocabulary * kWidth, 1);
    norm = floats(kWidth, 0.2f, 1);
    for (Layer& layer : layers) {
      const std::int64_t q = kHeads * kHeadDim, kv = kKvHeads * kHeadDim;
      layer.floats = {{"q", floats(q * kWidth, 0.2f)},
                      {"q_bias", floats(q, 0.5f)},
                      {"k", floats(kv * kWidth, 0.2f)},
                      {"k_bias", floats(kv, 0.5f)},
                      {"v", floats(kv * kWidth, 0.2f)},
                      {"v_bias", floats(kv, 0.5f)},
                      {"o", floats(kWidth * q, 0.2f)},
                      {"o_bias", floats(kWidth, 0.5f)},
                      {"sinks", floats(kHeads, 2)},
                      {"norm", floats(kWidth, 0.2f, 1)},
                      {"ff_norm", floats(kWidth, 0.2f, 1)},
                      {"router", floats(kExperts * kWidth, 0.3f)},
                      {"router_bias", floats(kExperts, 0.5f)},
                      {"gate_up_bias", floats(kExperts * 2 * kFfWidth, 2)},
                      {"down_bias", floats(kExperts * kWidth, 0.5f)}};
      layer.gate_up = packed(kExperts * 2 * kFfWidth, kWidth);
      layer.down = packed(kExperts * kWidth, kFfWidth);
    }
  }

  std::vector<float> embedding, output, norm;
  std::array<Layer, kLayers> layers;

 private:
  std::vector<float> floats(std::int64_t count, float size, float offset = 0) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = offset + size * (static_cast<float>(random_() >> 8) * 0x1p-23f - 1);
    return values;
  }
  Packed packed(std::int64_t rows, std::int64_t in) {
    Packed result;
    for (std::int64_t i = 0; i < rows * in / 2; ++i) result.pairs.push_back(static_cast<std::uint8_t>(random_()));
    for (std::int64_t i = 0; i < rows * in / 32; ++i) {
      result.scales.push_back(static_cast<std::uint8_t>(123 + random_() % 3));
    }
    return result;
  }
  std::mt19937 random_{7};
};

// What OpenAI's layout says: a row's values in order, 2^(scale - 127) times E2M1.
std::vector<float> unpacked(const Packed& packed) {
  constexpr float kValues[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  std::vector<float> values;
  for (std::size_t i = 0; i < packed.pairs.size() * 2; ++i) {
    const int code = i % 2 == 0 ? packed.pairs[i / 2] & 15 : packed.pairs[i / 2] >> 4;
    const float magnitude = std::ldexp(kValues[code & 7], packed.scales[i / 32] - 127);
    values.push_back((code & 8) != 0 ? -magnitude : magnitude);
  }
  return values;
}

constexpr std::string_view kConfig = R"({"model_type": "gpt_oss", "hidden_size": 64, "intermediate_size": 32,
  "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "num_hidden_layers": 2, "num_local_experts": 4,
  "num_experts_per_tok": 2, "max_position_embeddings": 128, "sliding_window": 8, "rms_norm_eps": 1e-5,
  "hidden_act": "silu", "attention_bias": true, "swiglu_limit": 7.0,
  "layer_types": ["sliding_attention", "full_attention"], "tie_word_embeddings": false, "rope_theta": 150000.0,
  "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false,
                   "original_max_position_embeddings": 32},
  "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}})";

// [experts, rows, in] to [experts, in, rows].
std::vector<float> transposed(const std::vector<float>& from, std::int64_t rows, std::int64_t in) {
  std::vector<float> to(from.size());
  for (std::int64_t e = 0; e < kExperts; ++e) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < in; ++c) {
        to[static_cast<std::size_t>((e * in + c) * rows + r)] = from[static_cast<std::size_t>((e * rows + r) * in + c)];
      }
    }
  }
  return to;
}

void add_folder(const RandomGptOss& model, bool packed, WrittenCheckpoint& out) {
  out.add("model.embed_tokens.weight", {kVocabulary, kWidth}, model.embedding);
  out.add("lm_head.weight", {kVocabulary, kWidth}, model.output);
  out.add("model.norm.weight", {kWidth}, model.norm);
  for (std::int64_t i = 0; i < kLayers; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(i)];
    const std::string p = fmt::format("model.layers.{}.", i), experts = p + "mlp.experts.";
    for (const char* part : {"q", "k", "v", "o"}) {
      const std::vector<float>&weight = layer.floats.at(part), &bias = layer.floats.at(part + std::string("_bias"));
      const std::int64_t rows = std::ssize(bias);
      out.add(fmt::format("{}self_attn.{}_proj.weight", p, part), {rows, std::ssize(weight) / rows}, weight);
      out.add(fmt::format("{}self_attn.{}_proj.bias", p, part), {rows}, bias);
    }
    out.add(p + "self_attn.sinks", {kHeads}, layer.floats.at("sinks"));
    out.add(p + "input_layernorm.weight", {kWidth}, layer.floats.at("norm"));
    out.add(p + "post_attention_layernorm.weight", {kWidth}, layer.floats.at("ff_norm"));
    out.add(p + "mlp.router.weight", {kExperts, kWidth}, layer.floats.at("router"));
    out.add(p + "mlp.router.bias", {kExperts}, layer.floats.at("router_bias"));
    out.add(experts + "gate_up_proj_bias", {kExperts, 2 * kFfWidth}, layer.floats.at("gate_up_bias"));
    out.add(experts + "down_proj_bias", {kExperts, kWidth}, layer.floats.at("down_bias"));
    if (packed) {
      out.add(experts + "gate_up_proj_blocks", {kExperts, 2 * kFfWidth, kWidth / 32, 16}, layer.gate_up.pairs);
      out.add(experts + "gate_up_proj_scales", {kExperts, 2 * kFfWidth, kWidth / 32}, layer.gate_up.scales);
      out.add(experts + "down_proj_blocks", {kExperts, kWidth, kFfWidth / 32, 16}, layer.down.pairs);
      out.add(experts + "down_proj_scales", {kExperts, kWidth, kFfWidth / 32}, layer.down.scales);
    } else {
      out.add(experts + "gate_up_proj", {kExperts, kWidth, 2 * kFfWidth},
              transposed(unpacked(layer.gate_up), 2 * kFfWidth, kWidth));
      out.add(experts + "down_proj", {kExperts, kFfWidth, kWidth}, transposed(unpacked(layer.down), kWidth, kFfWidth));
    }
  }
}

void add_tensor(GgufWriter& writer, const std::string& name, Format format, const Shape& shape,
                const std::vector<float>& values) {
  auto bytes =
      std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(format_bytes(format, shape.element_count())));
  traits(format).encode(values.data(), bytes->data(), shape.element_count());
  writer.add(OutputTensor{name, format, shape, [bytes](ByteSink& sink) { sink.write(*bytes); }});
}

// Every second of `count` rows of each expert, from `first` on.
std::vector<float> alternate(const std::vector<float>& rows, std::int64_t width, std::int64_t first) {
  std::vector<float> result;
  for (std::int64_t r = first; r < std::ssize(rows) / width; r += 2) {
    result.insert(result.end(), rows.begin() + r * width, rows.begin() + (r + 1) * width);
  }
  return result;
}

fs::path write_gguf(const RandomGptOss& model) {
  GgufWriter writer;
  writer.add("general.architecture", "gpt-oss");
  const auto number = [&](const char* key, std::int64_t value) {
    writer.add(std::string("gpt-oss.") + key, static_cast<std::uint32_t>(value));
  };
  number("context_length", 128), number("embedding_length", kWidth), number("block_count", kLayers);
  number("feed_forward_length", kFfWidth), number("expert_feed_forward_length", kFfWidth);
  number("attention.head_count", kHeads), number("attention.head_count_kv", kKvHeads);
  number("attention.key_length", kHeadDim), number("attention.value_length", kHeadDim);
  number("attention.sliding_window", 8), number("expert_count", kExperts), number("expert_used_count", 2);
  number("rope.scaling.original_context_length", 32);
  writer.add("gpt-oss.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.add("gpt-oss.rope.freq_base", 150000.0f);
  writer.add("gpt-oss.rope.scaling.type", "yarn");
  writer.add("gpt-oss.rope.scaling.factor", 4.0f);
  const auto floats = [&](const std::string& name, const Shape& shape, const std::vector<float>& values) {
    add_tensor(writer, name, Format::kF32, shape, values);
  };
  floats("token_embd.weight", {kVocabulary, kWidth}, model.embedding);
  floats("output.weight", {kVocabulary, kWidth}, model.output);
  floats("output_norm.weight", {kWidth}, model.norm);
  for (std::int64_t i = 0; i < kLayers; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(i)];
    const std::string p = fmt::format("blk.{}.", i);
    for (const auto& [name, part] :
         {std::pair{"attn_q", "q"}, {"attn_k", "k"}, {"attn_v", "v"}, {"attn_output", "o"}}) {
      const std::vector<float>&weight = layer.floats.at(part), &bias = layer.floats.at(part + std::string("_bias"));
      floats(p + name + ".weight", {std::ssize(bias), std::ssize(weight) / std::ssize(bias)}, weight);
      floats(p + name + ".bias", {std::ssize(bias)}, bias);
    }
    floats(p + "attn_sinks.weight", {kHeads}, layer.floats.at("sinks"));
    floats(p + "attn_norm.weight", {kWidth}, layer.floats.at("norm"));
    floats(p + "post_attention_norm.weight", {kWidth}, layer.floats.at("ff_norm"));
    floats(p + "ffn_gate_inp.weight", {kExperts, kWidth}, layer.floats.at("router"));
    floats(p + "ffn_gate_inp.bias", {kExperts}, layer.floats.at("router_bias"));
    const std::vector<float> gate_up = unpacked(layer.gate_up);
    for (const auto& [name, first] : {std::pair{"ffn_gate_exps", 0}, {"ffn_up_exps", 1}}) {
      add_tensor(writer, p + name + ".weight", Format::kMxfp4, {kExperts, kFfWidth, kWidth},
                 alternate(gate_up, kWidth, first));
      floats(p + name + ".bias", {kExperts, kFfWidth}, alternate(layer.floats.at("gate_up_bias"), 1, first));
    }
    add_tensor(writer, p + "ffn_down_exps.weight", Format::kMxfp4, {kExperts, kWidth, kFfWidth}, unpacked(layer.down));
    floats(p + "ffn_down_exps.bias", {kExperts, kWidth}, layer.floats.at("down_bias"));
  }
  const fs::path path = fs::temp_directory_path() / fmt::format("hearth-{}-gpt-oss.gguf", ::getpid());
  writer.write(path);
  return path;
}

std::vector<float> logits(const fs::path& path, ComputeMode compute) {
  constexpr std::int64_t kTokens = 40;
  const auto source = ModelSource::open(path);
  CpuDevice device(2);
  const auto stream = device.open_stream();
  ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())},
                   {.compute = compute, .context = 64, .step_tokens_max = kTokens, .logit_rows_max = kTokens});
  pass.load(*stream);
  const SequenceMemory memory(pass.arena(), pass.sequence_memory_shape());
  BlockPool pool(pass.sequence_memory_shape().kv.block_count);
  BlockTable table(pool);
  EXPECT_TRUE(table.reserve(kTokens));
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < kTokens; ++i) tokens.push_back(i * 37 % static_cast<int>(kVocabulary));
  Batch batch;
  batch.add(tokens, 0, table.blocks(), 0, Batch::Logits::kAll);
  const float* rows = pass.run(*stream, batch, memory);
  return {rows, rows + kTokens * kVocabulary};
}

TEST(GptOss, EveryLayoutOfItsFilesIsTheSameModel) {
  const RandomGptOss model;
  WrittenCheckpoint plain("gpt-oss-plain"), packed("gpt-oss-packed");
  add_folder(model, false, plain);
  add_folder(model, true, packed);
  const auto expected = logits(plain.write(kConfig), ComputeMode::kF32);
  const fs::path folder = packed.write(kConfig), gguf = write_gguf(model);
  EXPECT_LT(relative_error(logits(folder, ComputeMode::kF32), expected), 1e-6);
  EXPECT_LT(relative_error(logits(gguf, ComputeMode::kF32), expected), 1e-5);
  // As they are run: experts in int8.
  const auto quantized = logits(folder, ComputeMode::kAuto);
  EXPECT_LT(relative_error(quantized, expected), 3e-2);
  EXPECT_NE(quantized, expected);
  fs::remove(gguf);
}

TEST(GptOss, SinksCount) {
  RandomGptOss model;
  WrittenCheckpoint some("gpt-oss-sinks"), none("gpt-oss-no-sinks");
  add_folder(model, true, some);
  for (Layer& layer : model.layers) layer.floats.at("sinks").assign(kHeads, -100);
  add_folder(model, true, none);
  EXPECT_GT(
      relative_error(logits(some.write(kConfig), ComputeMode::kF32), logits(none.write(kConfig), ComputeMode::kF32)),
      1e-3);
}

TEST(GptOss, HalfOfAPackedTensorIsReported) {
  const RandomGptOss model;
  WrittenCheckpoint broken("gpt-oss-broken");
  add_folder(model, true, broken);
  std::string config(kConfig);
  config.replace(config.find("\"intermediate_size\": 32"), 23, "\"intermediate_size\": 64");
  try {
    logits(broken.write(config), ComputeMode::kAuto);
    FAIL() << "a broken model was run";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("gate_up_proj_blocks' [4, 128, 2, 16] is [4, 64, 2, 16]"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace hearth::model_testing
