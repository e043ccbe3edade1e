#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/generation.h"
#include "engine/planned_step.h"
#include "engine/step_sampler.h"

namespace hearth {
namespace {

SchedulerLimits limits_of(const ForwardPass& pass, const EngineOptions& options) {
  SchedulerLimits limits = scheduler_limits(pass);
  limits.chunk_tokens_max = options.chunk_tokens_max;
  limits.checkpoint_tokens = options.checkpoint_tokens;
  return limits;
}

}  // namespace

PreparedRequest::PreparedRequest(std::unique_ptr<Generation> generation) : generation_(std::move(generation)) {}
PreparedRequest::~PreparedRequest() = default;
PreparedRequest::PreparedRequest(PreparedRequest&&) noexcept = default;
PreparedRequest& PreparedRequest::operator=(PreparedRequest&&) noexcept = default;

const Request& PreparedRequest::request() const {
  return generation_->request();
}

class Engine::Impl {
 public:
  Impl(ForwardPass& pass, Stream& stream, const Tokenizer& tokenizer, const EngineOptions& options)
      : pass_(pass),
        stream_(stream),
        tokenizer_(tokenizer),
        options_(options),
        memory_(pass.arena(), pass.sequence_memory_shape()),
        sampler_(pass, tokenizer),
        scheduler_(limits_of(pass, options)) {
    pass.record_decode_steps(stream, memory_);
    drafts_.possible = drafts();
    update_stats();
  }

  PreparedRequest prepare(Request request) const;
  void submit(PreparedRequest&& prepared, std::shared_ptr<EventSink> sink);
  void cancel(std::string_view id);
  void run();
  void set_state(int state);
  const SchedulerLimits& limits() const { return scheduler_.limits(); }
  EngineStats stats() const;
  Ledger ledger() const;
  void on_step(std::function<void(const StepRecord&)> observer) { observer_ = std::move(observer); }

  static constexpr int kServing = 0, kDraining = 1, kStopped = 2;

 private:
  using SequenceId = Scheduler::SequenceId;
  struct Submission {
    std::unique_ptr<Generation> generation;
    std::shared_ptr<EventSink> sink;
  };

  void validate(const Request& request) const;
  std::shared_ptr<const GrammarVocabulary> grammar_tokens() const;
  bool take_messages();
  void admit_submissions(std::vector<Submission> submissions);
  void end(SequenceId id, FinishReason reason, std::string error = {});
  void end_all(FinishReason reason, const std::string& error);
  bool end_overdue();
  void deliver();
  void step();
  bool drafts() const {
    return options_.speculation.mode != Speculation::Mode::kOff && pass_.options().draft_rows_max > 0;
  }
  void draft();
  void launch(const Scheduler::StepPlan& plan);
  void take_scores(const Scheduler::StepPlan& plan);
  void take_embeddings(const Scheduler::StepPlan& plan);
  std::vector<StepSampler::Choice> choose(const Scheduler::StepPlan& plan);
  void commit(const Scheduler::StepPlan& plan, std::vector<StepSampler::Choice> choices);
  std::optional<FinishReason> accept(const Scheduler::Item& item, std::span<StepSampler::Choice> choices,
                                     EngineClock::time_point now);
  void note_step(const Scheduler::StepPlan& plan, EngineClock::time_point start);
  void update_stats();

  ForwardPass& pass_;
  Stream& stream_;
  const Tokenizer& tokenizer_;
  EngineOptions options_;
  SequenceMemory memory_;
  StepSampler sampler_;
  Scheduler scheduler_;
  Batch batch_;
  float* logits_ = nullptr;
  Generation& generation(SequenceId id) { return *generations_.at(id); }

  std::map<SequenceId, std::unique_ptr<Generation>> generations_;
  std::unordered_map<std::string, SequenceId> ids_;
  std::vector<SequenceId> undelivered_;  // accepted a token in the last step and go on
  std::vector<SequenceId> stopped_;      // a stop text was found while the next step was under way
  SequenceId next_id_ = 0;
  double scheduling_seconds_ = 0;
  std::int64_t prompt_tokens_ = 0, generated_tokens_ = 0;
  StepCosts costs_;
  EngineStats::Drafts drafts_;
  std::function<void(const StepRecord&)> observer_;
  TokenMaskPool masks_;
  mutable std::mutex vocabulary_mutex_;
  mutable std::shared_ptr<const GrammarVocabulary> vocabulary_;

  mutable std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::vector<Submission> submissions_;
  std::vector<std::string> cancellations_;
  std::int64_t live_count_ = 0;  // submitted and not ended
  int state_ = kServing;
  EngineStats stats_;
  Ledger ledger_;
};

void Engine::Impl::validate(const Request& request) const {
  const std::int64_t vocabulary = pass_.spec().vocabulary;
  if (!request.embed && !pass_.spec().has_logits) {
    throw InvalidInput(fmt::format("the model ({}) makes vectors of texts and no text: it has embeddings alone",
                                   pass_.spec().architecture));
  }
  if (request.prompt.empty()) throw InvalidInput("the prompt is empty");
  for (const TokenId id : request.prompt) {
    if (id < 0 || id >= vocabulary) {
      throw InvalidInput(fmt::format("token {} is not in the vocabulary of {}", id, vocabulary));
    }
  }
  if (std::ssize(request.prompt) > limits().context)
    throw ContextExceeded(std::ssize(request.prompt), limits().context);
  for (const std::string& stop : request.stop) {
    if (stop.empty()) throw InvalidInput("a stop text is empty");
  }
  if (request.logprobs_of_prompt && !request.logprob_count) {
    throw InvalidInput("the prompt's log-probabilities were asked for, and of how many tokens was not said");
  }
  if (request.logprob_count && (*request.logprob_count < 0 || *request.logprob_count > vocabulary)) {
    throw InvalidInput(fmt::format("log-probabilities of {} tokens were asked for; the vocabulary has {}",
                                   *request.logprob_count, vocabulary));
  }
  hearth::validate(request.sampling, static_cast<std::int32_t>(vocabulary));
}

// Made when a request first needs it.
std::shared_ptr<const GrammarVocabulary> Engine::Impl::grammar_tokens() const {
  const std::lock_guard lock(vocabulary_mutex_);
  if (!vocabulary_) vocabulary_ = grammar_vocabulary(tokenizer_, pass_.spec().vocabulary);
  return vocabulary_;
}

PreparedRequest Engine::Impl::prepare(Request request) const {
  validate(request);
  Generation::Options options{.context = limits().context, .drafts = drafts(), .vocabulary = nullptr};
  if (GrammarFollower::is_needed(request)) options.vocabulary = grammar_tokens();
  return PreparedRequest(std::make_unique<Generation>(std::move(request), sampler_, tokenizer_, std::move(options)));
}

void Engine::Impl::submit(PreparedRequest&& prepared, std::shared_ptr<EventSink> sink) {
  const std::lock_guard lock(mutex_);
  if (state_ != kServing) throw QueueFull("the engine takes no new requests: it is about to stop");
  if (live_count_ >= options_.queue_max) {
    throw QueueFull(fmt::format("{} requests run or wait, as many as the queue takes", live_count_));
  }
  ++live_count_;
  prepared.generation_->timeline().submitted = EngineClock::now();
  submissions_.push_back({std::move(prepared.generation_), std::move(sink)});
  changed_.notify_one();
}

void Engine::Impl::cancel(std::string_view id) {
  const std::lock_guard lock(mutex_);
  cancellations_.emplace_back(id);
  changed_.notify_one();
}

void Engine::Impl::set_state(int state) {
  const std::lock_guard lock(mutex_);
  state_ = std::max(state_, state);
  changed_.notify_one();
}

void Engine::Impl::run() {
  try {
    while (take_messages()) step();
  } catch (const std::exception& error) {
    set_state(kStopped);
    end_all(FinishReason::kFailed, error.what());
    throw;
  }
  end_all(FinishReason::kCancelled, "");
}

// Waits until there is something to do; false: it is over.
bool Engine::Impl::take_messages() {
  std::vector<Submission> submissions;
  std::vector<std::string> cancellations;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] {
      return !generations_.empty() || !submissions_.empty() || !cancellations_.empty() || state_ == kStopped ||
             (state_ == kDraining && live_count_ == 0);
    });
    if (state_ == kStopped || (state_ == kDraining && live_count_ == 0)) return false;
    submissions.swap(submissions_);
    cancellations.swap(cancellations_);
  }
  bool changed = !submissions.empty() || !cancellations.empty();
  admit_submissions(std::move(submissions));
  for (const std::string& id : cancellations) {
    if (const auto found = ids_.find(id); found != ids_.end()) end(found->second, FinishReason::kCancelled);
  }
  changed = end_overdue() || changed;
  if (changed) update_stats();
  return true;
}

void Engine::Impl::admit_submissions(std::vector<Submission> submissions) {
  for (Submission& submission : submissions) {
    const SequenceId id = next_id_++;
    const Request& request = submission.generation->request();
    const bool pools_all = request.embed && options_.embedding.pooling != Pooling::kLast;
    scheduler_.add({id, request.prompt, request.priority, request.use_prefix_cache && !pass_.spec().looks_ahead(),
                    request.logprobs_of_prompt || pools_all ? 0 : Scheduler::kLastAlone});
    ids_.insert_or_assign(request.id, id);
    submission.generation->open(std::move(submission.sink));
    submission.generation->share_masks(masks_);
    const bool is_new = generations_.try_emplace(id, std::move(submission.generation)).second;
    CHECK(is_new);
  }
}

// Not while a step is under way. The snapshot follows when all that end together have.
void Engine::Impl::end(SequenceId id, FinishReason reason, std::string error) {
  const auto place = generations_.find(id);
  CHECK(place != generations_.end());
  Generation& generation = *place->second;
  generation.end(reason, std::move(error));
  scheduler_.remove(id);
  std::erase(undelivered_, id);
  if (const auto found = ids_.find(generation.request().id); found != ids_.end() && found->second == id) {
    ids_.erase(found);
  }
  generations_.erase(place);
  const std::lock_guard lock(mutex_);
  --live_count_;
}

void Engine::Impl::end_all(FinishReason reason, const std::string& error) {
  for (auto& [id, generation] : generations_) generation->end(reason, error);
  generations_.clear();
  ids_.clear();
  std::vector<Submission> submissions;
  {
    const std::lock_guard lock(mutex_);
    submissions.swap(submissions_);
    live_count_ = 0;
  }
  for (Submission& submission : submissions) {
    submission.generation->open(std::move(submission.sink));
    submission.generation->end(reason, error);
  }
}

// Whether there were any.
bool Engine::Impl::end_overdue() {
  const auto now = EngineClock::now();
  std::vector<SequenceId> overdue;
  for (const auto& [id, generation] : generations_) {
    const auto& deadline = generation->request().deadline;
    if (deadline && *deadline <= now) overdue.push_back(id);
  }
  for (const SequenceId id : overdue) end(id, FinishReason::kDeadline);
  return !overdue.empty();
}

// Text and events of the last step's tokens: work that the device need not wait for.
void Engine::Impl::deliver() {
  for (const SequenceId id : undelivered_) {
    if (generation(id).deliver()) stopped_.push_back(id);
  }
  undelivered_.clear();
}

void Engine::Impl::step() {
  const auto start = EngineClock::now();
  if (drafts()) draft();
  const Scheduler::StepPlan plan = scheduler_.plan();
  scheduling_seconds_ += seconds_between(start, EngineClock::now());
  if (plan.items.empty()) {
    // Whoever waits is admitted when nobody runs: a plan is empty only where nobody waits.
    CHECK(generations_.empty());
    return;
  }
  for (const SequenceId id : plan.admitted) {
    Generation& generation = this->generation(id);
    if (!reached(generation.timeline().admitted)) {
      generation.timeline().admitted = start;
      generation.usage().cached_tokens = scheduler_.cached_tokens(id);
    }
  }
  for (const SequenceId id : plan.preempted) ++generation(id).timeline().preemption_count;
  launch(plan);
  deliver();
  commit(plan, choose(plan));
  note_step(plan, start);
}

// Of the sequences that decode in the next step: those that a token was accepted for in the last.
void Engine::Impl::draft() {
  std::vector<SequenceId> ids;
  std::vector<Drafter::Draft> drafts;
  for (const SequenceId id : undelivered_) {
    Drafter::Draft draft = generation(id).draft(options_.speculation.draft_max);
    if (draft.tokens.empty()) continue;
    ids.push_back(id);
    drafts.push_back(std::move(draft));
  }
  const std::vector<std::int64_t> counts =
      options_.speculation.adapts
          ? share_drafts(drafts, std::ssize(undelivered_), costs_, pass_.options().draft_rows_max)
          : std::vector<std::int64_t>(drafts.size(), options_.speculation.draft_max);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    std::vector<TokenId>& tokens = drafts[i].tokens;
    tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(counts[i])));
    if (tokens.empty()) {
      generation(ids[i]).judge_draft(0, 0);
    } else {
      scheduler_.draft(ids[i], std::move(tokens));
    }
  }
}

// What a sequence's state was before the step is copied before it; what is kept, after it, from the same slots: a
// checkpoint that is given up for another in this step is read first.
void Engine::Impl::launch(const Scheduler::StepPlan& plan) {
  logits_ = run_planned_step(pass_, stream_, memory_, scheduler_, plan, batch_,
                             [this](SequenceId id) { return generation(id).request().second_begin; });
}

// As Scheduler::commit() wants them: of an item that samples as many as it has drafted tokens, and one.
std::vector<StepSampler::Choice> Engine::Impl::choose(const Scheduler::StepPlan& plan) {
  std::vector<StepSampler::Row> rows;
  std::vector<std::size_t> places;  // of the rows' choices
  std::size_t choice_count = 0;
  std::int64_t row_count = 0;
  for (const Scheduler::Item& item : plan.items) {
    row_count += item.row_count;
    if (!item.samples) continue;
    const std::int64_t drafted = item.draft_count;
    generation(item.id).add_rows(item.first_position + item.token_count - drafted, row_count - 1 - drafted,
                                 scheduler_.draft(item.id), rows);
    for (std::size_t place = choice_count; places.size() < rows.size(); ++place) places.push_back(place);
    choice_count += static_cast<std::size_t>(1 + drafted);
  }
  if (row_count == 0) {
    stream_.synchronize();  // a step that nobody waits for must not pile up on others
    return {};
  }
  take_scores(plan);
  take_embeddings(plan);
  std::vector<StepSampler::Choice> choices(choice_count);
  if (logits_ == nullptr) return choices;
  std::vector<StepSampler::Choice> of_rows = sampler_.run(stream_, logits_, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) choices[places[i]] = std::move(of_rows[i]);
  return choices;
}

// Of prompts whose tokens' log-probabilities were asked for: a token's are those after the one before.
void Engine::Impl::take_scores(const Scheduler::StepPlan& plan) {
  std::int64_t row = 0;
  for (const Scheduler::Item& item : plan.items) {
    Generation& generation = this->generation(item.id);
    const Request& request = generation.request();
    for (std::int64_t i = 0; request.logprobs_of_prompt && i < item.row_count; ++i) {
      const std::int64_t next = item.first_position + i + 1;
      if (next >= std::ssize(request.prompt)) break;
      generation.accept_score(next,
                              sampler_.score(stream_, logits_, row + i, request.prompt[static_cast<std::size_t>(next)],
                                             *request.logprob_count));
    }
    row += item.row_count;
  }
}

void Engine::Impl::take_embeddings(const Scheduler::StepPlan& plan) {
  std::int64_t row = 0;  // the item's first
  for (const Scheduler::Item& item : plan.items) {
    const std::int64_t first = std::exchange(row, row + item.row_count);
    Generation& generation = this->generation(item.id);
    if (!generation.request().embed || item.row_count == 0) continue;
    const ForwardPass::States states = pass_.output_states();
    std::vector<std::byte> bytes(static_cast<std::size_t>(item.row_count * states.row_bytes));
    stream_.download(bytes.data(), states.data + first * states.row_bytes, std::ssize(bytes));
    stream_.synchronize();
    std::vector<float> rows(static_cast<std::size_t>(item.row_count * pass_.spec().width));
    traits(states.format).decode_f32(bytes.data(), rows.data(), std::ssize(rows));
    // From the first position on again after a preemption.
    if (item.first_position == 0) generation.pooler().reset();
    if (!generation.pooler()) generation.pooler().emplace(options_.embedding.pooling, pass_.spec().width);
    generation.pooler()->add(rows);
    if (item.samples) {
      generation.accept_embedding(through_dense(options_.embedding.dense, generation.pooler()->result()));
    }
  }
}

void Engine::Impl::commit(const Scheduler::StepPlan& plan, std::vector<StepSampler::Choice> choices) {
  const auto now = EngineClock::now();
  std::vector<TokenId> ids;
  for (const StepSampler::Choice& choice : choices) ids.push_back(choice.id);
  scheduler_.commit(plan, ids);
  scheduling_seconds_ += seconds_between(now, EngineClock::now());

  std::size_t next = 0;
  std::vector<std::pair<SequenceId, FinishReason>> ended;
  std::vector<std::pair<SequenceId, std::string>> failed;
  for (const Scheduler::Item& item : plan.items) {
    Generation& generation = this->generation(item.id);
    if (item.is_prompt) {
      generation.timeline().prompt_chunks.push_back({now, item.token_count});
      prompt_tokens_ += item.token_count;
    }
    if (!item.samples) continue;
    const std::span<StepSampler::Choice> chosen =
        std::span(choices).subspan(next, static_cast<std::size_t>(1 + item.draft_count));
    next += chosen.size();
    if (generation.request().embed) {
      ended.emplace_back(item.id, FinishReason::kStop);
      continue;
    }
    if (generation.request().token_count_max == 0) {
      ended.emplace_back(item.id, FinishReason::kLength);
      continue;
    }
    if (std::find(stopped_.begin(), stopped_.end(), item.id) != stopped_.end()) continue;
    if (!generation.grammar_error().empty()) {
      failed.emplace_back(item.id, generation.grammar_error());
    } else if (chosen.front().id < 0) {
      failed.emplace_back(item.id, std::move(chosen.front().error));
    } else if (const auto reason = accept(item, chosen, now)) {
      ended.emplace_back(item.id, *reason);
    } else {
      undelivered_.push_back(item.id);
    }
  }
  for (const SequenceId id : std::exchange(stopped_, {})) end(id, FinishReason::kStop);
  for (auto& [id, error] : failed) end(id, FinishReason::kFailed, std::move(error));
  for (const auto& [id, reason] : ended) end(id, reason);
}

// The tokens that the scheduler has kept of an item's choices, up to one that ends the answer.
std::optional<FinishReason> Engine::Impl::accept(const Scheduler::Item& item, std::span<StepSampler::Choice> choices,
                                                 EngineClock::time_point now) {
  Generation& generation = this->generation(item.id);
  const std::int64_t before = item.first_position + item.token_count - item.draft_count;
  const std::int64_t kept = std::ssize(scheduler_.tokens(item.id)) - before;
  if (item.draft_count > 0) {
    generation.judge_draft(item.draft_count, kept - 1);
    ++drafts_.drafts;
    drafts_.tokens += item.draft_count;
    drafts_.accepted += kept - 1;
    for (std::size_t i = 0; i < static_cast<std::size_t>(kept - 1); ++i) ++drafts_.accepted_at[i];
  }
  for (StepSampler::Choice& choice : choices.first(static_cast<std::size_t>(kept))) {
    ++generated_tokens_;
    if (const auto reason = generation.accept(std::move(choice), now)) return reason;
  }
  return std::nullopt;
}

void Engine::Impl::note_step(const Scheduler::StepPlan& plan, EngineClock::time_point start) {
  update_stats();
  StepRecord record{.seconds = seconds_between(start, EngineClock::now())};
  for (const Scheduler::Item& item : plan.items) {
    (item.is_prompt ? record.prompt_tokens : record.decode_tokens) += item.token_count;
  }
  if (record.prompt_tokens == 0) costs_.add(record.decode_tokens, record.seconds);
  if (observer_) observer_(record);
}

void Engine::Impl::update_stats() {
  const Scheduler::Counts& counts = scheduler_.counts();
  const BlockCache& cache = scheduler_.cache();
  const std::lock_guard lock(mutex_);
  stats_ = {.running = scheduler_.running_count(),
            .waiting = scheduler_.waiting_count(),
            .block_count = cache.block_count(),
            .blocks_in_use = cache.held_count(),
            .cached_blocks = cache.cached_count(),
            .checkpoint_count = cache.checkpoint_count(),
            .kept_checkpoints = cache.kept_checkpoint_count(),
            .prefix_queried_tokens = counts.prefix_queried_tokens,
            .prefix_hit_tokens = counts.prefix_hit_tokens,
            .prompt_tokens = prompt_tokens_,
            .generated_tokens = generated_tokens_,
            .preemptions = counts.preemptions,
            .steps = counts.steps,
            .scheduling_seconds = scheduling_seconds_,
            .drafts = drafts_};
  ledger_ = pass_.backend().device.ledger();
}

EngineStats Engine::Impl::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  stats.waiting += std::ssize(submissions_);
  return stats;
}

Ledger Engine::Impl::ledger() const {
  const std::lock_guard lock(mutex_);
  return ledger_;
}

Engine::Engine(ForwardPass& pass, Stream& stream, const Tokenizer& tokenizer, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(pass, stream, tokenizer, options)) {}
Engine::~Engine() = default;

PreparedRequest Engine::prepare(Request request) const {
  return impl_->prepare(std::move(request));
}
void Engine::submit(PreparedRequest&& request, std::shared_ptr<EventSink> sink) {
  impl_->submit(std::move(request), std::move(sink));
}
void Engine::submit(Request request, std::shared_ptr<EventSink> sink) {
  submit(prepare(std::move(request)), std::move(sink));
}
void Engine::cancel(std::string_view id) {
  impl_->cancel(id);
}
void Engine::run() {
  impl_->run();
}
void Engine::drain() {
  impl_->set_state(Impl::kDraining);
}
void Engine::stop() {
  impl_->set_state(Impl::kStopped);
}
std::int64_t Engine::context() const {
  return impl_->limits().context;
}
std::int64_t Engine::sequences_max() const {
  return impl_->limits().sequences_max;
}
EngineStats Engine::stats() const {
  return impl_->stats();
}
void Engine::on_step(std::function<void(const StepRecord&)> observer) {
  impl_->on_step(std::move(observer));
}
Ledger Engine::ledger() const {
  return impl_->ledger();
}

}  // namespace hearth
