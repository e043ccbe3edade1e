#include "amd/emulator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iterator>
#include <vector>

#include "amd/operand.h"
#include "base/check.h"

namespace hearth::amd {

void fail(const Wave& wave, const Instruction& instruction, const std::string& what) {
  std::fprintf(stderr, "%s, instruction %d, %s: %s\n", wave.program->kernel.c_str(), wave.next - 1,
               instruction.text.c_str(), what.c_str());
  std::abort();
}

namespace {

// Of kernel_code_properties, the scalar registers that are set before a kernel starts, in their order.
enum Property : unsigned { kPrivateSegmentBuffer, kDispatchPointer, kQueuePointer, kArgumentsPointer };
constexpr unsigned kOtherProperties = 0x70;  // none of Hearth's kernels has them

// The part of a dispatch packet that kernels read (HSA's "System Architecture Specification", 2.6).
struct alignas(64) Packet {
  std::uint16_t header, setup;
  std::uint16_t block_size[3], reserved;
  std::uint32_t grid_size[3];
};

// A launch's own memory, beside the device's.
class LaunchMemory : public Memory {
 public:
  LaunchMemory(const Memory& device, const Packet& packet, const std::vector<std::byte>& arguments)
      : device_(device), packet_(packet), arguments_(arguments) {}

  bool contains(std::uint64_t address, std::size_t bytes) const override {
    return is_in(&packet_, sizeof packet_, address, bytes) ||
           is_in(arguments_.data(), arguments_.size(), address, bytes) || device_.contains(address, bytes);
  }

 private:
  static bool is_in(const void* data, std::size_t size, std::uint64_t address, std::size_t bytes) {
    const auto begin = reinterpret_cast<std::uint64_t>(data);
    return address >= begin && address - begin <= size && bytes <= size - (address - begin);
  }

  const Memory& device_;
  const Packet& packet_;
  const std::vector<std::byte>& arguments_;
};

std::vector<std::byte> make_arguments(const Kernel& kernel, const unsigned (&grid)[3], const void* params) {
  std::vector<std::byte> arguments(kernel.arguments_bytes);
  std::memcpy(arguments.data(), params, kernel.params_bytes);
  const auto put = [&](const char* name, auto value) {
    const auto found = kernel.hidden.find(name);
    if (found != kernel.hidden.end()) std::memcpy(arguments.data() + found->second, &value, sizeof value);
  };
  const char axes[] = "xyz";
  for (int i = 0; i < 3; ++i) {
    const auto threads = static_cast<std::uint16_t>(i == 0 ? kernel.threads : 1);
    put((std::string("hidden_block_count_") + axes[i]).c_str(), grid[i]);
    put((std::string("hidden_group_size_") + axes[i]).c_str(), threads);
    put((std::string("hidden_remainder_") + axes[i]).c_str(), std::uint16_t{0});
  }
  put("hidden_grid_dims", std::uint16_t{3});
  return arguments;
}

// The registers of a block's first instruction.
void start(Wave& wave, const Kernel& kernel, const unsigned (&block)[3], int first_thread, const Packet& packet,
           const std::vector<std::byte>& arguments) {
  CHECK((kernel.properties & kOtherProperties) == 0);
  const int registers = wave.program->wave_size == 64 ? kVectorRegisters : kAccumulation;
  std::memset(&wave.vector, 0xff, static_cast<std::size_t>(registers) * sizeof wave.vector[0]);
  wave.scalar.fill(~0u);
  wave.scalar[kNull] = 0;
  wave.next = 0;
  wave.left = kInstructionsMax;
  wave.scc = false;
  wave.state = Wave::State::kRunning;
  int next = 0;
  if (kernel.properties >> kPrivateSegmentBuffer & 1) next += 4;
  if (kernel.properties >> kDispatchPointer & 1) {
    wave.set_scalar64(next, reinterpret_cast<std::uint64_t>(&packet));
    next += 2;
  }
  if (kernel.properties >> kQueuePointer & 1) next += 2;
  if (kernel.properties >> kArgumentsPointer & 1) {
    wave.set_scalar64(next, reinterpret_cast<std::uint64_t>(arguments.data()));
    next += 2;
  }
  if (wave.program->is_gfx12) {
    wave.scalar[kTrap + 9] = block[0];
    wave.scalar[kTrap + 7] = block[1] | block[2] << 16;
  } else {
    next = static_cast<int>(kernel.resources >> 1 & 31);
    for (int i = 0; i < 3; ++i) {
      if (kernel.resources >> (7 + i) & 1) wave.scalar[static_cast<std::size_t>(next++)] = block[i];
    }
  }
  const int lanes = std::min(wave.program->wave_size, kernel.threads - first_thread);
  for (int lane = 0; lane < lanes; ++lane) wave.vector[0][lane] = static_cast<std::uint32_t>(first_thread + lane);
  wave.scalar[kExec + 1] = 0;
  wave.set_mask(kExec, lanes == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << lanes) - 1);
}

// Both operations see the registers as they were before either.
void run_pair(Wave& wave, const Instruction& first) {
  std::uint32_t(&destination)[kLanesMax] = wave.vector[first.operands[0].index];
  std::uint32_t before[kLanesMax], after[kLanesMax];
  std::memcpy(before, destination, sizeof before);
  first.operation(wave, first);
  std::memcpy(after, destination, sizeof after);
  std::memcpy(destination, before, sizeof before);
  first.second->operation(wave, *first.second);
  std::memcpy(destination, after, sizeof after);
}

void run_to_barrier(Wave& wave, Counts& counts) {
  const std::vector<Instruction>& instructions = wave.program->instructions;
  while (wave.state == Wave::State::kRunning) {
    CHECK(wave.next >= 0 && static_cast<std::size_t>(wave.next) < instructions.size());
    const Instruction& instruction = instructions[static_cast<std::size_t>(wave.next++)];
    if (--wave.left < 0) fail(wave, instruction, "the wave does not end");
    ++counts[static_cast<std::size_t>(instruction.unit)];
    if (instruction.second == nullptr) {
      instruction.operation(wave, instruction);
    } else {
      run_pair(wave, instruction);
    }
  }
}

}  // namespace

Counts run_grid(const Kernel& kernel, const unsigned (&grid)[3], std::size_t dynamic_shared_bytes, const void* params,
                const Memory& memory) {
  Packet packet{};
  for (int i = 0; i < 3; ++i) {
    packet.block_size[i] = static_cast<std::uint16_t>(i == 0 ? kernel.threads : 1);
    packet.grid_size[i] = grid[i] * packet.block_size[i];
  }
  const std::vector<std::byte> arguments = make_arguments(kernel, grid, params);
  const LaunchMemory launch_memory(memory, packet, arguments);
  const Program& program = kernel.program;
  const int wave_count = (kernel.threads + program.wave_size - 1) / program.wave_size;
  std::vector<std::byte> shared(kernel.shared_bytes + dynamic_shared_bytes);
  // Kept between launches: their memory is most of what a small launch takes.
  static thread_local std::deque<Wave> waves;
  while (std::ssize(waves) < wave_count) waves.emplace_back();
  Counts counts{};
  bool ascending = true;
  for (unsigned z = 0; z < grid[2]; ++z) {
    for (unsigned y = 0; y < grid[1]; ++y) {
      for (unsigned x = 0; x < grid[0]; ++x, ascending = !ascending) {
        std::fill(shared.begin(), shared.end(), std::byte{0xff});
        for (int i = 0; i < wave_count; ++i) {
          waves[i].program = &program;
          waves[i].memory = &launch_memory;
          waves[i].shared = &shared;
          start(waves[i], kernel, {x, y, z}, i * program.wave_size, packet, arguments);
        }
        bool is_running = true;
        while (is_running) {
          is_running = false;
          for (int i = 0; i < wave_count; ++i) {
            Wave& wave = waves[ascending ? i : wave_count - 1 - i];
            run_to_barrier(wave, counts);
          }
          for (int i = 0; i < wave_count; ++i) {
            if (waves[i].state != Wave::State::kAtBarrier) continue;
            waves[i].state = Wave::State::kRunning;
            is_running = true;
          }
        }
      }
    }
  }
  return counts;
}

}  // namespace hearth::amd
