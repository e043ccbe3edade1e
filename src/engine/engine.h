// Many requests on one loaded model: continuous batching over a paged cache whose blocks are shared by content.
//
// One thread owns the device: it calls run(), which returns when the engine is told to stop. Everything else may be
// called from any thread. A request's tokens depend on the request alone, never on its company (law 2).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/drafter.h"
#include "engine/request.h"
#include "model/embedding.h"
#include "model/forward_pass.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

struct EngineOptions {
  std::int64_t queue_max = 1024;  // requests that wait or run at once; more are refused
  // Prompt tokens of one sequence in one step, at most; 0: as many as the step has room for.
  std::int64_t chunk_tokens_max = 0;
  // Of models with states: a prompt's state is kept at all multiples, and at places that others may begin with. A
  // multiple of a block of the cache.
  std::int64_t checkpoint_tokens = kCheckpointTokens;
  EmbeddingSpec embedding = {};  // of requests that embed
  // Drafts as far as the pass has rows for them (ForwardPassOptions::draft_rows_max).
  Speculation speculation = {};
};

// One step that was carried out.
struct StepRecord {
  std::int64_t prompt_tokens = 0, decode_tokens = 0;
  double seconds = 0;
};

// A snapshot; counts since the engine was made.
struct EngineStats {
  std::int64_t running = 0, waiting = 0;
  std::int64_t block_count = 0, blocks_in_use = 0;  // blocks that a request holds; those only cached are free
  std::int64_t cached_blocks = 0;
  std::int64_t checkpoint_count = 0, kept_checkpoints = 0;  // of states
  std::int64_t prefix_queried_tokens = 0, prefix_hit_tokens = 0;
  std::int64_t prompt_tokens = 0, generated_tokens = 0;  // computed; chosen
  std::int64_t preemptions = 0, steps = 0;
  double scheduling_seconds = 0;  // planning and committing, of all steps
  // Tokens computed before they were chosen.
  struct Drafts {
    bool possible = false;
    std::int64_t drafts = 0, tokens = 0,
                 accepted = 0;  // of one sequence in one step; all of their tokens; those chosen
    std::array<std::int64_t, Speculation::kDraftMax> accepted_at = {};  // by the place in the draft
  };
  Drafts drafts;
};

class Generation;

// A request that was found valid, with all that is computed of it before it runs: what penalties and DRY look back on
// is not built up while others wait for the engine.
class PreparedRequest {
 public:
  ~PreparedRequest();
  PreparedRequest(PreparedRequest&&) noexcept;
  PreparedRequest& operator=(PreparedRequest&&) noexcept;
  const Request& request() const;

 private:
  friend class Engine;
  explicit PreparedRequest(std::unique_ptr<Generation> generation);
  std::unique_ptr<Generation> generation_;
};

class Engine {
 public:
  // Allocates nothing: cache and sampling memory stand in the pass's arena. The pass was bound with
  // ForwardPassOptions::sampling and is loaded; pass, stream and tokenizer outlive the engine. Call on the thread that
  // will call run().
  Engine(ForwardPass& pass, Stream& stream, const Tokenizer& tokenizer, const EngineOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Throws InvalidInput, naming what is wrong with the request, and ContextExceeded.
  PreparedRequest prepare(Request request) const;
  // Throws QueueFull, and then the request is as it was. After that, the sink hears of everything else. Quick.
  void submit(PreparedRequest&& request, std::shared_ptr<EventSink> sink);
  void submit(Request request, std::shared_ptr<EventSink> sink);  // both
  // The request ends within one step, if it is under way.
  void cancel(std::string_view id);

  // Serves until stop(), or until a step fails: then every request ends as kFailed and the error is thrown.
  void run();
  // No new requests; run() returns when those under way have ended.
  void drain();
  // run() returns after the current step; requests under way end as kCancelled.
  void stop();

  std::int64_t context() const;        // tokens of one sequence, prompt and answer
  std::int64_t sequences_max() const;  // that run at once
  EngineStats stats() const;
  // Called on the engine's thread after each step. Set before run().
  void on_step(std::function<void(const StepRecord&)> observer);
  // A copy of the device's ledger, as of the last step.
  Ledger ledger() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth
