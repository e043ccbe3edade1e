// The file's order: header, metadata, tensor descriptions, padding, tensor data. A description gives an offset into the
// data, whose start is known only after the last description, so these are read first and placed afterwards.
#include "weights/gguf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "weights/byte_reader.h"
#include "weights/escape.h"

namespace hearth {
namespace {

// The shortest entries there can be, which bound the counts: an empty name or key, no dimensions, a one-byte value.
constexpr std::uint64_t kTensorBytesMin = 8 + 4 + 4 + 8;
constexpr std::uint64_t kMetadataBytesMin = 8 + 4 + 1;
// Offsets are padded to it, so a huge one would only be a way to reach past the end.
constexpr std::int64_t kAlignmentMax = std::int64_t{1} << 30;

// A tensor's description, and where in the file it stands.
struct TensorInfo {
  std::string_view name;
  Shape shape;
  std::uint32_t ggml_type;
  std::uint64_t offset;  // into the tensor data
  std::uint64_t position;
};

struct Header {
  std::uint64_t tensor_count;
  std::uint64_t metadata_count;
};

Header read_header(ByteReader& reader) {
  reader.set_entry("header");
  const std::span<const std::byte> magic = reader.take(std::min<std::uint64_t>(4, reader.remaining()), 1);
  const std::string_view magic_text(reinterpret_cast<const char*>(magic.data()), magic.size());
  if (magic_text != "GGUF") {
    reader.fail(0, fmt::format("not a GGUF file: it begins with {} instead of 'GGUF'", quote_name(magic_text)));
  }
  const auto version = reader.read<std::uint32_t>();
  if (version != 2 && version != 3) {
    // Version 3 of a big-endian file reads as 3 << 24.
    const bool swapped = version != 0 && (version & 0xffff) == 0;
    const std::string problem = swapped ? "the file is big-endian; only little-endian files can be read"
                                        : fmt::format("GGUF version {}; only versions 2 and 3 can be read", version);
    throw Unsupported(reader.describe(4, problem));
  }
  const auto tensor_count = reader.read<std::uint64_t>();
  const auto metadata_count = reader.read<std::uint64_t>();
  if (metadata_count > reader.remaining() / kMetadataBytesMin) {
    reader.fail(16, fmt::format("{} metadata entries do not fit a file of {} bytes", metadata_count,
                                reader.position() + reader.remaining()));
  }
  if (tensor_count > reader.remaining() / kTensorBytesMin) {
    reader.fail(8, fmt::format("{} tensors do not fit a file of {} bytes", tensor_count,
                               reader.position() + reader.remaining()));
  }
  return {tensor_count, metadata_count};
}

Metadata read_metadata(ByteReader& reader, std::uint64_t count, const std::string& file_name) {
  Metadata metadata(file_name);
  for (std::uint64_t i = 0; i < count; ++i) {
    reader.set_entry(fmt::format("metadata entry {}", i));
    const std::string_view key = reader.read_string();
    reader.set_entry("metadata key " + quote_name(key));
    const MetadataType type = read_metadata_type(reader);
    const std::uint64_t position = reader.position();
    skip_metadata_value(reader, type);
    metadata.add({key, type, reader.since(position), position});
  }
  return metadata;
}

// The dimensions stand innermost first. Their product must fit 63 bits even where one of them is zero, so that the
// product of any of them does.
Shape read_shape(ByteReader& reader) {
  const std::uint64_t at = reader.position();
  const auto rank = reader.read<std::uint32_t>();
  if (rank > static_cast<std::uint32_t>(Shape::kRankMax)) {
    reader.fail(at, fmt::format("{} dimensions; at most {} are possible", rank, Shape::kRankMax));
  }
  std::array<std::int64_t, Shape::kRankMax> dims{};
  std::uint64_t product = 1;
  for (std::uint32_t i = 0; i < rank; ++i) {
    const std::uint64_t dim_at = reader.position();
    const auto dim = reader.read<std::uint64_t>();
    const std::uint64_t factor = std::max<std::uint64_t>(dim, 1);
    if (factor > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / product) {
      reader.fail(dim_at, fmt::format("dimension {} is {}, which makes the number of elements overflow", i, dim));
    }
    product *= factor;
    dims[i] = static_cast<std::int64_t>(dim);
  }
  Shape shape;
  for (std::uint32_t i = rank; i > 0; --i) shape.append(dims[i - 1]);
  return shape;
}

std::vector<TensorInfo> read_tensor_infos(ByteReader& reader, std::uint64_t count) {
  std::vector<TensorInfo> infos;
  infos.reserve(std::min(count, reader.remaining() / kTensorBytesMin));
  std::unordered_set<std::string_view> names;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t position = reader.position();
    reader.set_entry(fmt::format("tensor {}", i));
    const std::string_view name = reader.read_string();
    reader.set_entry("tensor " + quote_name(name));
    if (!names.insert(name).second) reader.fail(position, "the tensor is there twice");
    const Shape shape = read_shape(reader);
    const auto type = reader.read<std::uint32_t>();
    infos.push_back({name, shape, type, reader.read<std::uint64_t>(), position});
  }
  return infos;
}

std::uint64_t read_alignment(const Metadata& metadata, ByteReader& reader) {
  constexpr std::string_view kKey = "general.alignment";
  const std::int64_t alignment = metadata.integer(kKey).value_or(kGgufAlignmentDefault);
  if (alignment <= 0 || alignment > kAlignmentMax || !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
    const auto entry = std::find_if(metadata.entries().begin(), metadata.entries().end(),
                                    [&](const Metadata::Entry& e) { return e.key == kKey; });
    reader.set_entry("metadata key " + quote_name(kKey));
    reader.fail(entry->position, fmt::format("{} is not a power of two up to {}", alignment, kAlignmentMax));
  }
  return static_cast<std::uint64_t>(alignment);
}

// How the elements of a tensor type are laid out, whether Hearth computes with them or not.
struct BlockLayout {
  std::optional<Format> format;  // nullopt: integers and float64, which no weight is made of
  std::uint64_t elements;
  std::uint64_t bytes;
};

std::optional<BlockLayout> block_layout(std::uint32_t ggml_type) {
  if (const std::optional<Format> format = format_by_ggml_type(ggml_type)) {
    const FormatTraits& of_format = traits(*format);
    return BlockLayout{format, static_cast<std::uint64_t>(of_format.block_elements),
                       static_cast<std::uint64_t>(of_format.block_bytes)};
  }
  switch (ggml_type) {
    case 24:  // i8
      return BlockLayout{std::nullopt, 1, 1};
    case 25:  // i16
      return BlockLayout{std::nullopt, 1, 2};
    case 26:  // i32
      return BlockLayout{std::nullopt, 1, 4};
    case 27:  // i64
    case 28:  // f64
      return BlockLayout{std::nullopt, 1, 8};
    default:
      return std::nullopt;
  }
}

// The bytes that a tensor takes within `data`, all checks made.
std::span<const std::byte> place_tensor(const TensorInfo& info, const BlockLayout& layout,
                                        std::span<const std::byte> data, std::uint64_t alignment,
                                        const ByteReader& reader) {
  if (static_cast<std::uint64_t>(info.shape.columns()) % layout.elements != 0) {
    reader.fail(info.position, fmt::format("rows of {} elements cannot be cut into blocks of {}", info.shape.columns(),
                                           layout.elements));
  }
  if (info.offset % alignment != 0) {
    reader.fail(info.position, fmt::format("its data's offset {} is not a multiple of {}", info.offset, alignment));
  }
  const std::uint64_t blocks = static_cast<std::uint64_t>(info.shape.element_count()) / layout.elements;
  if (blocks == 0) return {};
  if (info.offset > data.size() || blocks > (data.size() - info.offset) / layout.bytes) {
    reader.fail(info.position,
                fmt::format("its data at offset {} ({} x {} bytes) runs past the end of the data ({} bytes)",
                            info.offset, blocks, layout.bytes, data.size()));
  }
  return data.subspan(info.offset, blocks * layout.bytes);
}

// A tensor's extent in the data, for the test that no two overlap.
struct Extent {
  const TensorInfo* info;
  std::uint64_t bytes;
};

void check_overlap(std::vector<Extent> extents, ByteReader& reader) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.info->offset < b.info->offset; });
  for (std::size_t i = 1; i < extents.size(); ++i) {
    const Extent& before = extents[i - 1];
    const TensorInfo& info = *extents[i].info;
    if (before.info->offset + before.bytes > info.offset) {
      reader.set_entry("tensor " + quote_name(info.name));
      reader.fail(info.position,
                  fmt::format("its data at offset {} overlaps that of tensor {} ({} bytes at {})", info.offset,
                              quote_name(before.info->name), before.bytes, before.info->offset));
    }
  }
}

WeightEntries place_tensors(const std::vector<TensorInfo>& infos, std::span<const std::byte> data,
                            std::uint64_t alignment, ByteReader& reader) {
  WeightEntries weights;
  std::vector<Extent> extents;
  weights.tensors.reserve(infos.size());
  extents.reserve(infos.size());
  for (const TensorInfo& info : infos) {
    reader.set_entry("tensor " + quote_name(info.name));
    const std::optional<BlockLayout> layout = block_layout(info.ggml_type);
    if (!layout) {
      throw Unsupported(
          reader.describe(info.position, fmt::format("its type, ggml's number {}, is not known", info.ggml_type)));
    }
    const std::span<const std::byte> bytes = place_tensor(info, *layout, data, alignment, reader);
    if (!bytes.empty()) extents.push_back({&info, bytes.size()});
    if (layout->format) {
      weights.tensors.push_back({std::string(info.name), *layout->format, info.shape, bytes});
    } else {
      const std::string reason = fmt::format("elements of ggml's type {} are no weights", info.ggml_type);
      weights.unreadable.push_back({std::string(info.name), reader.describe(info.position, reason)});
    }
  }
  check_overlap(std::move(extents), reader);
  return weights;
}

}  // namespace

GgufContents read_gguf(std::span<const std::byte> bytes, const std::string& file_name) {
  ByteReader reader(bytes, file_name);
  const Header header = read_header(reader);
  GgufContents contents{read_metadata(reader, header.metadata_count, file_name), {}};
  const std::vector<TensorInfo> infos = read_tensor_infos(reader, header.tensor_count);
  const std::uint64_t alignment = read_alignment(contents.metadata, reader);
  // A file without tensor data need not be padded up to where the data would begin.
  const std::uint64_t data_start = (reader.position() + alignment - 1) & ~(alignment - 1);
  const std::span<const std::byte> data = bytes.subspan(std::min<std::uint64_t>(data_start, bytes.size()));
  contents.weights = place_tensors(infos, data, alignment, reader);
  return contents;
}

}  // namespace hearth
