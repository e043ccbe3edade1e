// Writes GGUF version 3, little-endian. Metadata and tensor descriptions are collected; tensor data is asked for while
// the file is written and never held.
//
// Format: ggml's GGUF document.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "weights/metadata.h"
#include "weights/tensor_output.h"

namespace hearth {

// The metadata type that a C++ type is written as.
template <typename T>
struct MetadataTypeOf;
template <>
struct MetadataTypeOf<std::uint8_t> : std::integral_constant<MetadataType, MetadataType::kUint8> {};
template <>
struct MetadataTypeOf<std::int8_t> : std::integral_constant<MetadataType, MetadataType::kInt8> {};
template <>
struct MetadataTypeOf<std::uint16_t> : std::integral_constant<MetadataType, MetadataType::kUint16> {};
template <>
struct MetadataTypeOf<std::int16_t> : std::integral_constant<MetadataType, MetadataType::kInt16> {};
template <>
struct MetadataTypeOf<std::uint32_t> : std::integral_constant<MetadataType, MetadataType::kUint32> {};
template <>
struct MetadataTypeOf<std::int32_t> : std::integral_constant<MetadataType, MetadataType::kInt32> {};
template <>
struct MetadataTypeOf<float> : std::integral_constant<MetadataType, MetadataType::kFloat32> {};
template <>
struct MetadataTypeOf<bool> : std::integral_constant<MetadataType, MetadataType::kBool> {};
template <>
struct MetadataTypeOf<std::string> : std::integral_constant<MetadataType, MetadataType::kString> {};
template <>
struct MetadataTypeOf<std::string_view> : std::integral_constant<MetadataType, MetadataType::kString> {};
template <typename T>
struct MetadataTypeOf<std::vector<T>> : std::integral_constant<MetadataType, MetadataType::kArray> {};
template <>
struct MetadataTypeOf<std::uint64_t> : std::integral_constant<MetadataType, MetadataType::kUint64> {};
template <>
struct MetadataTypeOf<std::int64_t> : std::integral_constant<MetadataType, MetadataType::kInt64> {};
template <>
struct MetadataTypeOf<double> : std::integral_constant<MetadataType, MetadataType::kFloat64> {};

class GgufWriter {
 public:
  // Tensor data is padded to `alignment`, a power of two or a multiple of 8; another than GGUF's default is
  // written as 'general.alignment'.
  explicit GgufWriter(std::uint32_t alignment = 32);

  // One entry: a number, a boolean, a string, or a vector of these or of vectors. Throws InvalidInput for a key that
  // was added before.
  template <typename T>
  void add(std::string_view key, const T& value) {
    begin_entry(key, MetadataTypeOf<T>::value);
    append(value);
  }
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  // An entry as it stands in another file.
  void add(const Metadata::Entry& entry);

  // Throws InvalidInput for a name that was added before or rows that the format's blocks do not fill, and Unsupported
  // for a format that GGUF does not know.
  void add(OutputTensor tensor);

  // Writes header, metadata, tensor descriptions and, asking for them one after the other, the tensors' data.
  void write(std::ostream& out) const;
  void write(const std::filesystem::path& path) const;

 private:
  void begin_entry(std::string_view key, MetadataType type);
  std::string describe_tensors() const;

  template <typename T>
  requires std::is_arithmetic_v<T>
  void append(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    metadata_.append(bytes, sizeof(T));
  }
  void append(std::string_view text) {
    append(std::uint64_t{text.size()});
    metadata_ += text;
  }
  template <typename T>
  void append(const std::vector<T>& values) {
    append(static_cast<std::uint32_t>(MetadataTypeOf<T>::value));
    append(std::uint64_t{values.size()});
    for (auto&& value : values) append(static_cast<const T&>(value));  // vector<bool> yields no references
  }

  std::uint32_t alignment_;
  std::string metadata_;  // encoded
  std::unordered_set<std::string> keys_;
  std::vector<OutputTensor> tensors_;
  std::unordered_set<std::string> tensor_names_;
};

}  // namespace hearth
