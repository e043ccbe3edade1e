// Decodes metadata values on request. The payloads' extents were checked at opening; the readers here check again,
// because that costs nothing next to the copy and lets this file be right by itself.
#include "weights/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/error.h"
#include "base/escape.h"
#include "weights/byte_reader.h"

namespace hearth {
namespace {

struct TypeTraits {
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<TypeTraits, 13> kTypes = {{{"u8", 1},
                                                {"i8", 1},
                                                {"u16", 2},
                                                {"i16", 2},
                                                {"u32", 4},
                                                {"i32", 4},
                                                {"f32", 4},
                                                {"bool", 1},
                                                {"string", 0},
                                                {"array", 0},
                                                {"u64", 8},
                                                {"i64", 8},
                                                {"f64", 8}}};

std::string_view name_of(MetadataType type) {
  return metadata_type_name(type).value_or("unknown");
}

// What stands at the start of an array's payload.
struct ArrayHeader {
  MetadataType element_type;
  std::uint64_t count;
};

ArrayHeader read_array_header(ByteReader& reader) {
  const MetadataType type = read_metadata_type(reader);
  return {type, reader.read<std::uint64_t>()};
}

void skip_value(ByteReader& reader, MetadataType type, int depth) {
  if (type == MetadataType::kString) {
    reader.read_string();
  } else if (type != MetadataType::kArray) {
    reader.take(1, metadata_type_bytes(type));
  } else {
    if (depth == 0)
      reader.fail(reader.position(), fmt::format("arrays are nested more than {} deep", kMetadataDepthMax));
    const ArrayHeader header = read_array_header(reader);
    if (const std::size_t bytes = metadata_type_bytes(header.element_type); bytes > 0) {
      reader.take(header.count, bytes);
    } else {
      for (std::uint64_t i = 0; i < header.count; ++i) skip_value(reader, header.element_type, depth - 1);
    }
  }
}

bool read_bool(ByteReader& reader) {
  const std::uint64_t at = reader.position();
  const auto value = reader.read<std::uint8_t>();
  if (value > 1) reader.fail(at, fmt::format("a boolean has the value {}", value));
  return value == 1;
}

[[noreturn]] void fail_kind(const ByteReader& reader, std::string_view found, std::string_view wanted) {
  reader.fail(reader.position(), fmt::format("the value is of type {}, and {} is needed", found, wanted));
}

std::int64_t read_integer(ByteReader& reader, MetadataType type) {
  switch (type) {
    case MetadataType::kUint8:
      return reader.read<std::uint8_t>();
    case MetadataType::kInt8:
      return reader.read<std::int8_t>();
    case MetadataType::kUint16:
      return reader.read<std::uint16_t>();
    case MetadataType::kInt16:
      return reader.read<std::int16_t>();
    case MetadataType::kUint32:
      return reader.read<std::uint32_t>();
    case MetadataType::kInt32:
      return reader.read<std::int32_t>();
    case MetadataType::kInt64:
      return reader.read<std::int64_t>();
    case MetadataType::kBool:
      return read_bool(reader);
    case MetadataType::kUint64: {
      const std::uint64_t at = reader.position();
      const auto value = reader.read<std::uint64_t>();
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        reader.fail(at, fmt::format("the value {} is too large", value));
      }
      return static_cast<std::int64_t>(value);
    }
    default:
      fail_kind(reader, name_of(type), "an integer");
  }
}

double read_number(ByteReader& reader, MetadataType type) {
  switch (type) {
    case MetadataType::kFloat32:
      return reader.read<float>();
    case MetadataType::kFloat64:
      return reader.read<double>();
    case MetadataType::kUint64:
      return static_cast<double>(reader.read<std::uint64_t>());
    case MetadataType::kBool:
    case MetadataType::kString:
    case MetadataType::kArray:
      fail_kind(reader, name_of(type), "a number");
    default:
      return static_cast<double>(read_integer(reader, type));
  }
}

// A double beyond float's range cannot be converted without undefined behaviour.
float narrow(double value) {
  if (std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max()) || std::isnan(value)) {
    return static_cast<float>(value);
  }
  return std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(std::signbit(value) ? -1 : 1));
}

// The elements of an array, each read by `read_element(reader, element_type)`. The count bounds the reservation by the
// payload's size, an element being `element_bytes_min` long at least.
template <typename T, typename ReadElement>
std::vector<T> read_array(ByteReader& reader, MetadataType type, ReadElement read_element) {
  if (type != MetadataType::kArray) fail_kind(reader, name_of(type), "an array");
  const ArrayHeader header = read_array_header(reader);
  std::vector<T> values;
  values.reserve(std::min(header.count, reader.remaining()));
  for (std::uint64_t i = 0; i < header.count; ++i) values.push_back(read_element(reader, header.element_type));
  return values;
}

std::string_view read_string(ByteReader& reader, MetadataType type) {
  if (type != MetadataType::kString) fail_kind(reader, name_of(type), "a string");
  return reader.read_string();
}

void append_value(ByteReader& reader, MetadataType type, std::size_t array_elements_max, int depth, std::string& out);

void append_array(ByteReader& reader, std::size_t array_elements_max, int depth, std::string& out) {
  if (depth == 0) reader.fail(reader.position(), "arrays are nested too deep");
  const ArrayHeader header = read_array_header(reader);
  out += '[';
  const std::uint64_t shown = std::min<std::uint64_t>(header.count, array_elements_max);
  for (std::uint64_t i = 0; i < shown; ++i) {
    if (i > 0) out += ", ";
    append_value(reader, header.element_type, array_elements_max, depth - 1, out);
  }
  if (shown < header.count) {
    // An array within an array: what follows this one is still to be read.
    for (std::uint64_t i = shown; i < header.count; ++i) skip_value(reader, header.element_type, depth - 1);
    fmt::format_to(std::back_inserter(out), "{}... {} in all", shown > 0 ? ", " : "", header.count);
  }
  out += ']';
}

void append_value(ByteReader& reader, MetadataType type, std::size_t array_elements_max, int depth, std::string& out) {
  switch (type) {
    case MetadataType::kString:
      out += escape_text(reader.read_string());
      break;
    case MetadataType::kArray:
      append_array(reader, array_elements_max, depth, out);
      break;
    case MetadataType::kBool:
      out += read_bool(reader) ? "true" : "false";
      break;
    case MetadataType::kFloat32:
      fmt::format_to(std::back_inserter(out), "{}", reader.read<float>());
      break;
    case MetadataType::kFloat64:
      fmt::format_to(std::back_inserter(out), "{}", reader.read<double>());
      break;
    case MetadataType::kUint64:
      fmt::format_to(std::back_inserter(out), "{}", reader.read<std::uint64_t>());
      break;
    default:
      fmt::format_to(std::back_inserter(out), "{}", read_integer(reader, type));
  }
}

}  // namespace

std::optional<std::string_view> metadata_type_name(MetadataType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypes.size() ? std::optional(kTypes[index].name) : std::nullopt;
}

std::size_t metadata_type_bytes(MetadataType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypes.size() ? kTypes[index].bytes : 0;
}

MetadataType read_metadata_type(ByteReader& reader) {
  const std::uint64_t at = reader.position();
  const auto type = static_cast<MetadataType>(reader.read<std::uint32_t>());
  if (!metadata_type_name(type)) {
    reader.fail(at, fmt::format("there is no value type {}", static_cast<std::uint32_t>(type)));
  }
  return type;
}

void skip_metadata_value(ByteReader& reader, MetadataType type) {
  skip_value(reader, type, kMetadataDepthMax);
}

void Metadata::add(Entry entry) {
  if (!index_.emplace(entry.key, entries_.size()).second) {
    throw InvalidInput(fmt::format("{}: metadata key {} at byte {}: the key is there twice", file_name_,
                                   quote_name(entry.key), entry.position));
  }
  entries_.push_back(entry);
}

const Metadata::Entry* Metadata::find(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

ByteReader Metadata::reader(const Entry& entry) const {
  ByteReader reader(entry.payload, file_name_, entry.position);
  reader.set_entry("metadata key " + quote_name(entry.key));
  return reader;
}

bool Metadata::contains(std::string_view key) const {
  return find(key) != nullptr;
}

std::optional<bool> Metadata::boolean(std::string_view key) const {
  const std::optional<std::int64_t> value = integer(key);
  if (!value) return std::nullopt;
  if (*value != 0 && *value != 1) {
    const Entry& entry = *find(key);
    reader(entry).fail(entry.position, fmt::format("the value {} is not a boolean", *value));
  }
  return *value == 1;
}

std::optional<std::int64_t> Metadata::integer(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  ByteReader payload = reader(*entry);
  return read_integer(payload, entry->type);
}

std::optional<double> Metadata::number(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  ByteReader payload = reader(*entry);
  return read_number(payload, entry->type);
}

std::optional<std::string_view> Metadata::string(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  ByteReader payload = reader(*entry);
  return read_string(payload, entry->type);
}

std::optional<std::vector<std::string_view>> Metadata::strings(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  ByteReader payload = reader(*entry);
  return read_array<std::string_view>(payload, entry->type, read_string);
}

std::optional<std::vector<std::int64_t>> Metadata::integers(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  ByteReader payload = reader(*entry);
  return read_array<std::int64_t>(payload, entry->type, read_integer);
}

std::optional<std::vector<float>> Metadata::numbers(std::string_view key) const {
  const Entry* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  ByteReader payload = reader(*entry);
  return read_array<float>(payload, entry->type,
                           [](ByteReader& values, MetadataType type) { return narrow(read_number(values, type)); });
}

std::string Metadata::to_string(const Entry& entry, std::size_t array_elements_max) const {
  ByteReader payload = reader(entry);
  std::string out;
  append_value(payload, entry.type, array_elements_max, kMetadataDepthMax, out);
  return out;
}

bool Metadata::is_array(std::string_view key) const {
  const Entry* entry = find(key);
  return entry != nullptr && entry->type == MetadataType::kArray;
}

}  // namespace hearth
