#include "engine/embedder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/error.h"

namespace hearth {

Embedder::Embedder(ForwardPass& pass, Stream& stream)
    : pass_(pass),
      stream_(stream),
      memory_(pass.arena(), pass.sequence_memory_shape()),
      pool_(pass.sequence_memory_shape().kv.block_count) {
  CHECK(pass.options().logit_rows_max == pass.options().step_tokens_max);
}

void Embedder::check(std::span<const std::int32_t> tokens) const {
  if (tokens.empty()) throw InvalidInput("a text is empty");
  const std::int64_t room = std::min(pass_.options().context, pass_.options().step_tokens_max);
  if (std::ssize(tokens) > room) {
    throw InvalidInput(fmt::format("a text of {} tokens does not fit the context of {}", tokens.size(), room));
  }
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= pass_.spec().vocabulary) {
      throw InvalidInput(fmt::format("token {} is not in the vocabulary of {}", token, pass_.spec().vocabulary));
    }
  }
}

std::size_t Embedder::count_of_step(std::span<const std::vector<std::int32_t>> texts) const {
  const ForwardPassOptions& options = pass_.options();
  std::int64_t tokens = 0, blocks = 0;
  std::size_t count = 0;
  for (; count < texts.size() && static_cast<std::int64_t>(count) < options.sequences_max; ++count) {
    tokens += std::ssize(texts[count]);
    blocks += kv_block_count(std::ssize(texts[count]));
    if (tokens > options.step_tokens_max || blocks > pool_.block_count()) break;
  }
  return count;
}

void Embedder::run(std::span<const std::vector<std::int32_t>> texts, const OnStates& on_states,
                   std::span<const std::int64_t> second_begins) {
  CHECK(second_begins.empty() || second_begins.size() == texts.size());
  for (const std::vector<std::int32_t>& text : texts) check(text);
  for (std::size_t first = 0; first < texts.size();) {
    const std::size_t count = count_of_step(texts.subspan(first));
    CHECK(count > 0);
    run_step(texts.subspan(first, count), first, on_states, second_begins);
    first += count;
  }
}

void Embedder::run_step(std::span<const std::vector<std::int32_t>> texts, std::size_t first, const OnStates& on_states,
                        std::span<const std::int64_t> second_begins) {
  std::vector<BlockTable> tables;
  tables.reserve(texts.size());
  batch_.clear();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<std::int32_t>& text = texts[i];
    BlockTable& table = tables.emplace_back(pool_);
    CHECK(table.reserve(std::ssize(text)));
    batch_.add(text, 0, table.blocks(), 0, Batch::Logits::kAll, 0,
               second_begins.empty() ? 0 : second_begins[first + i]);
  }
  pass_.run(stream_, batch_, memory_);
  std::span<const float> states = on_host(batch_.token_count());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t count = texts[i].size() * static_cast<std::size_t>(pass_.spec().width);
    on_states(first + i, states.first(count));
    states = states.subspan(count);
  }
}

std::span<const float> Embedder::on_host(std::int64_t row_count) {
  const ForwardPass::States states = pass_.output_states();
  CHECK(states.format == Format::kF32);
  const std::int64_t count = row_count * pass_.spec().width;
  if (stream_.device().is_cpu()) {
    return {reinterpret_cast<const float*>(states.data), static_cast<std::size_t>(count)};
  }
  states_.resize(static_cast<std::size_t>(count));
  stream_.download(states_.data(), states.data, count * std::int64_t{sizeof(float)});
  stream_.synchronize();
  return states_;
}

}  // namespace hearth
