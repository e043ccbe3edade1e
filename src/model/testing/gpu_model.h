// What the tests of whole models on GPUs share: the fixtures of tests/data, a model on one device, and the checks whose
// failing is tested too (gpu_mutation_test.cc).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "kernels/testing/runner.h"
#include "kv/block_pool.h"
#include "model/backend.h"
#include "model/forward_pass.h"
#include "weights/model_source.h"

namespace hearth::model_testing {

namespace fs = std::filesystem;
using kernel_testing::test_gpu;
using kernel_testing::test_gpu_names;

// hearth_gpu_tests may run on another machine than the one that built it, from the root of the repository.
inline fs::path data_folder() {
  const fs::path built = fs::path(HEARTH_SOURCE_DIR) / "tests/data";
  return fs::exists(built) ? built : fs::path("tests/data");
}

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline double relative_error(std::span<const float> actual, std::span<const float> expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    difference += std::pow(static_cast<double>(actual[i]) - static_cast<double>(expected[i]), 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / norm);
}

// A model on one device, with a cache for one sequence.
class Model {
 public:
  Model(const fs::path& path, Device& device, ComputeMode compute, std::int64_t context, std::int64_t chunk)
      : source_(ModelSource::open(path)),
        device_(device),
        stream_(device.open_stream()),
        chosen_(backend_for(device, compute)),
        chunk_(chunk),
        pass_(*source_, chosen_.backend,
              {.compute = chosen_.compute, .context = context, .step_tokens_max = chunk, .logit_rows_max = chunk}) {
    const std::int64_t before = device.ledger().allocated_bytes;
    pass_.load(*stream_);
    cache_.emplace(device, pass_.kv_cache_shape());
    EXPECT_EQ(device.ledger().allocated_bytes - before, pass_.memory_plan().total_bytes());
    pool_.emplace(pass_.kv_cache_shape().block_count);
    table_.emplace(*pool_);
    EXPECT_TRUE(table_->reserve(context));
  }

  // Logits of tokens at positions from `position` on; those of every position, or of the last.
  std::vector<float> step(std::span<const std::int32_t> tokens, std::int64_t position, Batch::Logits wanted) {
    batch_.clear();
    batch_.add(tokens, position, table_->blocks(), 0, wanted);
    const float* rows = pass_.run(*stream_, batch_, *cache_);
    std::vector<float> result(batch_.logit_rows().size() * static_cast<std::size_t>(pass_.spec().vocabulary));
    if (!result.empty()) {
      stream_->download(result.data(), reinterpret_cast<const std::byte*>(rows), std::ssize(result) * 4);
    }
    stream_->synchronize();
    return result;
  }

  std::vector<float> logits(std::span<const std::int32_t> tokens) {
    std::vector<float> result;
    for (std::size_t at = 0; at < tokens.size(); at += static_cast<std::size_t>(chunk_)) {
      const auto part = tokens.subspan(at, std::min(tokens.size() - at, static_cast<std::size_t>(chunk_)));
      const auto rows = step(part, static_cast<std::int64_t>(at), Batch::Logits::kAll);
      result.insert(result.end(), rows.begin(), rows.end());
    }
    return result;
  }

  void record_decode_steps() { pass_.record_decode_steps(*stream_, *cache_); }
  Device& device() { return device_; }
  ForwardPass& pass() { return pass_; }
  Stream& stream() { return *stream_; }

 private:
  std::unique_ptr<ModelSource> source_;
  Device& device_;
  std::unique_ptr<Stream> stream_;
  ChosenBackend chosen_;
  std::int64_t chunk_;
  ForwardPass pass_;
  std::optional<PagedKvCache> cache_;
  std::optional<BlockPool> pool_;
  std::optional<BlockTable> table_;
  Batch batch_;
};

// A checkpoint of tests/data/hf with its prompt, greedy continuation and logits of the prompt.
struct Fixture {
  fs::path path;
  std::vector<std::int32_t> tokens;
  std::size_t prompt_count, vocabulary;
  std::vector<float> expected;
  std::vector<std::int32_t> greedy;

  explicit Fixture(const std::string& name) : path(data_folder() / "hf" / name) {
    const boost::json::value list = boost::json::parse(read_file(path / "tokens.json"));
    tokens = boost::json::value_to<std::vector<std::int32_t>>(list.at("prompt"));
    prompt_count = tokens.size();
    greedy = boost::json::value_to<std::vector<std::int32_t>>(list.at("greedy"));
    tokens.insert(tokens.end(), greedy.begin(), greedy.end());
    const std::string npy = read_file(path / "logits.npy");
    const auto header =
        static_cast<std::size_t>(static_cast<unsigned char>(npy[8]) | static_cast<unsigned char>(npy[9]) << 8);
    expected.resize((npy.size() - 10 - header) / sizeof(float));
    std::memcpy(expected.data(), npy.data() + 10 + header, expected.size() * sizeof(float));
    vocabulary = expected.size() / prompt_count;
  }
  std::int64_t context() const { return std::ssize(tokens); }
};

// Every family; all of them for a real GPU, those that differ most for an imitated one.
inline std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(data_folder() / "hf")) {
    if (fs::exists(entry.path() / "logits.npy")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// float32 against what an independent implementation computed.
inline void check_float32(GpuDevice& gpu, const Fixture& fixture) {
  const auto y = Model(fixture.path, gpu, ComputeMode::kF32, fixture.context(), 512).logits(fixture.tokens);
  EXPECT_LT(relative_error(std::span(y).first(fixture.expected.size()), fixture.expected), 1e-4);
  for (std::size_t i = 0; i < fixture.greedy.size(); ++i) {
    const auto row = y.begin() + static_cast<std::ptrdiff_t>((fixture.prompt_count - 1 + i) * fixture.vocabulary);
    EXPECT_EQ(std::max_element(row, row + static_cast<std::ptrdiff_t>(fixture.vocabulary)) - row, fixture.greedy[i]);
  }
}

// bf16 likewise.
inline void check_bf16(GpuDevice& gpu, const Fixture& fixture) {
  const auto y = Model(fixture.path, gpu, ComputeMode::kAuto, fixture.context(), 512).logits(fixture.tokens);
  EXPECT_LT(relative_error(std::span(y).first(fixture.expected.size()), fixture.expected), 3e-2);
}

// What a step of a Llama model launches: by kernel, how often.
inline std::map<std::string, std::int64_t> launches_since(const Ledger& before, const Ledger& after) {
  std::map<std::string, std::int64_t> result;
  for (const auto& [name, count] : after.launches) {
    const auto found = before.launches.find(name);
    const std::int64_t more = count - (found == before.launches.end() ? 0 : found->second);
    if (more != 0) result[std::string(name)] = more;
  }
  return result;
}

inline std::int64_t launches_that_start_with(const std::map<std::string, std::int64_t>& launches,
                                             std::string_view prefix) {
  std::int64_t sum = 0;
  for (const auto& [name, count] : launches) sum += name.starts_with(prefix) ? count : 0;
  return sum;
}

// Reads the fixture's prompt and decodes one token, of a Llama model whose decoding steps are recorded: each operator's
// kernel runs as often as the model has it, and nothing crosses to the host but the logits that are asked for.
inline void check_ledger(GpuDevice& gpu, Model& model, const Fixture& fixture) {
  const std::int64_t layers = model.pass().spec().layer_count();
  const auto prompt = std::span(fixture.tokens).first(fixture.prompt_count);

  const Ledger ready = gpu.ledger();
  model.step(prompt, 0, Batch::Logits::kNone);
  const Ledger filled = gpu.ledger();
  EXPECT_EQ(filled.device_to_host_bytes, ready.device_to_host_bytes);
  EXPECT_EQ(filled.allocation_count, ready.allocation_count);
  auto launches = launches_since(ready, filled);
  EXPECT_EQ(launches_that_start_with(launches, "gather_"), 1);
  EXPECT_EQ(launches_that_start_with(launches, "rms_norm_"), 2 * layers);
  EXPECT_EQ(launches_that_start_with(launches, "matmul_"), 4 * layers);  // q k v, output, gate up, down
  EXPECT_EQ(launches_that_start_with(launches, "rope"), layers);
  EXPECT_GE(launches_that_start_with(launches, "attention_"), layers);
  EXPECT_EQ(launches_that_start_with(launches, "gated_activation"), layers);

  const std::int32_t next = fixture.greedy[0];
  model.step({&next, 1}, std::ssize(prompt), Batch::Logits::kLast);
  const Ledger decoded = gpu.ledger();
  EXPECT_EQ(decoded.device_to_host_bytes - filled.device_to_host_bytes, 4 * model.pass().spec().vocabulary);
  EXPECT_EQ(decoded.allocation_count, ready.allocation_count);
  EXPECT_EQ(decoded.graph_replay_count - filled.graph_replay_count, 1);
  launches = launches_since(filled, decoded);
  EXPECT_EQ(launches_that_start_with(launches, "gather_"), 2);
  EXPECT_EQ(launches_that_start_with(launches, "rms_norm_"), 2 * layers + 1);
  EXPECT_EQ(launches_that_start_with(launches, "matmul_"), 4 * layers + 1);
  EXPECT_EQ(launches_that_start_with(launches, "rope"), layers);
  EXPECT_EQ(launches_that_start_with(launches, "residual_add"), 1);
}

}  // namespace hearth::model_testing
