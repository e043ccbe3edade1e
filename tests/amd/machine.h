// The state of an imitated AMD GPU: a wave's registers, its block's shared memory, and an instruction as its operation
// sees it. The registers, names and what each instruction does are those of AMD's "RDNA3", "RDNA3.5", "RDNA4",
// "CDNA2" and "CDNA3 Instruction Set Architecture" documents.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::amd {

inline constexpr int kLanesMax = 64;
inline constexpr int kVectorRegisters = 512;  // CDNA's accumulation registers are the upper half
inline constexpr int kAccumulation = 256;

// Scalar registers by index: s0 to s105, and these.
enum ScalarRegister : std::uint16_t {
  kVcc = 106,  // and its upper half
  kTrap = 108,
  kNull = 124,  // reads as zero
  kM0 = 125,
  kExec = 126,  // and its upper half
  kScalarRegisters = 128
};

// Global memory that a kernel may touch. Anything else ends the program.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual bool contains(std::uint64_t address, std::size_t bytes) const = 0;
};

struct Wave;
struct Instruction;
using Operation = void (*)(Wave&, const Instruction&);

struct Operand {
  enum class Kind : std::uint8_t { kNone, kVector, kScalar, kConstant };
  Kind kind = Kind::kNone;
  std::uint16_t index = 0;  // of the first register
  // A constant as operands of each size see it.
  std::uint32_t constant32 = 0;
  std::uint64_t constant64 = 0, constant_f64 = 0;
  // Of a register's uppermost word: |x| keeps all but the sign, -x flips it.
  std::uint32_t keep = ~0u, flip = 0;
  // A part of the register (SDWA): its first bit, its size and whether it is signed.
  std::uint8_t part_shift = 0, part_bits = 32;
  bool part_signed = false;
};

// What an instruction keeps busy.
enum class Unit : std::uint8_t { kControl, kScalar, kVector, kMatrix, kGlobal, kShared };
inline constexpr std::size_t kUnits = 6;

// Instructions that waves have run, for each unit; a pair that is issued at once is one.
using Counts = std::array<std::int64_t, kUnits>;

struct Instruction {
  Operation operation = nullptr;
  Unit unit = Unit::kControl;
  std::array<Operand, 6> operands;
  int operand_count = 0;
  std::shared_ptr<const Instruction> second;  // of a pair that is issued at once
  int target = 0;                             // of a branch: an index
  std::array<int, 2> offset{};                // in bytes, or in elements where there are two
  bool clamp = false;
  // Of packed operations, a bit for each operand.
  std::uint8_t op_sel = 0, op_sel_hi = 0xff, neg_lo = 0, neg_hi = 0;
  std::string text;
};

// What all waves of a launch share.
struct Program {
  std::string kernel;
  std::vector<Instruction> instructions;
  int wave_size = 32;
  bool zeroes_high_halves = false;  // operations of 16 bits zero the upper half (gfx9), or leave it (later ones)
  bool is_gfx12 = false;
};

struct Wave {
  enum class State : std::uint8_t { kRunning, kAtBarrier, kEnded };
  const Program* program = nullptr;
  const Memory* memory = nullptr;
  std::vector<std::byte>* shared = nullptr;
  std::array<std::uint32_t, kScalarRegisters> scalar;
  bool scc = false;
  int next = 0;  // index of the next instruction
  std::int64_t left = 0;  // instructions that it may still run
  State state = State::kRunning;
  std::uint32_t vector[kVectorRegisters][kLanesMax];

  std::uint64_t scalar64(int index) const {
    return scalar[static_cast<std::size_t>(index)] | std::uint64_t{scalar[static_cast<std::size_t>(index) + 1]} << 32;
  }
  void set_scalar64(int index, std::uint64_t value) {
    scalar[static_cast<std::size_t>(index)] = static_cast<std::uint32_t>(value);
    scalar[static_cast<std::size_t>(index) + 1] = static_cast<std::uint32_t>(value >> 32);
  }
  // A bit for each lane. Waves of 32 have one register for it.
  std::uint64_t mask(int index) const {
    return program->wave_size == 64 ? scalar64(index) : scalar[static_cast<std::size_t>(index)];
  }
  void set_mask(int index, std::uint64_t value) {
    if (program->wave_size == 64) {
      set_scalar64(index, value);
    } else {
      scalar[static_cast<std::size_t>(index)] = static_cast<std::uint32_t>(value);
    }
  }
  std::uint64_t exec() const { return mask(kExec); }
};

// Says what went wrong at this instruction and ends the program.
[[noreturn]] void fail(const Wave& wave, const Instruction& instruction, const std::string& what);

// The operation of a mnemonic without its encoding's suffix ("v_add_f32"), or null. Control operations have no operands
// but a branch's target.
Operation control_operation(std::string_view mnemonic);
Operation vector_operation(std::string_view mnemonic);
Operation scalar_operation(std::string_view mnemonic);
Operation memory_operation(std::string_view mnemonic);

}  // namespace hearth::amd
