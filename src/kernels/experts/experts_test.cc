// The router and the sum against their references; the products against matmul's own kernel: the same bits, whoever
// shares an expert.
#include "kernels/experts/experts.h"

#include <cmath>
#include <limits>
#include <set>

#include "formats/float16.h"
#include "kernels/experts/experts_reference.h"
#include "kernels/testing/formats_told_apart.h"
#include "kernels/testing/kernel_testing.h"
#include "kernels/testing/packed_weights.h"

namespace hearth {
namespace {

using namespace kernel_testing;

struct Chosen {
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
};

Chosen choose(Runner& run, const Routing& routing, const std::vector<float>& products, const std::vector<float>& bias) {
  const std::int64_t tokens = std::ssize(products) / routing.expert_count;
  Chosen chosen{std::vector<std::int32_t>(static_cast<std::size_t>(tokens * routing.used), -1),
                std::vector<float>(static_cast<std::size_t>(tokens * routing.used), -7.0f)};
  run.kernels.route(*run.stream, {routing, run.in(products), bias.empty() ? nullptr : run.in(bias), tokens,
                                  run.out(chosen.experts), run.out(chosen.weights)});
  run.finish();
  return chosen;
}

class ExpertsTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES(ExpertsTest);

TEST_P(ExpertsTest, TheRouterChoosesAsTheReference) {
  const Routing cases[] = {
      {.expert_count = 8, .used = 2, .normalize = true},
      {.expert_count = 130, .used = 8, .score = RouterScore::kSoftmax},
      {.expert_count = 6, .used = 6, .score = RouterScore::kChosenSoftmax},
      {.expert_count = 40,
       .used = 5,
       .score = RouterScore::kSigmoid,
       .normalize = true,
       .sum_offset = 1e-20f,
       .scale = 2.5f},
      {.expert_count = 64,
       .used = 6,
       .score = RouterScore::kSigmoid,
       .group_count = 8,
       .groups_used = 3,
       .group_score = GroupScore::kTwoLargest,
       .normalize = true},
      {.expert_count = 24,
       .used = 3,
       .score = RouterScore::kSoftmax,
       .group_count = 4,
       .groups_used = 2,
       .sum_min = 0.5f,
       .scale = 16},
      {.expert_count = 70, .used = 3, .score = RouterScore::kSparseMixer, .tolerance = 0.3f},
      {.expert_count = 1, .used = 1},
  };
  for (const Routing& routing : cases) {
    for (const bool has_bias : {false, true}) {
      const std::int64_t tokens = run.tokens(50, 9);
      const auto products = random_floats(tokens * routing.expert_count, 61);
      const auto bias = has_bias ? random_floats(routing.expert_count, 62) : std::vector<float>();
      const Chosen chosen = choose(run, routing, products, bias);
      std::vector<std::int32_t> experts;
      std::vector<double> weights;
      for (std::int64_t t = 0; t < tokens; ++t) {
        const auto one =
            reference::route(routing,
                             std::span(products).subspan(static_cast<std::size_t>(t * routing.expert_count),
                                                         static_cast<std::size_t>(routing.expert_count)),
                             bias);
        experts.insert(experts.end(), one.experts.begin(), one.experts.end());
        weights.insert(weights.end(), one.weights.begin(), one.weights.end());
      }
      EXPECT_EQ(chosen.experts, experts) << routing.expert_count << (has_bias ? " with a bias" : "");
      expect_close(chosen.weights, weights, 4e-6, 0);
      const Chosen same = choose(again, routing, products, bias);
      expect_same_bits(chosen.weights, same.weights);
    }
  }
}

TEST_P(ExpertsTest, EqualScoresGoToTheLowerNumber) {
  const Routing routing{.expert_count = 70, .used = 4};
  const Chosen chosen = choose(run, routing, std::vector<float>(70, 0.25f), {});
  EXPECT_EQ(chosen.experts, (std::vector<std::int32_t>{0, 1, 2, 3}));
}

TEST_P(ExpertsTest, NanChoosesExpertsThatExist) {
  const Routing routing{.expert_count = 9, .used = 3, .normalize = true};
  const Chosen chosen = choose(run, routing, std::vector<float>(9, std::numeric_limits<float>::quiet_NaN()), {});
  for (const std::int32_t expert : chosen.experts) EXPECT_TRUE(expert >= 0 && expert < 9) << expert;
  for (const float weight : chosen.weights) EXPECT_TRUE(std::isnan(weight)) << weight;
}

TEST_P(ExpertsTest, TheSumIsTheReferences) {
  constexpr std::int64_t kUsed = 3, kWidth = 300;
  for (const bool shared : {false, true}) {
    for (const bool gated : {false, true}) {
      const std::int64_t tokens = run.tokens(20, 3);
      const auto y = random_floats(tokens * kUsed * kWidth, 71), weights = random_floats(tokens * kUsed, 72);
      const auto other = random_floats(tokens * kWidth, 73), gate = random_floats(tokens, 74);
      std::vector<float> out(static_cast<std::size_t>(tokens * kWidth), -7.0f);
      run.kernels.expert_sum(*run.stream, {run.in(y), run.in(weights), shared ? run.in(other) : nullptr,
                                           gated ? run.in(gate) : nullptr, tokens, kUsed, kWidth, run.out(out)});
      run.finish();
      std::vector<double> expected(out.size());
      for (std::int64_t i = 0; i < std::ssize(out); ++i) {
        const std::int64_t t = i / kWidth;
        const auto at = [](const std::vector<float>& v, std::int64_t index) {
          return static_cast<double>(v[static_cast<std::size_t>(index)]);
        };
        double& sum = expected[static_cast<std::size_t>(i)];
        for (std::int64_t j = 0; j < kUsed; ++j) {
          sum += at(weights, t * kUsed + j) * at(y, (t * kUsed + j) * kWidth + i % kWidth);
        }
        if (shared) sum += (gated ? 1 / (1 + std::exp(-at(gate, t))) : 1) * at(other, i);
      }
      expect_close(out, expected, 0, 3e-6);
    }
  }
}

// Matrices of some experts, and slots that choose among them.
struct Case {
  Compute compute;
  Format format;
  std::int64_t experts, n, k;
  std::vector<std::byte> weights;
  std::vector<float> bias, scales;

  Case(Compute c, Format f, std::int64_t expert_count, std::int64_t rows, std::int64_t columns)
      : compute(c),
        format(f),
        experts(expert_count),
        n(rows),
        k(columns),
        weights(random_weights(f, expert_count * rows, columns, 81, 0.5f)),
        bias(random_floats(expert_count * rows, 82)),
        scales(random_floats(expert_count, 83)) {}

  const std::byte* of(std::int64_t expert) const { return weights.data() + expert * n * format_bytes(format, k); }
};

// What a matmul reads as x, whichever form that is.
class Input {
 public:
  Input(Runner& run, Compute compute, const std::vector<float>& x, std::int64_t k) {
    if (compute == Compute::kInt8) {
      q_.resize(x.size());
      scale_.resize(x.size() / 32);
      sum_.resize(x.size() / 32);
      group_sum_.resize(x.size() / 16);
      view_ = {q_.data(), scale_.data(), sum_.data(), group_sum_.data()};
      run.kernels.quantize_int8(*run.stream, {x.data(), std::ssize(x) / k, k, view_});
    } else if (run.kernels.activation_format == Format::kBf16) {
      for (const float value : x) halves_.push_back(f32_to_bf16(value));
      data_ = run.in(halves_);
    } else {
      floats_ = x;
      data_ = run.in(floats_);
    }
  }
  void fill(MatmulArgs& args) const {
    args.x = data_;
    args.quantized = view_;
  }

 private:
  std::vector<float> floats_, scale_, group_sum_;
  std::vector<std::uint16_t> halves_;
  std::vector<std::int8_t> q_;
  std::vector<std::int32_t> sum_;
  QuantizedActivations view_;
  const void* data_ = nullptr;
};

// y of all slots, rows padded. `is_single`: ExpertGroups::is_single.
std::vector<float> multiply(Runner& run, const Case& c, const std::vector<std::int32_t>& chosen,
                            const std::vector<float>& x, std::int64_t slots_per_row, bool is_single = false) {
  const ExpertMatmulKernel& kernel = expert_matmuls(run.kernels, c.compute)[c.format];
  const std::int64_t slots = std::ssize(chosen), stride = c.n + 3;
  std::vector<std::byte> packed;
  std::int64_t expert_bytes = c.n * format_bytes(c.format, c.k);
  if (kernel.packing == nullptr) {
    packed = c.weights;
  } else {
    expert_bytes = kernel.packing->bytes(c.n, c.k);
    packed.resize(static_cast<std::size_t>(c.experts * expert_bytes));
    const std::int64_t tiles = (c.n + kernel.packing->tile_rows - 1) / kernel.packing->tile_rows;
    for (std::int64_t e = 0; e < c.experts; ++e) {
      kernel.packing->pack(c.of(e), c.n, c.k, 0, tiles, packed.data() + e * expert_bytes);
    }
  }
  std::vector<std::int32_t> begin(static_cast<std::size_t>(c.experts + 1)), order(chosen.size()),
      tiles(static_cast<std::size_t>(expert_tile_words(slots, c.experts)));
  const ExpertGroups groups{run.in(chosen), is_single, run.out(begin), run.out(order), run.out(tiles)};
  run.kernels.group_experts(*run.stream, {slots, c.experts, groups});
  std::vector<float> rows(static_cast<std::size_t>(expert_rows_bytes(slots, c.n, c.k)) / sizeof(float));
  const Input input(run, c.compute, x, c.k);
  std::vector<float> padded(static_cast<std::size_t>(slots * stride), -7.0f);
  MatmulArgs args{};
  input.fill(args);
  args.token_count = slots;
  args.k = c.k;
  args.n = c.n;
  args.weights = run.in(packed);
  args.format = c.format;
  args.bias = run.in(c.bias);
  args.scale = 0.75f;
  args.y = run.out(padded);
  args.y_stride = stride;
  args.workspace = run.out(rows);
  args.workspace_bytes = expert_rows_bytes(slots, c.n, c.k);
  kernel.run(*run.stream, {args, groups, run.in(c.scales), c.experts, expert_bytes, slots_per_row});
  run.finish();
  if (is_single && run.is_gpu()) return padded;
  EXPECT_EQ(begin.back(), slots);
  EXPECT_EQ(std::set<std::int32_t>(order.begin(), order.end()).size(), order.size());
  return padded;
}

// The same by matmul's own kernel, a slot at a time.
std::vector<float> multiply_alone(Runner& run, const Case& c, const std::vector<std::int32_t>& chosen,
                                  const std::vector<float>& x, std::int64_t slots_per_row) {
  const MatmulKernel& kernel = matmuls(run.kernels, c.compute)[c.format];
  std::vector<float> padded;
  for (std::int64_t s = 0; s < std::ssize(chosen); ++s) {
    const std::int64_t expert = chosen[static_cast<std::size_t>(s)];
    const PackedWeights weights(run, kernel.packing, c.of(expert), c.n, c.k, c.n * format_bytes(c.format, c.k));
    const auto row = x.begin() + s / slots_per_row * c.k;
    const std::vector<float> own(row, row + c.k),
        bias(c.bias.begin() + expert * c.n, c.bias.begin() + (expert + 1) * c.n);
    const Input input(run, c.compute, own, c.k);
    std::vector<float> y(static_cast<std::size_t>(c.n + 3), -7.0f);
    MatmulArgs args{};
    input.fill(args);
    args.token_count = 1;
    args.k = c.k;
    args.n = c.n;
    args.weights = weights.data();
    args.format = c.format;
    args.bias = run.in(bias);
    args.scale = 0.75f * c.scales[static_cast<std::size_t>(expert)];
    args.y = run.out(y);
    args.y_stride = c.n;
    kernel.run(*run.stream, args);
    run.finish();
    padded.insert(padded.end(), y.begin(), y.end());
  }
  return padded;
}

class ExpertMatmulTest : public KernelTest {};
HEARTH_INSTANTIATE_FOR_DEVICES_AND_TABLES(ExpertMatmulTest);

TEST_P(ExpertMatmulTest, EverySlotHasTheBitsThatItHasAlone) {
  for (const Compute compute : {Compute::kF32, Compute::kBf16, Compute::kInt8}) {
    for (const Format format : formats_told_apart(run)) {
      const ExpertMatmulKernel& kernel = expert_matmuls(run.kernels, compute)[format];
      EXPECT_EQ(static_cast<bool>(kernel), static_cast<bool>(matmuls(run.kernels, compute)[format]));
      if (!kernel) continue;
      const Case c(compute, format, 5, 37, 256);
      // Two slots to a row; one expert that many choose, one that a single slot chooses, one that nobody does.
      std::vector<std::int32_t> chosen;
      const std::int64_t rows = run.tokens(20, 5);
      for (std::int64_t t = 0; t < rows; ++t) {
        chosen.push_back(2);
        chosen.push_back(t == 3 ? 4 : t % 2 == 0 ? 0 : 3);
      }
      const auto x = random_floats(rows * c.k, 84);
      expect_same_bits(multiply(run, c, chosen, x, 2), multiply_alone(again, c, chosen, x, 2));
      if (HasFailure()) FAIL() << to_string(compute) << " " << traits(format).name;
    }
  }
}

TEST_P(ExpertMatmulTest, ManySegmentsAndOneSlotToARow) {
  const Compute compute = run.is_gpu() ? run.compute() : Compute::kBf16;
  const Case c(compute, Format::kF32, 3, 20, 2080);
  const std::vector<std::int32_t> chosen{1, 1, 0, 2, 1};
  const auto x = random_floats(5 * c.k, 85);
  expect_same_bits(multiply(run, c, chosen, x, 1), multiply_alone(again, c, chosen, x, 1));
}

TEST_P(ExpertMatmulTest, ASingleTokenHasTheSameBits) {
  for (const Compute compute : {Compute::kF32, Compute::kBf16, Compute::kInt8}) {
    for (const Format format :
         {Format::kF32, Format::kBf16, Format::kQ4_0, Format::kQ4K, Format::kQ6K, Format::kMxfp4}) {
      const bool is_tried = run.is_gpu() || format == Format::kQ4K;  // on the CPU it is no case of its own
      if (!is_tried || !expert_matmuls(run.kernels, compute)[format]) continue;
      const Case c(compute, format, 4, 40, 256);
      const std::vector<std::int32_t> chosen{3, 0};
      const auto x = random_floats(c.k, 86), rows = random_floats(2 * c.k, 87);
      expect_same_bits(multiply(run, c, chosen, x, 2, true), multiply_alone(again, c, chosen, x, 2));
      expect_same_bits(multiply(run, c, chosen, rows, 1, true), multiply_alone(again, c, chosen, rows, 1));
      if (HasFailure()) FAIL() << to_string(compute) << " " << traits(format).name;
    }
  }
}

// More columns than a block of the stream kernel keeps.
TEST_P(ExpertMatmulTest, ASingleTokenOfManyColumns) {
  const Format format = run.compute() == Compute::kF32 ? Format::kF32 : Format::kQ8_0;
  const Case c(run.compute(), format, 2, 8, run.is_gpu() && !run.is_slow() ? 14336 + 32 : 64);
  const auto x = random_floats(c.k, 88);
  expect_same_bits(multiply(run, c, {1, 0}, x, 2, true), multiply_alone(again, c, {1, 0}, x, 2));
}

// Tiles of each size: some full, some not. Of the slots one of each expert is looked at, and the last.
TEST_P(ExpertMatmulTest, ManySlotsOfAnExpertHaveTheSameBits) {
  for (const std::int64_t tile_slots : kExpertTileSlots) {
    const std::int64_t experts = tile_slots == 16 ? 5 : 2, slots = tile_slots == 16 ? 58 : 90;
    EXPECT_EQ(expert_tile_slots(slots, experts), tile_slots);
    for (const Format format : {Format::kF32, Format::kQ4K, Format::kQ6K, Format::kQ8_0}) {
      if (!expert_matmuls(run.kernels, run.compute())[format] || (run.is_slow() && format == Format::kQ6K)) continue;
      const Case c(run.compute(), format, experts, 40, run.is_slow() ? 256 : 1280);
      std::vector<std::int32_t> chosen;
      for (std::int64_t s = 0; s < slots; ++s) {
        chosen.push_back(s % 11 == 3 ? 0 : static_cast<std::int32_t>(experts - 1));
      }
      const auto x = random_floats(slots * c.k, 89);
      const std::vector<float> all = multiply(run, c, chosen, x, 1);
      for (const std::int64_t slot : {std::int64_t{3}, std::int64_t{20}, slots - 1}) {
        const std::vector<float> row(x.begin() + slot * c.k, x.begin() + (slot + 1) * c.k);
        const auto own = all.begin() + slot * (c.n + 3);
        expect_same_bits(std::vector<float>(own, own + c.n + 3),
                         multiply_alone(again, c, {chosen[static_cast<std::size_t>(slot)]}, row, 1));
      }
      if (HasFailure()) FAIL() << traits(format).name << ", " << slots << " slots";
    }
  }
}

}  // namespace
}  // namespace hearth
