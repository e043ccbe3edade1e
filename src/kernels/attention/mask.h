// Which keys a query may see, by absolute positions.
#pragma once

#include <cstdint>

#include "formats/always_inline.h"
#include "kernels/attention/paged_kv.h"

namespace hearth {

enum class MaskKind : std::uint8_t {
  kCausal,          // keys up to the query's own position
  kSlidingWindow,   // causal, and less than `window` positions back
  kBidirectional,   // every key of the sequence
  kTwoSidedWindow,  // less than `window` positions away, either way
  kPrefix,          // every key of the prefix, and causal after it
  kGlobalLocal,     // causal; the sequence's first `global` keys, and those less than `window` positions back
  kExplicit,        // as a matrix says (operator level only)
};

struct Mask {
  MaskKind kind = MaskKind::kCausal;
  std::int64_t window = 0;  // kSlidingWindow, kGlobalLocal, kTwoSidedWindow: how many keys, the query's own included
  std::int64_t global = 0;  // kGlobalLocal: keys that every later query sees
  // kExplicit: [tokens of the step, explicit_stride], non-zero where key j may be seen; no position rule applies.
  const std::uint8_t* explicit_matrix = nullptr;
  std::int64_t explicit_stride = 0;
};

// Whether a query may see keys that come after it: then a sequence is computed whole.
constexpr bool looks_ahead(const Mask& mask) {
  return mask.kind == MaskKind::kBidirectional || mask.kind == MaskKind::kTwoSidedWindow ||
         mask.kind == MaskKind::kPrefix;
}

// The half-open range of key positions in which the keys lie that a query at `position` may see, of a sequence with
// `key_count` keys. hidden_keys() and, for kExplicit, the matrix take some of them out.
struct KeyRange {
  std::int64_t begin;
  std::int64_t end;
};
HEARTH_ALWAYS_INLINE KeyRange visible_keys(const Mask& mask, std::int64_t position, std::int64_t key_count,
                                           std::int64_t prefix_length) {
  const std::int64_t causal_end = position + 1 < key_count ? position + 1 : key_count;
  switch (mask.kind) {
    case MaskKind::kCausal:
    case MaskKind::kGlobalLocal:
      return {0, causal_end};
    case MaskKind::kSlidingWindow:
      return {position + 1 > mask.window ? position + 1 - mask.window : 0, causal_end};
    case MaskKind::kTwoSidedWindow: {
      const std::int64_t end = position + mask.window;
      return {position + 1 > mask.window ? position + 1 - mask.window : 0, end < key_count ? end : key_count};
    }
    case MaskKind::kPrefix:
      if (position < prefix_length) return {0, prefix_length < key_count ? prefix_length : key_count};
      return {0, causal_end};
    case MaskKind::kBidirectional:
    case MaskKind::kExplicit:
      break;
  }
  return {0, key_count};
}

// The range of keys within visible_keys() that a query at `position` does not see: those between the global and the
// local ones; empty under every other kind.
HEARTH_ALWAYS_INLINE KeyRange hidden_keys(const Mask& mask, std::int64_t position) {
  const std::int64_t local_begin = position + 1 - mask.window;
  if (mask.kind != MaskKind::kGlobalLocal || local_begin <= mask.global) return {0, 0};
  return {mask.global, local_begin};
}

// visible_keys() for a token of a step.
HEARTH_ALWAYS_INLINE KeyRange visible_keys(const Mask& mask, const StepView& step, std::int64_t sequence,
                                           std::int64_t token) {
  return visible_keys(mask, step.positions[token], step.key_counts[sequence],
                      step.prefix_lengths == nullptr ? 0 : step.prefix_lengths[sequence]);
}
HEARTH_ALWAYS_INLINE KeyRange visible_keys(const Mask& mask, const StepView& step, std::int64_t token) {
  return visible_keys(mask, step, step.sequences[token], token);
}

// Whether a token of a step may see the key at position `key` of its sequence, under any kind.
HEARTH_ALWAYS_INLINE bool is_visible(const Mask& mask, const StepView& step, std::int64_t sequence, std::int64_t token,
                                     std::int64_t key) {
  const KeyRange range = visible_keys(mask, step, sequence, token);
  if (key < range.begin || key >= range.end) return false;
  const KeyRange hidden = hidden_keys(mask, step.positions[token]);
  if (key >= hidden.begin && key < hidden.end) return false;
  return mask.kind != MaskKind::kExplicit || mask.explicit_matrix[token * mask.explicit_stride + key] != 0;
}
HEARTH_ALWAYS_INLINE bool is_visible(const Mask& mask, const StepView& step, std::int64_t token, std::int64_t key) {
  return is_visible(mask, step, step.sequences[token], token, key);
}

}  // namespace hearth
