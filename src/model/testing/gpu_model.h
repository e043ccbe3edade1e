// What the tests of whole models on GPUs share: the fixtures of tests/data, a model on one device, and the checks whose
// failing is tested too (gpu_mutation_test.cc).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "kernels/testing/runner.h"
#include "kv/block_pool.h"
#include "model/backend.h"
#include "model/forward_pass.h"
#include "model/testing/fixture.h"
#include "weights/model_source.h"

namespace hearth::model_testing {

using kernel_testing::test_gpu;
using kernel_testing::test_gpu_names;

// A model on one device, with a cache for one sequence.
class Model {
 public:
  Model(const fs::path& path, Device& device, ComputeMode compute, std::int64_t context, std::int64_t chunk,
        AttentionMode attention = AttentionMode::kFused, bool experts_on_host = false)
      : source_(ModelSource::open(path)),
        device_(device),
        stream_(device.open_stream()),
        chosen_(backend_for(device, compute)),
        chunk_(chunk),
        pass_(*source_, chosen_.backend,
              {.compute = chosen_.compute,
               .attention = attention,
               .context = context,
               .step_tokens_max = chunk,
               .logit_rows_max = chunk,
               .experts_on_host = experts_on_host}) {
    const Ledger before = device.ledger();
    pass_.load(*stream_);
    memory_.emplace(pass_.arena(), pass_.sequence_memory_shape());
    EXPECT_EQ(device.ledger().allocated_bytes - before.allocated_bytes, pass_.memory_plan().total_bytes());
    EXPECT_EQ(device.ledger().allocation_count - before.allocation_count, 1);
    EXPECT_EQ(device.ledger().pinned_weight_bytes - before.pinned_weight_bytes, pass_.memory_plan().host_weight_bytes);
    EXPECT_EQ(pass_.arena().taken_bytes(), pass_.memory_plan().total_bytes());
    pool_.emplace(pass_.sequence_memory_shape().kv.block_count);
    table_.emplace(*pool_);
    EXPECT_TRUE(table_->reserve(context));
  }

  // Logits of tokens at positions from `position` on; those of every position, or of the last.
  std::vector<float> step(std::span<const std::int32_t> tokens, std::int64_t position, Batch::Logits wanted) {
    batch_.clear();
    batch_.add(tokens, position, table_->blocks(), 0, wanted);
    const float* rows = pass_.run(*stream_, batch_, *memory_);
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

  void record_decode_steps() { pass_.record_decode_steps(*stream_, *memory_); }
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
  std::optional<SequenceMemory> memory_;
  std::optional<BlockPool> pool_;
  std::optional<BlockTable> table_;
  Batch batch_;
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
  expect_float32(fixture, Model(fixture.path, gpu, ComputeMode::kF32, fixture.context(), 512).logits(fixture.all()));
}

// bf16 likewise.
inline void expect_bf16(const Fixture& fixture, const std::vector<float>& logits, double error_max = 3e-2) {
  EXPECT_LT(bf16_error(fixture, std::span(logits).first(fixture.expected.size())), error_max);
}
inline void check_bf16(GpuDevice& gpu, const Fixture& fixture, double error_max = 3e-2) {
  const auto y = Model(fixture.path, gpu, ComputeMode::kAuto, fixture.context(), 512).logits(fixture.all());
  expect_bf16(fixture, y, error_max);
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
  const auto prompt = std::span(fixture.prompt);

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
