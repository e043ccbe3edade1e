// How much each column of a matrix matters: the mean square of what it is multiplied with, measured over a text.
//
// Format: the GGUF form of llama.cpp's importance matrices: for each matrix NAME the tensors NAME.in_sum2 (sums of
// squares, one for each column, and where experts are stacked a row of them for each) and NAME.counts (of how many).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// What follows a matrix's name.
inline constexpr std::string_view kImportanceSums = ".in_sum2", kImportanceCounts = ".counts";

class ImportanceMatrix {
 public:
  ImportanceMatrix() = default;
  // Throws InvalidInput for a file of another kind, or numbers that no measurement gives.
  explicit ImportanceMatrix(const std::filesystem::path& path);

  // One number for each column; of stacked experts, one row of them after the other. Null where nothing is known.
  const std::vector<float>* of(std::string_view matrix) const {
    const auto found = columns_.find(matrix);
    return found == columns_.end() ? nullptr : &found->second;
  }
  std::size_t matrix_count() const { return columns_.size(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::map<std::string, std::vector<float>, std::less<>> columns_;
};

}  // namespace hearth
