// What a weight file says of its tensors: those that Hearth can read, and those that it cannot, with the reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace hearth {

// A matrix that no file holds as its format has it: made of several tensors when it is asked for, by any thread.
struct ComposedMatrix {
  Format format;
  Shape shape;                                    // [rows, columns]
  std::vector<std::span<const std::byte>> parts;  // what stands in the files
  // Writes rows [begin, end), as the format has them.
  std::function<void(std::int64_t begin, std::int64_t end, std::byte* out)> write;
};

// A tensor as it stands in a file: a view of the mapping, valid as long as the mapping lives. From a ModelSource, the
// bytes of f32 are aligned to 4 and those of all other formats to 2.
struct WeightEntry {
  std::string name;
  Format format;
  Shape shape;                       // outermost dimension first, whatever the file's own order
  std::span<const std::byte> bytes;  // none where it is composed
  std::shared_ptr<const ComposedMatrix> composed = nullptr;

  // Rows [begin, end) of all dimensions but the last: where they stand, or made in `scratch`.
  const std::byte* rows(std::int64_t begin, std::int64_t end, std::vector<std::byte>& scratch) const {
    const std::int64_t row_bytes = format_bytes(format, shape.columns());
    if (composed == nullptr) return bytes.data() + begin * row_bytes;
    scratch.resize(static_cast<std::size_t>((end - begin) * row_bytes));
    composed->write(begin, end, scratch.data());
    return scratch.data();
  }

  std::int64_t file_bytes() const {
    if (composed == nullptr) return std::ssize(bytes);
    std::int64_t sum = 0;
    for (const std::span<const std::byte> part : composed->parts) sum += std::ssize(part);
    return sum;
  }
};

// A tensor of a type that no weight has (integers, booleans, float64): masks and counters stand in some files and
// matter to nobody, so they do not keep a file from opening. `reason` is the sentence for whoever asks for it.
struct UnreadableEntry {
  std::string name;
  std::string reason;
  // Of a safetensors file, for checkpoints that keep weights in tensors of other types: ModelSource::find_bytes, and
  // quantized_folder.h.
  std::string_view dtype = {};
  Shape shape = {};
  std::span<const std::byte> bytes = {};
};

struct WeightEntries {
  std::vector<WeightEntry> tensors;  // in file order
  std::vector<UnreadableEntry> unreadable;
};

}  // namespace hearth
