// What both writers share: a tensor to be written is described first, and its bytes are asked for when their turn
// comes, so that a model larger than memory can be written.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <ostream>
#include <span>
#include <string>

#include "tensor/tensor.h"

namespace hearth {

// Where a tensor's bytes go; counts them.
class ByteSink {
 public:
  explicit ByteSink(std::ostream& out) : out_(out) {}
  void write(std::span<const std::byte> bytes);
  void write_zeros(std::uint64_t count);
  std::uint64_t written() const { return written_; }

 private:
  std::ostream& out_;
  std::uint64_t written_ = 0;
};

struct OutputTensor {
  std::string name;
  Format format;
  Shape shape;
  // Writes the whole tensor, in as many pieces as it likes; called once per written file.
  std::function<void(ByteSink&)> write_data;

  std::uint64_t bytes() const;
};

// A `write_data` for bytes that are in memory; they must outlive the writing.
std::function<void(ByteSink&)> data_in_memory(std::span<const std::byte> bytes);

// Throws InvalidInput unless the tensor has a name, and rows that whole blocks of its format fill.
void check_output(const OutputTensor& tensor);
// Calls `write_data`; throws InvalidInput if it writes another number of bytes than the shape needs.
void write_tensor_data(const OutputTensor& tensor, ByteSink& sink);

// Creates or replaces the file with what `write` produces. Throws DeviceError with the path if that fails.
void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);

}  // namespace hearth
