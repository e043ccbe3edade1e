// The file's order: the header's length (64 bits), the header (a JSON object with one member per tensor), the data.
#include "weights/safetensors_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "weights/json.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kUint64Max = std::numeric_limits<std::uint64_t>::max();

struct Dtype {
  std::string_view name;
  std::uint64_t bits;
  std::optional<Format> format;  // nullopt: nothing that Hearth computes with as it stands
};
constexpr std::array kDtypes = {
    Dtype{"F32", 32, Format::kF32},    Dtype{"F16", 16, Format::kF16},    Dtype{"BF16", 16, Format::kBf16},
    Dtype{"F64", 64, std::nullopt},    Dtype{"I64", 64, std::nullopt},    Dtype{"U64", 64, std::nullopt},
    Dtype{"I32", 32, std::nullopt},    Dtype{"U32", 32, std::nullopt},    Dtype{"I16", 16, std::nullopt},
    Dtype{"U16", 16, std::nullopt},    Dtype{"I8", 8, std::nullopt},      Dtype{"U8", 8, std::nullopt},
    Dtype{"BOOL", 8, std::nullopt},    Dtype{"F8_E4M3", 8, std::nullopt}, Dtype{"F8_E5M2", 8, std::nullopt},
    Dtype{"F8_E8M0", 8, std::nullopt}, Dtype{"F6_E2M3", 6, std::nullopt}, Dtype{"F6_E3M2", 6, std::nullopt},
};

// One member of the header, in the header's terms.
struct TensorInfo {
  std::string_view name;
  std::string_view dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin;  // offsets into the data
  std::uint64_t end;
};

// A file under examination: where its header and data stand, for the messages.
struct File {
  const std::string& name;
  std::string_view header;
  std::span<const std::byte> data;

  std::string describe(std::string_view tensor, std::string_view problem) const {
    // The member's key, unless it is spelled with escapes.
    const std::size_t found = header.find(fmt::format("\"{}\"", tensor));
    const std::uint64_t at = kLengthBytes + (found == header.npos ? 0 : found);
    return describe_at(at, tensor, problem);
  }
  std::string describe_at(std::uint64_t at, std::string_view tensor, std::string_view problem) const {
    return fmt::format("{}: tensor {} at byte {}: {}", name, quote_name(tensor), at, problem);
  }
  [[noreturn]] void fail(std::string_view tensor, std::string_view problem) const {
    throw InvalidInput(describe(tensor, problem));
  }
};

File split_file(std::span<const std::byte> bytes, const std::string& name) {
  const auto fail = [&](std::string_view problem) {
    throw InvalidInput(fmt::format("{}: header at byte 0: {}", name, problem));
  };
  if (bytes.size() < kLengthBytes) fail(fmt::format("a file of {} bytes has no header", bytes.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kSafetensorsHeaderBytesMax || length > bytes.size() - kLengthBytes) {
    fail(fmt::format("a header of {} bytes does not fit a file of {} bytes (nor may it exceed {})", length,
                     bytes.size(), kSafetensorsHeaderBytesMax));
  }
  const std::span<const std::byte> header = bytes.subspan(kLengthBytes, length);
  return {
      name, {reinterpret_cast<const char*>(header.data()), header.size()}, bytes.subspan(kLengthBytes + header.size())};
}

std::vector<std::uint64_t> read_counts(const json::object& member, std::string_view key, std::string_view tensor,
                                       const File& file) {
  const json::value* value = member.if_contains(json::string_view(key.data(), key.size()));
  const json::array* array = value != nullptr ? value->if_array() : nullptr;
  if (array == nullptr) file.fail(tensor, fmt::format("it has no array '{}'", key));
  std::vector<std::uint64_t> counts;
  counts.reserve(array->size());
  for (const json::value& element : *array) {
    if (element.is_int64() && element.get_int64() >= 0) {
      counts.push_back(static_cast<std::uint64_t>(element.get_int64()));
    } else if (element.is_uint64()) {
      counts.push_back(element.get_uint64());
    } else {
      file.fail(tensor, fmt::format("'{}' holds something other than whole numbers from 0 to 2^64 - 1", key));
    }
  }
  return counts;
}

TensorInfo read_info(std::string_view name, const json::value& value, const File& file) {
  const json::object* member = value.if_object();
  if (member == nullptr) file.fail(name, "its description is not an object");
  const json::value* dtype = member->if_contains("dtype");
  if (dtype == nullptr || !dtype->is_string()) file.fail(name, "it has no string 'dtype'");
  const json::string& dtype_text = dtype->get_string();
  const std::vector<std::uint64_t> offsets = read_counts(*member, "data_offsets", name, file);
  if (offsets.size() != 2) file.fail(name, fmt::format("'data_offsets' holds {} numbers, not 2", offsets.size()));
  if (offsets[0] > offsets[1] || offsets[1] > file.data.size()) {
    file.fail(name, fmt::format("its data, from {} to {}, does not lie within the {} bytes of data", offsets[0],
                                offsets[1], file.data.size()));
  }
  return {
      name, {dtype_text.data(), dtype_text.size()}, read_counts(*member, "shape", name, file), offsets[0], offsets[1]};
}

// The shape must account for the bytes. The product must not overflow even where a dimension is zero, so that the
// product of any of them does not.
void check_size(const TensorInfo& info, const Dtype& dtype, const File& file) {
  std::uint64_t product = 1;
  bool empty = false;
  for (const std::uint64_t dim : info.shape) {
    empty = empty || dim == 0;
    const std::uint64_t factor = std::max<std::uint64_t>(dim, 1);
    if (factor > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / product) {
      file.fail(info.name, fmt::format("dimension {} makes the number of elements overflow", dim));
    }
    product *= factor;
  }
  const std::uint64_t elements = empty ? 0 : product;
  const std::uint64_t bytes = info.end - info.begin;
  if (elements > kUint64Max / dtype.bits || elements * dtype.bits % 8 != 0 || elements * dtype.bits / 8 != bytes) {
    const bool whole = dtype.bits % 8 == 0;
    file.fail(info.name,
              fmt::format("{} elements of {} {} do not fill the {} bytes from {} to {}", elements,
                          whole ? dtype.bits / 8 : dtype.bits, whole ? "bytes" : "bits", bytes, info.begin, info.end));
  }
}

// Sorts by place in the data, and checks that there is no gap and no overlap.
void check_layout(std::vector<TensorInfo>& infos, const File& file) {
  std::sort(infos.begin(), infos.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t end = 0;
  for (const TensorInfo& info : infos) {
    if (info.begin != end) {
      file.fail(info.name, fmt::format("its data begins at {}, where the data before it ends at {}: {}", info.begin,
                                       end, info.begin < end ? "they overlap" : "there is a gap"));
    }
    end = info.end;
  }
  if (end != file.data.size()) {
    throw InvalidInput(fmt::format("{}: data at byte {}: the tensors end there, and {} bytes follow", file.name,
                                   kLengthBytes + file.header.size() + end, file.data.size() - end));
  }
}

void add_entry(const TensorInfo& info, const File& file, WeightEntries& weights) {
  // Named by where its data stands: a search for the key, for each of them, could take long.
  const auto unreadable = [&](std::string_view reason) {
    const std::uint64_t at = kLengthBytes + file.header.size() + info.begin;
    weights.unreadable.push_back({std::string(info.name), file.describe_at(at, info.name, reason)});
  };
  const auto dtype = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == info.dtype; });
  if (dtype == kDtypes.end()) return unreadable(fmt::format("dtype {} is not known", quote_name(info.dtype)));
  check_size(info, *dtype, file);
  const bool has_shape = info.shape.size() <= static_cast<std::size_t>(Shape::kRankMax);
  Shape shape;
  if (has_shape) {
    for (const std::uint64_t dim : info.shape) shape.append(static_cast<std::int64_t>(dim));
  }
  const std::span<const std::byte> data = file.data.subspan(info.begin, info.end - info.begin);
  if (!dtype->format) {
    unreadable(fmt::format("dtype {} cannot be computed with", dtype->name));
    UnreadableEntry& entry = weights.unreadable.back();
    entry.dtype = dtype->name;
    if (has_shape) entry.shape = shape, entry.bytes = data;
    return;
  }
  if (!has_shape) return unreadable(fmt::format("{} dimensions are more than {}", info.shape.size(), Shape::kRankMax));
  weights.tensors.push_back({std::string(info.name), *dtype->format, shape, data});
}

}  // namespace

WeightEntries read_safetensors(std::span<const std::byte> bytes, const std::string& file_name) {
  const File file = split_file(bytes, file_name);
  const json::object header = parse_json_object(file.header, file_name, JsonDialect::kStrict, kLengthBytes);
  std::vector<TensorInfo> infos;
  infos.reserve(header.size());
  for (const auto& [key, value] : header) {
    if (key == "__metadata__") continue;
    infos.push_back(read_info({key.data(), key.size()}, value, file));
  }
  check_layout(infos, file);
  WeightEntries weights;
  weights.tensors.reserve(infos.size());
  for (const TensorInfo& info : infos) add_entry(info, file, weights);
  return weights;
}

}  // namespace hearth
