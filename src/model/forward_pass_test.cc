// Whole models: logits against what independent implementations computed (tests/data), law 2 (chunks and threads
// change no bit), the memory plan, and what binding reports of broken files.
#include "model/forward_pass.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kv/block_pool.h"
#include "model/testing/fixture.h"
#include "weights/gguf_writer.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

using namespace model_testing;
const fs::path kData = data_folder();

struct LogitsSetup {
  ComputeMode compute = ComputeMode::kF32;
  int threads = 2;
  InstructionSet set = usable_instruction_sets().back();
  std::int64_t chunk = 512;
  AttentionMode attention = AttentionMode::kFused;
  Ledger* ledger = nullptr;  // if not null, where the device's goes in the end
};

// All logits of `tokens`, read in chunks.
std::vector<float> logits(const fs::path& model, const std::vector<std::int32_t>& tokens,
                          const LogitsSetup& setup = {}) {
  const auto source = ModelSource::open(model);
  CpuDevice device(setup.threads, setup.set);
  const auto stream = device.open_stream();
  const auto count = static_cast<std::int64_t>(tokens.size());
  ForwardPass pass(*source, {device, cpu_kernels(setup.set)},
                   {.compute = setup.compute,
                    .attention = setup.attention,
                    .context = count,
                    .step_tokens_max = setup.chunk,
                    .logit_rows_max = setup.chunk});
  pass.load(*stream);
  const SequenceMemory memory(pass.arena(), pass.sequence_memory_shape());
  EXPECT_EQ(device.ledger().allocated_bytes, pass.memory_plan().total_bytes());
  EXPECT_EQ(device.ledger().allocation_count, 1);
  EXPECT_EQ(pass.arena().taken_bytes(), pass.memory_plan().total_bytes());
  BlockPool pool(pass.sequence_memory_shape().kv.block_count);
  BlockTable table(pool);
  EXPECT_TRUE(table.reserve(count));
  std::vector<float> result;
  Batch batch;
  for (std::int64_t at = 0; at < count; at += setup.chunk) {
    const auto step = std::span(tokens).subspan(static_cast<std::size_t>(at),
                                                static_cast<std::size_t>(std::min(setup.chunk, count - at)));
    batch.clear();
    batch.add(step, at, table.blocks(), 0, Batch::Logits::kAll);
    const float* rows = pass.run(*stream, batch, memory);
    result.insert(result.end(), rows, rows + static_cast<std::int64_t>(step.size()) * pass.spec().vocabulary);
  }
  EXPECT_EQ(device.ledger().allocation_count, 1);
  if (setup.ledger != nullptr) *setup.ledger = device.ledger();
  return result;
}

class HuggingFaceModel : public testing::TestWithParam<const char*> {};

TEST_P(HuggingFaceModel, AgreesInFloat32) {
  const Fixture fixture(GetParam());
  for (const InstructionSet set : usable_instruction_sets()) {
    expect_float32(fixture, logits(fixture.path, fixture.all(), {.set = set}));
  }
}

TEST_P(HuggingFaceModel, IsCloseInBf16) {
  const Fixture fixture(GetParam());
  const auto y = logits(fixture.path, fixture.prompt, {.compute = ComputeMode::kBf16});
  EXPECT_LT(bf16_error(fixture, y), 3e-2);
  EXPECT_GT(relative_error(y, fixture.expected), 1e-5) << "this was not computed in bf16";
}

TEST_P(HuggingFaceModel, ChunksAndThreadsChangeNoBit) {
  const Fixture fixture(GetParam());
  for (const ComputeMode compute : {ComputeMode::kF32, ComputeMode::kBf16}) {
    const auto whole = logits(fixture.path, fixture.all(), {.compute = compute});
    for (const std::int64_t chunk : {1, 7, 33}) {
      EXPECT_EQ(logits(fixture.path, fixture.all(), {.compute = compute, .threads = 3, .chunk = chunk}), whole)
          << "chunk " << chunk;
    }
  }
}

TEST_P(HuggingFaceModel, AttentionInStepsIsTheFusedKernel) {
  const Fixture fixture(GetParam());
  const auto tokens = fixture.all();
  const auto source = ModelSource::open(fixture.path);
  const ModelSpec spec = read_model_spec(Settings(*source));
  const auto attention_count =
      std::ranges::count_if(spec.layers, [](const LayerSpec& layer) { return layer.has_attention(); });
  for (const InstructionSet set : usable_instruction_sets()) {
    for (const ComputeMode compute : {ComputeMode::kF32, ComputeMode::kBf16}) {
      const auto fused = logits(fixture.path, tokens, {.compute = compute, .set = set});
      Ledger ledger;
      const LogitsSetup in_steps{.compute = compute, .set = set, .attention = AttentionMode::kSteps, .ledger = &ledger};
      const auto stepped = logits(fixture.path, tokens, in_steps);
      EXPECT_LT(relative_error(stepped, fused), compute == ComputeMode::kF32 ? 1e-5 : 2e-2);
      std::map<std::string, std::int64_t> launches;
      for (const auto& [name, count] : ledger.launches) launches[std::string(name.substr(0, name.find('.')))] = count;
      EXPECT_EQ(launches.count("attention"), 0u);
      for (const char* step :
           {"attention_scores", "attention_scale", "attention_mask", "softmax", "attention_weighted_sum"}) {
        // The same kernel caps logits.
        const bool caps_logits = spec.logit_softcap > 0 && step == std::string_view("attention_scale");
        EXPECT_EQ(launches[step], attention_count + (caps_logits ? 1 : 0)) << step;
      }
      LogitsSetup in_chunks = in_steps;
      in_chunks.chunk = 7;
      EXPECT_EQ(logits(fixture.path, tokens, in_chunks), stepped);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, HuggingFaceModel,
                         testing::Values("llama3-rope", "mistral-swa", "qwen2", "qwen3", "gpt2", "gpt_bigcode",
                                         "gemma2", "gemma3n", "gemma4_moe", "olmo2", "phi", "glm4_moe", "qwen2_moe",
                                         "lfm2", "bloom", "mpt", "ministral3", "nemotron_h_moe", "olmo", "opt",
                                         "nanochat", "laguna", "mimo_v2_flash", "minimax"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Families whose fixtures are not in the repository, where ../shared has them.
std::vector<const char*> shared_families() {
  std::vector<const char*> names;
  for (const char* name : {"apertus", "falcon", "hunyuan_v1_dense"}) {
    if (fs::exists(shared_fixture(name))) names.push_back(name);
  }
  return names;
}
INSTANTIATE_TEST_SUITE_P(SharedFamilies, HuggingFaceModel, testing::ValuesIn(shared_families()),
                         [](const auto& test) { return std::string(test.param); });

TEST(GgufModel, AgreesInFloat32) {
  const boost::json::value tokens = boost::json::parse(read_file(kData / "gguf/llama-dense.json"));
  const auto ids = boost::json::value_to<std::vector<std::int32_t>>(tokens.at("tokens"));
  const auto expected = floats_of(read_file(kData / "gguf/llama-dense.f32"));
  EXPECT_LT(relative_error(logits(kData / "gguf/llama-dense.gguf", ids), expected), 1e-3);
}

// A Llama of random weights in any format, written to a temporary file.
class WrittenModel {
 public:
  static constexpr std::int64_t kWidth = 256, kFfWidth = 512, kVocabulary = 64, kLayers = 2;

  explicit WrittenModel(Format format) {
    writer_.add("general.architecture", "llama");
    const auto number = [&](const char* key, std::int64_t value) {
      writer_.add(std::string("llama.") + key, static_cast<std::uint32_t>(value));
    };
    number("context_length", 128);
    number("embedding_length", kWidth);
    number("block_count", kLayers);
    number("feed_forward_length", kFfWidth);
    number("attention.head_count", 8);
    number("attention.head_count_kv", 2);
    writer_.add("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    matrix("token_embd.weight", kVocabulary, kWidth, format);
    norm("output_norm.weight");
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string p = "blk." + std::to_string(i) + ".";
      norm(p + "attn_norm.weight");
      norm(p + "ffn_norm.weight");
      matrix(p + "attn_q.weight", kWidth, kWidth, format);
      matrix(p + "attn_k.weight", kWidth / 4, kWidth, format);
      matrix(p + "attn_v.weight", kWidth / 4, kWidth, format);
      matrix(p + "attn_output.weight", kWidth, kWidth, format);
      matrix(p + "ffn_gate.weight", kFfWidth, kWidth, format);
      matrix(p + "ffn_up.weight", kFfWidth, kWidth, format);
      matrix(p + "ffn_down.weight", kWidth, kFfWidth, format);
    }
  }

  fs::path write(const std::string& name) const {
    const fs::path path = fs::temp_directory_path() / ("hearth-" + std::to_string(::getpid()) + "-" + name);
    writer_.write(path);
    return path;
  }

 private:
  void norm(const std::string& name) { tensor(name, Shape{kWidth}, std::vector<float>(kWidth, 1.0f), Format::kF32); }
  void matrix(const std::string& name, std::int64_t rows, std::int64_t columns, Format format) {
    std::vector<float> values(static_cast<std::size_t>(rows * columns));
    for (float& value : values) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      value = (static_cast<float>(state_ >> 40) * 0x1p-24f - 0.5f) * 0.2f;
    }
    tensor(name, Shape{rows, columns}, values, format);
  }
  void tensor(const std::string& name, const Shape& shape, const std::vector<float>& values, Format format) {
    auto bytes =
        std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(format_bytes(format, shape.element_count())));
    traits(format).encode(values.data(), bytes->data(), shape.element_count());
    writer_.add(OutputTensor{name, format, shape, [bytes](ByteSink& sink) { sink.write(*bytes); }});
  }

  std::uint64_t state_ = 1;
  GgufWriter writer_;
};

std::vector<std::int32_t> some_tokens(int count) {
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(i * 37 % static_cast<int>(WrittenModel::kVocabulary));
  return tokens;
}

TEST(QuantizedModel, EveryModeIsCloseToFloat32AndFreeOfChunks) {
  const auto tokens = some_tokens(40);
  for (const Format format :
       {Format::kF16, Format::kBf16, Format::kQ8_0, Format::kQ4_0, Format::kQ4K, Format::kQ6K, Format::kMxfp4}) {
    SCOPED_TRACE(traits(format).name);
    const fs::path path = WrittenModel(format).write("quantized.gguf");
    const auto reference = logits(path, tokens);
    for (const ComputeMode compute : {ComputeMode::kAuto, ComputeMode::kBf16, ComputeMode::kF32}) {
      for (const InstructionSet set : usable_instruction_sets()) {
        const auto whole = logits(path, tokens, {.compute = compute, .set = set});
        EXPECT_LT(relative_error(whole, reference), compute == ComputeMode::kF32 ? 1e-5 : 3e-2);
        EXPECT_EQ(logits(path, tokens, {.compute = compute, .threads = 3, .set = set, .chunk = 3}), whole);
      }
    }
    fs::remove(path);
  }
}

TEST(BrokenModel, EveryProblemIsReportedAtOnce) {
  const fs::path path = kData / "hf/qwen3";
  const fs::path copy = fs::temp_directory_path() / ("hearth-" + std::to_string(::getpid()) + "-broken");
  fs::remove_all(copy);
  fs::copy(path, copy, fs::copy_options::recursive);
  std::string config = read_file(copy / "config.json");
  const auto replace = [&](std::string_view from, std::string_view to) {
    config.replace(config.find(from), from.size(), to);
  };
  replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");      // the weights of a layer are missing
  replace("\"intermediate_size\": 160", "\"intermediate_size\": 168");  // and others have another shape
  std::ofstream(copy / "config.json", std::ios::binary | std::ios::trunc) << config;
  try {
    logits(copy, {1, 2, 3});
    FAIL() << "a broken model was run";
  } catch (const Unsupported& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("'model.layers.0.mlp.up_proj.weight' has shape [160, 64], not [168, 64]"), std::string::npos)
        << what;
    EXPECT_NE(what.find("more like these"), std::string::npos) << what;
  }
  fs::remove_all(copy);
}

// A copy of a checkpoint of tests/data with texts of its files exchanged; of equal length in the weights' file.
class ChangedCopy {
 public:
  explicit ChangedCopy(const std::string& name)
      : path_(fs::temp_directory_path() / ("hearth-" + std::to_string(::getpid()) + "-changed")) {
    fs::remove_all(path_);
    fs::copy(kData / "hf" / name, path_, fs::copy_options::recursive);
  }
  ~ChangedCopy() { fs::remove_all(path_); }
  ChangedCopy& replace(const char* file, std::string_view from, std::string_view to) {
    std::string text = read_file(path_ / file);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(path_ / file, std::ios::binary | std::ios::trunc) << text;
    return *this;
  }
  // What binding says: notes joined, or the error.
  std::string binding() const {
    const auto source = ModelSource::open(path_);
    CpuDevice device(1);
    try {
      const ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())}, {});
      return fmt::format("{}", fmt::join(pass.notes(), "; "));
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  fs::path path_;
};

TEST(TiedEmbeddings, WhatIsSaidIsComparedWithWhatIsStored) {
  constexpr const char *kConfig = "config.json", *kWeights = "model.safetensors";
  constexpr const char *kUntied = "\"tie_word_embeddings\": false", *kTied = "\"tie_word_embeddings\": true";
  EXPECT_EQ(ChangedCopy("qwen3").binding(), "");
  EXPECT_NE(ChangedCopy("qwen3")
                .replace(kWeights, "lm_head.weight", "xx_head.weight")
                .binding()
                .find("tensor 'lm_head.weight' is missing, and setting 'tie_word_embeddings' is false"),
            std::string::npos);
  EXPECT_NE(ChangedCopy("qwen3")
                .replace(kWeights, "model.embed_tokens.weight", "model.xxxxx_tokens.weight")
                .binding()
                .find("tensor 'model.embed_tokens.weight' is missing, and setting 'tie_word_embeddings' is false"),
            std::string::npos);
  EXPECT_EQ(
      ChangedCopy("qwen3").replace(kConfig, kUntied, kTied).binding(),
      "setting 'tie_word_embeddings' is true, and 'lm_head.weight' differs from 'model.embed_tokens.weight': both "
      "are used");
  EXPECT_EQ(ChangedCopy("llama3-rope").binding(), "");
  EXPECT_NE(ChangedCopy("llama3-rope").replace(kConfig, kTied, kUntied).binding().find("'lm_head.weight' is missing"),
            std::string::npos);
  EXPECT_NE(ChangedCopy("qwen3")
                .replace(kConfig, kUntied, "\"tie_word_embeddings\": \"no\"")
                .binding()
                .find("'tie_word_embeddings' is not true or false"),
            std::string::npos);
}

TEST(BrokenModel, ContextAndTokensAreChecked) {
  const Fixture fixture("gpt2");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  const Backend backend{device, cpu_kernels(device.instruction_set())};
  EXPECT_THROW(ForwardPass(*source, backend, {.context = 513}), InvalidInput);
  EXPECT_NO_THROW(ForwardPass(*source, backend, {.context = 512}));
}

TEST(BrokenModel, AKernelThatTheDeviceLacksIsNamed) {
  const Fixture fixture("llama3-rope");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  KernelTable kernels = cpu_kernels(device.instruction_set());
  kernels.rope = kUnsupported;
  kernels.matmul_f32 = kUnsupported;
  try {
    ForwardPass(*source, {device, kernels}, {.compute = ComputeMode::kF32});
    FAIL() << "bound without kernels";
  } catch (const Unsupported& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("cpu has no kernel for operator 'matmul' with f32 weights"), std::string::npos) << what;
  }
  kernels.matmul_f32 = cpu_kernels(device.instruction_set()).matmul_f32;
  try {
    ForwardPass(*source, {device, kernels}, {.compute = ComputeMode::kF32});
    FAIL() << "bound without a rope kernel";
  } catch (const Unsupported& error) {
    EXPECT_NE(std::string(error.what()).find("'layer 0 rope'"), std::string::npos) << error.what();
  }
}

// Sequences of one step, one of which decodes, against each alone.
TEST(AttentionInSteps, SequencesDoNotDependOnTheirNeighbours) {
  const Fixture fixture("mistral-swa");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(2);
  const auto stream = device.open_stream();
  ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())},
                   {.compute = ComputeMode::kF32,
                    .attention = AttentionMode::kSteps,
                    .context = 64,
                    .sequences_max = 3,
                    .step_tokens_max = 100,
                    .logit_rows_max = 100});
  pass.load(*stream);
  const SequenceMemory memory(pass.arena(), pass.sequence_memory_shape());
  BlockPool pool(pass.sequence_memory_shape().kv.block_count);
  std::vector<BlockTable> tables;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(tables.emplace_back(pool).reserve(50));
  const auto tokens = std::span(fixture.prompt);
  Batch batch;
  const auto run = [&] {
    const float* rows = pass.run(*stream, batch, memory);
    return std::vector<float>(rows, rows + std::ssize(batch.logit_rows()) * pass.spec().vocabulary);
  };
  std::vector<float> alone;
  const auto add = [&](std::size_t sequence, std::size_t begin, std::size_t end) {
    batch.add(tokens.subspan(begin, end - begin), static_cast<std::int64_t>(begin), tables[sequence].blocks(), 0,
              Batch::Logits::kAll);
  };
  struct Part {
    std::size_t sequence, begin, end;
  };
  const Part parts[] = {{0, 0, 9}, {1, 20, 21}, {2, 5, 24}};
  for (const Part& part : parts) {
    batch.clear();
    if (part.begin > 0) add(part.sequence, 0, part.begin), run(), batch.clear();
    add(part.sequence, part.begin, part.end);
    const auto rows = run();
    alone.insert(alone.end(), rows.begin(), rows.end());
  }
  batch.clear();
  for (const Part& part : parts) add(part.sequence, part.begin, part.end);
  EXPECT_EQ(run(), alone);
}

// Scores of every head, token and key are planned, and no fused kernel's memory.
TEST(AttentionInSteps, TheirMemoryIsPlanned) {
  const Fixture fixture("llama3-rope");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  const Backend backend{device, cpu_kernels(device.instruction_set())};
  ForwardPassOptions options{.compute = ComputeMode::kF32, .context = 100, .step_tokens_max = 32};
  const ForwardPass fused(*source, backend, options);
  options.attention = AttentionMode::kSteps;
  const ForwardPass stepped(*source, backend, options);
  EXPECT_EQ(stepped.memory_plan().workspace_bytes,
            Arena::part_bytes(fused.memory_plan().workspace_bytes +
                              4 * fused.spec().layers[0].attention().head_count * 32 * 100));
}

TEST(AttentionInSteps, AMissingKernelIsNamed) {
  const Fixture fixture("llama3-rope");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  KernelTable kernels = cpu_kernels(device.instruction_set());
  kernels.softmax = kUnsupported;
  EXPECT_NO_THROW(ForwardPass(*source, {device, kernels}, {.compute = ComputeMode::kF32}));
  try {
    ForwardPass(*source, {device, kernels}, {.compute = ComputeMode::kF32, .attention = AttentionMode::kSteps});
    FAIL() << "bound without a softmax kernel";
  } catch (const Unsupported& error) {
    EXPECT_NE(std::string(error.what()).find("'layer 0 softmax'"), std::string::npos) << error.what();
  }
}

TEST(ExpertsOnHost, ACpuRefusesByName) {
  const Fixture fixture("glm4_moe");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  const Backend backend{device, cpu_kernels(device.instruction_set())};
  EXPECT_NO_THROW(ForwardPass(*source, backend, {.compute = ComputeMode::kF32}));
  try {
    ForwardPass(*source, backend, {.compute = ComputeMode::kF32, .experts_on_host = true});
    FAIL() << "bound with experts in two places";
  } catch (const Unsupported& error) {
    EXPECT_NE(std::string(error.what()).find("cpu computes in the host's memory"), std::string::npos) << error.what();
  }
}

TEST(MemoryPlan, AMessageNamesTheParts) {
  const Fixture fixture("gpt2");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())},
                   {.compute = ComputeMode::kF32, .context = 512, .cache_tokens = std::int64_t{1} << 40});
  const MemoryPlan& plan = pass.memory_plan();
  const auto stream = device.open_stream();
  try {
    pass.load(*stream);
    FAIL() << "a cache of 2^40 positions was there";
  } catch (const OutOfMemory& error) {
    const std::string what = error.what();
    for (const std::string& part :
         {std::to_string(plan.total_bytes()) + " bytes of memory", std::to_string(plan.weight_bytes) + " weights",
          std::to_string(plan.kv_cache_bytes) + " key/value cache",
          std::to_string(plan.workspace_bytes) + " work space"}) {
      EXPECT_NE(what.find(part), std::string::npos) << what;
    }
  }
  EXPECT_EQ(device.ledger().allocation_count, 0);
}

TEST(Ledger, CountsEveryOperator) {
  const Fixture fixture("gpt2");
  const auto source = ModelSource::open(fixture.path);
  CpuDevice device(1);
  const auto stream = device.open_stream();
  ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())}, {.compute = ComputeMode::kF32});
  pass.load(*stream);
  const SequenceMemory memory(pass.arena(), pass.sequence_memory_shape());
  BlockPool pool(pass.sequence_memory_shape().kv.block_count);
  BlockTable table(pool);
  ASSERT_TRUE(table.reserve(5));
  Batch batch;
  batch.add(std::vector<std::int32_t>{1, 2, 3, 4, 5}, 0, table.blocks(), 0, Batch::Logits::kLast);
  pass.run(*stream, batch, memory);
  std::map<std::string, std::int64_t> launches;
  for (const auto& [name, count] : device.ledger().launches) {
    launches[std::string(name.substr(0, name.find(".cpu.")))] += count;
  }
  const std::map<std::string, std::int64_t> expected{{"embedding_gather", 1}, {"position_add", 1}, {"layer_norm", 7},
                                                     {"matmul.f32", 13},      {"kv_write", 3},     {"attention", 3},
                                                     {"activation", 3},       {"residual_add", 1}, {"row_gather", 1}};
  EXPECT_EQ(launches, expected);
}

}  // namespace
}  // namespace hearth
