// Kernels for the executor's own test: each uses one thing that gpu.h promises, or breaks one of its rules.
#include "device/gpu/gpu.h"
#include "simt/executor_test_kernels.h"

namespace hearth::gpu {

HEARTH_KERNEL(test_indices, 64, TestParams) {
  const std::int64_t block = (static_cast<std::int64_t>(block_z()) * 3 + block_y()) * grid_x() + block_x();
  p.out[block * 64 + thread_index()] += static_cast<float>(block * 64 + thread_index());
}

struct TestShared {
  float value[128];
};

// What the thread on the other side of the block wrote before the barrier; twice, with a barrier between the two.
HEARTH_KERNEL(test_barrier, 128, TestParams) {
  HEARTH_SHARED(TestShared, shared);
  const int i = thread_index();
  for (int round = 0; round < 2; ++round) {
    shared.value[i] = p.in[block_x() * 128 + i] + static_cast<float>(round);
    block_sync();
    p.out[(block_x() * 2 + round) * 128 + i] = shared.value[127 - i];
    block_sync();
  }
}

HEARTH_KERNEL(test_missing_barrier, 128, TestParams) {
  HEARTH_SHARED(TestShared, shared);
  const int i = thread_index();
  shared.value[i] = p.in[i];
  p.out[block_x() * 128 + i] = shared.value[127 - i];
}

HEARTH_KERNEL(test_shared_pattern, 128, TestParams) {
  HEARTH_SHARED(TestShared, shared);
  const int i = thread_index();
  p.out[block_x() * 128 + i] = shared.value[i];
  shared.value[i] = 1;
}

HEARTH_KERNEL(test_beyond_shared, 64, TestParams) {
  HEARTH_SHARED(TestShared, shared);
  const int i = thread_index();
  shared.value[2 * i + 2] = p.in[i];
}

// A rotation, an exchange, a vote, a sum; the waves of a block take part in a different number of them.
HEARTH_KERNEL(test_wave, 128, TestParams) {
  const int i = thread_index(), lane = lane_index();
  const float mine = p.in[i];
  float rotated = mine;
  for (int round = 0; round <= wave_index(); ++round) rotated = shuffle(rotated, (lane + 1) % kWaveSize);
  const float exchanged = shuffle_xor(mine, 5);
  const std::uint64_t odd = ballot(i % 2 == 1 && i < 96);
  p.out[i] = rotated;
  p.out[128 + i] = exchanged;
  p.out[256 + i] = static_cast<float>(odd >> lane & 1);
  p.out[384 + i] = wave_sum(mine);
  p.out[512 + i] = wave_max(mine);
}

HEARTH_KERNEL(test_divergent_barrier, 128, TestParams) {
  if (thread_index() >= 100) return;
  block_sync();
}

HEARTH_KERNEL(test_divergent_wave, 64, TestParams) {
  if (lane_index() < 3) {
    p.out[0] = shuffle(1.0f, 0);
  } else {
    block_sync();
  }
}

HEARTH_KERNEL(test_disagreeing_wave, 64, TestParams) {
  if (lane_index() < 3) {
    p.out[0] = shuffle(1.0f, 0);
  } else {
    p.out[1] = static_cast<float>(ballot(true));
  }
}

// out [16, kTokens] = in [16, 16] * other [kTokens, 16] transposed + 1, each value by the lane that holds it.
HEARTH_KERNEL(test_mma, 64, TestMmaParams) {
  if (wave_index() > 0) return;
  const int lane = lane_index();
  Mma::A a;
  Mma::B b;
  Mma::C c;
  for (int j = 0; j < Mma::kQuadsPerLane; ++j) {
    const int k = 4 * Mma::quad(lane, j);
    for (int i = 0; i < Mma::kRowsPerLane; ++i) {
      a.quad[i][j] = load_streaming(reinterpret_cast<const Bytes8*>(p.a + Mma::a_row(lane, i) * 16 + k));
    }
    b.quad[j] = load_streaming(reinterpret_cast<const Bytes8*>(p.b + Mma::b_column(lane) * 16 + k));
  }
  for (int e = 0; e < Mma::kValues; ++e) c.value[e] = 1;
  Mma::multiply(c, a, b);
  for (int e = 0; e < Mma::kValues; ++e) p.out[Mma::c_row(lane, e) * 16 + Mma::c_column(lane, e)] = c.value[e];
  if (lane == 0) *p.column_count = Mma::kTokens;
}

HEARTH_KERNEL(test_many_switches, 256, TestParams) {
  float sum = p.in[thread_index()];
  for (int i = 0; i < 200; ++i) sum = shuffle_xor(sum, 1) + 1;
  p.out[thread_index()] = sum;
}

}  // namespace hearth::gpu
