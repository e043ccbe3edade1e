// The imitated AMD GPU itself: what it does not know it refuses, what a kernel must not do ends the program, and its
// division is exact in the steps that the compiler makes of one.
#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <string>
#include <vector>

#include "amd/code_object.h"
#include "amd/emulator.h"
#include "base/error.h"

namespace hearth::amd {
namespace {

class NoMemory : public Memory {
 public:
  bool contains(std::uint64_t, std::size_t) const override { return false; }
};

// A wave of 32 with all lanes active, whose instructions are run one by one.
struct Machine {
  explicit Machine(int wave_size = 32) {
    program.wave_size = wave_size;
    wave->program = &program;
    wave->memory = &memory;
    wave->shared = &shared;
    wave->scalar.fill(0);
    wave->set_mask(kExec, wave_size == 64 ? ~std::uint64_t{0} : 0xffffffffu);
  }
  void run(std::string_view text) {
    const Instruction instruction = parse_instruction(text);
    instruction.operation(*wave, instruction);
  }
  void set(int index, float value) {
    for (std::uint32_t& lane : wave->vector[index]) lane = std::bit_cast<std::uint32_t>(value);
  }
  float value(int index, int lane = 0) const { return std::bit_cast<float>(wave->vector[index][lane]); }

  Program program;
  NoMemory memory;
  std::vector<std::byte> shared = std::vector<std::byte>(64);
  std::unique_ptr<Wave> wave = std::make_unique<Wave>();
};

TEST(AmdEmulatorTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(parse_instruction("v_dance_f32_e32 v0, v1"), DeviceError);
  EXPECT_THROW(parse_instruction("v_add_f32_e32 v0, x1, v2"), DeviceError);
  EXPECT_THROW(parse_instruction("v_add_f32_dpp v0, v1, v2 row_shr:1"), DeviceError);
  EXPECT_THROW(parse_instruction("v_add_f32_e64 v0, v1, v2 mul:2"), DeviceError);
}

TEST(AmdEmulatorTest, ModifiersAndConstants) {
  Machine machine;
  machine.set(1, -3.0f);
  machine.run("v_add_f32_e64 v0, |v1|, -v1");
  EXPECT_EQ(machine.value(0), 6.0f);
  machine.run("v_mul_f32_e32 v0, 0.5, v1");
  EXPECT_EQ(machine.value(0), -1.5f);
  machine.run("v_cvt_f64_f32_e32 v[4:5], v1");
  machine.run("v_add_f64 v[4:5], v[4:5], 0xc0080000");  // a literal is a double's upper half
  machine.run("v_cvt_f32_f64_e32 v0, v[4:5]");
  EXPECT_EQ(machine.value(0), -6.0f);
  machine.run("v_mov_b32_e32 v2, 0xffff8001");  // the lower half is a subnormal f16
  machine.run("v_cvt_f32_f16_e32 v0, v2");
  EXPECT_EQ(machine.value(0), -0x1p-24f);
  machine.run("v_cvt_f32_f16_e64 v0, -v2");
  EXPECT_EQ(machine.value(0), 0x1p-24f);
  machine.run("s_movk_i32 s3, 0xfffe");
  machine.run("s_mulk_i32 s3, 0x7");
  EXPECT_EQ(machine.wave->scalar[3], static_cast<std::uint32_t>(-14));
  machine.run("v_add_u32_sdwa v2, v1, v1 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1 src1_sel:BYTE_3");
  EXPECT_EQ(machine.wave->vector[2][0], 0xc040u + 0xc0u);
}

TEST(AmdEmulatorTest, OnlyActiveLanesAreWritten) {
  Machine machine(64);
  machine.set(0, 1.0f);
  machine.wave->set_scalar64(kExec, std::uint64_t{1} << 40);
  machine.run("v_mov_b32_e32 v0, 2.0");
  machine.run("v_cmp_eq_f32_e32 vcc, v0, v0");
  EXPECT_EQ(machine.value(0, 40), 2.0f);
  EXPECT_EQ(machine.value(0, 39), 1.0f);
  EXPECT_EQ(machine.wave->scalar64(kVcc), std::uint64_t{1} << 40);
}

TEST(AmdEmulatorTest, CarriesAcrossTwoRegisters) {
  Machine machine;
  for (int lane = 0; lane < 32; ++lane) {
    machine.wave->vector[0][lane] = 0xfffffff0u + static_cast<std::uint32_t>(lane);
    machine.wave->vector[1][lane] = 7;
  }
  machine.run("v_add_co_u32 v0, vcc_lo, v0, 8");
  machine.run("v_add_co_ci_u32_e32 v1, vcc_lo, 0, v1, vcc_lo");
  EXPECT_EQ(machine.wave->vector[1][7], 7u);
  EXPECT_EQ(machine.wave->vector[1][8], 8u);
}

// As the compiler divides: scaled operands, a reciprocal with two corrections, and the fix-up of what left the range.
float divide(float numerator, float denominator) {
  Machine machine;
  machine.set(1, numerator);
  machine.set(2, denominator);
  for (const char* text : {
           "v_div_scale_f32 v3, null, v2, v2, v1",
           "v_div_scale_f32 v4, vcc_lo, v1, v2, v1",
           "v_rcp_f32_e32 v5, v3",
           "v_fma_f32 v6, -v3, v5, 1.0",
           "v_fmac_f32_e32 v5, v6, v5",
           "v_mul_f32_e32 v6, v4, v5",
           "v_fma_f32 v7, -v3, v6, v4",
           "v_fmac_f32_e32 v6, v7, v5",
           "v_fma_f32 v3, -v3, v6, v4",
           "v_div_fmas_f32 v3, v3, v5, v6",
           "v_div_fixup_f32 v0, v3, v2, v1",
       }) {
    machine.run(text);
  }
  return machine.value(0);
}

TEST(AmdEmulatorTest, DivisionIsExact) {
  for (const float numerator : {1.0f, 3.0f, -7.0f, 1e-30f, 3e38f, 1e-42f, 0.0f}) {
    for (const float denominator : {3.0f, -7.0f, 1e-20f, 2e38f, 0x1p-126f, 1.5f}) {
      EXPECT_EQ(divide(numerator, denominator), numerator / denominator) << numerator << " / " << denominator;
    }
  }
}

TEST(AmdEmulatorDeathTest, WhatAKernelMustNotDoEndsTheProgram) {
  Machine machine;
  for (int lane = 0; lane < 32; ++lane) machine.wave->vector[0][lane] = machine.wave->vector[1][lane] = 61;
  EXPECT_DEATH(machine.run("global_load_b32 v2, v[0:1], off"), "memory that is not the device's");
  EXPECT_DEATH(machine.run("ds_load_b32 v2, v0"), "shared memory beyond its block's");
  for (int lane = 0; lane < 32; ++lane) machine.wave->vector[0][lane] = 0;
  machine.wave->scalar[kExec] = 2;
  EXPECT_DEATH(machine.run("ds_bpermute_b32 v2, v0, v1"), "a lane that is not active");
  machine.wave->scalar[kExec] = ~0u;
  machine.wave->vector[12][17] = 1;
  EXPECT_DEATH(machine.run("v_wmma_f32_16x16x16_bf16 v[16:23], v[8:15], v[8:15], 0"), "halves of the wave differ");
}

// A kernel of these instructions, whose branches go back to the first.
Kernel endless_kernel(std::initializer_list<const char*> texts) {
  Kernel kernel;
  kernel.program.kernel = "endless";
  kernel.threads = 32;
  for (const char* text : texts) kernel.program.instructions.push_back(parse_instruction(text));
  return kernel;
}

TEST(AmdEmulatorDeathTest, AWaveThatDoesNotEndEndsTheProgram) {
  const NoMemory memory;
  for (const Kernel& kernel : {endless_kernel({"s_branch"}), endless_kernel({"s_barrier", "s_branch"})}) {
    EXPECT_DEATH(run_grid(kernel, {1, 1, 1}, 0, nullptr, memory), "endless, instruction .*the wave does not end");
  }
}

}  // namespace
}  // namespace hearth::amd
