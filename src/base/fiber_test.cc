// A fiber's body pauses and goes on, on whichever thread; its exceptions reach who resumed it; one that is not finished
// is unwound.
#include "base/fiber.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace hearth {
namespace {

TEST(Fiber, GoesOnWhereItPaused) {
  std::string trace;
  std::unique_ptr<Fiber> fiber;
  fiber = std::make_unique<Fiber>([&] {
    for (const char c : std::string("abc")) {
      trace += c;
      fiber->pause();
    }
    trace += '.';
  });
  EXPECT_EQ(trace, "");
  for (int i = 0; i < 3; ++i) {
    fiber->resume();
    trace += '|';
    EXPECT_FALSE(fiber->done());
  }
  fiber->resume();
  EXPECT_TRUE(fiber->done());
  EXPECT_EQ(trace, "a|b|c|.");
}

TEST(Fiber, PassesOnWhatItsBodyThrows) {
  std::unique_ptr<Fiber> fiber;
  fiber = std::make_unique<Fiber>([&] {
    try {
      throw std::runtime_error("first");
    } catch (const std::runtime_error&) {
    }
    fiber->pause();
    throw std::runtime_error("second");
  });
  fiber->resume();
  std::string what;
  try {
    fiber->resume();
  } catch (const std::runtime_error& error) {
    what = error.what();
  }
  EXPECT_EQ(what, "second");
  EXPECT_TRUE(fiber->done());
}

struct Counted {
  explicit Counted(int& alive) : count(&alive) { ++alive; }
  ~Counted() { --*count; }
  int* count;
};

TEST(Fiber, IsUnwoundWhereItIsNotFinished) {
  int alive = 0;
  bool came_back = false;
  {
    std::unique_ptr<Fiber> fiber;
    fiber = std::make_unique<Fiber>([&] {
      const Counted outer(alive);
      const std::vector<std::string> texts(10, std::string(100, 'x'));
      const Counted inner(alive);
      fiber->pause();
      came_back = true;
    });
    fiber->resume();
    EXPECT_EQ(alive, 2);
    // Another exception may be on its way.
    try {
      const auto owner = std::move(fiber);
      throw std::runtime_error("outer");
    } catch (const std::runtime_error&) {
      EXPECT_EQ(alive, 0);
    }
  }
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(came_back);
  const Fiber never_begun([&] { came_back = true; });
  EXPECT_FALSE(came_back);
}

// Two fibers, resumed by many threads, each by one at a time.
TEST(Fiber, MovesBetweenThreads) {
  std::vector<std::unique_ptr<Fiber>> fibers(2);
  std::vector<int> sums(2, 0);
  constexpr int kRounds = 50;
  for (std::size_t i = 0; i < 2; ++i) {
    fibers[i] = std::make_unique<Fiber>([&, i] {
      for (int round = 1; round <= kRounds; ++round) {
        char local[256] = {};
        local[round] = 1;
        fibers[i]->pause();
        sums[i] += round * local[round];
      }
    });
  }
  for (int round = 0; round <= kRounds; ++round) {
    std::thread first([&] { fibers[0]->resume(); });
    std::thread second([&] { fibers[1]->resume(); });
    first.join();
    second.join();
  }
  EXPECT_TRUE(fibers[0]->done() && fibers[1]->done());
  EXPECT_EQ(sums, std::vector<int>(2, kRounds * (kRounds + 1) / 2));
}

int depth_reached(Fiber& fiber, int depth) {
  volatile char frame[1024];
  frame[0] = static_cast<char>(depth);
  if (depth == 0) fiber.pause();
  return depth == 0 ? 0 : 1 + depth_reached(fiber, depth - 1) + frame[1] * 0;
}

TEST(Fiber, HasAStackThatSuffices) {
  int reached = 0;
  std::unique_ptr<Fiber> fiber;
  fiber = std::make_unique<Fiber>([&] { reached = depth_reached(*fiber, 200); });
  fiber->resume();
  fiber->resume();
  EXPECT_EQ(reached, 200);
}

}  // namespace
}  // namespace hearth
