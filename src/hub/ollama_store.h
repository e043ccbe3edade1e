// Models that Ollama fetched: its manifests say which blob is a model's GGUF file, and that is opened where it stands.
// Nothing here is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

struct OllamaModel {
  std::string name;            // as Ollama shows it: "llama3.2:1b", "hf.co/ORG/REPO:Q4_K_M"
  std::filesystem::path path;  // of the GGUF file
  std::int64_t bytes = 0;
  std::filesystem::file_time_type modified;
};

// Those of a store (OLLAMA_MODELS) whose weights are there.
std::vector<OllamaModel> list_ollama_models(const std::filesystem::path& store);
// "llama3.2" is "llama3.2:latest".
std::optional<OllamaModel> find_ollama_model(const std::filesystem::path& store, std::string_view name);

}  // namespace hearth
