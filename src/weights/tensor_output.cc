// Counting and checking of what is written.
#include "weights/tensor_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/escape.h"

namespace hearth {

void ByteSink::write(std::span<const std::byte> bytes) {
  out_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  written_ += bytes.size();
}

void ByteSink::write_zeros(std::uint64_t count) {
  constexpr std::array<std::byte, 256> kZeros{};
  while (count > 0) {
    const std::uint64_t piece = std::min<std::uint64_t>(count, kZeros.size());
    write({kZeros.data(), piece});
    count -= piece;
  }
}

std::uint64_t OutputTensor::bytes() const {
  return static_cast<std::uint64_t>(format_bytes(format, shape.element_count()));
}

std::function<void(ByteSink&)> data_in_memory(std::span<const std::byte> bytes) {
  return [bytes](ByteSink& sink) { sink.write(bytes); };
}

void check_output(const OutputTensor& tensor) {
  if (tensor.name.empty()) throw InvalidInput("a tensor to be written has no name");
  const FormatTraits& format = traits(tensor.format);
  if (tensor.shape.columns() % format.block_elements != 0) {
    throw InvalidInput(fmt::format("tensor {}: rows of {} elements cannot be cut into blocks of {}",
                                   quote_name(tensor.name), tensor.shape.columns(), format.block_elements));
  }
}

void write_tensor_data(const OutputTensor& tensor, ByteSink& sink) {
  const std::uint64_t before = sink.written();
  tensor.write_data(sink);
  if (const std::uint64_t written = sink.written() - before; written != tensor.bytes()) {
    throw InvalidInput(fmt::format("tensor {}: {} bytes of data were given, and its shape {} needs {}",
                                   quote_name(tensor.name), written, tensor.shape.to_string(), tensor.bytes()));
  }
}

void write_file(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write) {
  const auto check = [&](const std::ofstream& out) {
    if (!out) throw DeviceError(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
  };
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  check(out);
  write(out);
  out.flush();
  check(out);
}

}  // namespace hearth
