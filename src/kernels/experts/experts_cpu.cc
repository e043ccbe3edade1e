// Experts on the CPU: the rows of slots that share an expert are brought together, and matmul's kernel multiplies them.
// An expert with a single slot, as when one token is decoded, is given its row where it stands.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/check.h"
#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/grain.h"
#include "kernels/experts/experts_cpu.h"

namespace hearth::HEARTH_ISA {
namespace {

// out may be x.
void softmax_of(const float* x, std::int64_t count, float* out) {
  const float largest = *std::max_element(x, x + count);
  float sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = std::exp(x[i] - largest);
    sum += out[i];
  }
  for (std::int64_t i = 0; i < count; ++i) out[i] /= sum;
}

// The best `used` of `count` by `score`, the best first. What has been taken is minus infinity; so is what may not be.
void choose(float* score, std::int64_t count, std::int64_t used, std::int32_t* chosen) {
  for (std::int64_t j = 0; j < used; ++j) {
    std::int64_t best = 0;
    for (std::int64_t e = 1; e < count; ++e) {
      if (score[e] > score[best]) best = e;
    }
    score[best] = -std::numeric_limits<float>::infinity();
    chosen[j] = static_cast<std::int32_t>(best);
  }
}

float group_score(const float* score, std::int64_t size, GroupScore kind) {
  float first = -std::numeric_limits<float>::infinity(), second = first;
  for (std::int64_t i = 0; i < size; ++i) {
    if (score[i] > first) {
      second = std::exchange(first, score[i]);
    } else if (score[i] > second) {
      second = score[i];
    }
  }
  return kind == GroupScore::kLargest || size == 1 ? first : first + second;
}

// Leaves the experts of the best groups.
void keep_groups(const Routing& r, float* score) {
  if (r.groups_used == r.group_count) return;
  const std::int64_t size = r.expert_count / r.group_count;
  float groups[kExpertsMax];
  std::int32_t best[kExpertsMax];
  bool kept[kExpertsMax] = {};
  for (std::int64_t g = 0; g < r.group_count; ++g) groups[g] = group_score(score + g * size, size, r.group_score);
  choose(groups, r.group_count, r.groups_used, best);
  for (std::int64_t i = 0; i < r.groups_used; ++i) kept[best[i]] = true;
  for (std::int64_t e = 0; e < r.expert_count; ++e) {
    if (!kept[e / size]) score[e] = -std::numeric_limits<float>::infinity();
  }
}

// Weights of the chosen as RouterScore::kSparseMixer says.
void weigh_sparsely(const Routing& r, const float* products, const std::int32_t* experts, float* weights) {
  for (std::int64_t j = 0; j < r.used; ++j) {
    const float best = products[experts[j]];
    float sum = 0;
    for (std::int64_t e = 0; e < r.expert_count; ++e) {
      if (std::find(experts, experts + j, e) != experts + j) continue;
      const float distance = (best - products[e]) / std::max(std::fabs(products[e]), best);
      if (!(distance > r.tolerance)) sum += std::exp(products[e] - best);
    }
    weights[j] = 1 / sum;
  }
}

void route_token(const RouteArgs& args, std::int64_t token) {
  const Routing& r = args.routing;
  const float* products = args.products + token * r.expert_count;
  float weight[kExpertsMax], score[kExpertsMax];
  std::copy_n(products, r.expert_count, weight);
  if (r.score == RouterScore::kSoftmax) softmax_of(products, r.expert_count, weight);
  if (r.score == RouterScore::kSigmoid) {
    for (std::int64_t e = 0; e < r.expert_count; ++e) weight[e] = 1 / (1 + std::exp(-products[e]));
  }
  for (std::int64_t e = 0; e < r.expert_count; ++e) {
    score[e] = args.bias == nullptr ? weight[e] : weight[e] + args.bias[e];
  }
  keep_groups(r, score);
  std::int32_t* experts = args.experts + token * r.used;
  float* weights = args.weights + token * r.used;
  choose(score, r.expert_count, r.used, experts);
  for (std::int64_t j = 0; j < r.used; ++j) weights[j] = weight[experts[j]];
  if (r.score == RouterScore::kChosenSoftmax) softmax_of(weights, r.used, weights);
  if (r.score == RouterScore::kSparseMixer) weigh_sparsely(r, products, experts, weights);
  float divisor = 1;
  if (r.normalize) {
    float sum = 0;
    for (std::int64_t j = 0; j < r.used; ++j) sum += weights[j];
    divisor = std::max(sum + r.sum_offset, r.sum_min);
  }
  for (std::int64_t j = 0; j < r.used; ++j) weights[j] = weights[j] / divisor * r.scale;
}

}  // namespace

void route(Stream& stream, const RouteArgs& args) {
  const Routing& r = args.routing;
  CHECK(r.expert_count <= kExpertsMax && r.used <= r.expert_count && r.expert_count % r.group_count == 0);
  cpu_pool(stream).run_ranges(args.token_count, task_rows(r.expert_count * r.used),
                              [&](std::int64_t begin, std::int64_t end) {
                                for (std::int64_t t = begin; t < end; ++t) route_token(args, t);
                              });
}

void expert_sum(Stream& stream, const ExpertSumArgs& args) {
  const std::int64_t width = args.width;
  const auto sum_token = [&](std::int64_t t) {
    float* out = args.out + t * width;
    const float* shared = args.shared == nullptr ? nullptr : args.shared + t * width;
    const float gate = args.gate == nullptr ? 1.0f : 1 / (1 + std::exp(-args.gate[t]));
    const float *y = args.y + t * args.used * width, *weights = args.weights + t * args.used;
    for (std::int64_t i = 0; i < width; ++i) {
      float sum = weights[0] * y[i];
      for (std::int64_t j = 1; j < args.used; ++j) sum += weights[j] * y[j * width + i];
      out[i] = shared == nullptr ? sum : sum + gate * shared[i];
    }
  };
  cpu_pool(stream).run_ranges(args.token_count, task_rows(width * args.used),
                              [&](std::int64_t begin, std::int64_t end) {
                                for (std::int64_t t = begin; t < end; ++t) sum_token(t);
                              });
}

namespace {

// Rows of a matmul's input, in whichever form it has.
struct InputRows {
  float* x;
  QuantizedActivations quantized;

  InputRows at(std::int64_t row, std::int64_t k) const {
    if (x != nullptr) return {x + row * k, {}};
    const std::int64_t block = row * (k / kActivationBlock), group = row * (k / kActivationGroup);
    return {nullptr,
            {quantized.q + row * k, quantized.scale + block, quantized.sum + block, quantized.group_sum + group}};
  }
  void copy_to(const InputRows& to, std::int64_t k) const {
    if (x != nullptr) {
      std::copy_n(x, k, to.x);
      return;
    }
    std::copy_n(quantized.q, k, to.quantized.q);
    std::copy_n(quantized.scale, k / kActivationBlock, to.quantized.scale);
    std::copy_n(quantized.sum, k / kActivationBlock, to.quantized.sum);
    std::copy_n(quantized.group_sum, k / kActivationGroup, to.quantized.group_sum);
  }
};

// Rows of one product that are brought together, in the order of groups.slots.
struct ExpertRows {
  explicit ExpertRows(const MatmulArgs& a) : memory_(static_cast<std::byte*>(a.workspace)) {
    y = take<float>(a.token_count * a.n);
    if (a.quantized.q == nullptr) {
      x.x = take<float>(a.token_count * a.k);
      return;
    }
    const std::int64_t blocks = a.token_count * (a.k / kActivationBlock);
    x.quantized.scale = take<float>(blocks);
    x.quantized.sum = take<std::int32_t>(blocks);
    x.quantized.group_sum = take<float>(a.token_count * (a.k / kActivationGroup));
    x.quantized.q = take<std::int8_t>(a.token_count * a.k);
  }

  float* y;  // [slots, n]
  InputRows x{nullptr, {}};

 private:
  template <class T>
  T* take(std::int64_t count) {
    std::byte* const result = memory_;
    memory_ += count * std::int64_t{sizeof(T)};
    return reinterpret_cast<T*>(result);
  }
  std::byte* memory_;
};

}  // namespace

void group_experts(Stream&, const GroupExpertsArgs& args) {
  const ExpertGroups& groups = args.groups;
  std::int32_t* const begin = groups.begin;
  std::fill_n(begin, args.expert_count + 1, 0);
  for (std::int64_t s = 0; s < args.slot_count; ++s) {
    CHECK(groups.experts[s] >= 0 && groups.experts[s] < args.expert_count);
    ++begin[groups.experts[s] + 1];
  }
  for (std::int64_t e = 0; e < args.expert_count; ++e) begin[e + 1] += begin[e];
  for (std::int64_t s = 0; s < args.slot_count; ++s) {
    groups.slots[begin[groups.experts[s]]++] = static_cast<std::int32_t>(s);
  }
  // Each begin has become the next one's.
  for (std::int64_t e = args.expert_count; e > 0; --e) begin[e] = begin[e - 1];
  begin[0] = 0;
}

void expert_matmul(Stream& stream, const ExpertMatmulArgs& args, Kernel<MatmulArgs>::Function matmul) {
  const MatmulArgs& a = args.matmul;
  const ExpertGroups& groups = args.groups;
  ExpertRows rows(a);
  InputRows input{a.quantized.q == nullptr ? static_cast<float*>(const_cast<void*>(a.x)) : nullptr, a.quantized};
  ThreadPool& pool = cpu_pool(stream);
  // Calls visit(place, slot) for the slots of experts that have more than one.
  const auto for_shared = [&](std::int64_t width, const auto& visit) {
    pool.run_ranges(args.expert_count, std::max<std::int64_t>(1, task_rows(width) * args.expert_count / a.token_count),
                    [&](std::int64_t first, std::int64_t after) {
                      for (std::int64_t e = first; e < after; ++e) {
                        if (groups.begin[e + 1] - groups.begin[e] == 1) continue;
                        for (std::int64_t i = groups.begin[e]; i < groups.begin[e + 1]; ++i) visit(i, groups.slots[i]);
                      }
                    });
  };
  for_shared(a.k, [&](std::int64_t place, std::int64_t slot) {
    input.at(slot / args.slots_per_row, a.k).copy_to(rows.x.at(place, a.k), a.k);
  });
  for (std::int64_t e = 0; e < args.expert_count; ++e) {
    const std::int64_t first = groups.begin[e], count = groups.begin[e + 1] - first;
    if (count == 0) continue;
    MatmulArgs one = a;
    const std::int64_t slot = groups.slots[first];
    const InputRows x = count == 1 ? input.at(slot / args.slots_per_row, a.k) : rows.x.at(first, a.k);
    one.x = x.x;
    one.quantized = x.quantized;
    one.token_count = count;
    one.weights = a.weights + e * args.expert_bytes;
    if (args.scales != nullptr) one.scale *= args.scales[e];
    one.bias = a.bias == nullptr ? nullptr : a.bias + e * a.n;
    one.y = count == 1 ? a.y + slot * a.y_stride : rows.y + first * a.n;
    one.y_stride = count == 1 ? a.y_stride : a.n;
    matmul(stream, one);
  }
  for_shared(a.n, [&](std::int64_t place, std::int64_t slot) {
    std::copy_n(rows.y + place * a.n, a.n, a.y + slot * a.y_stride);
  });
}

}  // namespace hearth::HEARTH_ISA
