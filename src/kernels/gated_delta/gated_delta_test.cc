// The gated delta rule against its reference; and law 2: sequences whole, in chunks, token by token, alone and among
// others, with one thread and three, to the bit.
#include "kernels/gated_delta/gated_delta.h"

#include "kernels/gated_delta/gated_delta_reference.h"
#include "kernels/state/step_case.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

struct DeltaShape {
  std::int64_t k_heads, v_heads, k_dim, v_dim;
  bool channel_decay = false;
  KeyHeadOrder key_heads = KeyHeadOrder::kGrouped;
  std::int64_t padding = 0;  // elements between two rows

  std::int64_t row() const { return 2 * k_heads * k_dim + v_heads * v_dim + padding; }
  std::int64_t decay_row() const { return v_heads * (channel_decay ? k_dim : 1); }
  std::int64_t out_row() const { return v_heads * v_dim; }
};

constexpr float kEpsilon = 1e-6f, kScale = 0.3f;
constexpr std::int32_t kSlots[] = {4, 0, 2};

struct DeltaCase {
  DeltaShape shape;
  std::vector<std::int32_t> lengths;
  std::vector<float> rate, bias;
  std::vector<std::vector<float>> rows, decay, beta;  // of each sequence

  DeltaCase(const DeltaShape& of, std::vector<std::int32_t> of_lengths) : shape(of), lengths(std::move(of_lengths)) {
    rate = random_floats(shape.v_heads, 1);
    for (float& value : rate) value = -std::exp(value);
    bias = random_floats(shape.decay_row(), 2);
    for (std::uint32_t s = 0; s < lengths.size(); ++s) {
      rows.push_back(random_floats(lengths[s] * shape.row(), 10 + s));
      decay.push_back(random_floats(lengths[s] * shape.decay_row(), 20 + s, 2.0f));
      beta.push_back(random_floats(lengths[s] * shape.v_heads, 30 + s));
    }
  }

  // What the steps give for each sequence.
  std::vector<std::vector<float>> run_steps(Runner& run, const std::vector<std::vector<StatePart>>& steps) const {
    const std::int64_t stride = (gated_delta_state_size(shape.v_heads, shape.k_dim, shape.v_dim) + 15) / 16 * 16;
    std::vector<float> states(static_cast<std::size_t>(5 * stride), NAN);
    std::vector<std::vector<float>> result;
    for (const std::int32_t length : lengths) result.emplace_back(static_cast<std::size_t>(length * shape.out_row()));
    for (const std::vector<StatePart>& parts : steps) {
      const StateStep step(parts);
      const auto x = step.rows(rows, shape.row()), a = step.rows(decay, shape.decay_row()),
                 b = step.rows(beta, shape.v_heads);
      std::vector<float> out(static_cast<std::size_t>(step.token_count() * shape.out_row()), -7.0f);
      const float* q = run.in(x);
      run.kernels.gated_delta(*run.stream, {.q = q,
                                            .k = q + shape.k_heads * shape.k_dim,
                                            .v = q + 2 * shape.k_heads * shape.k_dim,
                                            .row_stride = shape.row(),
                                            .decay = run.in(a),
                                            .decay_stride = shape.decay_row(),
                                            .beta = run.in(b),
                                            .beta_stride = shape.v_heads,
                                            .rate = run.in(rate),
                                            .decay_bias = run.in(bias),
                                            .channel_decay = shape.channel_decay,
                                            .k_heads = shape.k_heads,
                                            .v_heads = shape.v_heads,
                                            .key_heads = shape.key_heads,
                                            .k_dim = shape.k_dim,
                                            .v_dim = shape.v_dim,
                                            .length_epsilon = kEpsilon,
                                            .scale = kScale,
                                            .step = step.on(run),
                                            .states = {run.out(states), stride},
                                            .out = run.out(out)});
      run.finish();
      step.put_rows(out, shape.out_row(), result);
    }
    // Slots of no sequence stay as they were.
    for (const std::int64_t slot : {1, 3}) {
      for (std::int64_t i = 0; i < stride; ++i)
        EXPECT_TRUE(std::isnan(states[static_cast<std::size_t>(slot * stride + i)]));
    }
    return result;
  }

  // Of one value head of a sequence: [tokens][v_dim].
  std::vector<std::vector<double>> expected(std::size_t sequence, std::int64_t head) const {
    const std::int64_t key_head =
        shape.key_heads == KeyHeadOrder::kGrouped ? head / (shape.v_heads / shape.k_heads) : head % shape.k_heads;
    std::vector<reference::DeltaToken> tokens;
    for (std::int32_t t = 0; t < lengths[sequence]; ++t) {
      const float* row = rows[sequence].data() + t * shape.row();
      const float* q = row + key_head * shape.k_dim;
      const float* k = q + shape.k_heads * shape.k_dim;
      const float* v = row + 2 * shape.k_heads * shape.k_dim + head * shape.v_dim;
      reference::DeltaToken& token = tokens.emplace_back();
      token.q.assign(q, q + shape.k_dim);
      token.k.assign(k, k + shape.k_dim);
      token.v.assign(v, v + shape.v_dim);
      const std::int64_t count = shape.channel_decay ? shape.k_dim : 1;
      for (std::int64_t i = head * count; i < (head + 1) * count; ++i) {
        token.decay.push_back(
            static_cast<double>(decay[sequence][static_cast<std::size_t>(t * shape.decay_row() + i)]) +
            static_cast<double>(bias[static_cast<std::size_t>(i)]));
      }
      token.beta = beta[sequence][static_cast<std::size_t>(t * shape.v_heads + head)];
    }
    return reference::gated_delta(tokens, rate[static_cast<std::size_t>(head)], kEpsilon, kScale);
  }
};

class GatedDeltaTest : public KernelTest {
 protected:
  void check(const DeltaShape& shape) {
    SCOPED_TRACE(testing::Message() << shape.k_heads << " key heads of " << shape.k_dim << ", " << shape.v_heads
                                    << " value heads of " << shape.v_dim << (shape.channel_decay ? ", channels" : ""));
    const auto few = static_cast<std::int32_t>(run.tokens(70, 19));
    const DeltaCase data(shape, {few, 1, 5});
    const auto out = data.run_steps(run, whole_step(data.lengths, kSlots));
    for (std::size_t s = 0; s < out.size(); ++s) {
      for (std::int64_t head = 0; head < shape.v_heads; ++head) {
        std::vector<double> expected;
        std::vector<float> actual;
        const auto rows = data.expected(s, head);
        for (std::size_t t = 0; t < rows.size(); ++t) {
          expected.insert(expected.end(), rows[t].begin(), rows[t].end());
          const auto at = out[s].begin() + static_cast<std::int64_t>(t) * shape.out_row() + head * shape.v_dim;
          actual.insert(actual.end(), at, at + shape.v_dim);
        }
        expect_close(actual, expected, 2e-5, 2e-5);
      }
    }
    for (const auto& steps : {chunked_steps(data.lengths, kSlots, 1), chunked_steps(data.lengths, kSlots, 7)}) {
      const auto again_out = data.run_steps(again, steps);
      for (std::size_t s = 0; s < out.size(); ++s) expect_same_bits(again_out[s], out[s]);
    }
  }
};
HEARTH_INSTANTIATE_FOR_DEVICES(GatedDeltaTest);

TEST_P(GatedDeltaTest, OneDecayForAHead) {
  check({2, 4, 16, 16});
  check({1, 3, 128, 40, false, KeyHeadOrder::kGrouped, 4});
  check({2, 2, 72, 33});
}

TEST_P(GatedDeltaTest, KeyHeadsInTurn) {
  check({2, 6, 24, 8, false, KeyHeadOrder::kTiled});
}

TEST_P(GatedDeltaTest, OddSizes) {
  check({1, 1, 5, 3, false, KeyHeadOrder::kGrouped, 1});
  check({1, 2, 130, 9});
}

TEST_P(GatedDeltaTest, DecaysOfChannels) {
  check({2, 2, 32, 32, true});
  check({1, 1, 100, 12, true});
  check({1, 1, 133, 7, true});
}

// A token that forgets nearly nothing, or all; whose beta is at its ends; whose key is zero.
TEST_P(GatedDeltaTest, Extremes) {
  DeltaCase data({1, 1, 16, 8}, {6, 1, 1});
  data.decay[0] = {-80.0f, 90.0f, 0.0f, -200.0f, 1e4f, 0.0f};
  data.beta[0] = {200.0f, -200.0f, 0.0f, 1e5f, 30.0f, -1e5f};
  std::fill_n(data.rows[0].begin() + 3 * data.shape.row() + 16, 16, 0.0f);
  const auto out = data.run_steps(run, whole_step(data.lengths, kSlots));
  std::vector<double> expected;
  for (const auto& row : data.expected(0, 0)) expected.insert(expected.end(), row.begin(), row.end());
  expect_close(out[0], expected, 2e-5, 2e-5);
}

}  // namespace
}  // namespace hearth
