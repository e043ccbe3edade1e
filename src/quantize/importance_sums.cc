#include "quantize/importance_sums.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "base/check.h"
#include "base/error.h"
#include "base/escape.h"
#include "quantize/importance.h"
#include "quantize/write_contents.h"
#include "weights/gguf_writer.h"

namespace hearth {
namespace {

constexpr std::int64_t kTaskColumns = 256;

// A `write_data` of numbers as float32; they outlive the writing.
template <typename T>
std::function<void(ByteSink&)> floats_of(const std::vector<T>& numbers) {
  return [&numbers](ByteSink& sink) {
    const std::vector<float> values(numbers.begin(), numbers.end());
    sink.write(std::as_bytes(std::span(values)));
  };
}

bool is_float(double value) {
  return value <= static_cast<double>(std::numeric_limits<float>::max());
}

}  // namespace

ImportanceSums::Sums& ImportanceSums::sums_of(const Rows& rows) {
  const auto found = places_.find(rows.tensors[0]);
  if (found != places_.end()) {
    Sums& sums = sums_[found->second];
    CHECK(sums.columns == rows.columns && std::ssize(sums.counts) == rows.expert_count);
    return sums;
  }
  for (const std::string& tensor : rows.tensors) places_.emplace(tensor, sums_.size());
  Sums& sums = sums_.emplace_back();
  sums.columns = rows.columns;
  sums.squares.resize(static_cast<std::size_t>(rows.columns * rows.expert_count));
  sums.counts.resize(static_cast<std::size_t>(rows.expert_count));
  return sums;
}

void ImportanceSums::add(const Rows& rows) {
  Sums& sums = sums_of(rows);
  const std::int64_t row_count = std::ssize(rows.values) / rows.columns;
  const auto expert_of = [&](std::int64_t slot) {
    return rows.experts.empty() ? 0 : static_cast<std::int64_t>(rows.experts[static_cast<std::size_t>(slot)]);
  };
  for (std::int64_t slot = 0; slot < row_count * rows.slots_per_row; ++slot) {
    const std::int64_t expert = expert_of(slot);
    CHECK(expert >= 0 && expert < rows.expert_count);
    ++sums.counts[static_cast<std::size_t>(expert)];
  }
  pool_.run_ranges(rows.columns, kTaskColumns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t slot = 0; slot < row_count * rows.slots_per_row; ++slot) {
      const float* const row = rows.values.data() + slot / rows.slots_per_row * rows.columns;
      double* const squares = sums.squares.data() + expert_of(slot) * rows.columns;
      for (std::int64_t c = begin; c < end; ++c) {
        const double value = row[c];
        squares[c] += value * value;
      }
    }
  });
}

std::int64_t ImportanceSums::unasked_expert_count() const {
  std::int64_t count = 0;
  for (const Sums& sums : sums_) count += std::count(sums.counts.begin(), sums.counts.end(), 0);
  return count;
}

void ImportanceSums::write(const std::filesystem::path& path, const Origin& origin) const {
  GgufWriter writer;
  writer.add("general.type", "imatrix");
  std::vector<std::string> datasets;
  if (!origin.dataset.empty()) datasets.push_back(origin.dataset);
  writer.add("imatrix.datasets", datasets);
  writer.add("imatrix.chunk_count", static_cast<std::uint32_t>(origin.chunk_count));
  writer.add("imatrix.chunk_size", static_cast<std::uint32_t>(origin.chunk_tokens));
  for (const auto& [name, place] : places_) {
    const Sums& sums = sums_[place];
    if (!std::all_of(sums.squares.begin(), sums.squares.end(), is_float)) {
      throw InvalidInput(fmt::format("{} is multiplied with what is no number", quote_name(name)));
    }
    const auto experts = std::ssize(sums.counts);
    writer.add(OutputTensor{name + std::string(kImportanceSums), Format::kF32, Shape{experts, sums.columns},
                            floats_of(sums.squares)});
    writer.add(
        OutputTensor{name + std::string(kImportanceCounts), Format::kF32, Shape{experts, 1}, floats_of(sums.counts)});
  }
  write_gguf_in_place(writer, path);
}

}  // namespace hearth
