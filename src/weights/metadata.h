// The key-value part of a GGUF file. Values stay where they are in the mapped file and are read when asked for, so
// that opening a file with a vocabulary of 250,000 strings costs nothing until a tokenizer needs it.
//
// Format: ggml's GGUF document, versions 2 and 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hearth {

class ByteReader;

enum class MetadataType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// Arrays within arrays, at most: a bound on the reader's recursion.
inline constexpr int kMetadataDepthMax = 16;

// "u32", "string", "array"; nullopt for a number that is no type.
std::optional<std::string_view> metadata_type_name(MetadataType type);
// Bytes of a value of the type; 0 for strings and arrays, whose size varies.
std::size_t metadata_type_bytes(MetadataType type);
// Reads a type's number; InvalidInput if it is none.
MetadataType read_metadata_type(ByteReader& reader);
// Walks over one value; InvalidInput if it does not end within the file.
void skip_metadata_value(ByteReader& reader, MetadataType type);

// Read access by key. A getter returns nullopt when the key is absent and throws InvalidInput, naming the file and the
// key, when the value is of a kind that does not convert (integers and booleans convert to each other within range;
// integers convert to numbers).
class Metadata {
 public:
  // One entry: `payload` is the encoded value without key and type; its extent was checked when the file was opened.
  struct Entry {
    std::string_view key;
    MetadataType type;
    std::span<const std::byte> payload;
    std::uint64_t position = 0;  // of the payload in its file, for messages
  };

  Metadata() = default;
  explicit Metadata(std::string file_name) : file_name_(std::move(file_name)) {}
  void add(Entry entry);  // throws InvalidInput on a duplicate key

  bool contains(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<std::string_view> string(std::string_view key) const;
  std::optional<std::vector<std::string_view>> strings(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view key) const;  // arrays of integers or booleans
  std::optional<std::vector<float>> numbers(std::string_view key) const;
  // For the `inspect` verb: the value as text, arrays shortened to `array_elements_max` elements.
  std::string to_string(const Entry& entry, std::size_t array_elements_max) const;
  bool is_array(std::string_view key) const;

  std::span<const Entry> entries() const { return entries_; }  // in file order

 private:
  const Entry* find(std::string_view key) const;
  ByteReader reader(const Entry& entry) const;

  std::string file_name_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, std::size_t> index_;
};

}  // namespace hearth
