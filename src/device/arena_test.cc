// An arena's parts: where they start, that they do not meet, and that no more is handed out than was planned.
#include "device/arena.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

TEST(Arena, IsOneAllocationWithAlignedParts) {
  CpuDevice device(1);
  {
    Arena arena(device, Arena::part_bytes(1) + Arena::part_bytes(257) + Arena::part_bytes(0), "a test");
    EXPECT_EQ(arena.bytes(), 256 + 512);
    std::byte* const first = arena.take(1);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % Arena::kAlignmentBytes, 0u);
    EXPECT_EQ(arena.take(257), first + 256);
    EXPECT_EQ(arena.take(0), first + 256 + 512);
    EXPECT_EQ(arena.taken_bytes(), arena.bytes());
    EXPECT_TRUE(std::all_of(first, first + arena.bytes(), [](std::byte b) { return b == std::byte{0}; }));
    EXPECT_EQ(device.ledger().allocation_count, 1);
    EXPECT_EQ(device.ledger().allocated_bytes, 256 + 512);
  }
  EXPECT_EQ(device.ledger().allocated_bytes, 0);
}

TEST(Arena, PartsSurviveAMove) {
  CpuDevice device(1);
  Arena arena;
  EXPECT_EQ(arena.bytes(), 0);
  arena = Arena(device, 512, "a test");
  std::byte* const first = arena.take(100);
  Arena moved = std::move(arena);
  EXPECT_EQ(moved.take(100), first + 256);
}

TEST(Arena, NamesItsPurposeWhereThereIsNoRoom) {
  CpuDevice device(1);
  const std::int64_t bytes = std::int64_t{1} << 60;
  try {
    Arena(device, bytes, "weights and more");
    FAIL() << "an exbibyte was there";
  } catch (const OutOfMemory& error) {
    EXPECT_NE(std::string(error.what()).find("no room for 1152921504606846976 bytes of weights and more"),
              std::string::npos)
        << error.what();
  }
}

TEST(ArenaDeathTest, MoreThanWasPlannedEndsTheProgram) {
  CpuDevice device(1);
  Arena arena(device, 512, "a test");
  arena.take(257);
  EXPECT_DEATH(arena.take(1), "broken invariant");
}

}  // namespace
}  // namespace hearth
