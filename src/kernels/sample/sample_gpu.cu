// Sampling where few candidates remain: the k likeliest of a row, found by slices and then among the slices' likeliest;
// and the stages on a list of at most kSampleListMax candidates, with the CPU's arithmetic in the CPU's order
// (sampling/candidates.cc), where one thread adds and all do the rest.
#include "kernels/sample/sample_gpu.h"

#include "kernels/sample/sample_device.h"

namespace hearth::gpu {
namespace {

constexpr int kBins = 256;
constexpr int kBinGroup = 16;
static_assert(kBins == kSampleThreads);

struct SelectShared {
  std::uint32_t bins[kBins];
  std::uint32_t groups[kBins / kBinGroup];
  std::uint32_t taken_count;
};

// The candidates above: those with a higher key, and those with this key and at most this id.
struct Threshold {
  std::uint64_t key;
  std::int32_t id;
  HEARTH_DEVICE bool passed_by(std::uint64_t other_key, std::int32_t other_id) const {
    return other_key > key || (other_key == key && other_id <= id);
  }
};

// The bin in which the running count reaches `rank`, and in `before` the count of the bins before it. Called when the
// bins are complete.
HEARTH_DEVICE int find_bin(SelectShared& s, std::uint32_t rank, std::uint32_t& before) {
  if (thread_index() < kBins / kBinGroup) {
    std::uint32_t sum = 0;
    for (int i = 0; i < kBinGroup; ++i) sum += s.bins[thread_index() * kBinGroup + i];
    s.groups[thread_index()] = sum;
  }
  block_sync();
  before = 0;
  int group = 0;
  for (; before + s.groups[group] < rank; ++group) before += s.groups[group];
  int bin = group * kBinGroup;
  for (; before + s.bins[bin] < rank; ++bin) before += s.bins[bin];
  return bin;
}

// Which of n > k candidates are the k likeliest: eight bits of the keys at a time, then of the ids, a count of the
// candidates with each value says in which of them the k-th is.
template <class KeyAt, class IdAt>
HEARTH_DEVICE Threshold select_likeliest(SelectShared& s, int n, int k, KeyAt key_at, IdAt id_at) {
  auto rank = static_cast<std::uint32_t>(k);
  std::uint64_t prefix = 0;  // of the complement of the k-th's key, then its id
  for (int shift = 56; shift >= 0; shift -= 8) {
    s.bins[thread_index()] = 0;
    block_sync();
    for (int i = thread_index(); i < n; i += kSampleThreads) {
      const std::uint64_t digits = ~key_at(i) >> shift;
      if (digits >> 8 == prefix) atomic_add(&s.bins[digits & 255], 1u);
    }
    block_sync();
    std::uint32_t before;
    const int bin = find_bin(s, rank, before);
    const bool is_whole = before + s.bins[bin] == rank;
    rank -= before;
    prefix = prefix << 8 | static_cast<std::uint32_t>(bin);
    block_sync();
    if (is_whole) return {~(prefix << shift | ((std::uint64_t{1} << shift) - 1)), 0x7fffffff};
  }
  std::uint32_t id_prefix = 0;
  for (int shift = 16;; shift -= 8) {
    s.bins[thread_index()] = 0;
    block_sync();
    for (int i = thread_index(); i < n; i += kSampleThreads) {
      const std::uint32_t digits = static_cast<std::uint32_t>(id_at(i)) >> shift;
      if (~key_at(i) == prefix && digits >> 8 == id_prefix) atomic_add(&s.bins[digits & 255], 1u);
    }
    block_sync();
    std::uint32_t before;
    const int bin = find_bin(s, rank, before);
    const bool is_whole = before + s.bins[bin] == rank;
    rank -= before;
    id_prefix = id_prefix << 8 | static_cast<std::uint32_t>(bin);
    block_sync();
    if (is_whole || shift == 0) {
      return {~prefix, static_cast<std::int32_t>(id_prefix << shift | ((1u << shift) - 1))};
    }
  }
}

struct SliceShared {
  std::uint64_t keys[kSampleSlice];
  SelectShared select;
};

// The candidates in their order, as the class Candidates has them.
struct List {
  double logits[kSampleListMax];
  double weights[kSampleListMax];
  double moved_logits[kSampleListMax];
  std::int32_t ids[kSampleListMax];
  std::int32_t moved_ids[kSampleListMax];
  std::int32_t marks[kSampleListMax];
  SelectShared select;
  double number;       // what one thread tells the others
  std::int32_t count;  // likewise
};

HEARTH_DEVICE bool is_likelier(double logit, std::int32_t id, double other_logit, std::int32_t other_id) {
  return logit != other_logit ? logit > other_logit : id < other_id;
}

// Puts what was moved in its place.
HEARTH_DEVICE void settle(List& list, int count) {
  block_sync();
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    list.logits[i] = list.moved_logits[i];
    list.ids[i] = list.moved_ids[i];
  }
  block_sync();
}

// Each candidate goes to the place whose number is that of the likelier ones.
HEARTH_DEVICE void sort(List& list, int count) {
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    const double logit = list.logits[i];
    const std::int32_t id = list.ids[i];
    int place = 0;
    for (int j = 0; j < count; ++j) place += is_likelier(list.logits[j], list.ids[j], logit, id);
    list.moved_logits[place] = logit;
    list.moved_ids[place] = id;
  }
  settle(list, count);
}

// Keeps the candidates whose mark is not 0, in their order; returns how many.
HEARTH_DEVICE int keep_marked(List& list, int count) {
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    int place = 0;
    for (int j = 0; j < i; ++j) place += list.marks[j] != 0;
    if (list.marks[i] != 0) {
      list.moved_logits[place] = list.logits[i];
      list.moved_ids[place] = list.ids[i];
    }
    if (i == count - 1) list.count = place + (list.marks[i] != 0);
  }
  block_sync();
  const int kept = list.count;
  settle(list, kept);
  return kept;
}

HEARTH_DEVICE double max_logit(List& list, int count, bool is_sorted) {
  if (is_sorted) return list.logits[0];
  if (thread_index() == 0) {
    double max = list.logits[0];
    for (int i = 1; i < count; ++i) max = list.logits[i] > max ? list.logits[i] : max;
    list.number = max;
  }
  block_sync();
  const double max = list.number;
  block_sync();
  return max;
}

HEARTH_DEVICE void weigh(List& list, int count, double max) {
  for (int i = thread_index(); i < count; i += kSampleThreads) list.weights[i] = weight_of(list.logits[i], max);
  block_sync();
}

// By one thread.
HEARTH_DEVICE double total_weight(const List& list, int count) {
  double total = 0;
  for (int i = 0; i < count; ++i) total += list.weights[i];
  return total;
}

// What the first thread made of the list.
HEARTH_DEVICE int shared_count(List& list) {
  block_sync();
  const int count = list.count;
  block_sync();
  return count;
}

// These keep a part of a list of `count` and return how many that is.
HEARTH_DEVICE int keep_top_p(List& list, int count, double p, double max) {
  weigh(list, count, max);
  if (thread_index() == 0) {
    const double enough = p * total_weight(list, count);
    double sum = 0;
    int kept = 0;
    while (kept < count) {
      sum += list.weights[kept++];
      if (sum >= enough) break;
    }
    list.count = kept;
  }
  return shared_count(list);
}

HEARTH_DEVICE int keep_min_p(List& list, int count, double min_p_log, double max) {
  const double lowest = max + min_p_log;
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    list.marks[i] = list.logits[i] >= lowest || list.logits[i] == max;
  }
  block_sync();
  return keep_marked(list, count);
}

// Surprise less entropy is (max - logit) less its mean: the logarithm of the total is in both.
HEARTH_DEVICE int keep_typical(List& list, int count, double p, double max) {
  weigh(list, count, max);
  if (thread_index() == 0) {
    double sum = 0;
    for (int i = 0; i < count; ++i) {
      if (list.weights[i] > 0 && list.logits[i] != max) sum += list.weights[i] * (max - list.logits[i]);
    }
    list.number = sum / total_weight(list, count);
  }
  block_sync();
  const double mean = list.number;
  double* const distances = list.moved_logits;
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    const double distance = (list.logits[i] == max ? 0.0 : max - list.logits[i]) - mean;
    distances[i] = list.weights[i] > 0 ? (distance < 0 ? -distance : distance) : kDoubleInfinity;
  }
  block_sync();
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    int place = 0;
    for (int j = 0; j < count; ++j) place += is_likelier(-distances[j], list.ids[j], -distances[i], list.ids[i]);
    list.moved_ids[place] = i;
    list.marks[i] = place;
  }
  block_sync();
  if (thread_index() == 0) {
    const double total = total_weight(list, count);
    double sum = 0;
    int kept = 0;
    while (kept < count) {
      sum += list.weights[list.moved_ids[kept++]] / total;
      if (sum > p) break;
    }
    list.count = kept;
  }
  const int kept = shared_count(list);
  for (int i = thread_index(); i < count; i += kSampleThreads) list.marks[i] = list.marks[i] < kept;
  block_sync();
  return keep_marked(list, count);
}

HEARTH_DEVICE int exclude_top_choices(List& list, int count, double threshold, double max) {
  weigh(list, count, max);
  if (thread_index() == 0) {
    const double lowest = threshold * total_weight(list, count);
    int least = -1;
    for (int i = 0; i < count; ++i) {
      if (!(list.weights[i] >= lowest && list.weights[i] > 0)) continue;
      if (least < 0 || is_likelier(list.logits[least], list.ids[least], list.logits[i], list.ids[i])) least = i;
    }
    list.count = least;
    list.number = lowest;
  }
  const int spared = shared_count(list);
  if (spared < 0) return count;
  for (int i = thread_index(); i < count; i += kSampleThreads) {
    list.marks[i] = i == spared || !(list.weights[i] >= list.number && list.weights[i] > 0);
  }
  block_sync();
  return keep_marked(list, count);
}

// The stages from `stage` on.
HEARTH_DEVICE int apply_stages(List& list, int count, bool is_sorted, int stage, const SampleRow& row,
                               const SampleAdjustment* adjustments, std::int32_t vocab) {
  for (; stage < row.stage_count; ++stage) {
    const SampleStage kind = row.stages[stage];
    if (is_penalty(kind)) {
      if (row.adjustment_count == 0) continue;
      for (int i = thread_index(); i < count; i += kSampleThreads) {
        const int found = find_adjustment(adjustments, row.adjustment_count, list.ids[i]);
        if (found >= 0) list.logits[i] = penalized_logit(list.logits[i], row, adjustments[found], kind);
      }
      is_sorted = false;
      block_sync();
    } else if (kind == SampleStage::kTemperature) {
      const double factor = inverse_temperature(row);
      for (int i = thread_index(); i < count; i += kSampleThreads) list.logits[i] *= factor;
      block_sync();
    } else if (removes_candidates(row, kind, vocab)) {
      if (kind == SampleStage::kTopK && row.top_k >= count) continue;
      if (!is_sorted && (kind == SampleStage::kTopK || kind == SampleStage::kTopP)) {
        sort(list, count);
        is_sorted = true;
      }
      if (kind == SampleStage::kTopK) {
        count = row.top_k;
        continue;
      }
      const double max = max_logit(list, count, is_sorted);
      if (kind == SampleStage::kTopP) count = keep_top_p(list, count, static_cast<double>(row.top_p), max);
      if (kind == SampleStage::kMinP) count = keep_min_p(list, count, row.min_p_log, max);
      if (kind == SampleStage::kTypical) count = keep_typical(list, count, static_cast<double>(row.typical_p), max);
      if (kind == SampleStage::kXtc) {
        count = exclude_top_choices(list, count, static_cast<double>(row.xtc_threshold), max);
      }
    }
  }
  return count;
}

// The candidate at `uniform` of the cumulative distribution; -1 if all logits are minus infinity.
HEARTH_DEVICE std::int32_t draw(List& list, int count, double uniform) {
  const double max = max_logit(list, count, false);
  if (max == -kDoubleInfinity) return -1;
  weigh(list, count, max);
  if (thread_index() == 0) {
    const double target = uniform * total_weight(list, count);
    double sum = 0;
    int i = 0;
    for (; i < count - 1; ++i) {
      sum += list.weights[i];
      if (sum > target) break;
    }
    list.count = list.ids[i];
  }
  return shared_count(list);
}

// The ids of the k likeliest of the slices' likeliest, in no order; returns how many.
HEARTH_DEVICE int gather_selected(List& list, const SampleParams& p, std::int32_t row_index, int k) {
  const std::int64_t base = static_cast<std::int64_t>(row_index) * p.slice_count * kSampleSelectMax;
  const std::uint64_t* keys = p.slice_keys + base;
  const std::int32_t* ids = p.slice_ids + base;
  const int last = p.vocab - (p.slice_count - 1) * kSampleSlice;
  const int n = (p.slice_count - 1) * k + (k < last ? k : last);
  Threshold threshold{0, 0x7fffffff};
  if (n > k) {
    threshold = select_likeliest(
        list.select, n, k, [&](int i) { return keys[i]; }, [&](int i) { return ids[i]; });
  }
  if (thread_index() == 0) list.select.taken_count = 0;
  block_sync();
  for (int i = thread_index(); i < n; i += kSampleThreads) {
    if (threshold.passed_by(keys[i], ids[i])) list.ids[atomic_add(&list.select.taken_count, 1u)] = ids[i];
  }
  block_sync();
  return static_cast<int>(list.select.taken_count);
}

}  // namespace

HEARTH_KERNEL(sample_mask, kSampleThreads, SampleMaskParams) {
  const std::int32_t mask_begin = p.rows[block_y()].mask_begin;
  if (mask_begin < 0) return;
  const std::uint32_t* mask = p.masks + mask_begin;
  float* logits = p.logits + static_cast<std::int64_t>(block_y()) * p.vocab;
  HEARTH_UNROLL
  for (int j = 0; j < kSampleSlice / kSampleThreads; ++j) {
    const std::int32_t token = block_x() * kSampleSlice + j * kSampleThreads + thread_index();
    if (token < p.vocab && (mask[token >> 5] >> (token & 31) & 1) == 0) logits[token] = -__builtin_inff();
  }
}

HEARTH_KERNEL(sample_select, kSampleThreads, SampleParams) {
  HEARTH_SHARED(SliceShared, slice);
  const SampleRow& row = p.rows[block_y()];
  const SampleStart start = sample_start(row, p.vocab);
  if (start.way != SampleStart::kSelect) return;
  const std::int32_t begin = block_x() * kSampleSlice;
  const int n = p.vocab - begin < kSampleSlice ? p.vocab - begin : kSampleSlice;
  const float* logits = p.logits + static_cast<std::int64_t>(block_y()) * p.vocab + begin;
  HEARTH_UNROLL
  for (int j = 0; j < kSampleSlice / kSampleThreads; ++j) {
    const int i = j * kSampleThreads + thread_index();
    if (i < n) slice.keys[i] = key_of(clean_logit(logits[i]));
  }
  if (row.adjustment_count > 0) {
    block_sync();
    const SampleAdjustment* adjustments = p.adjustments + row.adjustment_begin;
    for (int i = thread_index(); i < row.adjustment_count; i += kSampleThreads) {
      const int at = adjustments[i].token - begin;
      if (at < 0 || at >= n) continue;
      StagedLogit logit(adjustments, i, logits[at]);
      logit.apply_first(row, adjustments, i, start.stage);
      slice.keys[at] = key_of(logit.unscaled);
    }
  }
  if (thread_index() == 0) slice.select.taken_count = 0;
  block_sync();

  Threshold threshold{0, 0x7fffffff};
  if (n > start.k) {
    threshold = select_likeliest(
        slice.select, n, start.k, [&](int i) { return slice.keys[i]; }, [&](int i) { return begin + i; });
  }
  const std::int64_t base = static_cast<std::int64_t>(block_y()) * p.slice_count * kSampleSelectMax +
                            static_cast<std::int64_t>(block_x()) * start.k;
  for (int i = thread_index(); i < n; i += kSampleThreads) {
    if (!threshold.passed_by(slice.keys[i], begin + i)) continue;
    const std::uint32_t place = atomic_add(&slice.select.taken_count, 1u);
    p.slice_keys[base + place] = slice.keys[i];
    p.slice_ids[base + place] = begin + i;
  }
}

HEARTH_KERNEL_BLOCKS(sample_finish, kSampleThreads, 1, SampleParams) {
  HEARTH_SHARED(List, list);
  const std::int32_t row_index = block_x();
  const SampleRow& row = p.rows[row_index];
  const float* logits = p.logits + static_cast<std::int64_t>(row_index) * p.vocab;
  const SampleAdjustment* adjustments = p.adjustments + row.adjustment_begin;
  const SampleStart start = sample_start(row, p.vocab);
  int count, stage = 0, order_stage = -1;
  if (start.way == SampleStart::kSelect) {
    count = gather_selected(list, p, row_index, start.k);
    order_stage = start.stage;
    stage = is_greedy(row) ? row.stage_count : start.stage + 1;
  } else if (start.way == SampleStart::kNarrow) {
    const SampleNarrowed& narrowed = p.narrowed[row_index];
    count = narrowed.count;
    if (count == 0) {
      if (thread_index() == 0) p.ids[row_index] = narrowed.ids[0];
      return;
    }
    order_stage = narrowed.order_stage;
    stage = narrowed.next_stage;
    for (int i = thread_index(); i < count; i += kSampleThreads) list.ids[i] = narrowed.ids[i];
  } else {
    count = p.vocab;
    for (int i = thread_index(); i < count; i += kSampleThreads) list.ids[i] = i;
  }
  block_sync();

  const auto load_logits = [&](int stage_count) {
    for (int i = thread_index(); i < count; i += kSampleThreads) {
      const std::int32_t id = list.ids[i];
      const int adjustment = find_adjustment(adjustments, row.adjustment_count, id);
      StagedLogit logit(adjustments, adjustment, logits[id]);
      logit.apply_first(row, adjustments, adjustment, stage_count);
      list.logits[i] = stage_count < 0 ? 0.0 : logit.logit;
    }
    block_sync();
  };
  bool is_sorted = false;
  if (start.way != SampleStart::kList) {
    load_logits(order_stage);  // equal ones for the order of ids
    sort(list, count);
    is_sorted = order_stage >= 0 && stage <= order_stage + 1;
  }
  if (!is_sorted) load_logits(stage);
  count = apply_stages(list, count, is_sorted, stage, row, adjustments, p.vocab);
  const double uniform =
      uniform_draw(row.seed, row.choice_index, static_cast<std::uint64_t>(row.position), Draw::kToken);
  const std::int32_t id = draw(list, count, uniform);
  if (thread_index() == 0) p.ids[row_index] = id;
}

}  // namespace hearth::gpu
