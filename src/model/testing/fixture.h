// The checkpoints of tests/data with what independent implementations computed from them, for the tests of whole models
// on any device.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::model_testing {

namespace fs = std::filesystem;

// hearth_gpu_tests may run on another machine than the one that built it, from the root of the repository.
inline fs::path data_folder() {
  const fs::path built = fs::path(HEARTH_SOURCE_DIR) / "tests/data";
  return fs::exists(built) ? built : fs::path("tests/data");
}

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline double relative_error(std::span<const float> actual, std::span<const float> expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    difference += std::pow(static_cast<double>(actual[i]) - static_cast<double>(expected[i]), 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / norm);
}

inline std::vector<float> floats_of(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// Fixtures that are not in the repository, where they are beside it.
inline fs::path shared_fixture(const std::string& name) {
  return fs::path(HEARTH_SHARED_DIR) / "fixtures/hf2" / name;
}

// A checkpoint of tests/data/hf, or one beside the repository, with its prompt, greedy continuation and logits of the
// prompt.
struct Fixture {
  fs::path path;
  std::vector<std::int32_t> prompt, greedy;
  std::vector<float> expected;

  explicit Fixture(const std::string& name) : Fixture(data_folder() / "hf", name) {}
  Fixture(const fs::path& folder, const std::string& name) : path(folder / name) {
    if (!fs::exists(path)) path = shared_fixture(name);
    const boost::json::value tokens = boost::json::parse(read_file(path / "tokens.json"));
    prompt = boost::json::value_to<std::vector<std::int32_t>>(tokens.at("prompt"));
    greedy = boost::json::value_to<std::vector<std::int32_t>>(tokens.at("greedy"));
    const std::string npy = read_file(path / "logits.npy");
    const auto header =
        static_cast<std::size_t>(static_cast<unsigned char>(npy[8]) | static_cast<unsigned char>(npy[9]) << 8);
    expected = floats_of(std::string_view(npy).substr(10 + header));
  }
  std::size_t vocabulary() const { return expected.size() / prompt.size(); }
  // The short convolutions of the LFM2 checkpoint change its logits by 6e-5 in all.
  double float32_error_max() const { return path.filename() == "lfm2" ? 1e-5 : 1e-4; }
  bool has_experts() const {
    const std::string name = path.filename().string();
    return name.find("moe") != std::string::npos || name == "gpt_oss" || name.starts_with("deepseek") ||
           name == "laguna" || name == "mimo_v2_flash" || name == "minimax";
  }
  std::vector<std::int32_t> all() const {
    std::vector<std::int32_t> tokens = prompt;
    tokens.insert(tokens.end(), greedy.begin(), greedy.end());
    return tokens;
  }
  std::int64_t context() const { return std::ssize(prompt) + std::ssize(greedy); }
};

// Float32 logits of all(), [tokens, vocabulary], against the fixture's, and the greedy choices along the continuation.
inline void expect_float32(const Fixture& fixture, std::span<const float> y) {
  EXPECT_LT(relative_error(y.first(fixture.expected.size()), fixture.expected), fixture.float32_error_max());
  const std::size_t vocabulary = fixture.vocabulary();
  for (std::size_t i = 0; i < fixture.greedy.size(); ++i) {
    const auto row = y.begin() + static_cast<std::ptrdiff_t>((fixture.prompt.size() - 1 + i) * vocabulary);
    EXPECT_EQ(std::max_element(row, row + static_cast<std::ptrdiff_t>(vocabulary)) - row, fixture.greedy[i]) << i;
  }
}

// The error that one in `divisor` of the rows of `width` elements stay within: 2 is the median row.
inline double row_error(std::span<const float> y, std::span<const float> expected, std::size_t width,
                        std::size_t divisor) {
  std::vector<double> errors;
  for (std::size_t at = 0; at < expected.size(); at += width) {
    errors.push_back(relative_error(y.subspan(at, width), expected.subspan(at, width)));
  }
  std::sort(errors.begin(), errors.end());
  return errors[errors.size() / divisor];
}

// The error of bf16 logits of the prompt: of all, or of the median row where there are experts, since a token between
// two of them may go to the other one. In some fixtures that spreads to many tokens after it, and a quarter counts.
inline double bf16_error(const Fixture& fixture, std::span<const float> y) {
  if (!fixture.has_experts()) return relative_error(y, fixture.expected);
  const std::string name = fixture.path.filename().string();
  const bool spreads = name == "gpt_oss" || name == "deepseek_v3";
  return row_error(y, fixture.expected, fixture.vocabulary(), spreads ? 4 : 2);
}

}  // namespace hearth::model_testing
