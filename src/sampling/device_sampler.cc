#include "sampling/device_sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "sampling/sampler.h"

namespace hearth {
namespace {

constexpr SampleStage kernel_stage(SamplerStage stage) {
  return static_cast<SampleStage>(stage);
}
static_assert(kernel_stage(SamplerStage::kPenalties) == SampleStage::kPenalties);
static_assert(kernel_stage(SamplerStage::kDry) == SampleStage::kDry);
static_assert(kernel_stage(SamplerStage::kTopK) == SampleStage::kTopK);
static_assert(kernel_stage(SamplerStage::kTypical) == SampleStage::kTypical);
static_assert(kernel_stage(SamplerStage::kTopP) == SampleStage::kTopP);
static_assert(kernel_stage(SamplerStage::kMinP) == SampleStage::kMinP);
static_assert(kernel_stage(SamplerStage::kXtc) == SampleStage::kXtc);
static_assert(kernel_stage(SamplerStage::kTemperature) == SampleStage::kTemperature);

template <class T>
std::int64_t bytes_of(std::int64_t count) {
  return align_bytes(count * std::int64_t{sizeof(T)});
}

}  // namespace

DeviceSampler::DeviceSampler(SamplerOptions options, std::int32_t vocab_size, TokenBytes token_bytes,
                             std::uint32_t choice_index)
    : history_(std::move(options), vocab_size, std::move(token_bytes)), choice_index_(choice_index) {}

bool DeviceSampler::has_stage(SamplerStage stage) const {
  const auto& stages = options().stages;
  return std::find(stages.begin(), stages.end(), stage) != stages.end();
}

SampleRow DeviceSampler::row(std::int64_t position, std::vector<SampleAdjustment>& adjustments) const {
  CHECK(position >= 0);
  const SamplerOptions& o = options();
  SampleRow row;
  CHECK(o.stages.size() <= std::size(row.stages));
  row.stage_count = static_cast<std::int32_t>(o.stages.size());
  std::transform(o.stages.begin(), o.stages.end(), row.stages, kernel_stage);
  row.seed = o.seed;
  row.position = position;
  row.min_p_log = std::log(double{o.min_p});
  row.choice_index = choice_index_;
  row.top_k = o.top_k;
  row.temperature = o.temperature;
  row.top_p = o.top_p;
  row.min_p = o.min_p;
  row.typical_p = o.typical_p;
  row.xtc_probability = o.xtc_probability;
  row.xtc_threshold = o.xtc_threshold;
  row.repeat_penalty = o.repeat_penalty;
  row.presence_penalty = o.presence_penalty;
  row.frequency_penalty = o.frequency_penalty;

  std::map<std::int32_t, SampleAdjustment> by_token;
  const auto of_token = [&](std::int32_t token) -> SampleAdjustment& {
    return by_token.try_emplace(token, SampleAdjustment{token, 0, 0.0, 0.0f, 0}).first->second;
  };
  for (const auto& [token, bias] : o.logit_bias) of_token(token).bias = bias;
  const bool is_neutral = o.repeat_penalty == 1 && o.presence_penalty == 0 && o.frequency_penalty == 0;
  if (!is_neutral && has_stage(SamplerStage::kPenalties)) {
    for (const auto& [token, count] : history_.counts()) of_token(token).is_repeated = 1;
    for (const auto& [token, count] : history_.penalized_counts()) of_token(token).count = count;
  }
  if (has_stage(SamplerStage::kDry)) {
    for (const auto& [token, penalty] : history_.dry_penalties()) of_token(token).dry_penalty = penalty;
  }
  row.adjustment_begin = static_cast<std::int32_t>(adjustments.size());
  row.adjustment_count = static_cast<std::int32_t>(by_token.size());
  for (const auto& [token, adjustment] : by_token) adjustments.push_back(adjustment);
  return row;
}

SampleRow DeviceSampler::row_after(std::span<const std::int32_t> drafted, std::int64_t position,
                                   std::vector<SampleAdjustment>& adjustments) {
  const TokenHistory::Mark mark = history_.mark();
  for (const std::int32_t token : drafted) history_.accept(token);
  const SampleRow result = row(position, adjustments);
  history_.go_back(mark);
  return result;
}

// Where what is in the memory: the rows, then the adjustments, then the masks come up in one copy.
struct SamplingStep::Parts {
  Parts(std::int64_t row_count_max, std::int64_t vocab_size, std::int64_t adjustment_count_max)
      : input(bytes_of<SampleRow>(row_count_max) +
              bytes_of<SampleAdjustment>(std::max(adjustment_count_max, vocab_size)) +
              bytes_of<std::uint32_t>(row_count_max * sample_mask_words(vocab_size))),
        ids(bytes_of<std::int32_t>(row_count_max)),
        workspace(align_bytes(sample_workspace_bytes(row_count_max, vocab_size))) {}
  std::int64_t input, ids, workspace;
  std::int64_t total() const { return input + ids + workspace; }
};

std::int64_t SamplingStep::memory_bytes(std::int64_t row_count_max, std::int64_t vocab_size,
                                        std::int64_t adjustment_count_max) {
  return Parts(row_count_max, vocab_size, adjustment_count_max).total();
}

namespace {

GpuDevice& sampling_gpu(const Backend& backend, std::int32_t vocab_size) {
  if (!backend.kernels.sample) {
    throw Unsupported(backend.device.id().to_string() + ": no kernel chooses tokens on this device");
  }
  if (vocab_size > kSampleVocabMax) {
    throw Unsupported(backend.device.id().to_string() + ": choosing among " + std::to_string(vocab_size) +
                      " tokens; at most " + std::to_string(kSampleVocabMax) + " are supported");
  }
  return static_cast<GpuDevice&>(backend.device);
}

// The masks of a step's rows, each once: rows that stand at the same place of one grammar have the same.
class StepMasks {
 public:
  // Where the mask begins among all.
  std::int32_t add(std::span<const std::uint32_t> mask) {
    const auto same = [&](const std::span<const std::uint32_t>& other) { return other.data() == mask.data(); };
    const auto place = std::find_if(masks_.begin(), masks_.end(), same) - masks_.begin();
    if (place == std::ssize(masks_)) masks_.push_back(mask);
    return static_cast<std::int32_t>(place * std::ssize(mask));
  }
  bool empty() const { return masks_.empty(); }
  std::int64_t bytes() const { return masks_.empty() ? 0 : std::ssize(masks_) * std::ssize(masks_[0]) * 4; }
  void copy_to(std::byte* to) const {
    for (const auto& mask : masks_) {
      std::memcpy(to, mask.data(), mask.size_bytes());
      to += mask.size_bytes();
    }
  }

 private:
  std::vector<std::span<const std::uint32_t>> masks_;
};

}  // namespace

SamplingStep::SamplingStep(const Backend& backend, Arena& arena, std::int64_t row_count_max, std::int32_t vocab_size,
                           std::int64_t adjustment_count_max)
    : kernels_(backend.kernels),
      row_count_max_(row_count_max),
      vocab_size_(vocab_size),
      adjustment_count_max_(std::max(adjustment_count_max, std::int64_t{vocab_size})),
      upload_(sampling_gpu(backend, vocab_size), Parts(row_count_max, vocab_size, adjustment_count_max).input) {
  memory_ = arena.take(memory_bytes(row_count_max, vocab_size, adjustment_count_max));
}

std::size_t SamplingStep::launch_some(Stream& stream, float* logits, std::span<const Request> requests,
                                      std::int32_t* ids) {
  std::vector<SampleRow> rows;
  std::vector<SampleAdjustment> adjustments;
  StepMasks masks;
  bool some_select = false, some_narrow = false;
  for (const Request& request : requests) {
    const std::size_t before = adjustments.size();
    SampleRow row = request.sampler->row_after(request.drafted, request.position, adjustments);
    if (std::ssize(adjustments) > adjustment_count_max_) {
      adjustments.resize(before);
      break;
    }
    if (!request.mask.empty()) {
      CHECK(std::ssize(request.mask) == sample_mask_words(vocab_size_));
      row.mask_begin = masks.add(request.mask);
    }
    const SampleStart start = sample_start(row, vocab_size_);
    some_select = some_select || start.way == SampleStart::kSelect;
    some_narrow = some_narrow || start.way == SampleStart::kNarrow;
    rows.push_back(row);
  }
  CHECK(!rows.empty());
  const std::int64_t row_bytes = bytes_of<SampleRow>(std::ssize(rows));
  const auto adjustment_bytes = bytes_of<SampleAdjustment>(std::ssize(adjustments));
  std::byte *const upload = upload_.data(), *const input = memory_;
  const std::int64_t masks_at = row_bytes + adjustment_bytes, upload_bytes = masks_at + masks.bytes();
  CHECK(upload_bytes <= upload_.bytes());
  std::memcpy(upload, rows.data(), rows.size() * sizeof(SampleRow));
  if (!adjustments.empty()) {
    std::memcpy(upload + row_bytes, adjustments.data(), adjustments.size() * sizeof(SampleAdjustment));
  }
  masks.copy_to(upload + masks_at);
  stream.upload(input, upload, upload_bytes);
  const Parts parts(row_count_max_, vocab_size_, adjustment_count_max_);
  kernels_.sample(stream, {.logits = logits,
                           .rows = reinterpret_cast<const SampleRow*>(input),
                           .adjustments = reinterpret_cast<const SampleAdjustment*>(input + row_bytes),
                           .masks = masks.empty() ? nullptr : reinterpret_cast<const std::uint32_t*>(input + masks_at),
                           .ids = ids,
                           .workspace = input + parts.input + parts.ids,
                           .row_count = std::ssize(rows),
                           .vocab = vocab_size_,
                           .some_select = some_select,
                           .some_narrow = some_narrow});
  return rows.size();
}

void SamplingStep::run(Stream& stream, float* logits, std::span<const Request> requests, std::span<std::int32_t> ids) {
  CHECK(requests.size() == ids.size() && std::ssize(requests) <= row_count_max_);
  if (requests.empty()) return;
  const Parts parts(row_count_max_, vocab_size_, adjustment_count_max_);
  auto* const device_ids = reinterpret_cast<std::int32_t*>(memory_ + parts.input);
  for (std::size_t done = 0; done < requests.size();) {
    if (done > 0) stream.synchronize();  // what is to be uploaded stands where the last upload comes from
    done += launch_some(stream, logits + static_cast<std::int64_t>(done) * vocab_size_, requests.subspan(done),
                        device_ids + done);
  }
  stream.download(ids.data(), reinterpret_cast<const std::byte*>(device_ids),
                  std::ssize(ids) * std::int64_t{sizeof(std::int32_t)});
  stream.synchronize();
}

}  // namespace hearth
