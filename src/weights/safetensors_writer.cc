// The header is built as tensors are added: each begins where the one before it ends.
#include "weights/safetensors_writer.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/error.h"
#include "base/escape.h"

namespace hearth {
namespace {

constexpr std::string_view kMetadata = "__metadata__";
constexpr std::size_t kHeaderAlignment = 8;  // spaces at the header's end place the data on it

boost::json::string_view to_json(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view dtype_of(const OutputTensor& tensor) {
  switch (tensor.format) {
    case Format::kF32:
      return "F32";
    case Format::kF16:
      return "F16";
    case Format::kBf16:
      return "BF16";
    default:
      throw Unsupported(fmt::format("tensor {}: safetensors has no dtype for {}", quote_name(tensor.name),
                                    traits(tensor.format).name));
  }
}

}  // namespace

void SafetensorsWriter::add(std::string_view key, std::string_view text) {
  metadata_[to_json(key)] = to_json(text);
}

void SafetensorsWriter::add(OutputTensor tensor) {
  check_output(tensor);
  boost::json::array shape;
  for (int i = 0; i < tensor.shape.rank(); ++i) shape.emplace_back(tensor.shape[i]);
  const std::uint64_t end = data_bytes_ + tensor.bytes();
  const boost::json::object member{
      {"dtype", to_json(dtype_of(tensor))}, {"shape", shape}, {"data_offsets", {data_bytes_, end}}};
  if (tensor.name == kMetadata || !header_.emplace(tensor.name, member).second) {
    throw InvalidInput(fmt::format("tensor {}: the name is taken", quote_name(tensor.name)));
  }
  data_bytes_ = end;
  tensors_.push_back(std::move(tensor));
}

void SafetensorsWriter::write(std::ostream& out) const {
  boost::json::object header = header_;
  if (!metadata_.empty()) header[to_json(kMetadata)] = metadata_;
  std::string text = boost::json::serialize(header);
  text.append(-text.size() % kHeaderAlignment, ' ');
  const std::uint64_t length = text.size();
  ByteSink sink(out);
  sink.write(std::as_bytes(std::span(&length, 1)));
  sink.write(std::as_bytes(std::span(text)));
  for (const OutputTensor& tensor : tensors_) write_tensor_data(tensor, sink);
}

void SafetensorsWriter::write(const std::filesystem::path& path) const {
  write_file(path, [this](std::ostream& out) { write(out); });
}

}  // namespace hearth
