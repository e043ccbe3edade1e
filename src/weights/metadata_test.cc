// Metadata: every type, what converts to what, and the sentences where something does not.
#include "weights/metadata.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <limits>
#include <sstream>

#include "base/error.h"
#include "weights/gguf_reader.h"
#include "weights/gguf_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

// A file's metadata, together with the bytes that it views.
struct WrittenMetadata {
  explicit WrittenMetadata(const GgufWriter& writer) {
    std::ostringstream out;
    writer.write(out);
    bytes = out.str();
    metadata = read_gguf(bytes_of(bytes), "m.gguf").metadata;
  }
  std::string text(std::string_view key, std::size_t elements_max = 3) const {
    for (const Metadata::Entry& entry : metadata.entries()) {
      if (entry.key == key) return metadata.to_string(entry, elements_max);
    }
    return "absent";
  }
  std::string bytes;
  Metadata metadata;
};

TEST(Metadata, ReadsEveryType) {
  GgufWriter writer;
  writer.add("u8", std::uint8_t{200});
  writer.add("i8", std::int8_t{-100});
  writer.add("u16", std::uint16_t{60000});
  writer.add("i16", std::int16_t{-30000});
  writer.add("u32", std::uint32_t{4000000000});
  writer.add("i32", std::int32_t{-2000000000});
  writer.add("u64", std::uint64_t{1} << 62);
  writer.add("i64", -(std::int64_t{1} << 62));
  writer.add("f32", 0.1F);
  writer.add("f64", 0.1);
  writer.add("true", true);
  writer.add("false", false);
  writer.add("string", "text");
  const WrittenMetadata file(writer);
  const Metadata& metadata = file.metadata;
  EXPECT_EQ(metadata.integer("u8"), 200);
  EXPECT_EQ(metadata.integer("i8"), -100);
  EXPECT_EQ(metadata.integer("u16"), 60000);
  EXPECT_EQ(metadata.integer("i16"), -30000);
  EXPECT_EQ(metadata.integer("u32"), 4000000000);
  EXPECT_EQ(metadata.integer("i32"), -2000000000);
  EXPECT_EQ(metadata.integer("u64"), std::int64_t{1} << 62);
  EXPECT_EQ(metadata.integer("i64"), -(std::int64_t{1} << 62));
  EXPECT_EQ(metadata.number("f32"), static_cast<double>(0.1F));
  EXPECT_EQ(metadata.number("f64"), 0.1);
  EXPECT_EQ(metadata.boolean("true"), true);
  EXPECT_EQ(metadata.boolean("false"), false);
  EXPECT_EQ(metadata.string("string"), "text");
  EXPECT_EQ(metadata.entries().size(), 13U);
  EXPECT_EQ(metadata.entries()[0].key, "u8");
  EXPECT_FALSE(metadata.is_array("u8"));
}

TEST(Metadata, ConvertsBetweenIntegersBooleansAndNumbers) {
  GgufWriter writer;
  writer.add("one", std::uint8_t{1});
  writer.add("true", true);
  writer.add("minus", std::int32_t{-3});
  writer.add("huge", std::numeric_limits<std::uint64_t>::max());
  const WrittenMetadata file(writer);
  EXPECT_EQ(file.metadata.boolean("one"), true);
  EXPECT_EQ(file.metadata.integer("true"), 1);
  EXPECT_EQ(file.metadata.number("minus"), -3.0);
  EXPECT_EQ(file.metadata.number("huge"), std::ldexp(1.0, 64));
  EXPECT_EQ(file.text("huge"), "18446744073709551615");
}

TEST(Metadata, AbsentKeysAreNoErrors) {
  const WrittenMetadata file{GgufWriter()};
  const Metadata& metadata = file.metadata;
  EXPECT_FALSE(metadata.contains("x"));
  EXPECT_FALSE(metadata.boolean("x"));
  EXPECT_FALSE(metadata.integer("x"));
  EXPECT_FALSE(metadata.number("x"));
  EXPECT_FALSE(metadata.string("x"));
  EXPECT_FALSE(metadata.strings("x"));
  EXPECT_FALSE(metadata.integers("x"));
  EXPECT_FALSE(metadata.numbers("x"));
  EXPECT_FALSE(metadata.is_array("x"));
}

TEST(Metadata, ReadsArraysOfEveryType) {
  GgufWriter writer;
  writer.add("u8", std::vector<std::uint8_t>{1, 255});
  writer.add("i8", std::vector<std::int8_t>{-1, 127});
  writer.add("u16", std::vector<std::uint16_t>{1, 65535});
  writer.add("i16", std::vector<std::int16_t>{-1, 32767});
  writer.add("u32", std::vector<std::uint32_t>{1, 4294967295});
  writer.add("i32", std::vector<std::int32_t>{-1, 7});
  writer.add("u64", std::vector<std::uint64_t>{1, 2});
  writer.add("i64", std::vector<std::int64_t>{-1, 2});
  writer.add("bool", std::vector<bool>{true, false});
  writer.add("f32", std::vector<float>{0.5F, -2});
  writer.add("f64", std::vector<double>{0.25, 1e300});
  writer.add("strings", std::vector<std::string>{"", "one", "two"});
  writer.add("empty", std::vector<std::string>{});
  const WrittenMetadata file(writer);
  const Metadata& metadata = file.metadata;
  using Integers = std::vector<std::int64_t>;
  EXPECT_EQ(metadata.integers("u8"), (Integers{1, 255}));
  EXPECT_EQ(metadata.integers("i8"), (Integers{-1, 127}));
  EXPECT_EQ(metadata.integers("u16"), (Integers{1, 65535}));
  EXPECT_EQ(metadata.integers("i16"), (Integers{-1, 32767}));
  EXPECT_EQ(metadata.integers("u32"), (Integers{1, 4294967295}));
  EXPECT_EQ(metadata.integers("i32"), (Integers{-1, 7}));
  EXPECT_EQ(metadata.integers("u64"), (Integers{1, 2}));
  EXPECT_EQ(metadata.integers("i64"), (Integers{-1, 2}));
  EXPECT_EQ(metadata.integers("bool"), (Integers{1, 0}));
  EXPECT_EQ(metadata.numbers("f32"), (std::vector<float>{0.5F, -2}));
  EXPECT_EQ(metadata.numbers("f64"), (std::vector<float>{0.25F, std::numeric_limits<float>::infinity()}));
  EXPECT_EQ(metadata.numbers("i8"), (std::vector<float>{-1, 127}));
  EXPECT_EQ(metadata.strings("strings"), (std::vector<std::string_view>{"", "one", "two"}));
  EXPECT_EQ(metadata.strings("empty"), std::vector<std::string_view>{});
  EXPECT_TRUE(metadata.is_array("u8"));
}

TEST(Metadata, PrintsValues) {
  GgufWriter writer;
  writer.add("f32", 1e-6F);
  writer.add("true", true);
  writer.add("string", "line\nbreak \x1b[1m \xff");
  writer.add("array", std::vector<std::int32_t>{1, 2, 3, 4});
  writer.add("nested", std::vector<std::vector<std::string>>{{"a", "b", "c", "d"}, {}, {"e"}});
  writer.add("deep", std::vector<std::vector<std::vector<std::uint8_t>>>{{{1, 2}, {3}}, {{}}});
  const WrittenMetadata file(writer);
  EXPECT_EQ(file.text("f32"), "1e-06");
  EXPECT_EQ(file.text("true"), "true");
  EXPECT_EQ(file.text("string"), R"(line\nbreak \x1b[1m \xff)");
  EXPECT_EQ(file.text("array"), "[1, 2, 3, ... 4 in all]");
  EXPECT_EQ(file.text("array", 4), "[1, 2, 3, 4]");
  EXPECT_EQ(file.text("array", 0), "[... 4 in all]");
  EXPECT_EQ(file.text("nested"), "[[a, b, c, ... 4 in all], [], [e]]");
  EXPECT_EQ(file.text("nested", 1), "[[a, ... 4 in all], ... 3 in all]");
  EXPECT_EQ(file.text("deep"), "[[[1, 2], [3]], [[]]]");
}

TEST(Metadata, SaysWhatDoesNotConvert) {
  GgufWriter writer;
  writer.add("s", "text");                                       // value at byte 24 + 8 + 1 + 4 = 37
  writer.add("two", std::uint8_t{2});                            // after 12 bytes of text: 49 + 8 + 3 + 4 = 64
  writer.add("big", std::numeric_limits<std::uint64_t>::max());  // 65 + 15 = 80
  writer.add("f", 1.5F);                                         // 88 + 13 = 101
  writer.add("texts", std::vector<std::string>{"a"});            // 105 + 17 = 122, elements at 134
  writer.add("b", std::vector<bool>{true});                      // 143 + 13 = 156, elements at 168
  const WrittenMetadata file(writer);
  const Metadata& metadata = file.metadata;
  expect_error<InvalidInput>([&] { metadata.integer("s"); },
                             "m.gguf: metadata key 's' at byte 37: the value is of type string, and an integer is "
                             "needed");
  expect_error<InvalidInput>(
      [&] { metadata.number("s"); },
      "m.gguf: metadata key 's' at byte 37: the value is of type string, and a number is needed");
  expect_error<InvalidInput>(
      [&] { metadata.strings("s"); },
      "m.gguf: metadata key 's' at byte 37: the value is of type string, and an array is needed");
  expect_error<InvalidInput>([&] { metadata.boolean("two"); },
                             "m.gguf: metadata key 'two' at byte 64: the value 2 is not a boolean");
  expect_error<InvalidInput>([&] { metadata.string("two"); },
                             "m.gguf: metadata key 'two' at byte 64: the value is of type u8, and a string is needed");
  expect_error<InvalidInput>([&] { metadata.integer("big"); },
                             "m.gguf: metadata key 'big' at byte 80: the value 18446744073709551615 is too large");
  expect_error<InvalidInput>(
      [&] { metadata.integer("f"); },
      "m.gguf: metadata key 'f' at byte 101: the value is of type f32, and an integer is needed");
  expect_error<InvalidInput>([&] { metadata.integers("texts"); },
                             "m.gguf: metadata key 'texts' at byte 134: the value is of type string, and an integer is "
                             "needed");
  expect_error<InvalidInput>([&] { metadata.numbers("b"); },
                             "m.gguf: metadata key 'b' at byte 168: the value is of type bool, and a number is needed");
}

TEST(Metadata, RefusesABooleanThatIsNeither) {
  std::string bytes = FileBytes().raw("GGUF").u32(3).u64(0).u64(1).string("b").u32(7).raw("\x02").text();
  const Metadata metadata = read_gguf(bytes_of(bytes), "m.gguf").metadata;
  expect_error<InvalidInput>([&] { metadata.boolean("b"); },
                             "m.gguf: metadata key 'b' at byte 37: a boolean has the value 2");
}

// A vocabulary of 250,000 tokens takes milliseconds. The bound leaves room for a sanitized build, and none for work
// that grows with the square of the count.
TEST(Metadata, ReadsABigVocabulary) {
  std::vector<std::string> tokens;
  for (int i = 0; i < 250'000; ++i) tokens.push_back("token " + std::to_string(i));
  GgufWriter writer;
  writer.add("tokens", tokens);
  const WrittenMetadata file(writer);
  const std::clock_t start = std::clock();
  const std::vector<std::string_view> read = file.metadata.strings("tokens").value();
  EXPECT_LT(std::clock() - start, CLOCKS_PER_SEC);
  ASSERT_EQ(read.size(), tokens.size());
  EXPECT_EQ(read.back(), tokens.back());
}

}  // namespace
}  // namespace hearth
