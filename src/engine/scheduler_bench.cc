// What planning and committing a step costs the engine's thread with 256 running sequences; both together stay below
// 100 microseconds on one core.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "engine/scheduler.h"
#include "kv/paged_kv_cache.h"

namespace hearth {
namespace {

constexpr std::int64_t kSequences = 256, kPrompt = 128, kContext = 2048;

SchedulerLimits limits() {
  return {.step_tokens_max = 2048,
          .sequences_max = kSequences,
          .context = kContext,
          .block_count = kSequences * kv_block_count(kContext),
          .chunk_tokens_max = 0};
}

// Each with a prompt of its own.
void add(Scheduler& scheduler, Scheduler::SequenceId id) {
  std::vector<std::int32_t> prompt;
  for (std::int64_t i = 0; i < kPrompt; ++i) prompt.push_back(static_cast<std::int32_t>((id * 7919 + i * i) % 32000));
  scheduler.add({id, std::move(prompt)});
}

// One step; returns how many sequences were in it.
std::int64_t step(Scheduler& scheduler, std::vector<std::int32_t>& chosen) {
  const Scheduler::StepPlan plan = scheduler.plan();
  chosen.clear();
  for (const Scheduler::Item& item : plan.items) {
    if (item.samples) chosen.push_back(static_cast<std::int32_t>(item.first_position % 32000));
  }
  scheduler.commit(plan, chosen);
  return std::ssize(plan.items);
}

// All of them decode, at positions all over a block, so that each step fills some blocks.
void decode(benchmark::State& state) {
  std::vector<std::int32_t> chosen;
  Scheduler scheduler(limits());
  Scheduler::SequenceId next = 0;
  std::int64_t length = kContext;
  for (auto _ : state) {
    if (length == kContext) {
      state.PauseTiming();
      if (next > 0) {
        for (Scheduler::SequenceId id = next - kSequences; id < next; ++id) scheduler.remove(id);
      }
      for (std::int64_t i = 0; i < kSequences; ++i) {
        add(scheduler, next++);
        if (i % 8 == 7) step(scheduler, chosen);
      }
      while (scheduler.waiting_count() > 0) step(scheduler, chosen);
      step(scheduler, chosen);
      length = kPrompt + kSequences;  // more than any of them has
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(step(scheduler, chosen));
    ++length;
  }
}

// Sequences end and others take their place: one in each step, as with answers of 256 tokens.
void serve(benchmark::State& state) {
  std::vector<std::int32_t> chosen;
  Scheduler scheduler(limits());
  Scheduler::SequenceId next = 0;
  for (std::int64_t i = 0; i < kSequences; ++i) {
    add(scheduler, next++);
    step(scheduler, chosen);
  }
  for (auto _ : state) {
    scheduler.remove(next - kSequences);
    add(scheduler, next++);
    benchmark::DoNotOptimize(step(scheduler, chosen));
  }
}

// A thousand wait for the beginning that they share with a sequence whose prompt is being read.
void wait_for_prefix(benchmark::State& state) {
  constexpr std::int64_t kWaiting = 1000, kChunk = 16;
  SchedulerLimits chunked = limits();
  chunked.chunk_tokens_max = kChunk;
  std::vector<std::int32_t> chosen;
  Scheduler scheduler(chunked);
  Scheduler::SequenceId next = 0;
  std::int64_t length = kContext;
  for (auto _ : state) {
    if (length + kChunk >= kContext) {
      state.PauseTiming();
      for (std::int64_t i = 0; next > 0 && i <= kWaiting; ++i) scheduler.remove(next - 1 - i);
      for (std::int64_t i = 0; i <= kWaiting; ++i) {
        std::vector<std::int32_t> prompt(kContext, static_cast<std::int32_t>(next / (kWaiting + 1) % 32000));
        prompt.back() = static_cast<std::int32_t>(i);
        scheduler.add({next++, std::move(prompt)});
      }
      length = 0;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(step(scheduler, chosen));
    length += kChunk;
  }
}

BENCHMARK(decode)->Unit(benchmark::kMicrosecond);
BENCHMARK(serve)->Unit(benchmark::kMicrosecond);
BENCHMARK(wait_for_prefix)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hearth
