// For tests: GGUF metadata made in memory, without a file.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/byte_alphabet.h"
#include "weights/metadata.h"

namespace hearth {

class GgufMetadataBuilder {
 public:
  GgufMetadataBuilder& text(std::string_view key, std::string_view value) {
    std::string payload;
    append_string(payload, value);
    return add(key, MetadataType::kString, std::move(payload));
  }
  GgufMetadataBuilder& flag(std::string_view key, bool value) {
    return add(key, MetadataType::kBool, std::string(1, value ? '\1' : '\0'));
  }
  GgufMetadataBuilder& id(std::string_view key, std::uint32_t value) {
    std::string payload;
    append(payload, value);
    return add(key, MetadataType::kUint32, std::move(payload));
  }
  GgufMetadataBuilder& texts(std::string_view key, const std::vector<std::string>& values) {
    std::string payload = array_head(MetadataType::kString, values.size());
    for (const std::string& value : values) append_string(payload, value);
    return add(key, MetadataType::kArray, std::move(payload));
  }
  GgufMetadataBuilder& floats(std::string_view key, const std::vector<float>& values) {
    return numbers(key, MetadataType::kFloat32, values);
  }
  GgufMetadataBuilder& integers(std::string_view key, const std::vector<std::int32_t>& values) {
    return numbers(key, MetadataType::kInt32, values);
  }
  GgufMetadataBuilder& bytes(std::string_view key, std::string_view values) {
    return add(key, MetadataType::kArray, array_head(MetadataType::kUint8, values.size()) + std::string(values));
  }

  const Metadata& metadata() const { return metadata_; }

 private:
  template <typename T>
  static void append(std::string& out, T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
  }
  static void append_string(std::string& out, std::string_view text) {
    append(out, std::uint64_t{text.size()});
    out += text;
  }
  static std::string array_head(MetadataType type, std::size_t count) {
    std::string payload;
    append(payload, static_cast<std::uint32_t>(type));
    append(payload, std::uint64_t{count});
    return payload;
  }
  template <typename T>
  GgufMetadataBuilder& numbers(std::string_view key, MetadataType type, const std::vector<T>& values) {
    std::string payload = array_head(type, values.size());
    for (const T value : values) append(payload, value);
    return add(key, MetadataType::kArray, std::move(payload));
  }
  GgufMetadataBuilder& add(std::string_view key, MetadataType type, std::string payload) {
    const std::string& kept_key = storage_.emplace_back(key);
    const std::string& kept = storage_.emplace_back(std::move(payload));
    metadata_.add({kept_key, type, std::as_bytes(std::span(kept))});
    return *this;
  }

  std::deque<std::string> storage_;
  Metadata metadata_{"test.gguf"};
};

// The 256 characters of the byte alphabet, in byte order, so that a byte's token id is the byte.
inline std::vector<std::string> byte_level_tokens() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    append_in_byte_alphabet({&c, 1}, tokens.emplace_back());
  }
  return tokens;
}

}  // namespace hearth
