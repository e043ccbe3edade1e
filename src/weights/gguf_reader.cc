// The file's order: header, metadata, tensor descriptions, padding, tensor data. A description gives an offset into the
// data, whose start is known only after the last description, so these are read first and placed afterwards.
#include "weights/gguf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/escape.h"
#include "weights/byte_reader.h"

namespace hearth {
namespace {

// The shortest entries there can be, which bound the counts: an empty name or key, no dimensions, a one-byte value.
constexpr std::uint64_t kTensorBytesMin = 8 + 4 + 4 + 8;
constexpr std::uint64_t kMetadataBytesMin = 8 + 4 + 1;
// Offsets are padded to it, so a huge one would only be a way to reach past the end.
constexpr std::int64_t kAlignmentMax = std::int64_t{1} << 30;
constexpr std::string_view kMagic = "GGUF";

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
  if (magic_text != kMagic) {
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
  // Some writers always give four dimensions; a matrix is what has ones behind its two.
  const bool is_matrix =
      rank > 2 && std::all_of(dims.begin() + 2, dims.begin() + rank, [](std::int64_t dim) { return dim == 1; });
  const std::uint32_t used = is_matrix ? 2 : rank;
  Shape shape;
  for (std::uint32_t i = used; i > 0; --i) shape.append(dims[i - 1]);
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

// The format's document asks for a multiple of 8; powers of two below are in use as well.
bool is_alignment(std::int64_t value) {
  return value > 0 && value <= kAlignmentMax && (value % 8 == 0 || value == 1 || value == 2 || value == 4);
}

std::uint64_t read_alignment(const Metadata& metadata, ByteReader& reader) {
  constexpr std::string_view kKey = "general.alignment";
  const std::int64_t alignment = metadata.integer(kKey).value_or(kGgufAlignmentDefault);
  if (!is_alignment(alignment)) {
    const auto entry = std::find_if(metadata.entries().begin(), metadata.entries().end(),
                                    [&](const Metadata::Entry& e) { return e.key == kKey; });
    reader.set_entry("metadata key " + quote_name(kKey));
    reader.fail(entry->position, fmt::format("{} is not a multiple of 8 up to {}", alignment, kAlignmentMax));
  }
  return static_cast<std::uint64_t>(alignment);
}

std::uint64_t align_up(std::uint64_t position, std::uint64_t alignment) {
  return (position + alignment - 1) / alignment * alignment;
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

// ggml's name of a type that Hearth has no reader for, and its number; those that ggml itself has given up among them.
std::string describe_type(std::uint32_t ggml_type) {
  struct Name {
    std::uint32_t type;
    std::string_view name;
  };
  static constexpr std::array kNames = {
      Name{4, "q4_2"},        Name{5, "q4_3"},        Name{9, "q8_1"},        Name{15, "q8_k"},
      Name{24, "i8"},         Name{25, "i16"},        Name{26, "i32"},        Name{27, "i64"},
      Name{28, "f64"},        Name{31, "q4_0_4_4"},   Name{32, "q4_0_4_8"},   Name{33, "q4_0_8_8"},
      Name{36, "iq4_nl_4_4"}, Name{37, "iq4_nl_4_8"}, Name{38, "iq4_nl_8_8"},
  };
  const auto found = std::find_if(kNames.begin(), kNames.end(), [&](const Name& n) { return n.type == ggml_type; });
  return found == kNames.end() ? fmt::format("ggml's number {}", ggml_type)
                               : fmt::format("{} (ggml's number {})", found->name, ggml_type);
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
                            std::uint64_t alignment, bool has_mxfp6, ByteReader& reader) {
  WeightEntries weights;
  std::vector<Extent> extents;
  weights.tensors.reserve(infos.size());
  extents.reserve(infos.size());
  for (const TensorInfo& info : infos) {
    reader.set_entry("tensor " + quote_name(info.name));
    const bool is_known = info.ggml_type < kGgufExtensionTypesBegin || has_mxfp6;
    const std::optional<BlockLayout> layout = is_known ? block_layout(info.ggml_type) : std::nullopt;
    if (!layout) {
      const std::string reason = fmt::format("its type, {}, cannot be read", describe_type(info.ggml_type));
      weights.unreadable.push_back({std::string(info.name), reader.describe(info.position, reason)});
      continue;
    }
    const std::span<const std::byte> bytes = place_tensor(info, *layout, data, alignment, reader);
    if (!bytes.empty()) extents.push_back({&info, bytes.size()});
    if (layout->format) {
      weights.tensors.push_back({std::string(info.name), *layout->format, info.shape, bytes});
    } else {
      const std::string reason = fmt::format("elements of type {} are no weights", describe_type(info.ggml_type));
      weights.unreadable.push_back({std::string(info.name), reader.describe(info.position, reason)});
    }
  }
  check_overlap(std::move(extents), reader);
  return weights;
}

// Another file's beginning where this one's data ends, with or without the padding after the last tensor. Not known
// where a tensor's size is not.
std::optional<std::uint64_t> find_next_file(std::span<const std::byte> bytes, std::uint64_t data_start,
                                            std::uint64_t header_end, std::uint64_t alignment,
                                            const WeightEntries& weights) {
  std::uint64_t end = header_end;
  for (const WeightEntry& entry : weights.tensors) {
    if (entry.bytes.empty()) continue;
    end = std::max<std::uint64_t>(end,
                                  static_cast<std::uint64_t>(entry.bytes.data() - bytes.data()) + entry.bytes.size());
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::uint64_t padded = end < data_start ? data_start : data_start + align_up(end - data_start, alignment);
  for (const std::uint64_t at : {end, padded}) {
    if (at < text.size() && text.substr(at).starts_with(kMagic)) return at;
  }
  return std::nullopt;
}

}  // namespace

GgufContents read_gguf(std::span<const std::byte> bytes, const std::string& file_name) {
  ByteReader reader(bytes, file_name);
  const Header header = read_header(reader);
  GgufContents contents{read_metadata(reader, header.metadata_count, file_name), {}, std::nullopt};
  const std::vector<TensorInfo> infos = read_tensor_infos(reader, header.tensor_count);
  const std::uint64_t alignment = read_alignment(contents.metadata, reader);
  const std::uint64_t header_end = reader.position();
  // A file without tensor data need not be padded up to where the data would begin.
  const std::uint64_t data_start = align_up(header_end, alignment);
  const std::span<const std::byte> data = bytes.subspan(std::min<std::uint64_t>(data_start, bytes.size()));
  const bool has_mxfp6 = contents.metadata.boolean(kMxfp6Key).value_or(false);
  contents.weights = place_tensors(infos, data, alignment, has_mxfp6, reader);
  contents.next_file = find_next_file(bytes, data_start, header_end, alignment, contents.weights);
  return contents;
}

}  // namespace hearth
