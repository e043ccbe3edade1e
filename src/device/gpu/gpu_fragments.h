// How the matrix unit of each GPU spreads its fragments over a wave; gpu.h says what the names mean. Written once for
// the GPU's own compiler and for the host, which imitates it; HEARTH_DEVICE is defined before this is included.
#pragma once

namespace hearth::gpu {

// mma.sync m16n8k16.
struct NvidiaFragments {
  static constexpr int kTokens = 8, kRowsPerLane = 2, kQuadsPerLane = 1, kValues = 4;
  static constexpr bool kHalvesRepeat = false;
  HEARTH_DEVICE static int a_row(int lane, int i) { return lane / 4 + 8 * i; }
  HEARTH_DEVICE static int b_column(int lane) { return lane / 4; }
  HEARTH_DEVICE static int quad(int lane, int) { return lane % 4; }
  HEARTH_DEVICE static int c_row(int lane, int e) { return lane / 4 + 8 * (e / 2); }
  HEARTH_DEVICE static int c_column(int lane, int e) { return 2 * (lane % 4) + e % 2; }
};

struct AmdFragments {
  static constexpr int kTokens = 16, kRowsPerLane = 1;
  HEARTH_DEVICE static int a_row(int lane, int) { return lane % 16; }
  HEARTH_DEVICE static int b_column(int lane) { return lane % 16; }
  HEARTH_DEVICE static int c_column(int lane, int) { return lane % 16; }
};

// WMMA of RDNA3: both half-waves hold all of A and B.
struct Gfx11Fragments : AmdFragments {
  static constexpr int kQuadsPerLane = 4, kValues = 8;
  static constexpr bool kHalvesRepeat = true;
  HEARTH_DEVICE static int quad(int, int j) { return j; }
  HEARTH_DEVICE static int c_row(int lane, int e) { return 2 * e + lane / 16; }
};

// WMMA of RDNA4.
struct Gfx12Fragments : AmdFragments {
  static constexpr int kQuadsPerLane = 2, kValues = 8;
  static constexpr bool kHalvesRepeat = false;
  HEARTH_DEVICE static int quad(int lane, int j) { return 2 * (lane / 16) + j; }
  HEARTH_DEVICE static int c_row(int lane, int e) { return e + 8 * (lane / 16); }
};

// MFMA of CDNA.
struct Gfx9Fragments : AmdFragments {
  static constexpr int kQuadsPerLane = 1, kValues = 4;
  static constexpr bool kHalvesRepeat = false;
  HEARTH_DEVICE static int quad(int lane, int) { return lane / 16; }
  HEARTH_DEVICE static int c_row(int lane, int e) { return 4 * (lane / 16) + e; }
};

}  // namespace hearth::gpu
