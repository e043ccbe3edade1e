// Chooses the tokens of a step, one for each row of logits: on the host where the logits are there anyway, else by the
// device's kernels, so that the ids come down and nothing else (and the rows whose log-probabilities were asked for).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/request.h"
#include "model/forward_pass.h"
#include "sampling/device_sampler.h"
#include "sampling/sampler.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

class StepSampler {
 public:
  // What is remembered of one sequence: its options and its tokens.
  using State = std::variant<Sampler, DeviceSampler>;

  struct Row {
    State* state = nullptr;
    std::int64_t position = 0;
    std::int64_t row = 0;                      // of the logits
    std::optional<int> logprob_count;          // as Request's
    std::span<const std::uint32_t> mask = {};  // as Sampler::sample's
    // Of a sequence that has several rows in the step, all but the first: the tokens that were drafted for its rows
    // before, by which this one was computed. Without any they would not be there.
    std::span<const TokenId> drafted = {};
  };
  struct Choice {
    // Below 0: no token is possible, which is this row's affair alone; or none was chosen, because one before it is not
    // the drafted one.
    TokenId id = -1;
    std::string error;  // why no token is possible
    std::optional<float> logprob;
    std::vector<TokenLogprob> top_logprobs;
  };

  // For as many rows as the pass has logits for, which was bound with ForwardPassOptions::sampling and is loaded.
  // Throws Unsupported where the device cannot. The pass and the tokenizer outlive the sampler and its states.
  StepSampler(ForwardPass& pass, const Tokenizer& tokenizer);

  // The options have been validated.
  State open(const SamplerOptions& options, std::uint32_t choice_index) const;
  // A token of the sequence, in order: of the prompt, or chosen.
  static void accept_prompt(State& state, TokenId token);
  static void accept(State& state, TokenId token);

  // `logits` [rows, vocabulary] as ForwardPass::run() returned them, of which the `rows` are some, in ascending order.
  // Waits for the step. A row's choice does not depend on other sequences. A sequence's rows follow one another, and
  // its state is the same afterwards. Log-probabilities are those before any mask. On a device, what a mask forbids has
  // the logit minus infinity afterwards.
  std::vector<Choice> run(Stream& stream, float* logits, std::span<const Row> rows);
  // The token as it would be described if it had been chosen from the row's logits.
  Choice score(Stream& stream, const float* logits, std::int64_t row, TokenId id, int logprob_count);

 private:
  void run_on_host(const float* logits, std::span<const Row> rows, std::vector<Choice>& choices) const;
  void run_on_device(Stream& stream, float* logits, std::span<const Row> rows, std::vector<Choice>& choices);
  std::vector<float> downloaded(Stream& stream, const float* row) const;
  // `whole`: the logits of those rows that had a mask and are asked for log-probabilities, as they were before it.
  void add_logprobs(Stream& stream, const float* logits, std::span<const Row> rows,
                    const std::vector<std::vector<float>>& whole, std::vector<Choice>& choices) const;

  const Tokenizer& tokenizer_;
  std::int64_t vocabulary_;
  bool on_host_;
  std::optional<SamplingStep> step_;
};

}  // namespace hearth
