// A model's description as GGUF metadata.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/model_spec.h"
#include "weights/gguf_writer.h"

namespace hearth {

// "<architecture>.…" of what GGUF files of every architecture say: sizes, heads, rope, window, experts.
void add_spec_metadata(std::string_view architecture, const ModelSpec& spec, GgufWriter& writer);

// Tensors that a rope needs beside the metadata: divisors of its frequencies.
std::vector<std::pair<std::string, std::vector<float>>> rope_tensors(const ModelSpec& spec);

// What two descriptions differ in, but for how files store weights; empty: in nothing.
std::string first_difference(const ModelSpec& a, const ModelSpec& b);

}  // namespace hearth
