// Decoding and encoding speed of every format, on data that fits the second-level cache: bytes of blocks per second.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/format.h"

namespace hearth {
namespace {

constexpr std::int64_t kElements = 64 * 1024;

std::vector<std::byte> sample_blocks(const FormatTraits& format) {
  std::vector<std::byte> blocks(static_cast<std::size_t>(format_bytes(format.format, kElements)));
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<std::byte>(i * 37 % 61);  // finite scales
  return blocks;
}

void decode_f32(benchmark::State& state, const FormatTraits& format) {
  const std::vector<std::byte> blocks = sample_blocks(format);
  std::vector<float> out(kElements);
  for (auto _ : state) {
    format.decode_f32(blocks.data(), out.data(), kElements);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(blocks));
}

void decode_bf16(benchmark::State& state, const FormatTraits& format) {
  const std::vector<std::byte> blocks = sample_blocks(format);
  std::vector<std::uint16_t> out(kElements);
  for (auto _ : state) {
    format.decode_bf16(blocks.data(), out.data(), kElements);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(blocks));
}

void decode_int8(benchmark::State& state, const FormatTraits& format) {
  const std::vector<std::byte> blocks = sample_blocks(format);
  std::vector<std::int8_t> q(kElements);
  std::vector<float> scale(kElements / kInt8GroupElements), min(kElements / kInt8GroupElements);
  for (auto _ : state) {
    format.decode_int8(blocks.data(), q.data(), scale.data(), min.data(), kElements);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(blocks));
}

void encode(benchmark::State& state, const FormatTraits& format) {
  std::vector<float> in(kElements);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = std::sin(static_cast<float>(i));
  std::vector<std::byte> blocks(static_cast<std::size_t>(format_bytes(format.format, kElements)));
  for (auto _ : state) {
    format.encode(in.data(), blocks.data(), kElements);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * std::ssize(blocks));
}

const bool kRegistered = [] {
  for (const FormatTraits& format : all_formats()) {
    const auto add = [&](const char* what, auto function) {
      benchmark::RegisterBenchmark((std::string(what) + "/" + std::string(format.name)).c_str(), function, format);
    };
    add("decode_f32", decode_f32);
    add("decode_bf16", decode_bf16);
    if (format.decode_int8 != nullptr) add("decode_int8", decode_int8);
    if (format.encode != nullptr) add("encode", encode);
  }
  return true;
}();

}  // namespace
}  // namespace hearth
