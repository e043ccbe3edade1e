// Which files of a repository make a model: those of one quantization, or a folder of safetensors; and which
// quantization, where none was named: the best that fits this machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hub/hub_listing.h"
#include "hub/model_name.h"

namespace hearth {

struct FileChoice {
  std::vector<HubFile> files;
  std::string quantization;  // as the name has it; empty: a folder of safetensors
  std::string reason;        // one line for the user, where something was chosen for him
  std::int64_t bytes() const;
};

// One of a repository's GGUF models: the files of a split set are one.
struct GgufModel {
  std::string quantization;  // upper-case; or the file's name, where that tells none or two files have the same
  std::string tag;           // what the name tells, or nothing
  std::vector<HubFile> files;
  std::int64_t bytes = 0;
};
// Those that are complete; without projectors for images and importance matrices.
std::vector<GgufModel> gguf_models(std::span<const HubFile> files);
// Whether a model is what a name means by its quantization: "q4_k_m", "model-q8.gguf".
bool is_called(const GgufModel& model, const std::string& quantization);
// The best of those whose formats are opened here, of any size; null: there is none.
const GgufModel* best_model(std::span<const GgufModel> models);

// `memory_bytes`: what a model may take here, weights and the rest. Throws InvalidInput: no such quantization, nothing
// that Hearth opens, nothing that fits; with what there is.
FileChoice choose_files(const HubName& name, std::span<const HubFile> files, std::int64_t memory_bytes);

// Weights and about what comes beside them.
std::int64_t needed_memory(std::int64_t file_bytes);

// "4.7 GiB"
std::string bytes_text(std::int64_t bytes);

}  // namespace hearth
