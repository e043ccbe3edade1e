#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace hearth {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryTaskOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.thread_count(), GetParam());
  for (const std::int64_t count : {0, 1, 2, 7, 64, 1000, 65535}) {
    std::vector<int> calls(static_cast<std::size_t>(count));
    pool.run(count, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    EXPECT_EQ(std::count(calls.begin(), calls.end(), 1), count);
  }
}

TEST_P(ThreadPoolTest, ManySmallJobsInARow) {
  ThreadPool pool(GetParam());
  std::vector<std::int64_t> sums(8);
  for (int job = 0; job < 5000; ++job) {
    pool.run(8, [&](std::int64_t i) { sums[static_cast<std::size_t>(i)] += job; });
  }
  for (const std::int64_t sum : sums) EXPECT_EQ(sum, 5000 * 4999 / 2);
}

TEST_P(ThreadPoolTest, RangesCoverEverythingEvenWhenThereAreTooManyForOneJob) {
  ThreadPool pool(GetParam());
  std::vector<int> calls(200'001);
  pool.run_ranges(200'001, 1, [&](std::int64_t begin, std::int64_t end) {
    ASSERT_LT(begin, end);
    for (std::int64_t i = begin; i < end; ++i) ++calls[static_cast<std::size_t>(i)];
  });
  EXPECT_EQ(std::count(calls.begin(), calls.end(), 1), 200'001);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace hearth
