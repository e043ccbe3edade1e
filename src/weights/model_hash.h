// One number for a whole model: two sources with the same hash give the same answers. It covers what is read from the
// files (settings, tokenizer, template, every tensor), not how they are split or what they are called.
#pragma once

#include <string>

#include "weights/model_source.h"

namespace hearth {

// XXH3 with 128 bits over metadata and configuration, and over the tensors' names, formats, shapes and data; 32
// hexadecimal digits. Reads every byte of the weights, with `thread_count` threads (at least 1); the result does not
// depend on their number.
std::string model_hash(const ModelSource& source, int thread_count);

}  // namespace hearth
