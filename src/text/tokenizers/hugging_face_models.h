// The "model" of tokenizer.json: its vocabulary and the algorithm that spells text with it.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <memory>

#include "text/tokenizers/token_model.h"
#include "text/tokenizers/vocabulary.h"

namespace hearth {

struct HuggingFaceModel {
  const char* kind;  // as Tokenizer::kind()
  std::unique_ptr<const Vocabulary> vocabulary;
  std::unique_ptr<const TokenModel> model;  // refers to the vocabulary
};

// `ids_max`: no id is larger than this (the file's size justifies no more). Throws InvalidInput or Unsupported.
HuggingFaceModel model_from_json(const boost::json::object& model, std::size_t ids_max);

}  // namespace hearth
