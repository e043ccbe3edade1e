// `hearth bench --speculate`: how fast a sequence gets a given answer with drafts and without. The model computes every
// step of it, but what it would choose does not matter: the answer's tokens are taken as chosen, so that the numbers
// are those of real text whatever the model's weights are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/drafter.h"

namespace hearth {

struct BenchOptions;

struct SpeculationText {
  std::string name, prompt, answer;
};
// An edit of code, whose answer repeats most of the prompt, and prose that repeats nothing.
std::vector<SpeculationText> built_in_speculation_texts();
// A file's first half is the prompt. Throws InvalidInput where it is empty, and what reading it does.
SpeculationText speculation_text_of(const std::filesystem::path& file);

// One way through an answer.
struct SpeculationRun {
  std::int64_t steps = 0, drafted = 0, accepted = 0;
  double seconds = 0;  // from the answer's first token on
};
struct SpeculationResult {
  std::string name;
  std::int64_t prompt_tokens = 0, answer_tokens = 0;
  std::vector<SpeculationRun> plain, drafted;  // each repetition

  double tokens_per_second(const std::vector<SpeculationRun>& runs) const;  // the mean
  double times_plain() const { return tokens_per_second(drafted) / tokens_per_second(plain); }
};
// `json`: else a table.
std::string format_speculation(const std::vector<SpeculationResult>& results, bool json);

// On the first device of the options.
void bench_speculation(const BenchOptions& options);

}  // namespace hearth
