// What a weight file says of its tensors: those that Hearth can read, and those that it cannot, with the reason.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace hearth {

// A tensor as it stands in a file: a view of the mapping, valid as long as the mapping lives. From a ModelSource, the
// bytes of f32 are aligned to 4 and those of all other formats to 2.
struct WeightEntry {
  std::string name;
  Format format;
  Shape shape;  // outermost dimension first, whatever the file's own order
  std::span<const std::byte> bytes;
};

// A tensor of a type that no weight has (integers, booleans, float64): masks and counters stand in some files and
// matter to nobody, so they do not keep a file from opening. `reason` is the sentence for whoever asks for it.
struct UnreadableEntry {
  std::string name;
  std::string reason;
  // Of unsigned bytes, which some checkpoints pack weights in (ModelSource::find_bytes); else empty.
  Shape shape = {};
  std::span<const std::byte> bytes = {};
};

struct WeightEntries {
  std::vector<WeightEntry> tensors;  // in file order
  std::vector<UnreadableEntry> unreadable;
};

}  // namespace hearth
