// The tokenizer of a Hugging Face folder as GGUF's tokenizer.ggml.* keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/gguf_writer.h"
#include "weights/model_source.h"

namespace hearth {

// `rows`: of the token embedding; tokens are filled up to as many. Adds notes for the user. Nothing is written, and a
// note says so, where the folder has no tokenizer. Throws Unsupported for one that GGUF has no name for.
void add_folder_tokenizer(const ModelSource& folder, std::int64_t rows, GgufWriter& writer,
                          std::vector<std::string>& notes);

}  // namespace hearth
