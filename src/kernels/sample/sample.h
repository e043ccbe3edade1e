// Choosing the next token of several sequences on the device that has their logits, so that only the tokens' ids leave
// it. What a row's options, its seed and its logits determine is the same as on the CPU (sampling/sampler.h), and does
// not depend on the other rows. What the host knows of a sequence's tokens (penalties, DRY, logit bias) comes along as
// a short list of adjustments.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/philox.h"

namespace hearth {

// The steps between the logits and the draw.
enum class SampleStage : std::uint8_t { kPenalties, kDry, kTopK, kTypical, kTopP, kMinP, kXtc, kTemperature };
inline constexpr int kSampleStageCount = 8;

// What happens to one token's logit.
struct SampleAdjustment {
  std::int32_t token;
  std::int32_t count;        // that presence and frequency penalties go by: kPenalties
  double dry_penalty;        // subtracted: kDry
  float bias;                // added before the first stage
  std::int32_t is_repeated;  // 1: the repetition penalty applies as well: kPenalties
};

// One row's options, with the meaning that SamplerOptions gives them.
struct SampleRow {
  SampleStage stages[kSampleStageCount] = {};  // none twice
  std::int32_t stage_count = 0;
  std::uint64_t seed = 0;
  std::int64_t position = 0;
  double min_p_log = 0;  // the natural logarithm of min_p; of no account where min_p is 0
  std::uint32_t choice_index = 0;
  std::int32_t adjustment_begin = 0;  // the row's in SampleArgs::adjustments: ascending tokens, none twice
  std::int32_t adjustment_count = 0;
  std::int32_t mask_begin = -1;  // the row's in SampleArgs::masks, a bit for each token; below 0: every token may come
  std::int32_t top_k = 0;
  float temperature = 1;  // 0 and below: greedy
  float top_p = 1;
  float min_p = 0;
  float typical_p = 1;
  float xtc_probability = 0;
  float xtc_threshold = 0;
  float repeat_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
};

struct SampleArgs {
  float* logits;          // [row_count, vocab]; a NaN counts as minus infinity. Masks are applied in place
  const SampleRow* rows;  // [row_count]
  const SampleAdjustment* adjustments;  // of all rows
  // A token whose bit is 0 gets the logit minus infinity: token t is bit t % 32 of word t / 32. nullptr: no row has
  // one.
  const std::uint32_t* masks = nullptr;
  std::int32_t* ids;     // [row_count], out: a token, or -1 where all logits are minus infinity
  std::byte* workspace;  // sample_workspace_bytes(row_count, vocab)
  std::int64_t row_count;
  std::int64_t vocab;
  // Whether there are rows that begin with SampleStart::kSelect, and with kNarrow: false spares a launch.
  bool some_select = true;
  bool some_narrow = true;
};

inline constexpr std::int64_t kSampleVocabMax = 1 << 18;

// Words of a row's mask.
[[gnu::always_inline]] constexpr std::int64_t sample_mask_words(std::int64_t vocab) {
  return (vocab + 31) / 32;
}

// How a row begins, and so which kernels it needs.
struct SampleStart {
  enum Way : std::uint8_t {
    kSelect,  // the stages before `stage` only change logits; then the k likeliest remain
    kNarrow,  // the whole vocabulary goes through the stages until it is few
    kList,    // the whole vocabulary is few
  };
  Way way;
  std::int32_t k;
  std::int32_t stage;  // kSelect: the first that follows is stage + 1
};
inline constexpr std::int32_t kSampleSelectMax = 256;  // k of kSelect
inline constexpr std::int32_t kSampleListMax = 1024;   // what is few

[[gnu::always_inline]] constexpr bool is_greedy(const SampleRow& row) {
  return row.temperature <= 0;
}

// Whether the stage may remove candidates at this row's position.
[[gnu::always_inline]] constexpr bool removes_candidates(const SampleRow& row, SampleStage stage, std::int64_t vocab) {
  switch (stage) {
    case SampleStage::kTopK:
      return row.top_k > 0 && row.top_k < vocab;
    case SampleStage::kTypical:
      return row.typical_p < 1;
    case SampleStage::kTopP:
      return row.top_p < 1;
    case SampleStage::kMinP:
      return row.min_p > 0;
    case SampleStage::kXtc:
      return row.xtc_probability > 0 &&
             uniform_draw(row.seed, row.choice_index, static_cast<std::uint64_t>(row.position), Draw::kXtc) <
                 static_cast<double>(row.xtc_probability);
    default:
      return false;
  }
}

[[gnu::always_inline]] constexpr SampleStart sample_start(const SampleRow& row, std::int64_t vocab) {
  if (is_greedy(row)) return {SampleStart::kSelect, 1, row.stage_count};
  for (std::int32_t i = 0; i < row.stage_count; ++i) {
    if (!removes_candidates(row, row.stages[i], vocab)) continue;
    if (row.stages[i] == SampleStage::kTopK && row.top_k <= kSampleSelectMax) {
      return {SampleStart::kSelect, row.top_k, i};
    }
    break;
  }
  return {vocab <= kSampleListMax ? SampleStart::kList : SampleStart::kNarrow, 0, 0};
}

// What SampleArgs::workspace needs for any such rows.
std::int64_t sample_workspace_bytes(std::int64_t row_count, std::int64_t vocab);

}  // namespace hearth
