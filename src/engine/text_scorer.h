// The logits of texts whose tokens are known, many texts at a time: for who measures how likely a model finds them.
// Steps are planned as an engine's are, with the cache shared by texts that begin alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/scheduler.h"
#include "model/forward_pass.h"

namespace hearth {

// A text whose logits are wanted from position `scored_from` on, which it has; those of positions before are not
// computed, and what comes before may be another text's.
struct ScoredText {
  std::vector<std::int32_t> tokens;
  std::int64_t scored_from = 0;
};

// Throws InvalidInput, naming a token that is none of so many.
void check_in_vocabulary(std::span<const std::int32_t> tokens, std::int64_t vocabulary);

class TextScorer {
 public:
  // The pass has logits, does not look ahead, is loaded, and outlives the scorer, which takes the memory of sequences
  // from its arena.
  // `share_prefixes`: what texts begin with is computed once where it is the same.
  TextScorer(ForwardPass& pass, Stream& stream, bool share_prefixes);

  // The logits, [vocabulary], after the token at `position`; the memory is reused by the next step.
  struct Row {
    std::size_t text;
    std::int64_t position;
    std::span<const float> logits;
  };
  // Hears of the rows of each step: of one text in the order of positions, each once. False stops. A row's bits depend
  // on its text up to it alone.
  using OnRows = std::function<bool(std::span<const Row>)>;
  // Returns false where it was stopped, with which the scorer is over. Throws InvalidInput for a text that does not fit
  // the context, and for tokens that are not in the vocabulary.
  bool run(std::span<const ScoredText> texts, const OnRows& on_rows);

  // Tokens that were not computed because another text had them, of all texts so far.
  std::int64_t shared_tokens() const { return scheduler_.counts().prefix_hit_tokens; }

 private:
  void check(const ScoredText& text) const;
  const float* on_host(const float* logits, std::int64_t row_count);
  std::vector<Row> rows_of(const Scheduler::StepPlan& plan, const float* logits) const;
  void commit(const Scheduler::StepPlan& plan);

  ForwardPass& pass_;
  Stream& stream_;
  bool share_prefixes_;
  SequenceMemory memory_;
  Scheduler scheduler_;
  Batch batch_;
  std::vector<float> host_logits_;  // where the device's memory is not the host's: of as many rows as a step has
};

}  // namespace hearth
