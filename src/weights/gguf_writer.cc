// The file is laid out before any data is seen: sizes follow from formats and shapes.
#include "weights/gguf_writer.h"

#include <fmt/format.h>

#include <bit>

#include "base/check.h"
#include "base/error.h"
#include "base/escape.h"
#include "weights/gguf_reader.h"

namespace hearth {
namespace {

constexpr std::uint32_t kVersion = 3;

template <typename T>
void append_field(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

std::uint64_t padding(std::uint64_t position, std::uint64_t alignment) {
  return (alignment - position % alignment) % alignment;
}

}  // namespace

GgufWriter::GgufWriter(std::uint32_t alignment) : alignment_(alignment) {
  CHECK(std::has_single_bit(alignment) || (alignment > 0 && alignment % 8 == 0));
  if (alignment != kGgufAlignmentDefault) add("general.alignment", alignment);
}

void GgufWriter::begin_entry(std::string_view key, MetadataType type) {
  if (!keys_.emplace(key).second) {
    throw InvalidInput(fmt::format("metadata key {} is to be written twice", quote_name(key)));
  }
  append(key);
  append(static_cast<std::uint32_t>(type));
}

void GgufWriter::add(const Metadata::Entry& entry) {
  begin_entry(entry.key, entry.type);
  metadata_.append(reinterpret_cast<const char*>(entry.payload.data()), entry.payload.size());
}

void GgufWriter::add(OutputTensor tensor) {
  check_output(tensor);
  if (traits(tensor.format).ggml_type < 0) {
    throw Unsupported(
        fmt::format("tensor {}: GGUF has no type for {}", quote_name(tensor.name), traits(tensor.format).name));
  }
  if (!tensor_names_.insert(tensor.name).second) {
    throw InvalidInput(fmt::format("tensor {} is to be written twice", quote_name(tensor.name)));
  }
  if (traits(tensor.format).ggml_type >= kGgufExtensionTypesBegin && !keys_.contains(std::string(kMxfp6Key))) {
    add(kMxfp6Key, true);
  }
  tensors_.push_back(std::move(tensor));
}

std::string GgufWriter::describe_tensors() const {
  std::string out;
  std::uint64_t offset = 0;
  for (const OutputTensor& tensor : tensors_) {
    append_field(out, std::uint64_t{tensor.name.size()});
    out += tensor.name;
    append_field(out, static_cast<std::uint32_t>(tensor.shape.rank()));
    for (int i = tensor.shape.rank(); i > 0; --i) append_field(out, tensor.shape[i - 1]);
    append_field(out, static_cast<std::uint32_t>(traits(tensor.format).ggml_type));
    append_field(out, offset);
    offset += tensor.bytes();
    offset += padding(offset, alignment_);
  }
  return out;
}

void GgufWriter::write(std::ostream& out) const {
  std::string head = "GGUF";
  append_field(head, kVersion);
  append_field(head, std::uint64_t{tensors_.size()});
  append_field(head, std::uint64_t{keys_.size()});
  ByteSink sink(out);
  for (const std::string& part : {head, metadata_, describe_tensors()}) sink.write(std::as_bytes(std::span(part)));
  for (const OutputTensor& tensor : tensors_) {
    sink.write_zeros(padding(sink.written(), alignment_));
    write_tensor_data(tensor, sink);
  }
  // Other readers expect the last tensor to be padded too.
  if (!tensors_.empty()) sink.write_zeros(padding(sink.written(), alignment_));
}

void GgufWriter::write(const std::filesystem::path& path) const {
  write_file(path, [this](std::ostream& out) { write(out); });
}

}  // namespace hearth
