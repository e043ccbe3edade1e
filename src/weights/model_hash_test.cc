// The model's hash changes with everything that it covers, and with nothing else.
#include "weights/model_hash.h"

#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "weights/gguf_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

constexpr std::array<float, 8> kValues = {1, 2, 3, 4, 5, 6, 7, 8};

std::string head_text(std::string_view author) {
  GgufWriter writer;
  writer.add("general.architecture", "llama");
  writer.add("general.author", author);
  std::ostringstream out;
  writer.write(out);
  return out.str();
}

WeightEntry tensor(std::string name, Shape shape, std::span<const float> values) {
  return {std::move(name), Format::kF32, shape, std::as_bytes(values)};
}

std::string hash_of(const std::vector<WeightEntry>& tensors, std::string_view author = "a", int threads = 1) {
  const std::string head = head_text(author);
  return model_hash(*ModelSource::in_memory("made up", bytes_of(head), tensors), threads);
}

TEST(ModelHash, IsStableAndIndependentOfThreadsAndOrder) {
  const WeightEntry a = tensor("a", {4}, std::span(kValues).first(4));
  const WeightEntry b = tensor("b", {2, 4}, kValues);
  const std::string hash = hash_of({a, b});
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(hash_of({a, b}), hash);
  EXPECT_EQ(hash_of({b, a}), hash);
  EXPECT_EQ(hash_of({a, b}, "a", 7), hash);
}

TEST(ModelHash, ChangesWithEveryPart) {
  const WeightEntry original = tensor("a", {2, 4}, kValues);
  const std::string hash = hash_of({original});
  EXPECT_NE(hash_of({original}, "b"), hash);
  EXPECT_NE(hash_of({tensor("b", {2, 4}, kValues)}), hash);
  EXPECT_NE(hash_of({tensor("a", {4, 2}, kValues)}), hash);
  EXPECT_NE(hash_of({tensor("a", {8}, kValues)}), hash);
  EXPECT_NE(hash_of({}), hash);
  std::array<float, 8> changed = kValues;
  changed[7] = 8.000001f;
  EXPECT_NE(hash_of({tensor("a", {2, 4}, changed)}), hash);
  WeightEntry other_format = original;
  other_format.format = Format::kBf16;
  other_format.shape = {2, 8};
  EXPECT_NE(hash_of({other_format}), hash_of({tensor("a", {2, 8}, kValues)}));
}

TEST(ModelHash, IsThatOfKnownInput) {
  // A hash that changes between builds would make every log unreadable.
  EXPECT_EQ(hash_of({tensor("a", {2, 4}, kValues)}), "0978906c57191dc1d2f10190af5f89b3");
}

}  // namespace
}  // namespace hearth
