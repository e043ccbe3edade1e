// Which keys a query may see, by absolute positions.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

enum class MaskKind : std::uint8_t {
  kCausal,         // keys up to the query's own position
  kSlidingWindow,  // causal, and less than `window` positions back
  kBidirectional,  // every key of the sequence
  kPrefix,         // every key of the prefix, and causal after it
  kExplicit,       // as a matrix says (operator level only)
};

struct Mask {
  MaskKind kind = MaskKind::kCausal;
  std::int64_t window = 0;  // kSlidingWindow: how many keys, the query's own included
  // kExplicit: [tokens of the step, explicit_stride], non-zero where key j may be seen; no position rule applies.
  const std::uint8_t* explicit_matrix = nullptr;
  std::int64_t explicit_stride = 0;
};

// The half-open range of key positions that a query at `position` may see under every kind but kExplicit, of a
// sequence with `key_count` keys.
struct KeyRange {
  std::int64_t begin;
  std::int64_t end;
};
HEARTH_ALWAYS_INLINE KeyRange visible_keys(const Mask& mask, std::int64_t position, std::int64_t key_count,
                                           std::int64_t prefix_length) {
  const std::int64_t causal_end = position + 1 < key_count ? position + 1 : key_count;
  switch (mask.kind) {
    case MaskKind::kCausal:
      return {0, causal_end};
    case MaskKind::kSlidingWindow:
      return {position + 1 > mask.window ? position + 1 - mask.window : 0, causal_end};
    case MaskKind::kPrefix:
      if (position < prefix_length) return {0, prefix_length < key_count ? prefix_length : key_count};
      return {0, causal_end};
    case MaskKind::kBidirectional:
    case MaskKind::kExplicit:
      break;
  }
  return {0, key_count};
}

// The same for a token of a step.
HEARTH_ALWAYS_INLINE KeyRange visible_keys(const Mask& mask, const StepView& step, std::int64_t token) {
  const std::int64_t sequence = step.sequences[token];
  return visible_keys(mask, step.positions[token], step.key_counts[sequence],
                      step.prefix_lengths == nullptr ? 0 : step.prefix_lengths[sequence]);
}

// Whether a token of a step may see the key at position `key` of its sequence, under any kind.
HEARTH_ALWAYS_INLINE bool is_visible(const Mask& mask, const StepView& step, std::int64_t token, std::int64_t key) {
  const KeyRange range = visible_keys(mask, step, token);
  if (key < range.begin || key >= range.end) return false;
  return mask.kind != MaskKind::kExplicit || mask.explicit_matrix[token * mask.explicit_stride + key] != 0;
}

}  // namespace hearth
