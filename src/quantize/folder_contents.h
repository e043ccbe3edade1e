// A Hugging Face folder as the GGUF file that llama.cpp and Hearth read. The architecture's own description does the
// work in reverse: what config.json says becomes metadata, which is read again as a file would be and must describe the
// same model; a weight has the name that the other kind of file gives it; and where the two differ in how weights are
// stored (the pairs of the rope, norms less one, Conv1D, experts one by one), rows are rearranged.
#pragma once

#include <string>
#include <vector>

#include "quantize/lora.h"

namespace hearth {

struct FolderContents {
  ModelContents contents;
  std::vector<std::string> notes;  // what the user should know, a sentence each
};

// `folder` outlives the result, and so does `adapter` (null: none), which is merged as far as its names are those of
// the folder's tensors. Throws Unsupported for a family that cannot be converted, for settings that GGUF cannot
// say, and for tensors that have no place in the file.
FolderContents contents_of_folder(const ModelSource& folder, LoraAdapter* adapter = nullptr);

}  // namespace hearth
