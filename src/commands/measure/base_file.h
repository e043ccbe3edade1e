// The log-probabilities of a base run, for comparing other models with it: written and read.
//
// Format: that of llama.cpp's llama-perplexity (--save-all-logits), little-endian: "_logits_", then as int32 the tokens
// of a window, the vocabulary's size, the number of windows, and all windows' tokens; then for each window, for each
// position that is scored, a row of uint16: a float32 step and a float32 least log-probability in the first four, then
// for each token its log-probability less the least one, in steps; rows are filled up to an even number. What is less
// likely than the likeliest by more than e^-16 has the least log-probability.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <vector>

#include "base/mapped_file.h"

namespace hearth {

inline constexpr std::int64_t kWindowTokensMin = 4;  // fewer have nothing to score, or nothing before it

// A text cut into windows of which each is read by itself.
struct TextWindows {
  std::int64_t window_tokens = 0;
  std::vector<std::int32_t> tokens;  // of all windows

  std::int64_t count() const { return std::ssize(tokens) / window_tokens; }
  std::span<const std::int32_t> window(std::int64_t index) const {
    return std::span(tokens).subspan(static_cast<std::size_t>(index * window_tokens),
                                     static_cast<std::size_t>(window_tokens));
  }
  // The first position whose logits are scored, and how many there are: those that have half a window before them, up
  // to the last but one.
  std::int64_t first_scored() const { return window_tokens / 2; }
  std::int64_t scored_count() const { return window_tokens - 1 - first_scored(); }
};

// Writes beside the file that is wanted; close() puts it in its place, and without that nothing is left.
class BaseWriter {
 public:
  // Throws InvalidInput where the file cannot be made.
  BaseWriter(const std::filesystem::path& path, const TextWindows& windows, std::int64_t vocabulary);
  ~BaseWriter();
  BaseWriter(const BaseWriter&) = delete;
  BaseWriter& operator=(const BaseWriter&) = delete;
  // The row that write() takes. From any thread.
  static std::vector<std::uint16_t> encode(std::span<const float> logits, double log_normalizer);
  // `index`: of a window's scored positions. Rows come in any order.
  void write(std::int64_t window, std::int64_t index, std::span<const std::uint16_t> row);
  // Throws DeviceError where not all was written.
  void close();

 private:
  std::filesystem::path path_, part_;
  std::ofstream file_;
  bool is_whole_ = false;
  std::int64_t rows_begin_, row_bytes_, window_rows_;
};

class BaseFile {
 public:
  // Throws InvalidInput for another kind of file, and one that is too short.
  explicit BaseFile(const std::filesystem::path& path);

  const TextWindows& windows() const { return windows_; }
  std::int64_t vocabulary() const { return vocabulary_; }
  // Log-probabilities of all tokens, [vocabulary].
  void read(std::int64_t window, std::int64_t index, std::span<double> out) const;

 private:
  MappedFile file_;
  TextWindows windows_;
  std::int64_t vocabulary_ = 0, rows_begin_ = 0, row_bytes_ = 0;
};

}  // namespace hearth
