// Speculation: tokens that a sequence's next step computes although they have not been chosen yet. What is chosen does
// not depend on them (Scheduler, StepSampler); whether they are worth their time does, and is decided here: a request's
// drafts by how often those before were right, all requests' together by what tokens of a step were found to cost.
//
// Drafts come from the sequence itself, by n-gram lookup: what followed its last tokens where they stood before.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ngram_index.h"
#include "model/model_spec.h"

namespace hearth {

struct Speculation {
  enum class Mode : std::uint8_t { kOff, kNgram };
  static constexpr std::int64_t kDraftMax = 32;
  Mode mode = Mode::kOff;
  std::int64_t draft_max = 8;  // tokens drafted for one sequence in one step; at most kDraftMax
  bool adapts = true;          // false: as many as there are and find room, whatever they cost

  // Rows that drafted tokens take in one step of up to `sequences_max` sequences, at most: what is to be planned for.
  std::int64_t draft_rows_max(std::int64_t sequences_max) const;
};
// What the program does where nothing is said.
inline constexpr Speculation kSpeculationDefault{.mode = Speculation::Mode::kNgram};
// "off", "ngram". Throws InvalidInput, listing them.
Speculation::Mode parse_speculation(std::string_view name);
// For the user: what is drafted, "n-gram lookup, up to 8 tokens", or that nothing is, and why.
std::string speculation_text(const Speculation& speculation, const ModelSpec& spec);
// Why no tokens can be drafted for a model; empty: they can.
std::string speculation_obstacle(const ModelSpec& spec);

// One request's tokens, what may follow them, and how often that was right.
class Drafter {
 public:
  // A token of the sequence, in order.
  void push(std::int32_t token) { index_.push(token); }

  struct Draft {
    std::vector<std::int32_t> tokens;
    double probability = 0;  // that one of them is chosen if those before it were
  };
  // Up to `count_max` tokens that may follow; often none.
  Draft draft(std::int64_t count_max);
  // Of the last draft the step took `tried` tokens, and `accepted` of those were chosen.
  void judge(std::int64_t tried, std::int64_t accepted);

 private:
  // Drafts by the length of what they follow: longer ones are right more often.
  static constexpr std::array<std::int64_t, 4> kLengths = {2, 4, 8, 16};
  struct Record {
    double tried = 0, accepted = 0;  // tokens; older ones count less
  };
  NgramIndex index_;
  std::array<Record, kLengths.size()> records_;
  std::size_t last_kind_ = 0;  // of the last draft
};

// What a step of so many tokens takes, as it was measured. Kernels differ for numbers of tokens, so each number has a
// record of its own; one that was not measured for long counts less than what is assumed, and so is tried again.
class StepCosts {
 public:
  // Of a step that only decodes.
  void add(std::int64_t token_count, double seconds);
  double seconds(std::int64_t token_count) const;

 private:
  struct Record {
    double seconds = 0;
    std::int64_t count = 0, last_step = 0;
  };
  double assumed(std::int64_t token_count) const;
  double weight(const Record& record) const;

  std::map<std::int64_t, Record> records_;  // by the number of tokens, rounded up where there are many
  std::int64_t step_ = 0;
};

// How many tokens of each draft the next step takes: the likeliest first, and as many as make tokens come fastest.
// `sequence_count`: those that decode, with a draft or without.
std::vector<std::int64_t> share_drafts(std::span<const Drafter::Draft> drafts, std::int64_t sequence_count,
                                       const StepCosts& costs, std::int64_t rows_max);

}  // namespace hearth
