// Writes safetensors files. Tensor descriptions are collected; tensor data is asked for while the file is written and
// never held.
//
// Format: Hugging Face's safetensors document.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <ostream>
#include <string_view>
#include <vector>

#include "weights/tensor_output.h"

namespace hearth {

class SafetensorsWriter {
 public:
  // An entry of '__metadata__'.
  void add(std::string_view key, std::string_view text);
  // Throws InvalidInput for a name that was added before or is reserved, and Unsupported for another format than f32,
  // f16, bf16 and MXFP6. The latter becomes two tensors: the codes, and the scales under a name that goes on with
  // "_scale".
  void add(OutputTensor tensor);

  void write(std::ostream& out) const;
  void write(const std::filesystem::path& path) const;

 private:
  boost::json::object header_, metadata_;
  void describe(const std::string& name, std::string_view dtype, const Shape& shape, std::uint64_t bytes);

  std::vector<OutputTensor> tensors_;
  std::uint64_t data_bytes_ = 0;
};

}  // namespace hearth
