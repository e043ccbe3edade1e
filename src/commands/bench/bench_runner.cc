#include "commands/bench/bench_runner.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <random>
#include <string_view>

#include "base/check.h"

namespace hearth {
namespace {

// The mode in which most bytes of weights are multiplied, by the names of the planned kernels.
Compute most_used_compute(std::span<const OperatorPlan> operators) {
  constexpr std::array<std::string_view, 3> kPrefixes = {"matmul.f32", "matmul.bf16", "matmul.int8"};
  std::array<std::int64_t, 3> bytes{};
  for (const OperatorPlan& op : operators) {
    std::string_view kernel = op.kernel;
    if (kernel.starts_with("expert_")) kernel.remove_prefix(std::string_view("expert_").size());
    for (std::size_t i = 0; i < kPrefixes.size(); ++i) {
      if (kernel.starts_with(kPrefixes[i])) bytes[i] += op.bytes_per_token;
    }
  }
  return static_cast<Compute>(std::max_element(bytes.begin(), bytes.end()) - bytes.begin());
}

// Keys that the queries at positions [first, first + count) see, all together.
double keys_seen(const Mask& mask, std::int64_t first, std::int64_t count) {
  double sum = 0;
  for (std::int64_t position = first; position < first + count; ++position) {
    const KeyRange visible = visible_keys(mask, position, position + 1, 0);
    const KeyRange hidden = hidden_keys(mask, position);
    sum += static_cast<double>(visible.end - visible.begin - (hidden.end - hidden.begin));
  }
  return sum;
}

std::int64_t shared_blocks(const BenchCase& bench_case, bool share_depth) {
  return share_depth && bench_case.batch > 1 ? bench_case.depth / kKvBlockTokens : 0;
}

// Of the feed-forward part's matrices, for each element of the residual stream.
std::int64_t ff_columns(const LayerSpec& layer) {
  if (!layer.has_feed_forward()) return 0;
  if (!layer.has_experts()) return (layer.mlp().gated ? 3 : 2) * layer.mlp().width;
  const ExpertsSpec& experts = layer.experts();
  return experts.routing.expert_count +
         (experts.gated ? 3 : 2) * (experts.routing.used * experts.width + experts.shared_width);
}

// Likewise of a mixer's.
std::int64_t columns_of(const AttentionSpec& mixer) {
  return 2 * mixer.q_width() + mixer.gate_width() + 2 * mixer.kv_width();
}
std::int64_t columns_of(const ShortConvSpec& mixer) {
  return 4 * mixer.width;
}
std::int64_t columns_of(const DeltaSpec& mixer) {
  return mixer.conv_width() + 2 * mixer.v_width() + 2 * mixer.v_heads;
}
std::int64_t columns_of(const LightningSpec& mixer) {
  return 5 * mixer.inner();
}
std::int64_t columns_of(const MambaSpec& mixer) {
  return 2 * mixer.inner() + mixer.conv_width() + mixer.heads;
}
std::int64_t columns_of(const NoPart&) {
  return 0;
}

std::int64_t mixer_columns(const LayerSpec& layer) {
  const std::int64_t beside = layer.beside ? columns_of(*layer.beside) : 0;
  return beside + std::visit([](const auto& mixer) { return columns_of(mixer); }, layer.mixer);
}

}  // namespace

std::int64_t bench_block_count(const BenchCase& bench_case, bool share_depth) {
  const std::int64_t shared = shared_blocks(bench_case, share_depth);
  return shared + bench_case.batch * (kv_block_count(bench_case.depth + bench_case.tokens) - shared);
}

double prefill_flops(const ModelSpec& spec, const BenchCase& bench_case) {
  const auto tokens = static_cast<double>(bench_case.tokens);
  double flops = 2.0 * static_cast<double>(spec.width * spec.vocabulary);
  for (const LayerSpec& layer : spec.layers) {
    flops += 2.0 * static_cast<double>(spec.width * (mixer_columns(layer) + ff_columns(layer))) * tokens;
    if (!layer.has_attention()) continue;
    const AttentionSpec& attention = layer.attention();
    flops +=
        4.0 * static_cast<double>(attention.q_width()) * keys_seen(attention.mask, bench_case.depth, bench_case.tokens);
  }
  return flops * static_cast<double>(bench_case.batch);
}

double decode_cache_bytes(const ModelSpec& spec, Format cache_format, const BenchCase& bench_case, bool share_depth) {
  if (bench_case.tokens == 0) return 0;
  const auto steps = static_cast<double>(bench_case.tokens);
  const auto shared = static_cast<double>(shared_blocks(bench_case, share_depth) * kKvBlockTokens);
  double bytes = 0;  // that all sequences together read in a step
  for (const LayerSpec& layer : spec.layers) {
    // A state is read and written, whatever the depth.
    bytes += static_cast<double>(bench_case.batch * layer.state_floats() * 2 * std::int64_t{sizeof(float)});
    if (!layer.has_attention()) continue;
    const AttentionSpec& attention = layer.attention();
    const auto key_bytes = static_cast<double>(2 * format_bytes(cache_format, attention.kv_width()));  // and value's
    const double each = keys_seen(attention.mask, bench_case.depth, bench_case.tokens) / steps;
    const double once = std::min(shared, each);
    bytes += key_bytes * (once + static_cast<double>(bench_case.batch) * (each - once));
  }
  return bytes;
}

BenchRunner::BenchRunner(const ModelSource& source, Device& device, Stream& stream, const BenchRunnerOptions& options,
                         std::span<const BenchCase> cases)
    : source_(source),
      device_(device),
      stream_(stream),
      options_(options),
      backend_(backend_for(device, options.compute)) {
  ForwardPassOptions bound{.compute = backend_.compute, .context = 0, .sequences_max = 1, .step_tokens_max = 1};
  std::int64_t block_count = 0;
  for (const BenchCase& c : cases) {
    const bool prompt = c.kind == BenchCase::Kind::kPrefill;
    bound.context = std::max(bound.context, c.depth + c.tokens);
    bound.sequences_max = std::max(bound.sequences_max, c.batch);
    bound.step_tokens_max = std::max(bound.step_tokens_max, prompt ? std::min(c.tokens, options.step_tokens) : c.batch);
    block_count = std::max(block_count, bench_block_count(c, options.share_depth));
  }
  bound.logit_rows_max = bound.sequences_max;
  bound.draft_rows_max = options.draft_rows_max;
  bound.experts_on_host = options.experts_on_host;
  bound.sampling = options.draft_rows_max > 0;
  bound.step_tokens_max = std::max(bound.step_tokens_max, bound.logit_rows_max + bound.draft_rows_max);
  bound.cache_tokens = block_count * kKvBlockTokens;
  pass_ = std::make_unique<ForwardPass>(source, backend_.backend, bound);
  compute_ = most_used_compute(pass_->operators());

  std::mt19937_64 generator(2);
  std::uniform_int_distribution<std::int32_t> id(0, static_cast<std::int32_t>(pass_->spec().vocabulary - 1));
  tokens_.resize(static_cast<std::size_t>(std::max(bound.context, bound.sequences_max)));
  for (std::int32_t& token : tokens_) token = id(generator);
}

std::vector<Format> BenchRunner::formats_read_in_place() const {
  std::vector<Format> formats;
  if (!device_.is_cpu()) return formats;
  for (const FormatTraits& format : all_formats()) {
    const MatmulKernel& kernel = matmuls(backend_.backend.kernels, compute_)[format.format];
    if (!kernel || kernel.packing == nullptr) formats.push_back(format.format);
  }
  return formats;
}

void BenchRunner::load(const std::function<void(std::int64_t)>& progress) {
  pass_->load(stream_, progress);
  memory_ = std::make_unique<SequenceMemory>(pass_->arena(), pass_->sequence_memory_shape());
  fill_cache();
  pass_->record_decode_steps(stream_, *memory_);
}

// Random keys and values cost a kernel what real ones do; zeros may draw less power, and a processor then runs faster.
void BenchRunner::fill_cache() {
  constexpr std::int64_t kPieceElements = 1 << 20;
  const KvCacheShape& shape = pass_->sequence_memory_shape().kv;
  const FormatTraits& format = traits(shape.format);
  std::mt19937_64 generator(3);
  std::normal_distribution<float> distribution(0.0f, 1.0f);
  std::vector<float> values(static_cast<std::size_t>(kPieceElements));
  for (float& value : values) value = distribution(generator);
  std::vector<std::byte> piece(static_cast<std::size_t>(format_bytes(shape.format, kPieceElements)));
  format.encode(values.data(), piece.data(), kPieceElements);

  const auto piece_bytes = static_cast<std::int64_t>(piece.size());
  for (std::int64_t i = 0; i < std::ssize(shape.layers); ++i) {
    const std::int64_t bytes = shape.layer_bytes(shape.layers[static_cast<std::size_t>(i)]);
    const PagedKv layer = memory_->layer(i).kv;
    for (std::byte* to : {layer.k, layer.v}) {
      for (std::int64_t at = 0; at < bytes; at += piece_bytes) {
        stream_.upload(to + at, piece.data(), std::min(piece_bytes, bytes - at));
      }
    }
  }
  stream_.synchronize();
}

std::vector<std::vector<std::int32_t>> BenchRunner::block_tables(const BenchCase& bench_case) const {
  const std::int64_t shared = shared_blocks(bench_case, options_.share_depth);
  const std::int64_t blocks = kv_block_count(bench_case.depth + bench_case.tokens);
  std::vector<std::vector<std::int32_t>> tables(static_cast<std::size_t>(bench_case.batch));
  auto next = static_cast<std::int32_t>(shared);
  for (auto& table : tables) {
    for (std::int64_t i = 0; i < blocks; ++i) table.push_back(i < shared ? static_cast<std::int32_t>(i) : next++);
  }
  return tables;
}

void BenchRunner::prefill(const BenchCase& bench_case, std::int64_t tokens) {
  const std::vector<std::int32_t> table = std::move(block_tables(bench_case).front());
  const std::int64_t step_max = pass_->options().step_tokens_max;
  batches_.resize(static_cast<std::size_t>((tokens + step_max - 1) / step_max));
  std::int64_t done = 0;
  for (Batch& batch : batches_) {
    const std::int64_t count = std::min(step_max, tokens - done);
    const auto ids = std::span(tokens_).subspan(static_cast<std::size_t>(done), static_cast<std::size_t>(count));
    batch.clear();
    batch.add(ids, bench_case.depth + done, table, 0,
              done + count == tokens ? Batch::Logits::kLast : Batch::Logits::kNone);
    pass_->run(stream_, batch, *memory_);
    done += count;
  }
  stream_.synchronize();
}

void BenchRunner::decode(const BenchCase& bench_case, std::int64_t steps) {
  const std::vector<std::vector<std::int32_t>> tables = block_tables(bench_case);
  batches_.resize(1);
  Batch& batch = batches_.front();
  for (std::int64_t step = 0; step < steps; ++step) {
    batch.clear();
    for (std::size_t s = 0; s < tables.size(); ++s) {
      const std::size_t token = (static_cast<std::size_t>(step) + s) % tokens_.size();
      batch.add(std::span(tokens_).subspan(token, 1), bench_case.depth + step, tables[s], 0, Batch::Logits::kLast,
                static_cast<std::int32_t>(s));
    }
    pass_->run(stream_, batch, *memory_);
    // A user's next step begins with a token that depends on this one's logits.
    stream_.synchronize();
  }
}

std::vector<double> BenchRunner::run(const BenchCase& bench_case, int repetitions) {
  const bool prompt = bench_case.kind == BenchCase::Kind::kPrefill;
  const auto once = [&](std::int64_t tokens) { prompt ? prefill(bench_case, tokens) : decode(bench_case, tokens); };
  constexpr std::int64_t kWarmUpSteps = 2;
  once(std::min(bench_case.tokens, prompt ? pass_->options().step_tokens_max : kWarmUpSteps));
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    once(bench_case.tokens);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return seconds;
}

namespace {

// How many experts' matrices a step of so many tokens reads for each that a single token reads, if every choice is as
// likely as any other; 1 without experts.
double experts_read(const ModelSpec& spec, std::int64_t tokens) {
  for (const LayerSpec& layer : spec.layers) {
    if (!layer.has_experts()) continue;
    const Routing& routing = layer.experts().routing;
    const double share = static_cast<double>(routing.used) / static_cast<double>(routing.expert_count);
    return (1 - std::pow(1 - share, static_cast<double>(tokens))) / share;
  }
  return 1;
}

}  // namespace

double BenchRunner::needed_bytes(const BenchCase& bench_case) const {
  double step =
      decode_cache_bytes(pass_->spec(), pass_->sequence_memory_shape().kv.format, bench_case, options_.share_depth);
  const double experts = experts_read(pass_->spec(), bench_case.batch);
  for (const OperatorPlan& op : pass_->operators()) {
    if (op.kernel.starts_with("expert_matmul.")) {
      step += experts * static_cast<double>(op.bytes_per_token);
      continue;
    }
    // A kernel may want more bytes than the file has: what counts is the file's. Tensors that are one matrix on the
    // device are named "a + b".
    if (!op.kernel.starts_with("matmul.")) {
      step += static_cast<double>(op.bytes_per_token);
      continue;
    }
    for (std::size_t at = 0; at < op.name.size();) {
      const std::size_t end = std::min(op.name.find(" + ", at), op.name.size());
      const WeightEntry* entry = source_.find(op.name.substr(at, end - at) + ".weight");
      step += entry != nullptr ? static_cast<double>(entry->file_bytes()) : 0.0;
      at = end + 3;
    }
  }
  return step * static_cast<double>(bench_case.tokens);
}

}  // namespace hearth
