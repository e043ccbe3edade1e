// Rerankers: models that say how well a document answers a query. An encoder with a head of one label reads the two as
// a pair; a decoder is asked in words (Qwen3-Reranker), and its "yes" is weighed against its "no". Either way the
// pooled state of what was read goes through a head of dense layers to one number, the logit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/embedding.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

struct RerankSpec {
  Pooling pooling = Pooling::kCls;
  std::vector<DenseLayer> head;  // the last has one output
  std::string prompt;            // what a decoder reads, with "{query}" and "{document}"; empty: a pair is read
  bool ranks_alone = true;       // the files have a head: the model's states are not made to be vectors of texts
};

// nullopt: the model is no reranker. Those are files with a head (config.json's "…ForSequenceClassification", GGUF's
// pooling_type 4), and Qwen3 without one, of which a reranker's files are no different from others. Throws Unsupported
// for a head that is not known, or that has several labels, and InvalidInput for one that does not fit the model.
std::optional<RerankSpec> read_rerank_spec(const ModelSource& source, const ModelSpec& model,
                                           const Tokenizer& tokenizer);

// What the model reads of a query and a document. Special tokens that these spell are text.
TokenPair rerank_input(const RerankSpec& spec, const Tokenizer& tokenizer, std::string_view query,
                       std::string_view document);

// Of the pooled state.
float rerank_logit(const RerankSpec& spec, std::vector<float> pooled);
// Between 0 and 1: the logit's sigmoid, which is the share of "yes" where it was made of that and "no".
double relevance(float logit);
// The indices of the best `count` logits, the best first; equal ones as they came, and what is no number last.
std::vector<std::size_t> ranked(const std::vector<float>& logits, std::size_t count);

}  // namespace hearth
