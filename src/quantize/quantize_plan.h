// Which format each tensor of a file gets: the recipe's, what the user wants otherwise, and where rows do not fit a
// format's blocks, another, which is said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quantize/importance.h"
#include "quantize/model_contents.h"
#include "quantize/recipe.h"

namespace hearth {

// "PATTERN=FORMAT": matrices whose name the regular expression matches anywhere; the first that matches counts.
struct TensorType {
  std::string pattern;
  Format format;
};
// Throws InvalidInput for another form, an unknown format or one that Hearth cannot write.
TensorType parse_tensor_type(const std::string& text);

struct QuantizeChoices {
  const Recipe* recipe = nullptr;  // null: matrices stay as they are
  std::vector<TensorType> tensor_types = {};
  const ImportanceMatrix* importance = nullptr;  // null: none is known
  // What stays in floating point is float32, as files have it that are converted; otherwise it stays as it is.
  bool floats_in_f32 = false;
};

struct QuantizePlan {
  std::vector<Format> formats;     // of each tensor of the contents, in order
  std::vector<std::string> notes;  // what the user should know, a sentence each
  std::int64_t bytes = 0;          // of all tensors' data
};

QuantizePlan plan_quantize(const ModelContents& contents, const QuantizeChoices& choices);

}  // namespace hearth
