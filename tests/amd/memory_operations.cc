// Loads, stores and shared memory.
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>

#include "amd/operand.h"

namespace hearth::amd {
namespace {

std::byte* global(const Wave& wave, const Instruction& instruction, u64 address, std::size_t bytes, int lane) {
  if (!wave.memory->contains(address, bytes)) {
    fail(wave, instruction, "lane " + std::to_string(lane) + " touches memory that is not the device's");
  }
  return reinterpret_cast<std::byte*>(address);
}

std::byte* shared(const Wave& wave, const Instruction& instruction, u32 address, std::size_t bytes, int lane) {
  if (address > wave.shared->size() || bytes > wave.shared->size() - address) {
    fail(wave, instruction, "lane " + std::to_string(lane) + " touches shared memory beyond its block's");
  }
  return wave.shared->data() + address;
}

// A register's words to or from memory. Less than a word is extended with zeros.
void load(Wave& wave, const Operand& to, int lane, const std::byte* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4) {
    u32 word = 0;
    std::memcpy(&word, from + at, std::min<std::size_t>(4, bytes - at));
    wave.vector[to.index + at / 4][lane] = word;
  }
}
void store(const Wave& wave, const Operand& from, int lane, std::byte* to, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += 4) {
    const u32 word = wave.vector[from.index + at / 4][lane];
    std::memcpy(to + at, &word, std::min<std::size_t>(4, bytes - at));
  }
}

// The base is a pair of scalar registers and the lane's register an offset, or that is a pair itself ("off").
class GlobalAddress {
 public:
  GlobalAddress(const Wave& wave, const Instruction& instruction, const Operand& vector, const Operand& scalar)
      : is_pair_(scalar.kind == Operand::Kind::kNone),
        pair_(wave, vector),
        offset_(wave, vector),
        base_(static_cast<u64>(static_cast<std::int64_t>(instruction.offset[0]))) {
    if (!is_pair_) base_ += read<u64>(wave, scalar, 0);
  }
  u64 operator[](int lane) const { return base_ + (is_pair_ ? pair_[lane] : offset_[lane]); }

 private:
  bool is_pair_;
  Source<u64> pair_;
  Source<u32> offset_;
  u64 base_;
};

template <std::size_t kBytes>
void global_load(Wave& wave, const Instruction& instruction) {
  const auto& [to, vector, scalar] =
      std::tie(instruction.operands[0], instruction.operands[1], instruction.operands[2]);
  const GlobalAddress from(wave, instruction, vector, scalar);
  for_active_lanes(
      wave, [&](int lane) { load(wave, to, lane, global(wave, instruction, from[lane], kBytes, lane), kBytes); });
}

template <std::size_t kBytes>
void global_store(Wave& wave, const Instruction& instruction) {
  const auto& [vector, from, scalar] =
      std::tie(instruction.operands[0], instruction.operands[1], instruction.operands[2]);
  const GlobalAddress to(wave, instruction, vector, scalar);
  for_active_lanes(
      wave, [&](int lane) { store(wave, from, lane, global(wave, instruction, to[lane], kBytes, lane), kBytes); });
}

template <std::size_t kBytes>
void scalar_load(Wave& wave, const Instruction& instruction) {
  const Operand& to = instruction.operands[0];
  const Operand& offset = instruction.operands[2];
  u64 from =
      read<u64>(wave, instruction.operands[1], 0) + static_cast<u64>(static_cast<std::int64_t>(instruction.offset[0]));
  if (offset.kind == Operand::Kind::kConstant) from += offset.constant64;
  if (offset.kind == Operand::Kind::kScalar) from += read<u32>(wave, offset, 0);
  const std::byte* data = global(wave, instruction, from, kBytes, 0);
  for (std::size_t at = 0; at < kBytes; at += 4) {
    u32 word = 0;
    std::memcpy(&word, data + at, std::min<std::size_t>(4, kBytes - at));
    wave.scalar[to.index + at / 4] = word;
  }
}

template <std::size_t kBytes>
void shared_load(Wave& wave, const Instruction& instruction) {
  const Source<u32> from(wave, instruction.operands[1]);
  const auto offset = static_cast<u32>(instruction.offset[0]);
  for_active_lanes(wave, [&](int lane) {
    load(wave, instruction.operands[0], lane, shared(wave, instruction, from[lane] + offset, kBytes, lane), kBytes);
  });
}

template <std::size_t kBytes>
void shared_store(Wave& wave, const Instruction& instruction) {
  const Source<u32> to(wave, instruction.operands[0]);
  const auto offset = static_cast<u32>(instruction.offset[0]);
  for_active_lanes(wave, [&](int lane) {
    store(wave, instruction.operands[1], lane, shared(wave, instruction, to[lane] + offset, kBytes, lane), kBytes);
  });
}

// Two elements, at offsets in units of kStride bytes.
template <std::size_t kBytes, std::size_t kStride>
void shared_load_two(Wave& wave, const Instruction& instruction) {
  const Source<u32> address(wave, instruction.operands[1]);
  for_active_lanes(wave, [&](int lane) {
    const u32 from = address[lane];  // which the first load may overwrite
    Operand to = instruction.operands[0];
    for (const int offset : instruction.offset) {
      const u32 at = from + static_cast<u32>(kStride) * static_cast<u32>(offset);
      load(wave, to, lane, shared(wave, instruction, at, kBytes, lane), kBytes);
      to.index = static_cast<std::uint16_t>(to.index + kBytes / 4);
    }
  });
}

template <std::size_t kBytes, std::size_t kStride>
void shared_store_two(Wave& wave, const Instruction& instruction) {
  const Source<u32> to(wave, instruction.operands[0]);
  for_active_lanes(wave, [&](int lane) {
    for (std::size_t i = 0; i < 2; ++i) {
      const u32 at = to[lane] + static_cast<u32>(kStride) * static_cast<u32>(instruction.offset[i]);
      store(wave, instruction.operands[1 + i], lane, shared(wave, instruction, at, kBytes, lane), kBytes);
    }
  });
}

template <class T, bool kReturns>
void shared_add(Wave& wave, const Instruction& instruction) {
  const auto& address = instruction.operands[kReturns ? 1 : 0];
  const auto& data = instruction.operands[kReturns ? 2 : 1];
  for_active_lanes(wave, [&](int lane) {
    const u32 at = read<u32>(wave, address, lane) + static_cast<u32>(instruction.offset[0]);
    std::byte* place = shared(wave, instruction, at, sizeof(T), lane);
    T before;
    std::memcpy(&before, place, sizeof(T));
    const T after = before + read<T>(wave, data, lane);
    std::memcpy(place, &after, sizeof(T));
    if constexpr (kReturns) write(wave, instruction.operands[0], lane, before);
  });
}

// Each lane gets the value of the lane that its address names, four bytes a lane.
void permute_lanes(Wave& wave, const Instruction& instruction) {
  const auto lanes = static_cast<u32>(wave.program->wave_size);
  const u64 exec = wave.exec();
  const Source<u32> address(wave, instruction.operands[1]), data(wave, instruction.operands[2]);
  u32 values[kLanesMax] = {};
  for_active_lanes(wave, [&](int lane) { values[lane] = data[lane]; });
  for_active_lanes(wave, [&](int lane) {
    const u32 from = (address[lane] + static_cast<u32>(instruction.offset[0])) / 4 % lanes;
    if ((exec >> from & 1) == 0) fail(wave, instruction, "a shuffle reads a lane that is not active");
    write(wave, instruction.operands[0], lane, values[from]);
  });
}

}  // namespace

Operation memory_operation(std::string_view mnemonic) {
  static const OperationTable table{
      {"global_load_u8", global_load<1>},
      {"global_load_u16", global_load<2>},
      {"global_load_b32", global_load<4>},
      {"global_load_b64", global_load<8>},
      {"global_load_b96", global_load<12>},
      {"global_load_b128", global_load<16>},
      {"global_store_b8", global_store<1>},
      {"global_store_b16", global_store<2>},
      {"global_store_b32", global_store<4>},
      {"global_store_b64", global_store<8>},
      {"global_store_b96", global_store<12>},
      {"global_store_b128", global_store<16>},
      {"s_load_u8", scalar_load<1>},
      {"s_load_u16", scalar_load<2>},
      {"s_load_b32", scalar_load<4>},
      {"s_load_b64", scalar_load<8>},
      {"s_load_b96", scalar_load<12>},
      {"s_load_b128", scalar_load<16>},
      {"s_load_b256", scalar_load<32>},
      {"s_load_b512", scalar_load<64>},
      {"ds_load_u8", shared_load<1>},
      {"ds_load_u16", shared_load<2>},
      {"ds_load_b32", shared_load<4>},
      {"ds_load_b64", shared_load<8>},
      {"ds_load_b96", shared_load<12>},
      {"ds_load_b128", shared_load<16>},
      {"ds_store_b8", shared_store<1>},
      {"ds_store_b16", shared_store<2>},
      {"ds_store_b32", shared_store<4>},
      {"ds_store_b64", shared_store<8>},
      {"ds_store_b96", shared_store<12>},
      {"ds_store_b128", shared_store<16>},
      {"ds_load_2addr_b32", shared_load_two<4, 4>},
      {"ds_load_2addr_b64", shared_load_two<8, 8>},
      {"ds_load_2addr_stride64_b32", shared_load_two<4, 256>},
      {"ds_load_2addr_stride64_b64", shared_load_two<8, 512>},
      {"ds_store_2addr_b32", shared_store_two<4, 4>},
      {"ds_store_2addr_b64", shared_store_two<8, 8>},
      {"ds_store_2addr_stride64_b32", shared_store_two<4, 256>},
      {"ds_store_2addr_stride64_b64", shared_store_two<8, 512>},
      {"ds_add_u32", shared_add<u32, false>},
      {"ds_add_rtn_u32", shared_add<u32, true>},
      {"ds_add_u64", shared_add<u64, false>},
      {"ds_add_rtn_u64", shared_add<u64, true>},
      {"ds_bpermute_b32", permute_lanes},
  };
  return find(table, mnemonic);
}

}  // namespace hearth::amd
