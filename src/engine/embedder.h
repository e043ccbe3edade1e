// The states of many texts whose tokens are known, each read whole, as many in a step as there is room for: for who
// wants nothing else of a model, and has all texts at hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "kv/block_pool.h"
#include "model/forward_pass.h"

namespace hearth {

class Embedder {
 public:
  // The pass was bound with states_only, has rows for every token of a step, and is loaded; it outlives the embedder,
  // which takes the memory of sequences from its arena.
  Embedder(ForwardPass& pass, Stream& stream);

  // Hears of each text's states after the output norm, [tokens, width], in order. Throws InvalidInput for a text that
  // is empty, too long for the context, or has a token that is not in the vocabulary. A text's states do not depend on
  // the others.
  // `second_begins`: where the second text of each begins that is a pair of texts, as Batch::add(); empty: none is.
  using OnStates = std::function<void(std::size_t text, std::span<const float> states)>;
  void run(std::span<const std::vector<std::int32_t>> texts, const OnStates& on_states,
           std::span<const std::int64_t> second_begins = {});

 private:
  void check(std::span<const std::int32_t> tokens) const;
  // How many of the texts the next step has room for.
  std::size_t count_of_step(std::span<const std::vector<std::int32_t>> texts) const;
  void run_step(std::span<const std::vector<std::int32_t>> texts, std::size_t first, const OnStates& on_states,
                std::span<const std::int64_t> second_begins);
  std::span<const float> on_host(std::int64_t row_count);

  ForwardPass& pass_;
  Stream& stream_;
  SequenceMemory memory_;
  BlockPool pool_;
  Batch batch_;
  std::vector<float> states_;
};

}  // namespace hearth
