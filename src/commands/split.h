// `hearth split` and `hearth join`: a GGUF file as several, and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace hearth {

struct SplitOptions {
  std::filesystem::path model;
  std::filesystem::path out;     // of split: what the parts' names begin with; of join: the file
  std::string size_max;          // of a part's tensors: "2GB"; empty: no limit
  std::int64_t tensors_max = 0;  // of a part; 0: no limit
  bool dry_run = false;
};

// Both return the exit status. Parts are OUT-00001-of-0000N.gguf: the first has the metadata, and each says which it is
// (split.no, split.count, split.tensors.count), as llama.cpp and Hearth read them.
int split_model(const SplitOptions& options);
int join_model(const SplitOptions& options);

}  // namespace hearth
