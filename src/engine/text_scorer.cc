#include "engine/text_scorer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"
#include "engine/planned_step.h"

namespace hearth {

void check_in_vocabulary(std::span<const std::int32_t> tokens, std::int64_t vocabulary) {
  for (const std::int32_t token : tokens) {
    if (token >= 0 && token < vocabulary) continue;
    throw InvalidInput(fmt::format("token {} is not in the vocabulary of {}", token, vocabulary));
  }
}

TextScorer::TextScorer(ForwardPass& pass, Stream& stream, bool share_prefixes)
    : pass_(pass),
      stream_(stream),
      share_prefixes_(share_prefixes),
      memory_(pass.arena(), pass.sequence_memory_shape()),
      scheduler_(scheduler_limits(pass)) {
  CHECK(pass.spec().has_logits && !pass.spec().looks_ahead());
  if (stream.device().is_cpu()) return;
  host_logits_.resize(static_cast<std::size_t>(pass.options().logit_rows_max * pass.spec().vocabulary));
}

void TextScorer::check(const ScoredText& text) const {
  const std::int64_t count = std::ssize(text.tokens), context = pass_.options().context;
  if (count > context) throw InvalidInput(fmt::format("{} tokens do not fit the context of {}", count, context));
  if (text.scored_from < 0 || text.scored_from >= count) {
    throw InvalidInput(fmt::format("a text of {} tokens has no position {}", count, text.scored_from));
  }
  check_in_vocabulary(text.tokens, pass_.spec().vocabulary);
}

bool TextScorer::run(std::span<const ScoredText> texts, const OnRows& on_rows) {
  for (const ScoredText& text : texts) check(text);
  for (std::size_t next = 0;;) {
    // Not all at once: the scheduler looks at everyone that waits.
    while (next < texts.size() && scheduler_.waiting_count() < scheduler_.limits().sequences_max) {
      const ScoredText& text = texts[next];
      scheduler_.add(
          {.id = next++, .prompt = text.tokens, .use_prefix_cache = share_prefixes_, .scored_from = text.scored_from});
    }
    const Scheduler::StepPlan plan = scheduler_.plan();
    if (plan.items.empty()) {
      CHECK(next == texts.size() && scheduler_.waiting_count() == 0);
      return true;
    }
    const float* const logits = run_planned_step(pass_, stream_, memory_, scheduler_, plan, batch_);
    const std::vector<Row> rows = rows_of(plan, on_host(logits, std::ssize(batch_.logit_rows())));
    const bool goes_on = on_rows(rows);
    commit(plan);
    if (!goes_on) return false;
  }
}

const float* TextScorer::on_host(const float* logits, std::int64_t row_count) {
  if (stream_.device().is_cpu()) return logits;
  stream_.download(host_logits_.data(), reinterpret_cast<const std::byte*>(logits),
                   row_count * pass_.spec().vocabulary * std::int64_t{sizeof(float)});
  stream_.synchronize();
  return host_logits_.data();
}

std::vector<TextScorer::Row> TextScorer::rows_of(const Scheduler::StepPlan& plan, const float* logits) const {
  const auto vocabulary = static_cast<std::size_t>(pass_.spec().vocabulary);
  std::vector<Row> rows;
  for (const Scheduler::Item& item : plan.items) {
    const std::int64_t end = item.first_position + item.token_count;
    for (std::int64_t position = end - item.row_count; position < end; ++position) {
      rows.push_back({static_cast<std::size_t>(item.id), position, {logits, vocabulary}});
      logits += vocabulary;
    }
  }
  return rows;
}

// Whoever has its last row is over: nothing is chosen after it.
void TextScorer::commit(const Scheduler::StepPlan& plan) {
  std::vector<Scheduler::SequenceId> ended;
  for (const Scheduler::Item& item : plan.items) {
    if (item.samples) ended.push_back(item.id);
  }
  const std::vector<std::int32_t> no_choices(ended.size(), 0);
  scheduler_.commit(plan, no_choices);
  for (const Scheduler::SequenceId id : ended) scheduler_.remove(id);
}

}  // namespace hearth
