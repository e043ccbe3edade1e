// The header is built as tensors are added: each begins where the one before it ends.
#include "weights/safetensors_writer.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <sstream>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "formats/mxfp6.h"

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
    case Format::kMxfp6E2m3:
      return "F6_E2M3";
    case Format::kMxfp6E3m2:
      return "F6_E3M2";
    default:
      throw Unsupported(fmt::format("tensor {}: safetensors has no dtype for {}", quote_name(tensor.name),
                                    traits(tensor.format).name));
  }
}

bool is_mxfp6(Format format) {
  return format == Format::kMxfp6E2m3 || format == Format::kMxfp6E3m2;
}

// The codes of all blocks, and then the scales of all.
void write_mxfp6(const OutputTensor& tensor, ByteSink& sink) {
  std::ostringstream collected;
  ByteSink blocks(collected);
  write_tensor_data(tensor, blocks);
  const std::string text = std::move(collected).str();
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  constexpr std::size_t kBlockBytes = sizeof(Mxfp6E2m3Block);
  for (std::size_t at = 0; at < bytes.size(); at += kBlockBytes) sink.write(bytes.subspan(at + 1, kBlockBytes - 1));
  for (std::size_t at = 0; at < bytes.size(); at += kBlockBytes) sink.write(bytes.subspan(at, 1));
}

}  // namespace

void SafetensorsWriter::add(std::string_view key, std::string_view text) {
  metadata_[to_json(key)] = to_json(text);
}

void SafetensorsWriter::describe(const std::string& name, std::string_view dtype, const Shape& shape,
                                 std::uint64_t bytes) {
  boost::json::array dims;
  for (int i = 0; i < shape.rank(); ++i) dims.emplace_back(shape[i]);
  const std::uint64_t end = data_bytes_ + bytes;
  const boost::json::object member{{"dtype", to_json(dtype)}, {"shape", dims}, {"data_offsets", {data_bytes_, end}}};
  if (name == kMetadata || !header_.emplace(name, member).second) {
    throw InvalidInput(fmt::format("tensor {}: the name is taken", quote_name(name)));
  }
  data_bytes_ = end;
}

void SafetensorsWriter::add(OutputTensor tensor) {
  check_output(tensor);
  const std::string_view dtype = dtype_of(tensor);
  if (is_mxfp6(tensor.format)) {
    const std::uint64_t blocks = tensor.bytes() / sizeof(Mxfp6E2m3Block);
    describe(tensor.name, dtype, tensor.shape, blocks * sizeof(Mxfp6E2m3Block::codes));
    Shape scales;
    for (int i = 0; i + 1 < tensor.shape.rank(); ++i) scales.append(tensor.shape[i]);
    scales.append(tensor.shape.columns() / Mxfp6E2m3Block::kElements);
    describe(tensor.name + "_scale", "F8_E8M0", scales, blocks);
  } else {
    describe(tensor.name, dtype, tensor.shape, tensor.bytes());
  }
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
  for (const OutputTensor& tensor : tensors_) {
    if (is_mxfp6(tensor.format)) {
      write_mxfp6(tensor, sink);
    } else {
      write_tensor_data(tensor, sink);
    }
  }
}

void SafetensorsWriter::write(const std::filesystem::path& path) const {
  write_file(path, [this](std::ostream& out) { write(out); });
}

}  // namespace hearth
