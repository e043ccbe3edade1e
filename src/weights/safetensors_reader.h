// Reads a safetensors file from memory: tensors become views of the file's bytes. The input is untrusted: lengths,
// shapes and offsets are checked before they are used, and the tensors must cover the data without gap or overlap.
//
// Format: Hugging Face's safetensors document.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "weights/weight_entry.h"

namespace hearth {

// The format's own bound on its JSON header.
inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 100'000'000;

// `bytes` must outlive the result. Tensors come in the order of their data. Throws InvalidInput in one sentence with
// `file_name`, the tensor and the byte.
WeightEntries read_safetensors(std::span<const std::byte> bytes, const std::string& file_name);

}  // namespace hearth
