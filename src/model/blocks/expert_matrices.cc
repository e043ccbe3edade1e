#include "model/blocks/expert_matrices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "formats/mxfp4.h"

namespace hearth {
namespace {

// How rows are ordered in the file.
bool alternates(const ModelSpec& spec, Weight weight) {
  return spec.interleaved_gate_up && weight == Weight::kExpertGateUp;
}
// Row `row` of gate and then up, where the file has a row of each in turn.
std::int64_t row_in_file(std::int64_t row, std::int64_t rows, bool alternating) {
  if (!alternating) return row;
  return row < rows / 2 ? 2 * row : 2 * (row - rows / 2) + 1;
}

// Checkpoints have parameters without ".weight" as well.
std::string stacked_name(Binder& binder, const std::string& name) {
  const std::string with_suffix = name + ".weight";
  return binder.find(with_suffix) == nullptr && binder.find(name) != nullptr ? name : with_suffix;
}

bool has_tensor(Binder& binder, const std::string& name) {
  return !name.empty() && (binder.find(name + ".weight") != nullptr || binder.find(name) != nullptr ||
                           binder.find_bytes(name + "_blocks") != nullptr);
}

struct MatrixShape {
  std::int64_t experts, in, rows;
  bool alternating;
};

// [experts, rows, in] or, transposed, [experts, in, rows]; of a single one, GGUF files leave out the first dimension.
ExpertMatrices find_stacked(Binder& binder, const std::string& name, const MatrixShape& shape, bool transposed) {
  const auto [experts, in, rows, alternating] = shape;
  const std::string tensor = stacked_name(binder, name);
  const WeightEntry* found = binder.find(tensor);
  const bool is_plain = experts == 1 && found != nullptr && found->shape.rank() == 2;
  const std::int64_t first = transposed ? in : rows, second = transposed ? rows : in;
  const WeightEntry* entry = binder.require(tensor, is_plain ? Shape{first, second} : Shape{experts, first, second});
  if (entry == nullptr) return {};
  const std::int64_t row_bytes = format_bytes(entry->format, in), matrix_bytes = rows * row_bytes;
  const std::byte* const data = entry->bytes.data();
  ExpertMatrices result{.format = entry->format, .matrix = {}};
  if (!transposed && !alternating) {
    result.stacked = entry;
    result.matrix = [=](std::int64_t e, std::vector<std::byte>&) { return data + e * matrix_bytes; };
    return result;
  }
  if (transposed && traits(entry->format).is_quantized()) {
    binder.problem(fmt::format("tensor '{}' is transposed and {}", tensor, traits(entry->format).name));
    return {};
  }
  const std::int64_t element_bytes = traits(entry->format).block_bytes;
  result.matrix = [=](std::int64_t e, std::vector<std::byte>& scratch) -> const std::byte* {
    scratch.resize(static_cast<std::size_t>(matrix_bytes));
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t from = row_in_file(row, rows, alternating);
      std::byte* const to = scratch.data() + row * row_bytes;
      if (!transposed) {
        std::memcpy(to, data + e * matrix_bytes + from * row_bytes, static_cast<std::size_t>(row_bytes));
        continue;
      }
      const std::byte* const column = data + e * matrix_bytes + from * element_bytes;
      for (std::int64_t c = 0; c < in; ++c) {
        std::memcpy(to + c * element_bytes, column + c * rows * element_bytes, static_cast<std::size_t>(element_bytes));
      }
    }
    return scratch.data();
  };
  return result;
}

// OpenAI's packing: `<name>_blocks` [experts, rows, in / 32, 16] of pairs of values, `<name>_scales` [experts, rows, in
// / 32]. They become mxfp4, whose values are the same.
ExpertMatrices find_packed(Binder& binder, const std::string& name, const MatrixShape& shape) {
  const auto [experts, in, rows, alternating] = shape;
  const UnreadableEntry *blocks = binder.find_bytes(name + "_blocks"), *scales = binder.find_bytes(name + "_scales");
  const std::int64_t row_blocks = in / Mxfp4Block::kElements;
  const Shape blocks_shape{experts, rows, row_blocks, 16}, scales_shape{experts, rows, row_blocks};
  const auto has_shape = [&](const UnreadableEntry* entry, const Shape& expected, std::string_view suffix) {
    if (entry != nullptr && entry->shape == expected && in % Mxfp4Block::kElements == 0) return true;
    binder.problem(fmt::format("tensor '{}{}' {} is {}", name, suffix, expected.to_string(),
                               entry == nullptr ? "missing" : entry->shape.to_string()));
    return false;
  };
  if (!has_shape(blocks, blocks_shape, "_blocks") || !has_shape(scales, scales_shape, "_scales")) return {};
  const auto* const pairs = reinterpret_cast<const std::uint8_t*>(blocks->bytes.data());
  const auto* const exponents = reinterpret_cast<const std::uint8_t*>(scales->bytes.data());
  ExpertMatrices result{.format = Format::kMxfp4, .matrix = {}};
  result.matrix = [=](std::int64_t e, std::vector<std::byte>& scratch) -> const std::byte* {
    scratch.resize(static_cast<std::size_t>(rows * row_blocks) * sizeof(Mxfp4Block));
    auto* to = reinterpret_cast<Mxfp4Block*>(scratch.data());
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t from = (e * rows + row_in_file(row, rows, alternating)) * row_blocks;
      for (std::int64_t b = from; b < from + row_blocks; ++b) {
        *to++ = Mxfp4Block::from_pairs(exponents[b], pairs + b * 16);
      }
    }
    return scratch.data();
  };
  return result;
}

ExpertMatrices find_separate(Binder& binder, const std::vector<std::string>& names, const MatrixShape& shape) {
  ExpertMatrices result;
  std::vector<const WeightEntry*> entries;
  for (const std::string& name : names) {
    const WeightEntry* entry = binder.require_matrix(name + ".weight", Shape{shape.rows, shape.in});
    if (entry == nullptr) return {};
    if (!entries.empty() && entry->format != result.format) {
      binder.problem(fmt::format("tensor '{}.weight' is {}, other experts' are {}", name, traits(entry->format).name,
                                 traits(result.format).name));
      return {};
    }
    result.format = entry->format;
    entries.push_back(entry);
  }
  result.matrix = [entries = std::move(entries), rows = shape.rows](std::int64_t e, std::vector<std::byte>& scratch) {
    return entries[static_cast<std::size_t>(e)]->rows(0, rows, scratch);
  };
  return result;
}

}  // namespace

std::vector<std::string> expert_names(Binder& binder, Weight weight, std::int64_t layer, std::int64_t expert_count) {
  std::vector<std::string> names;
  for (std::int64_t e = 0; e < expert_count; ++e) {
    names.push_back(binder.name(weight, layer, e));
    if (e == 1 && names[0] == names[1]) return {names[0]};
  }
  // "experts.0.down_proj" and "experts.down_proj".
  constexpr std::string_view kFirst = ".experts.0.";
  const std::size_t at = names[0].find(kFirst);
  if (at == std::string::npos || binder.find(names[0] + ".weight") != nullptr) return names;
  std::string stacked = names[0];
  stacked.replace(at, kFirst.size(), ".experts.");
  return has_tensor(binder, stacked) ? std::vector{stacked} : names;
}

bool has_expert_matrices(Binder& binder, Weight weight, std::int64_t layer) {
  return has_tensor(binder, expert_names(binder, weight, layer, 1)[0]);
}

ExpertMatrices find_expert_matrices(Binder& binder, const ModelSpec& spec, Weight weight, std::int64_t layer,
                                    std::int64_t expert_count, std::int64_t in, std::int64_t rows) {
  const std::vector<std::string> names = expert_names(binder, weight, layer, expert_count);
  const MatrixShape shape{expert_count, in, rows, alternates(spec, weight)};
  if (names.size() > 1) return find_separate(binder, names, shape);
  if (binder.find_bytes(names[0] + "_blocks") != nullptr) return find_packed(binder, names[0], shape);
  return find_stacked(binder, names[0], shape, spec.transposed_experts);
}

Planned<const float> bind_expert_floats(Binder& binder, const ModelSpec& spec, const std::vector<Weight>& weights,
                                        std::int64_t layer, std::int64_t expert_count, std::string_view suffix,
                                        std::int64_t count) {
  struct Part {
    std::vector<const WeightEntry*> entries;  // one, or one for each expert
    bool alternating;
  };
  std::vector<Part> parts;
  for (const Weight weight : weights) {
    const std::vector<std::string> names = expert_names(binder, weight, layer, expert_count);
    Part part{{}, count > 1 && alternates(spec, weight)};
    for (const std::string& name : names) {
      std::string tensor = name + std::string(suffix);
      // A parameter's companion: "gate_up_proj_bias".
      if (binder.find(tensor) == nullptr) tensor[name.size()] = '_';
      if (binder.find(tensor) == nullptr) return {};
      const Shape all = count == 1 ? Shape{expert_count} : Shape{expert_count, count};
      part.entries.push_back(binder.require(tensor, names.size() == 1 ? all : Shape{count}));
      if (part.entries.back() == nullptr) return {};
    }
    parts.push_back(std::move(part));
  }
  const auto part_count = std::ssize(parts);
  const auto fill = [=, parts = std::move(parts)](std::byte* to) {
    auto* out = reinterpret_cast<float*>(to);
    std::vector<float> own(static_cast<std::size_t>(expert_count * count));
    for (std::int64_t p = 0; p < part_count; ++p) {
      const Part& part = parts[static_cast<std::size_t>(p)];
      float* at = own.data();
      for (const WeightEntry* entry : part.entries) {
        traits(entry->format).decode_f32(entry->bytes.data(), at, entry->shape.element_count());
        at += entry->shape.element_count();
      }
      for (std::int64_t e = 0; e < expert_count; ++e) {
        for (std::int64_t i = 0; i < count; ++i) {
          out[(e * part_count + p) * count + i] =
              own[static_cast<std::size_t>(e * count + row_in_file(i, count, part.alternating))];
        }
      }
    }
  };
  return binder.reserve(expert_count * part_count * count * std::int64_t{sizeof(float)}, fill).as<const float>();
}

}  // namespace hearth
