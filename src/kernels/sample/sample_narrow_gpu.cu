// The stages over a whole vocabulary, a block for each row. No candidates are stored: a token is one if it passes the
// filters that the stages left so far, which is found out anew in every pass over the row's logits. Weights are
// float32, added as integers (a multiple of 2^-45 of the likeliest's), so that the order of additions does not matter;
// a sum's place in the order of candidates is found by digits of their keys, as a radix sort would.
#include "device/gpu/gpu.h"
#include "kernels/gpu/gpu_math.h"
#include "kernels/sample/sample_device.h"
#include "kernels/sample/sample_gpu.h"

namespace hearth::gpu {
namespace {

constexpr int kThreads = kSampleNarrowThreads;
constexpr int kDigitBits = 10;
constexpr int kBins = 1 << kDigitBits;
constexpr int kBinGroup = 32;
constexpr int kGatherMax = 256;
constexpr double kWeightUnit = 0x1p-45;
constexpr std::uint64_t kMinusInfinityKey = std::uint64_t{0x007fffff} << 32 | 0x80000000u;

// What a stage left: tokens by key (between two bounds), or by distance from the mean of kTypical.
struct Filter {
  std::int32_t stage;
  std::int32_t is_by_distance;
  std::uint64_t low_key, high_key;
  std::int32_t low_id_last, high_id_first;  // of those at the bounds themselves
  double max, scale, mean;
  std::uint64_t distance_key;
  std::int32_t distance_id_last;
};

struct Histogram {
  std::uint64_t weights[kBins];
  std::uint32_t counts[kBins];
};
struct Gathered {
  std::uint64_t primaries[kGatherMax];
  std::uint64_t weights[kGatherMax];
  std::int32_t ids[kGatherMax];
};
struct PerThread {
  std::uint64_t a[kThreads];
  std::uint64_t b[kThreads];
};

struct NarrowShared {
  union {
    Histogram histogram;
    Gathered gathered;
    PerThread per_thread;
  };
  std::uint32_t touched[kSampleVocabMax / 64];  // a bit for two tokens: whether one of them has an adjustment
  std::uint64_t group_weights[kBins / kBinGroup];
  std::uint32_t group_counts[kBins / kBinGroup];
  Filter filters[kSampleStageCount];
  std::uint64_t selected_primary;
  std::int32_t selected_id;
  std::uint32_t counter;
};

// A float64 as the two float32 that stand for it where weights and distances are computed.
struct Pair {
  float high, low;
  HEARTH_DEVICE double sum() const { return static_cast<double>(high) + static_cast<double>(low); }
};
HEARTH_DEVICE Pair pair_of(double value) {
  const float high = static_cast<float>(value) + 0.0f;
  const float low = static_cast<float>(value - static_cast<double>(high));
  return {high, low == low ? low : 0.0f};  // infinity less infinity
}

// Where a row stands: the same in all threads.
struct Progress {
  const SampleRow& row;
  const SampleAdjustment* adjustments;
  const float* logits;
  std::int32_t vocab;
  NarrowShared& shared;
  int stage = 0;  // the next one
  int order_stage = -1;
  int filter_count = 0;
  int count = 0;  // of the candidates
  double scale = 1.0;
  // The likeliest candidate's, where known.
  bool has_max = false;
  std::uint64_t max_key = 0;
  Pair max{};
};

struct Element {
  bool is_candidate;
  std::uint64_t key;
  std::uint64_t order_key;  // of the logit before order_stage
  Pair logit;               // without the temperature, like the keys
};

HEARTH_DEVICE double distance_of(double max, double logit, double scale, double mean) {
  const double distance = (logit == max ? 0.0 : (max - logit) * scale) - mean;
  return distance < 0 ? -distance : distance;
}

HEARTH_DEVICE bool passes(const Filter& filter, std::uint64_t key, std::int32_t id, double logit) {
  if (filter.is_by_distance != 0) {
    const std::uint64_t distance = key_of(distance_of(filter.max, logit, filter.scale, filter.mean));
    return distance < filter.distance_key || (distance == filter.distance_key && id <= filter.distance_id_last);
  }
  return (key > filter.low_key || (key == filter.low_key && id <= filter.low_id_last)) &&
         (key < filter.high_key || (key == filter.high_key && id >= filter.high_id_first));
}

// A token that an adjustment touches: the stages as they come.
HEARTH_DEVICE Element element_adjusted(const Progress& p, std::int32_t id, int adjustment) {
  StagedLogit logit(p.adjustments, adjustment, p.logits[id]);
  Element e{};
  e.is_candidate = true;
  int filter = 0;
  for (int i = 0; i < p.stage; ++i) {
    if (i == p.order_stage) e.order_key = key_of(logit.unscaled);
    if (filter < p.filter_count && p.shared.filters[filter].stage == i) {
      e.is_candidate =
          e.is_candidate && passes(p.shared.filters[filter], key_of(logit.unscaled), id, pair_of(logit.unscaled).sum());
      ++filter;
    }
    logit.apply(p.row, p.adjustments, adjustment, p.row.stages[i]);
  }
  e.key = key_of(logit.unscaled);
  e.logit = pair_of(logit.unscaled);
  return e;
}

HEARTH_DEVICE Element element_at(const Progress& p, std::int32_t id) {
  if (p.row.adjustment_count > 0 && (p.shared.touched[id >> 6] >> (id >> 1 & 31) & 1) != 0) {
    const int adjustment = find_adjustment(p.adjustments, p.row.adjustment_count, id);
    if (adjustment >= 0) return element_adjusted(p, id, adjustment);
  }
  Element e{};
  e.logit = {clean_logit(p.logits[id]), 0.0f};
  e.key = e.order_key = key_of(e.logit.high);
  e.is_candidate = true;
  for (int i = 0; i < p.filter_count; ++i) {
    e.is_candidate = e.is_candidate && passes(p.shared.filters[i], e.key, id, static_cast<double>(e.logit.high));
  }
  return e;
}

template <class Visit>
HEARTH_DEVICE void visit_candidates(const Progress& p, Visit visit) {
  for (std::int32_t id = opaque(thread_index()); id < p.vocab; id += kThreads) {
    const Element e = element_at(p, id);
    if (e.is_candidate) visit(id, e);
  }
}

// log(weight).
HEARTH_DEVICE float exponent_of(const Progress& p, const Element& e, float scale) {
  return e.key == p.max_key ? 0.0f : ((e.logit.high - p.max.high) + (e.logit.low - p.max.low)) * scale;
}

// In units of kWeightUnit.
HEARTH_DEVICE std::uint64_t weight_units(float exponent) {
  if (!(exponent > -31.5f)) return 0;
  const std::uint32_t bits = float_bits(exp_accurate(exponent));
  const std::uint64_t significand = (bits & 0x7fffffu) | 0x800000u;
  const int shift = static_cast<int>(bits >> 23) - (127 + 23 - 45);
  return shift >= 0 ? significand << shift : significand >> -shift;
}

HEARTH_DEVICE float float_scale(double scale) {
  const auto nearest = static_cast<float>(scale);
  return nearest > 3.4e38f ? 3.4e38f : nearest;
}

// The first of all threads' pairs (primary ascending, id ascending) goes to every thread.
HEARTH_DEVICE void first_of_block(NarrowShared& s, std::uint64_t& primary, std::uint32_t& id) {
  const int thread = opaque(thread_index());
  s.per_thread.a[thread] = primary;
  s.per_thread.b[thread] = id;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    block_sync();
    if (thread >= half) continue;
    const std::uint64_t other = s.per_thread.a[thread + half], other_id = s.per_thread.b[thread + half];
    const std::uint64_t own = s.per_thread.a[thread];
    if (other < own || (other == own && other_id < s.per_thread.b[thread])) {
      s.per_thread.a[thread] = other;
      s.per_thread.b[thread] = other_id;
    }
  }
  block_sync();
  primary = s.per_thread.a[0];
  id = static_cast<std::uint32_t>(s.per_thread.b[0]);
  block_sync();
}

HEARTH_DEVICE void sum_of_block(NarrowShared& s, std::uint64_t& a, std::uint64_t& b) {
  const int thread = opaque(thread_index());
  s.per_thread.a[thread] = a;
  s.per_thread.b[thread] = b;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    block_sync();
    if (thread >= half) continue;
    s.per_thread.a[thread] += s.per_thread.a[thread + half];
    s.per_thread.b[thread] += s.per_thread.b[thread + half];
  }
  block_sync();
  a = s.per_thread.a[0];
  b = s.per_thread.b[0];
  block_sync();
}

HEARTH_DEVICE void find_max(Progress& p) {
  if (p.has_max) return;
  std::uint64_t primary = ~std::uint64_t{0};
  std::uint32_t best = ~0u;
  visit_candidates(p, [&](std::int32_t id, const Element& e) {
    if (~e.key > primary || (~e.key == primary && best < static_cast<std::uint32_t>(id))) return;
    primary = ~e.key;
    best = static_cast<std::uint32_t>(id);
  });
  first_of_block(p.shared, primary, best);
  const Element e = element_at(p, static_cast<std::int32_t>(best));
  p.has_max = true;
  p.max_key = e.key;
  p.max = e.logit;
}

enum class Order : std::uint8_t { kId, kKey, kOrderKey, kDistance };
enum class Until : std::uint8_t {
  kCount,    // as many as the number
  kReached,  // their share of the weight is at least the number
  kPassed,   // their share is above the number
};

// The last of the first candidates in an order that are enough.
struct Selected {
  std::uint64_t primary;  // ascending with the order; then ids ascend
  std::int32_t id;
};

HEARTH_DEVICE std::uint64_t primary_of(const Progress& p, Order order, double mean, const Element& e) {
  if (order == Order::kKey) return ~e.key;
  if (order == Order::kOrderKey) return ~e.order_key;
  if (order == Order::kId) return 0;
  return key_of(distance_of(p.max.sum(), e.logit.sum(), p.scale, mean));
}

// The digits of (primary, id): six of ten bits and one of four, then one of ten and one of eight.
constexpr int kIdLevel = 7;
struct Digits {
  std::uint64_t primary = 0;
  std::uint32_t id = 0;
  int level = 0;  // so many digits are known

  HEARTH_DEVICE bool match(std::uint64_t other, std::uint32_t other_id) const {
    if (level == 0) return true;
    if (level < kIdLevel) return other >> (64 - kDigitBits * level) == primary;
    return other == primary && (level == kIdLevel || other_id >> (level == kIdLevel + 1 ? 8 : 0) == id);
  }
  HEARTH_DEVICE int next_of(std::uint64_t other, std::uint32_t other_id) const {
    if (level < kIdLevel - 1) return static_cast<int>(other >> (64 - kDigitBits * (level + 1)) & (kBins - 1));
    if (level == kIdLevel - 1) return static_cast<int>(other & 15);
    return static_cast<int>(level == kIdLevel ? other_id >> 8 : other_id & 255);
  }
  HEARTH_DEVICE void append(int digit) {
    const auto bits = static_cast<std::uint32_t>(digit);
    if (level < kIdLevel) {
      primary = primary << (level < kIdLevel - 1 ? kDigitBits : 4) | bits;
    } else {
      id = id << 8 | bits;
    }
    ++level;
  }
};

// How much must come before and with the selected candidate, less one unit.
HEARTH_DEVICE std::uint64_t amount_of(Until until, double number, std::uint64_t total) {
  if (until == Until::kCount) return static_cast<std::uint64_t>(number) - 1;
  const double product = number * static_cast<double>(total);
  auto amount = static_cast<std::uint64_t>(product);
  if (until == Until::kReached) {
    if (static_cast<double>(amount) < product) ++amount;
    amount = amount > 0 ? amount - 1 : 0;
  }
  return amount < total ? amount : total - 1;
}

// Counts and weighs the candidates that have the known digits by their next one. Complete at return, with the groups'
// sums.
HEARTH_DEVICE void fill_histogram(const Progress& p, const Digits& digits, Order order, bool weighs, double mean) {
  NarrowShared& s = p.shared;
  for (int i = opaque(thread_index()); i < kBins; i += kThreads) {
    s.histogram.weights[i] = 0;
    s.histogram.counts[i] = 0;
  }
  block_sync();
  const float scale = float_scale(p.scale);
  visit_candidates(p, [&](std::int32_t id, const Element& e) {
    const std::uint64_t primary = primary_of(p, order, mean, e);
    if (!digits.match(primary, static_cast<std::uint32_t>(id))) return;
    const int digit = digits.next_of(primary, static_cast<std::uint32_t>(id));
    atomic_add(&s.histogram.counts[digit], 1u);
    const std::uint64_t weight = weighs ? weight_units(exponent_of(p, e, scale)) : 0;
    if (weight > 0) atomic_add(&s.histogram.weights[digit], weight);
  });
  block_sync();
  const int group = opaque(thread_index());
  if (group < kBins / kBinGroup) {
    std::uint64_t weight = 0;
    std::uint32_t count = 0;
    for (int i = 0; i < kBinGroup; ++i) {
      weight += s.histogram.weights[group * kBinGroup + i];
      count += s.histogram.counts[group * kBinGroup + i];
    }
    s.group_weights[group] = weight;
    s.group_counts[group] = count;
  }
  block_sync();
}

// Among the few candidates with the known digits: the one at which the running amount, from `before` on, passes
// `amount`.
HEARTH_DEVICE Selected select_among_few(const Progress& p, const Digits& digits, Order order, bool weighs, double mean,
                                        std::uint64_t before, std::uint64_t amount) {
  NarrowShared& s = p.shared;
  if (opaque(thread_index()) == 0) s.counter = 0;
  block_sync();
  const float scale = float_scale(p.scale);
  visit_candidates(p, [&](std::int32_t id, const Element& e) {
    const std::uint64_t primary = primary_of(p, order, mean, e);
    if (!digits.match(primary, static_cast<std::uint32_t>(id))) return;
    const std::uint32_t place = atomic_add(&s.counter, 1u);
    s.gathered.primaries[place] = primary;
    s.gathered.ids[place] = id;
    s.gathered.weights[place] = weighs ? weight_units(exponent_of(p, e, scale)) : 1;
  });
  block_sync();
  const int count = static_cast<int>(s.counter), own = opaque(thread_index());
  if (own < count) {
    const std::uint64_t primary = s.gathered.primaries[own];
    const std::int32_t id = s.gathered.ids[own];
    for (int i = 0; i < count; ++i) {
      const std::uint64_t other = s.gathered.primaries[i];
      if (other < primary || (other == primary && s.gathered.ids[i] < id)) before += s.gathered.weights[i];
    }
    if (before <= amount && amount < before + s.gathered.weights[own]) {
      s.selected_primary = primary;
      s.selected_id = id;
    }
  }
  block_sync();
  const Selected selected{s.selected_primary, s.selected_id};
  block_sync();
  return selected;
}

HEARTH_DEVICE Selected select(const Progress& p, Order order, Until until, double number, double mean) {
  NarrowShared& s = p.shared;
  const bool weighs = until != Until::kCount;
  Digits digits;
  if (order == Order::kId) digits.level = kIdLevel;
  constexpr std::uint64_t kUnknown = ~std::uint64_t{0};
  std::uint64_t before = 0, amount = kUnknown;
  for (;;) {
    fill_histogram(p, digits, order, weighs, mean);
    if (amount == kUnknown) {
      std::uint64_t total = 0;
      for (int i = 0; i < kBins / kBinGroup; ++i) total += s.group_weights[i];
      amount = amount_of(until, number, total);
    }
    int group = 0;
    for (;; ++group) {
      const std::uint64_t sum = weighs ? s.group_weights[group] : s.group_counts[group];
      if (before + sum > amount) break;
      before += sum;
    }
    int bin = group * kBinGroup;
    for (;; ++bin) {
      const std::uint64_t sum = weighs ? s.histogram.weights[bin] : s.histogram.counts[bin];
      if (before + sum > amount) break;
      before += sum;
    }
    const std::uint32_t bin_count = s.histogram.counts[bin];
    block_sync();
    digits.append(bin);
    if (bin_count <= kGatherMax) return select_among_few(p, digits, order, weighs, mean, before, amount);
  }
}

HEARTH_DEVICE Filter keep_all(int stage) {
  Filter filter{};
  filter.stage = stage;
  filter.low_id_last = 0x7fffffff;
  filter.high_key = ~std::uint64_t{0};
  return filter;
}

HEARTH_DEVICE void sum_weights(const Progress& p, std::uint64_t& total, std::uint64_t& moment) {
  total = moment = 0;
  const float scale = float_scale(p.scale);
  visit_candidates(p, [&](std::int32_t, const Element& e) {
    const float exponent = exponent_of(p, e, scale);
    const std::uint64_t weight = weight_units(exponent);
    total += weight;
    if (weight > 0) moment += static_cast<std::uint64_t>(static_cast<double>(weight) * static_cast<double>(-exponent));
  });
  sum_of_block(p.shared, total, moment);
}

// The natural logarithm of a normal number, within 2^-22: that of its significand with steps of Halley's method, each
// of which triples the digits.
HEARTH_DEVICE double log_of(double x) {
  const auto bits = __builtin_bit_cast(std::uint64_t, x);
  const auto significand =
      static_cast<float>(__builtin_bit_cast(double, (bits & 0xfffffffffffff) | std::uint64_t{1023} << 52));
  float y = (significand - 1.0f) * 0.7f;
  for (int i = 0; i < 3; ++i) {
    const float power = exp_accurate(y);
    y += 2.0f * (significand - power) / (significand + power);
  }
  return static_cast<double>(static_cast<int>(bits >> 52) - 1023) * 0x1.62e42fefa39efp-1 + static_cast<double>(y);
}

// The least likely of the top choices and what is less likely.
HEARTH_DEVICE Filter xtc_filter(const Progress& p, std::uint64_t total) {
  const double lowest_weight = static_cast<double>(p.row.xtc_threshold) * static_cast<double>(total) * kWeightUnit;
  // At most 0, unless no weight is as much. A weight of 0 in float64 is none.
  double lowest = lowest_weight > 1 ? 1.0 : -745.13321910194122;
  if (lowest_weight > 0 && lowest_weight <= 1) lowest = log_of(lowest_weight);
  std::uint64_t primary = ~std::uint64_t{0};
  std::uint32_t best = ~0u;  // complemented: the last id comes first
  visit_candidates(p, [&](std::int32_t id, const Element& e) {
    const double exponent = e.key == p.max_key ? 0.0 : (e.logit.sum() - p.max.sum()) * p.scale;
    if (!(exponent >= lowest)) return;
    const std::uint32_t last_first = ~static_cast<std::uint32_t>(id);
    if (e.key > primary || (e.key == primary && last_first >= best)) return;
    primary = e.key;
    best = last_first;
  });
  first_of_block(p.shared, primary, best);
  Filter filter = keep_all(p.stage);
  if (best != ~0u || primary != ~std::uint64_t{0}) {
    filter.high_key = primary;
    filter.high_id_first = static_cast<std::int32_t>(~best);
  }
  return filter;
}

// What is done next: one stage that removes candidates, or the draw. Each pass over the vocabulary stands in the code
// once, whichever stages need it.
HEARTH_DEVICE Filter take_step(Progress& p, SampleStage kind, bool is_draw, std::int32_t& drawn) {
  Filter filter = keep_all(p.stage);
  if (is_draw || kind != SampleStage::kTopK) find_max(p);
  drawn = -1;
  if (is_draw && p.max_key == kMinusInfinityKey) return filter;
  if (!is_draw && kind == SampleStage::kMinP) {
    filter.low_key = key_of(p.max.sum() + p.row.min_p_log / p.scale);
    return filter;
  }
  std::uint64_t total = 0, moment = 0;
  const bool is_typical = !is_draw && kind == SampleStage::kTypical;
  const bool is_xtc = !is_draw && kind == SampleStage::kXtc;
  if (is_typical || is_xtc) sum_weights(p, total, moment);
  p.has_max = p.has_max && !is_typical && !is_xtc;
  if (is_xtc) return xtc_filter(p, total);

  Order order = Order::kKey;
  Until until = Until::kPassed;
  double number = 0;
  if (is_draw) {
    order = p.order_stage < 0 ? Order::kId : Order::kOrderKey;
    number = uniform_draw(p.row.seed, p.row.choice_index, static_cast<std::uint64_t>(p.row.position), Draw::kToken);
  } else if (is_typical) {
    order = Order::kDistance;
    number = static_cast<double>(p.row.typical_p);
    filter.is_by_distance = 1;
    filter.max = p.max.sum();
    filter.scale = p.scale;
    filter.mean = static_cast<double>(moment) / static_cast<double>(total);
  } else {
    until = kind == SampleStage::kTopK ? Until::kCount : Until::kReached;
    number = kind == SampleStage::kTopK ? static_cast<double>(p.row.top_k) : static_cast<double>(p.row.top_p);
  }
  const Selected last = select(p, order, until, number, filter.mean);
  drawn = last.id;
  if (is_typical) {
    filter.distance_key = last.primary;
    filter.distance_id_last = last.id;
  } else if (!is_draw) {
    filter.low_key = ~last.primary;
    filter.low_id_last = last.id;
    p.order_stage = p.stage;
  }
  return filter;
}

// Writes the candidates down if they are few, and returns how many there are.
HEARTH_DEVICE int collect(const Progress& p, SampleNarrowed& narrowed) {
  if (opaque(thread_index()) == 0) p.shared.counter = 0;
  block_sync();
  visit_candidates(p, [&](std::int32_t id, const Element&) {
    const std::uint32_t place = atomic_add(&p.shared.counter, 1u);
    if (place < kSampleListMax) narrowed.ids[place] = id;
  });
  block_sync();
  const auto count = static_cast<int>(p.shared.counter);
  block_sync();
  return count;
}

HEARTH_DEVICE void mark_touched(const Progress& p) {
  for (int i = thread_index(); i < kSampleVocabMax / 64; i += kThreads) p.shared.touched[i] = 0;
  block_sync();
  // Of two adjustments with the same bit the first sets it: they are neighbours.
  for (int i = thread_index(); i < p.row.adjustment_count; i += kThreads) {
    const int bit = p.adjustments[i].token >> 1;
    if (i > 0 && p.adjustments[i - 1].token >> 1 == bit) continue;
    atomic_add(&p.shared.touched[bit >> 5], 1u << (bit & 31));
  }
  block_sync();
}

}  // namespace

HEARTH_KERNEL_BLOCKS(sample_narrow, kSampleNarrowThreads, 1, SampleParams) {
  HEARTH_SHARED(NarrowShared, shared);
  const std::int32_t row_index = block_x();
  const SampleRow& row = p.rows[row_index];
  if (sample_start(row, p.vocab).way != SampleStart::kNarrow) return;
  Progress progress{row, p.adjustments + row.adjustment_begin,
                    p.logits + static_cast<std::int64_t>(row_index) * p.vocab, p.vocab, shared};
  progress.count = p.vocab;
  if (row.adjustment_count > 0) mark_touched(progress);
  SampleNarrowed& narrowed = p.narrowed[row_index];
  std::int32_t drawn = -1;
  for (;; ++progress.stage) {
    const bool is_draw = progress.stage == row.stage_count;
    const SampleStage kind = row.stages[is_draw ? 0 : progress.stage];
    if (!is_draw) {
      if (is_penalty(kind)) progress.has_max = progress.has_max && row.adjustment_count == 0;
      if (kind == SampleStage::kTemperature) progress.scale = inverse_temperature(row);
      if (!removes_candidates(row, kind, p.vocab) || (kind == SampleStage::kTopK && row.top_k >= progress.count)) {
        continue;
      }
    }
    const Filter filter = take_step(progress, kind, is_draw, drawn);
    if (is_draw) break;
    if (opaque(thread_index()) == 0) shared.filters[progress.filter_count] = filter;
    block_sync();
    ++progress.filter_count;
    // Filters count for the stages that follow theirs.
    ++progress.stage;
    progress.count = collect(progress, narrowed);
    if (progress.count <= kSampleListMax) break;
    --progress.stage;
  }
  if (opaque(thread_index()) != 0) return;
  narrowed.next_stage = progress.stage;
  narrowed.order_stage = progress.order_stage;
  narrowed.count = progress.count > kSampleListMax ? 0 : progress.count;
  if (progress.count > kSampleListMax) narrowed.ids[0] = drawn;
}

}  // namespace hearth::gpu
