// What is to be written as a GGUF file: tensors that give their rows when they are asked, and metadata.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "weights/gguf_writer.h"
#include "weights/model_source.h"

namespace hearth {

struct ContentTensor {
  std::string name;  // GGUF's
  Shape shape;
  Format format;                     // what it stands in
  std::span<const std::byte> bytes;  // in that format; none where rows are made
  // Rows [begin, end) of all dimensions but the last, as float32; called by several threads.
  std::function<void(std::int64_t begin, std::int64_t end, float* out)> read_rows;
  // What of a mapped file it was read from: its pages are given back while it is written.
  std::vector<std::span<const std::byte>> mapped;

  std::int64_t row_count() const { return shape.element_count() / shape.columns(); }
};

struct ModelContents {
  std::vector<ContentTensor> tensors;
  // All but general.file_type and general.quantization_version.
  std::function<void(GgufWriter&)> add_metadata;
  std::int64_t heads_per_key = 1, expert_count = 0;
};

// A GGUF file's tensors and metadata as they are; `source` outlives the result. Throws Unsupported for a tensor of a
// type that Hearth cannot read.
ModelContents contents_of_gguf(const ModelSource& source);

// Rows as they stand in a file, decoded.
ContentTensor content_tensor(std::string name, const WeightEntry& entry);

}  // namespace hearth
