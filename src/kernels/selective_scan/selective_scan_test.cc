// Selective state spaces against their reference; and law 2: sequences whole, in chunks, token by token, alone and
// among others, with one thread and three, to the bit.
#include "kernels/selective_scan/selective_scan.h"

#include <limits>

#include "kernels/selective_scan/selective_scan_reference.h"
#include "kernels/state/step_case.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth {
namespace {

using namespace kernel_testing;

struct ScanShape {
  std::int64_t heads, head_dim, groups, state;
  bool a_of_states = false;
  bool has_bias = true, has_skip = true;
  float delta_min = 0, delta_max = std::numeric_limits<float>::infinity();
  std::int64_t padding = 0;

  std::int64_t inner() const { return heads * head_dim; }
  std::int64_t row() const { return inner() + 2 * groups * state + heads + padding; }
};

constexpr std::int32_t kSlots[] = {4, 0, 2};

struct ScanCase {
  ScanShape shape;
  std::vector<std::int32_t> lengths;
  std::vector<float> a, d, bias;
  std::vector<std::vector<float>> rows;  // of each sequence: x, b, c, dt

  ScanCase(const ScanShape& of, std::vector<std::int32_t> of_lengths) : shape(of), lengths(std::move(of_lengths)) {
    a = random_floats(shape.heads * (shape.a_of_states ? shape.state : 1), 1);
    for (float& value : a) value = -std::exp(value);
    d = random_floats(shape.heads, 2);
    bias = random_floats(shape.heads, 3);
    for (std::uint32_t s = 0; s < lengths.size(); ++s) rows.push_back(random_floats(lengths[s] * shape.row(), 10 + s));
  }

  // What the steps give for each sequence; `in_place`: where x stood.
  std::vector<std::vector<float>> run_steps(Runner& run, const std::vector<std::vector<StatePart>>& steps,
                                            bool in_place = false) const {
    const std::int64_t stride = (shape.inner() * shape.state + 15) / 16 * 16;
    std::vector<float> states(static_cast<std::size_t>(5 * stride), NAN);
    std::vector<std::vector<float>> result;
    for (const std::int32_t length : lengths) result.emplace_back(static_cast<std::size_t>(length * shape.inner()));
    for (const std::vector<StatePart>& parts : steps) {
      const StateStep step(parts);
      std::vector<float> x = step.rows(rows, shape.row());
      std::vector<float> out(in_place ? 0 : static_cast<std::size_t>(step.token_count() * shape.inner()), -7.0f);
      float* at = run.out(x);
      run.kernels.selective_scan(*run.stream, {.x = at,
                                               .x_stride = shape.row(),
                                               .b = at + shape.inner(),
                                               .c = at + shape.inner() + shape.groups * shape.state,
                                               .bc_stride = shape.row(),
                                               .dt = at + shape.inner() + 2 * shape.groups * shape.state,
                                               .dt_stride = shape.row(),
                                               .dt_bias = shape.has_bias ? run.in(bias) : nullptr,
                                               .a = run.in(a),
                                               .a_of_states = shape.a_of_states,
                                               .d = shape.has_skip ? run.in(d) : nullptr,
                                               .delta_min = shape.delta_min,
                                               .delta_max = shape.delta_max,
                                               .heads = shape.heads,
                                               .head_dim = shape.head_dim,
                                               .groups = shape.groups,
                                               .state_size = shape.state,
                                               .step = step.on(run),
                                               .states = {run.out(states), stride},
                                               .out = in_place ? at : run.out(out),
                                               .out_stride = in_place ? shape.row() : shape.inner()});
      run.finish();
      if (in_place) {
        for (std::int64_t t = 0; t < step.token_count(); ++t) {
          const auto row = x.begin() + t * shape.row();
          out.insert(out.end(), row, row + shape.inner());
        }
      }
      step.put_rows(out, shape.inner(), result);
    }
    for (const std::int64_t slot : {1, 3}) {
      for (std::int64_t i = 0; i < stride; ++i)
        EXPECT_TRUE(std::isnan(states[static_cast<std::size_t>(slot * stride + i)]));
    }
    return result;
  }

  // Of one row of a sequence: [tokens].
  std::vector<double> expected(std::size_t sequence, std::int64_t r) const {
    const std::int64_t head = r / shape.head_dim, group = head / (shape.heads / shape.groups);
    std::vector<reference::ScanToken> tokens;
    for (std::int32_t t = 0; t < lengths[sequence]; ++t) {
      const float* row = rows[sequence].data() + t * shape.row();
      const float* b = row + shape.inner() + group * shape.state;
      const float* c = b + shape.groups * shape.state;
      reference::ScanToken& token = tokens.emplace_back();
      token.x = row[r];
      token.dt = static_cast<double>(row[shape.inner() + 2 * shape.groups * shape.state + head]) +
                 (shape.has_bias ? static_cast<double>(bias[static_cast<std::size_t>(head)]) : 0);
      token.b.assign(b, b + shape.state);
      token.c.assign(c, c + shape.state);
    }
    const std::int64_t count = shape.a_of_states ? shape.state : 1;
    return reference::selective_scan(tokens, {a.begin() + head * count, a.begin() + (head + 1) * count},
                                     shape.has_skip ? d[static_cast<std::size_t>(head)] : 0, shape.delta_min,
                                     shape.delta_max);
  }
};

class SelectiveScanTest : public KernelTest {
 protected:
  void check(const ScanShape& shape) {
    SCOPED_TRACE(testing::Message() << shape.heads << " heads of " << shape.head_dim << ", " << shape.groups
                                    << " groups, state " << shape.state << (shape.a_of_states ? ", own decays" : ""));
    const ScanCase data(shape, {static_cast<std::int32_t>(run.tokens(70, 19)), 1, 5});
    const auto out = data.run_steps(run, whole_step(data.lengths, kSlots));
    for (std::size_t s = 0; s < out.size(); ++s) {
      for (std::int64_t r = 0; r < shape.inner(); ++r) {
        const auto expected = data.expected(s, r);
        std::vector<float> actual;
        for (std::size_t t = 0; t < expected.size(); ++t) {
          actual.push_back(out[s][t * static_cast<std::size_t>(shape.inner()) + static_cast<std::size_t>(r)]);
        }
        expect_close(actual, expected, 2e-5, 4e-5);
      }
    }
    expect_same(data.run_steps(again, chunked_steps(data.lengths, kSlots, 1)), out);
    expect_same(data.run_steps(again, chunked_steps(data.lengths, kSlots, 7)), out);
    expect_same(data.run_steps(again, chunked_steps(data.lengths, kSlots, 30), true), out);
  }

  static void expect_same(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t s = 0; s < a.size(); ++s) expect_same_bits(a[s], b[s]);
  }
};
HEARTH_INSTANTIATE_FOR_DEVICES(SelectiveScanTest);

TEST_P(SelectiveScanTest, HeadsOfManyRows) {
  check({.heads = 4, .head_dim = 16, .groups = 2, .state = 16});
  check({.heads = 3, .head_dim = 20, .groups = 1, .state = 128, .padding = 1});
  check({.heads = 2, .head_dim = 24, .groups = 2, .state = 60});
  check({.heads = 1, .head_dim = 9, .groups = 1, .state = 256});
}

TEST_P(SelectiveScanTest, DecaysOfTheirOwn) {
  check({.heads = 70, .head_dim = 1, .groups = 1, .state = 16, .a_of_states = true, .has_bias = false});
  check({.heads = 33, .head_dim = 1, .groups = 1, .state = 8, .a_of_states = true});
  check({.heads = 5, .head_dim = 1, .groups = 1, .state = 40, .a_of_states = true});
  check({.heads = 3, .head_dim = 2, .groups = 3, .state = 100, .a_of_states = true});
  check({.heads = 2, .head_dim = 3, .groups = 1, .state = 131, .a_of_states = true});
}

TEST_P(SelectiveScanTest, LimitsOfTheStep) {
  check({.heads = 3, .head_dim = 7, .groups = 3, .state = 5, .has_skip = false, .delta_min = 0.4f, .delta_max = 1.1f});
}

}  // namespace
}  // namespace hearth
