// Reads GGUF, versions 2 and 3, from memory: metadata entries and tensors become views of the file's bytes. The input
// is untrusted: every count, length, offset and dimension is checked before it is used.
//
// Format: ggml's GGUF document.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weights/metadata.h"
#include "weights/weight_entry.h"

namespace hearth {

inline constexpr std::uint32_t kGgufAlignmentDefault = 32;

// True in files with tensors of MXFP6, for which ggml has no type: type numbers from here on mean what Hearth says only
// there. Other readers refuse the numbers.
inline constexpr std::string_view kMxfp6Key = "hearth.extension.mxfp6";
inline constexpr int kGgufExtensionTypesBegin = 1000;

struct GgufContents {
  Metadata metadata;
  WeightEntries weights;
  // Where in the file another GGUF file begins behind this one's data: what `cat` makes of the parts of a set.
  std::optional<std::uint64_t> next_file;
};

// `bytes` must outlive the result. Throws InvalidInput for a malformed file and Unsupported for a version that Hearth
// does not know, in one sentence with `file_name`, the entry and the byte.
GgufContents read_gguf(std::span<const std::byte> bytes, const std::string& file_name);

}  // namespace hearth
