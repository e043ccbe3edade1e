// The "normalizer" and "pre_tokenizer" of tokenizer.json.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string_view>

#include "text/tokenizers/normalizer.h"
#include "text/tokenizers/pre_tokenizer.h"

namespace hearth {

// Throws Unsupported for a step of unknown type, InvalidInput for a malformed one.
std::unique_ptr<const Normalizer> normalizer_from_json(const boost::json::object& step);
std::unique_ptr<const PreTokenizer> pre_tokenizer_from_json(const boost::json::object& step);

// {"String": text} or {"Regex": pattern}.
Regex pattern_from_json(const boost::json::object& pattern);

}  // namespace hearth
