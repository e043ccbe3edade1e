// One grammar for one source, whoever asks for it and when.
#include "grammar/grammar_cache.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/error.h"

namespace hearth {
namespace {

TEST(GrammarCache, WhoAsksAtTheSameTimeGetsTheSame) {
  GrammarCache cache;
  const GrammarSource source{GrammarSource::Kind::kRegex, "([a-z]{1,50} ){1,20}"};
  std::vector<std::shared_ptr<const Grammar>> grammars(6);
  std::vector<std::thread> threads;
  for (auto& grammar : grammars) threads.emplace_back([&] { grammar = cache.compiled(source); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& grammar : grammars) EXPECT_EQ(grammar, grammars[0]);
  EXPECT_EQ(cache.compiled(source), grammars[0]);
  EXPECT_NE(cache.compiled({GrammarSource::Kind::kRegex, "a"}), grammars[0]);
}

TEST(GrammarCache, WhatIsRefusedIsRefusedAgain) {
  GrammarCache cache;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(cache.compiled({GrammarSource::Kind::kRegex, "(a"}), Error);
  }
}

TEST(GrammarCache, TheLastUsedAreKept) {
  GrammarCache cache;
  const GrammarSource first{GrammarSource::Kind::kChoices, R"(["a"])"};
  const auto kept = cache.compiled(first);
  for (int i = 0; i < 20; ++i) {
    cache.compiled({GrammarSource::Kind::kChoices, "[\"" + std::to_string(i) + "\"]"});
    EXPECT_EQ(cache.compiled(first), kept);
  }
  for (int i = 0; i < 40; ++i) cache.compiled({GrammarSource::Kind::kChoices, "[\"b" + std::to_string(i) + "\"]"});
  EXPECT_NE(cache.compiled(first), kept);
}

}  // namespace
}  // namespace hearth
