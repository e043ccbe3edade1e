// Measures one model on one device: the time of reading a prompt and of decoding, at given depths and batch sizes. The
// steps are those that a user's request takes; only the tokens are made up, and so is what the cache holds before them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "commands/bench/device_limits.h"
#include "model/backend.h"
#include "model/forward_pass.h"

namespace hearth {

// One thing to measure. Prefill: a prompt of `tokens` tokens is read after `depth` others, for its last logits
// (`batch` is 1). Decode: each of `batch` sequences of `depth` tokens gets `tokens` more, one in each step.
struct BenchCase {
  enum class Kind : std::uint8_t { kPrefill, kDecode };
  Kind kind = Kind::kPrefill;
  std::int64_t tokens = 0;
  std::int64_t depth = 0;
  std::int64_t batch = 1;
  bool operator==(const BenchCase&) const = default;
};

struct BenchRunnerOptions {
  ComputeMode compute = ComputeMode::kAuto;
  std::int64_t step_tokens = 512;   // of a prompt
  bool share_depth = false;         // the sequences of a batch share the cache blocks of their depth
  std::int64_t draft_rows_max = 0;  // as ForwardPassOptions'; tokens are chosen then as well
  bool experts_on_host = false;
};

// Cache blocks that a case's sequences need, all together.
std::int64_t bench_block_count(const BenchCase& bench_case, bool share_depth);

// Multiplications and additions (two operations) of a prefill: 2 for each matrix weight and token, the output matrix
// once, and 4 * head_dim for each head, query and key that it sees.
double prefill_flops(const ModelSpec& spec, const BenchCase& bench_case);

// Bytes of keys and values that a decode step reads, the mean of all its steps. What sequences share counts once.
double decode_cache_bytes(const ModelSpec& spec, Format cache_format, const BenchCase& bench_case, bool share_depth);

class BenchRunner {
 public:
  // Binds the model for the largest of `cases`; allocates nothing. `source` and `device` outlive the runner.
  BenchRunner(const ModelSource& source, Device& device, Stream& stream, const BenchRunnerOptions& options,
              std::span<const BenchCase> cases);

  // How most of the weights are multiplied.
  Compute compute() const { return compute_; }
  // Formats whose weights are read where the source has them, by a kernel of a device that shares the host's memory.
  std::vector<Format> formats_read_in_place() const;
  // Allocates what was planned, loads the weights, and fills the cache with random keys and values.
  void load(const std::function<void(std::int64_t)>& progress = {});
  const ForwardPass& pass() const { return *pass_; }
  ForwardPass& pass() { return *pass_; }
  SequenceMemory& memory() { return *memory_; }  // once loaded

  // Seconds of each of `repetitions`, after a warm-up of a step or two.
  std::vector<double> run(const BenchCase& bench_case, int repetitions);

  // What the case needs at least: operations (prefill) or bytes read (decode, the whole of it; weights in the file's
  // format).
  double needed_flops(const BenchCase& bench_case) const { return prefill_flops(pass_->spec(), bench_case); }
  double needed_bytes(const BenchCase& bench_case) const;

 private:
  void fill_cache();
  void prefill(const BenchCase& bench_case, std::int64_t tokens);
  void decode(const BenchCase& bench_case, std::int64_t steps);
  std::vector<std::vector<std::int32_t>> block_tables(const BenchCase& bench_case) const;

  const ModelSource& source_;
  Device& device_;
  Stream& stream_;
  BenchRunnerOptions options_;
  ChosenBackend backend_;
  std::unique_ptr<ForwardPass> pass_;
  Compute compute_ = Compute::kBf16;
  std::unique_ptr<SequenceMemory> memory_;
  std::vector<std::int32_t> tokens_;  // random ids, as many as a case needs
  std::vector<Batch> batches_;        // of a prompt's steps; kept until the device has read them
};

}  // namespace hearth
