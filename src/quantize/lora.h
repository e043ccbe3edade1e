// A LoRA adapter, merged into a model's weights as they are read: W + scale * B * A, before anything is rounded.
//
// Formats: PEFT's folder (adapter_config.json, adapter_model.safetensors), whose modules have a Hugging Face folder's
// names; llama.cpp's GGUF file (general.type "adapter"), whose tensors have those of a GGUF file.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/model_contents.h"

namespace hearth {

class LoraAdapter {
 public:
  enum class Kind { kPeft, kGguf };

  // Throws InvalidInput for another kind of file, and Unsupported for an adapter that has more than A and B (trained
  // norms, whole modules, magnitudes, biases, embeddings) or settings that change the sum, naming what it is.
  explicit LoraAdapter(const std::filesystem::path& path);

  Kind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }
  // GGUF: the architecture of the model that it is for; empty: it does not say.
  const std::string& architecture() const { return architecture_; }

  // The tensor reads rows with the adapter's part added, if the adapter has one for `name` ("….weight"): the name in
  // the model's own files. The tensor is [out, in], or [experts, out, in]. The adapter outlives it. Throws InvalidInput
  // where the shapes do not fit.
  void merge(std::string_view name, ContentTensor& tensor);
  // Throws InvalidInput, naming one, where some part of the adapter was merged into no tensor.
  void check_all_merged() const;
  std::int64_t matrix_count() const { return std::ssize(parts_); }

 private:
  struct Part {
    std::vector<float> a, b;  // [experts, rank, in], [experts, out, rank]
    Shape a_shape, b_shape;
    double scale = 0;
  };
  void open_peft();
  void open_gguf();
  void add_pairs(double alpha, bool by_root);
  [[noreturn]] void refuse(const std::string& why) const;

  std::filesystem::path path_;
  Kind kind_ = Kind::kPeft;
  std::string architecture_;
  std::map<std::string, Part, std::less<>> parts_;  // by the matrix's name
  std::set<std::string, std::less<>> merged_;
};

}  // namespace hearth
