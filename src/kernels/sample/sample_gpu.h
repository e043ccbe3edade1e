// The parameters of the GPU kernels, shared with their launcher. A row goes through two of three kernels, after
//   sample_mask     a block for every slice of a row, where rows have masks: what is forbidden gets minus infinity
//   sample_select   a block for every slice of a row: the k likeliest of the slice
//   sample_narrow   a block for every row that does not begin with a small top_k: the stages over the whole vocabulary,
//                   until the candidates are few or the token is drawn
//   sample_finish   a block for every row: the other stages on the few, and the draw
#pragma once

#include <cstdint>

#include "kernels/sample/sample.h"

namespace hearth {

inline constexpr int kSampleThreads = 256;
inline constexpr int kSampleNarrowThreads = 512;
inline constexpr int kSampleSlice = 4096;  // tokens

// What sample_narrow leaves of a row for sample_finish.
struct SampleNarrowed {
  std::int32_t ids[kSampleListMax];  // in no order
  std::int32_t count;                // of the candidates; 0: ids[0] is chosen
  std::int32_t next_stage;           // the first that is not done
  std::int32_t order_stage;  // the candidates' order is that of their logits before this stage; -1: that of their ids
};

struct SampleMaskParams {
  float* logits;  // [rows, vocab]
  const SampleRow* rows;
  const std::uint32_t* masks;
  std::int32_t vocab;
};

struct SampleParams {
  const float* logits;  // [rows, vocab]
  const SampleRow* rows;
  const SampleAdjustment* adjustments;
  // The slices' likeliest: each slice's k after the previous slice's, at row * slice_count * kSampleSelectMax.
  std::uint64_t* slice_keys;
  std::int32_t* slice_ids;
  SampleNarrowed* narrowed;  // [rows]
  std::int32_t* ids;         // [rows]
  std::int32_t vocab;
  std::int32_t slice_count;
};

}  // namespace hearth
