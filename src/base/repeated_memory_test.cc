// The range repeats its pattern, also where the last repetition is cut, and stays the same once it is distinct.
#include "base/repeated_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hearth {
namespace {

std::vector<std::byte> counting_pattern(std::size_t page_count) {
  std::vector<std::byte> pattern(page_count * RepeatedMemory::page_bytes());
  for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = static_cast<std::byte>(i * 7 + i / 256);
  return pattern;
}

void expect_repeats(const RepeatedMemory& memory, const std::vector<std::byte>& pattern) {
  const std::span<const std::byte> bytes = memory.bytes();
  for (std::size_t at = 0; at < bytes.size(); at += pattern.size()) {
    const std::size_t count = std::min(pattern.size(), bytes.size() - at);
    ASSERT_EQ(std::memcmp(bytes.data() + at, pattern.data(), count), 0) << "at byte " << at;
  }
}

// Of the range, in memory of its own: anonymous pages, which copies of a mapped page are. Of the range alone, because a
// sanitizer's shadow of it is anonymous memory of the process as well.
std::int64_t anonymous_kib(std::span<const std::byte> range) {
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(range.data()), end = begin + range.size();
  std::ifstream maps("/proc/self/smaps");
  std::int64_t kib = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) inside = from >= begin && from < end;
    if (inside && line.starts_with("Anonymous:")) kib += std::stol(line.substr(10));
  }
  return kib;
}

TEST(RepeatedMemory, RepeatsItsPattern) {
  const std::vector<std::byte> pattern = counting_pattern(3);
  for (const std::size_t bytes : {std::size_t{1}, pattern.size() - 1, pattern.size(), pattern.size() * 5 / 2}) {
    RepeatedMemory memory(pattern, bytes);
    ASSERT_EQ(memory.bytes().size(), bytes);
    expect_repeats(memory, pattern);
    memory.make_distinct();
    expect_repeats(memory, pattern);
  }
  EXPECT_TRUE(RepeatedMemory(pattern, 0).bytes().empty());
}

TEST(RepeatedMemory, TakesMemoryOnlyWhenDistinct) {
  const std::vector<std::byte> pattern = counting_pattern(16);
  constexpr std::int64_t kBytes = 16 << 20;
  RepeatedMemory memory(pattern, kBytes);
  expect_repeats(memory, pattern);
  EXPECT_LT(anonymous_kib(memory.bytes()), kBytes / 1024 / 4);
  memory.make_distinct();
  EXPECT_GE(anonymous_kib(memory.bytes()), kBytes / 1024 * 9 / 10);
}

TEST(RepeatedMemory, Moves) {
  const std::vector<std::byte> pattern = counting_pattern(1);
  RepeatedMemory memory(pattern, 100), moved = std::move(memory);
  EXPECT_EQ(moved.bytes().size(), 100u);
  expect_repeats(moved, pattern);
}

TEST(RepeatedMemory, ThePatternIsWholePages) {
  const std::vector<std::byte> pattern(100);
  EXPECT_DEATH(RepeatedMemory(pattern, 100), "broken invariant");
}

}  // namespace
}  // namespace hearth
