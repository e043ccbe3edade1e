#include "commands/rerank.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <utility>

#include "base/error.h"
#include "base/json_value.h"
#include "base/read_file.h"
#include "commands/load_for_texts.h"
#include "engine/embedder.h"
#include "engine/rerank.h"

namespace hearth {
namespace {

std::vector<std::string> read_documents(const RerankOptions& options) {
  std::vector<std::string> documents = options.documents;
  if (options.file) {
    for (std::string& line : text_lines(read_file(*options.file))) documents.push_back(std::move(line));
  }
  if (documents.empty() && !options.file) documents = text_lines(read_standard_input());
  if (documents.empty()) throw InvalidInput("there is no document");
  return documents;
}

RerankSpec read_spec(const ModelSource& source, const ModelSpec& model, const Tokenizer& tokenizer) {
  auto spec = read_rerank_spec(source, model, tokenizer);
  if (spec) return std::move(*spec);
  throw InvalidInput(
      fmt::format("{}: the model is no reranker: its files have no head that ranks", source.path().string()));
}

void print_ranked(const std::vector<std::string>& documents, const std::vector<float>& logits,
                  const RerankOptions& options) {
  const std::size_t count = options.count > 0 ? static_cast<std::size_t>(options.count) : documents.size();
  for (const std::size_t i : ranked(logits, count)) {
    const double score = options.raw ? static_cast<double>(logits[i]) : relevance(logits[i]);
    fmt::print("{}\n", serialized_json(
                           boost::json::object{{"index", i}, {"relevance_score", score}, {"document", documents[i]}}));
  }
}

}  // namespace

void rerank(const RerankOptions& options) {
  ModelSession session(options.model);
  const ModelSpec model = read_model_spec(Settings(session.source()));
  const std::vector<std::string> documents = read_documents(options);
  const auto tokenizer = Tokenizer::open(session.source());
  print_notes(tokenizer->notes());
  const RerankSpec spec = read_spec(session.source(), model, *tokenizer);
  std::vector<std::vector<std::int32_t>> texts;
  std::vector<std::int64_t> second_begins;
  for (const std::string& document : documents) {
    TokenPair pair = rerank_input(spec, *tokenizer, options.query, document);
    texts.push_back(std::move(pair.ids));
    second_begins.push_back(pair.second_begin);
  }
  load_for_texts(session, options.model.context, texts);
  std::vector<float> logits;
  const auto rank = [&](std::size_t, std::span<const float> states) {
    Pooler pooler(spec.pooling, model.width);
    pooler.add(states);
    logits.push_back(rerank_logit(spec, pooler.result()));
  };
  Embedder(session.pass(), session.stream()).run(texts, rank, second_begins);
  print_ranked(documents, logits, options);
}

}  // namespace hearth
