// `hearth rerank`: how well documents answer a query.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "commands/model_session.h"

namespace hearth {

struct RerankOptions {
  ModelOptions model;
  std::string query;
  std::vector<std::string> documents;
  std::optional<std::filesystem::path> file;  // a document on each line
  std::int64_t count = 0;                     // the best so many; 0: all
  bool raw = false;                           // logits in place of their sigmoid
};

// Prints a line of JSON for each document, the best first: index, relevance_score, document. Without a document: the
// lines of standard input. Throws Error.
void rerank(const RerankOptions& options);

}  // namespace hearth
