#include "quantize/importance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/escape.h"
#include "model/embedding.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

bool is_measured(float value) {
  return std::isfinite(value) && value >= 0;
}

}  // namespace

ImportanceMatrix::ImportanceMatrix(const std::filesystem::path& path) : path_(path) {
  const auto source = ModelSource::open(path);
  const auto refuse = [&](const std::string& what) { throw InvalidInput(fmt::format("{}: {}", path.string(), what)); };
  for (const WeightEntry& sums : source->tensors()) {
    if (!sums.name.ends_with(kImportanceSums)) continue;
    const std::string matrix = sums.name.substr(0, sums.name.size() - kImportanceSums.size());
    const WeightEntry* counts = source->find(matrix + std::string(kImportanceCounts));
    if (counts == nullptr) refuse(fmt::format("{} has no counts", quote_name(matrix)));
    const std::vector<float> numbers = read_floats(*source, counts->name);
    std::vector<float> columns = read_floats(*source, sums.name);
    if (numbers.empty() || columns.empty() || columns.size() % numbers.size() != 0) {
      refuse(fmt::format("{} has {} sums and {} counts", quote_name(matrix), columns.size(), numbers.size()));
    }
    const std::size_t width = columns.size() / numbers.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const float count = numbers[i / width];
      if (!is_measured(columns[i]) || !is_measured(count)) {
        refuse(fmt::format("{} holds a number that is no sum of squares", quote_name(matrix)));
      }
      // Of an expert that was never asked, nothing is known: all of its columns count as much.
      columns[i] = count > 0 ? columns[i] / count : 1.0f;
    }
    columns_.emplace(matrix, std::move(columns));
  }
  if (columns_.empty()) refuse("this is no importance matrix: it has no tensor NAME.in_sum2");
}

}  // namespace hearth
