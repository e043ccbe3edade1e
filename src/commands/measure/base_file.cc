#include "commands/measure/base_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "commands/measure/log_probability.h"

namespace hearth {
namespace {

constexpr std::string_view kMagic = "_logits_";
constexpr std::int64_t kHeadBytes = 8 + 3 * sizeof(std::int32_t);
constexpr double kRangeMax = 16, kSteps = 65535;
constexpr std::size_t kScaleWords = 4;

std::size_t row_words(std::int64_t vocabulary) {
  return static_cast<std::size_t>(vocabulary + vocabulary % 2) + kScaleWords;
}

std::int32_t read_int32(std::span<const std::byte> bytes, std::int64_t at) {
  std::int32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

}  // namespace

BaseWriter::BaseWriter(const std::filesystem::path& path, const TextWindows& windows, std::int64_t vocabulary)
    : path_(path),
      part_(path.string() + ".part"),
      file_(part_, std::ios::binary | std::ios::trunc),
      rows_begin_(kHeadBytes + std::ssize(windows.tokens) * std::int64_t{sizeof(std::int32_t)}),
      row_bytes_(static_cast<std::int64_t>(row_words(vocabulary) * sizeof(std::uint16_t))),
      window_rows_(windows.scored_count()) {
  file_ << kMagic;
  for (const std::int64_t number : {windows.window_tokens, vocabulary, windows.count()}) {
    const auto value = static_cast<std::int32_t>(number);
    file_.write(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  file_.write(reinterpret_cast<const char*>(windows.tokens.data()), rows_begin_ - kHeadBytes);
  file_.flush();
  if (!file_) throw InvalidInput(fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno)));
}

std::vector<std::uint16_t> BaseWriter::encode(std::span<const float> logits, double log_normalizer) {
  std::vector<std::uint16_t> row(row_words(std::ssize(logits)));
  const double largest = logits[likeliest(logits)];
  const double least = std::max<double>(*std::min_element(logits.begin(), logits.end()), largest - kRangeMax);
  const auto step = static_cast<float>((largest - least) / kSteps);
  const auto least_log_probability = static_cast<float>(least - log_normalizer);
  std::memcpy(row.data(), &step, sizeof(step));
  std::memcpy(row.data() + 2, &least_log_probability, sizeof(least_log_probability));
  for (std::size_t i = 0; i < logits.size() && step > 0; ++i) {
    const double steps = (std::max<double>(logits[i], least) - least) / static_cast<double>(step);
    row[kScaleWords + i] = static_cast<std::uint16_t>(std::min(std::round(steps), kSteps));
  }
  return row;
}

void BaseWriter::write(std::int64_t window, std::int64_t index, std::span<const std::uint16_t> row) {
  file_.seekp(rows_begin_ + (window * window_rows_ + index) * row_bytes_);
  file_.write(reinterpret_cast<const char*>(row.data()), row_bytes_);
}

void BaseWriter::close() {
  file_.close();
  if (!file_) throw DeviceError(fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno)));
  std::error_code error;
  std::filesystem::rename(part_, path_, error);
  if (error) throw DeviceError(fmt::format("{}: cannot be written: {}", path_.string(), error.message()));
  is_whole_ = true;
}

BaseWriter::~BaseWriter() {
  std::error_code ignored;
  if (!is_whole_) std::filesystem::remove(part_, ignored);
}

BaseFile::BaseFile(const std::filesystem::path& path) : file_(path) {
  const std::span<const std::byte> bytes = file_.bytes();
  const auto refuse = [&](std::string_view what) { throw InvalidInput(fmt::format("{}: {}", path.string(), what)); };
  if (!file_.text().starts_with(kMagic))
    refuse("this is no file of log-probabilities: it does not begin with _logits_");
  if (std::ssize(bytes) < kHeadBytes) refuse("the file ends in its head");
  windows_.window_tokens = read_int32(bytes, 8);
  vocabulary_ = read_int32(bytes, 12);
  const std::int64_t count = read_int32(bytes, 16);
  if (windows_.window_tokens < kWindowTokensMin || vocabulary_ < 1 || count < 1) refuse("its sizes are no sizes");
  const std::int64_t token_count = windows_.window_tokens * count;
  rows_begin_ = kHeadBytes + token_count * std::int64_t{sizeof(std::int32_t)};
  row_bytes_ = static_cast<std::int64_t>(row_words(vocabulary_) * sizeof(std::uint16_t));
  const std::int64_t row_count = windows_.scored_count() * count;
  const std::int64_t left = std::ssize(bytes) - rows_begin_;
  if (left < 0 || row_count > left / row_bytes_) {
    refuse(fmt::format("it has {} bytes, and {} rows of {} were to follow {}", bytes.size(), row_count, row_bytes_,
                       rows_begin_));
  }
  windows_.tokens.resize(static_cast<std::size_t>(token_count));
  std::memcpy(windows_.tokens.data(), bytes.data() + kHeadBytes, static_cast<std::size_t>(rows_begin_ - kHeadBytes));
}

void BaseFile::read(std::int64_t window, std::int64_t index, std::span<double> out) const {
  const std::byte* const row =
      file_.bytes().data() + rows_begin_ + (window * windows_.scored_count() + index) * row_bytes_;
  float step = 0, least = 0;
  std::memcpy(&step, row, sizeof(step));
  std::memcpy(&least, row + sizeof(step), sizeof(least));
  const std::byte* codes = row + kScaleWords * sizeof(std::uint16_t);
  for (double& value : out) {
    std::uint16_t code = 0;
    std::memcpy(&code, codes, sizeof(code));
    codes += sizeof(code);
    value = static_cast<double>(step) * code + static_cast<double>(least);
  }
}

}  // namespace hearth
