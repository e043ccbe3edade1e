// GGUF: what the writer writes the reader reads, and every kind of broken file has its own sentence.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "base/error.h"
#include "weights/gguf_reader.h"
#include "weights/gguf_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

std::string written(const GgufWriter& writer) {
  std::ostringstream out;
  writer.write(out);
  return out.str();
}

TEST(Gguf, RoundTrip) {
  const std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  const std::string blocks(36, 'q');
  for (const std::uint32_t alignment : {1U, 24U, 32U, 40U, 256U}) {
    GgufWriter writer(alignment);
    writer.add("general.architecture", "llama");
    writer.add({"matrix", Format::kF32, {2, 3}, data_in_memory(std::as_bytes(std::span(matrix)))});
    writer.add({"none", Format::kF16, {0, 4}, data_in_memory({})});
    writer.add({"blocks", Format::kQ4_0, {1, 2, 1, 32}, data_in_memory(bytes_of(blocks))});
    writer.add({"scalar", Format::kF32, {}, data_in_memory(std::as_bytes(std::span(matrix).first(1)))});
    const std::string bytes = written(writer);
    const GgufContents contents = read_gguf(bytes_of(bytes), "x.gguf");
    EXPECT_EQ(contents.metadata.string("general.architecture"), "llama");
    EXPECT_EQ(contents.metadata.contains("general.alignment"), alignment != 32);
    EXPECT_TRUE(contents.weights.unreadable.empty());
    ASSERT_EQ(contents.weights.tensors.size(), 4U);
    const WeightEntry& first = contents.weights.tensors[0];
    EXPECT_EQ(first.name, "matrix");
    EXPECT_EQ(first.format, Format::kF32);
    EXPECT_EQ(first.shape, (Shape{2, 3}));
    EXPECT_EQ(floats_of(first.bytes), matrix);
    EXPECT_EQ(contents.weights.tensors[1].shape, (Shape{0, 4}));
    EXPECT_TRUE(contents.weights.tensors[1].bytes.empty());
    EXPECT_EQ(contents.weights.tensors[2].shape, (Shape{1, 2, 1, 32}));
    EXPECT_EQ(text_of(contents.weights.tensors[2].bytes), blocks);
    EXPECT_EQ((contents.weights.tensors[2].bytes.data() - bytes_of(bytes).data()) % alignment, 0);
    EXPECT_EQ(contents.weights.tensors[3].shape, Shape());
    EXPECT_EQ(contents.weights.tensors[3].bytes.size(), 4U);
  }
}

TEST(Gguf, EntriesCanBeCopied) {
  GgufWriter writer;
  writer.add("names", std::vector<std::vector<std::string>>{{"a"}, {"b", "c"}});
  writer.add("number", 1.5);
  const std::string bytes = written(writer);
  const GgufContents contents = read_gguf(bytes_of(bytes), "x.gguf");
  GgufWriter copy;
  for (const Metadata::Entry& entry : contents.metadata.entries()) copy.add(entry);
  EXPECT_EQ(written(copy), bytes);
}

TEST(Gguf, AVersionTwoFileWithoutPaddingOpens) {
  const std::string bytes =
      FileBytes().raw("GGUF").u32(2).u64(1).u64(0).string("none").u32(1).u64(0).u32(0).u64(0).text();
  const GgufContents contents = read_gguf(bytes_of(bytes), "x.gguf");
  EXPECT_EQ(contents.weights.tensors.at(0).shape, Shape{0});
}

TEST(Gguf, TensorsOfIntegersAreListedApart) {
  const std::string bytes = FileBytes()
                                .raw("GGUF")
                                .u32(3)
                                .u64(2)
                                .u64(0)
                                .string("mask")
                                .u32(1)
                                .u64(3)
                                .u32(24)
                                .u64(0)
                                .string("w")
                                .u32(1)
                                .u64(1)
                                .u32(0)
                                .u64(32)
                                .pad(32)
                                .raw("abc")
                                .pad(32)
                                .put(1.0F)
                                .text();
  const GgufContents contents = read_gguf(bytes_of(bytes), "x.gguf");
  ASSERT_EQ(contents.weights.tensors.size(), 1U);
  EXPECT_EQ(contents.weights.tensors[0].name, "w");
  ASSERT_EQ(contents.weights.unreadable.size(), 1U);
  EXPECT_EQ(contents.weights.unreadable[0].name, "mask");
  EXPECT_EQ(contents.weights.unreadable[0].reason,
            "x.gguf: tensor 'mask' at byte 24: elements of type i8 (ggml's number 24) are no weights");
}

TEST(Gguf, TensorsOfUnknownTypesAreListedByName) {
  FileBytes file;
  file.raw("GGUF").u32(3).u64(3).u64(0);
  file.string("old").u32(2).u64(32).u64(4).u32(31).u64(0);
  file.string("new").u32(1).u64(32).u32(4'000'000'000).u64(1ULL << 60);
  file.string("w").u32(1).u64(1).u32(0).u64(128);
  const std::string bytes = file.pad(32).zeros(128).put(1.0F).text();
  const WeightEntries weights = read_gguf(bytes_of(bytes), "x.gguf").weights;
  ASSERT_EQ(weights.tensors.size(), 1U);
  EXPECT_EQ(weights.tensors[0].name, "w");
  ASSERT_EQ(weights.unreadable.size(), 2U);
  EXPECT_EQ(weights.unreadable[0].reason,
            "x.gguf: tensor 'old' at byte 24: its type, q4_0_4_4 (ggml's number 31), cannot be read");
  EXPECT_EQ(weights.unreadable[1].reason,
            "x.gguf: tensor 'new' at byte 67: its type, ggml's number 4000000000, cannot be read");
}

TEST(Gguf, OnesBehindTheDimensionsOfAMatrixAreNone) {
  const auto shape_of = [](std::vector<std::uint64_t> dims) {
    FileBytes file;
    file.raw("GGUF").u32(3).u64(1).u64(0).string("t").u32(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) file.u64(dim);
    const std::string bytes = file.u32(0).u64(0).pad(32).zeros(64).text();
    return read_gguf(bytes_of(bytes), "x.gguf").weights.tensors.at(0).shape;
  };
  EXPECT_EQ(shape_of({4, 2, 1, 1}), (Shape{2, 4}));
  EXPECT_EQ(shape_of({4, 2, 1}), (Shape{2, 4}));
  EXPECT_EQ(shape_of({4, 1, 1, 1}), (Shape{1, 4}));
  EXPECT_EQ(shape_of({4, 1, 2, 1}), (Shape{1, 2, 1, 4}));
  EXPECT_EQ(shape_of({4}), Shape{4});
}

TEST(Gguf, AnotherFileBehindTheDataIsSeen) {
  const std::vector<float> row(3, 1);
  GgufWriter writer(24), empty;
  writer.add({"a", Format::kF32, {3}, data_in_memory(std::as_bytes(std::span(row)))});
  empty.add("key", 1);
  const std::string first = written(writer), second = written(empty);
  const auto next = [](const std::string& bytes) { return read_gguf(bytes_of(bytes), "x.gguf").next_file; };
  EXPECT_EQ(next(first), std::nullopt);
  EXPECT_EQ(next(first + "GGUX"), std::nullopt);
  EXPECT_EQ(next(first + second), first.size());
  EXPECT_EQ(next(first.substr(0, first.size() - 12) + second), first.size() - 12);  // written without padding
  EXPECT_EQ(next(second + first), second.size());
}

TEST(Gguf, WriterRefusesWhatCannotBeWritten) {
  GgufWriter writer;
  const std::vector<float> row(32);
  writer.add("key", 1);
  expect_error<InvalidInput>([&] { writer.add("key", 2); }, "metadata key 'key' is to be written twice");
  writer.add({"t", Format::kF32, {32}, data_in_memory(std::as_bytes(std::span(row).first(31)))});
  expect_error<InvalidInput>([&] { writer.add({"t", Format::kF32, {1}, {}}); }, "tensor 't' is to be written twice");
  expect_error<InvalidInput>([&] { writer.add({"", Format::kF32, {1}, {}}); }, "a tensor to be written has no name");
  expect_error<InvalidInput>(
      [&] {
        writer.add({"u", Format::kQ4_0, {32, 16}, {}});
      },
      "tensor 'u': rows of 16 elements cannot be cut into blocks of 32");
  expect_error<Unsupported>(
      [&] {
        writer.add({"u", Format::kInt4, {32}, {}});
      },
      "tensor 'u': GGUF has no type for int4");
  expect_error<InvalidInput>([&] { written(writer); },
                             "tensor 't': 124 bytes of data were given, and its shape [32] needs 128");
  expect_error<DeviceError>([&] { GgufWriter().write(std::filesystem::path("/nowhere/x.gguf")); },
                            "/nowhere/x.gguf: cannot be written: No such file or directory");
}

// MXFP6 is an extension: the file says so, and without that its type numbers mean nothing.
TEST(Gguf, Mxfp6IsReadWhereTheFileSaysSo) {
  for (const Format format : {Format::kMxfp6E2m3, Format::kMxfp6E3m2}) {
    const std::string blocks(50, 'x');
    GgufWriter writer;
    writer.add({"t", format, {64}, data_in_memory(bytes_of(blocks))});
    std::string file = written(writer);
    const GgufContents contents = read_gguf(bytes_of(file), "x.gguf");
    ASSERT_EQ(contents.weights.tensors.size(), 1u);
    EXPECT_EQ(contents.weights.tensors[0].format, format);
    EXPECT_EQ(text_of(contents.weights.tensors[0].bytes), blocks);
    file.replace(file.find("hearth.extension.mxfp6"), 6, "others");
    const GgufContents unknown = read_gguf(bytes_of(file), "x.gguf");
    EXPECT_TRUE(unknown.weights.tensors.empty());
    ASSERT_EQ(unknown.weights.unreadable.size(), 1u);
    EXPECT_NE(unknown.weights.unreadable[0].reason.find(fmt::format("ggml's number {}", traits(format).ggml_type)),
              std::string::npos);
  }
}

constexpr std::uint64_t kHuge = ~std::uint64_t{0};

FileBytes header(std::uint64_t tensor_count, std::uint64_t metadata_count) {
  return FileBytes().raw("GGUF").u32(3).u64(tensor_count).u64(metadata_count);
}

// One f32 vector 'a' with these dimensions, type and offset, and 32 bytes of data.
std::string one_tensor(std::vector<std::uint64_t> dims, std::uint32_t type, std::uint64_t offset) {
  FileBytes file = header(1, 0);
  file.string("a").u32(static_cast<std::uint32_t>(dims.size()));
  for (const std::uint64_t dim : dims) file.u64(dim);
  return file.u32(type).u64(offset).pad(32).zeros(32).text();
}

FileBytes nested_arrays(int depth) {
  FileBytes file = header(0, 1).string("k").u32(9);
  for (int i = 1; i < depth; ++i) file.u32(9).u64(1);
  return file.u32(0).u64(0);
}

struct BrokenFile {
  std::string_view title;
  std::string bytes;
  std::string_view sentence;  // after the file's name
  bool unsupported = false;
};

std::vector<BrokenFile> broken_headers() {
  return {
      {"empty", "", "header at byte 0: not a GGUF file: it begins with '' instead of 'GGUF'"},
      {"another format", "PK\x03\x04zip",
       R"(header at byte 0: not a GGUF file: it begins with 'PK\x03\x04' instead of 'GGUF')"},
      {"magic alone", "GGUF", "header at byte 4: 4 bytes are needed, and only 0 remain"},
      {"version 1", FileBytes().raw("GGUF").u32(1).zeros(16).text(),
       "header at byte 4: GGUF version 1; only versions 2 and 3 can be read", true},
      {"version 4", FileBytes().raw("GGUF").u32(4).zeros(16).text(),
       "header at byte 4: GGUF version 4; only versions 2 and 3 can be read", true},
      {"big-endian", FileBytes().raw("GGUF").u32(3U << 24).zeros(16).text(),
       "header at byte 4: the file is big-endian; only little-endian files can be read", true},
      {"cut header", header(0, 0).text().substr(0, 20), "header at byte 16: 8 bytes are needed, and only 4 remain"},
      {"tensor count", header(kHuge, 0).zeros(64).text(),
       "header at byte 8: 18446744073709551615 tensors do not fit a file of 88 bytes"},
      {"metadata count", header(0, kHuge).zeros(64).text(),
       "header at byte 16: 18446744073709551615 metadata entries do not fit a file of 88 bytes"},
  };
}

std::vector<BrokenFile> broken_metadata() {
  return {
      {"key length", header(0, 1).u64(kHuge).zeros(16).text(),
       "metadata entry 0 at byte 24: a string of 18446744073709551615 bytes runs past the end (16 bytes remain)"},
      {"value type", header(0, 1).string("k").u32(13).zeros(8).text(),
       "metadata key 'k' at byte 33: there is no value type 13"},
      {"cut value", header(0, 1).string("k").u32(10).zeros(7).text(),
       "metadata key 'k' at byte 37: 8 bytes are needed, and only 7 remain"},
      {"string length", header(0, 1).string("k").u32(8).u64(9).zeros(8).text(),
       "metadata key 'k' at byte 37: a string of 9 bytes runs past the end (8 bytes remain)"},
      {"array type", header(0, 1).string("k").u32(9).u32(99).u64(0).text(),
       "metadata key 'k' at byte 37: there is no value type 99"},
      {"array count", header(0, 1).string("k").u32(9).u32(10).u64(kHuge / 8 + 1).zeros(8).text(),
       "metadata key 'k' at byte 49: 2305843009213693952 x 8 bytes are needed, and only 8 remain"},
      {"array of strings", header(0, 1).string("k").u32(9).u32(8).u64(3).string("a").string("b").text(),
       "metadata key 'k' at byte 67: 8 bytes are needed, and only 0 remain"},
      {"depth", nested_arrays(17).text(), "metadata key 'k' at byte 229: arrays are nested more than 16 deep"},
      {"duplicate key", header(0, 2).string("k").u32(0).zeros(1).string("k").u32(0).zeros(1).text(),
       "metadata key 'k' at byte 51: the key is there twice"},
      {"alignment zero", header(0, 1).string("general.alignment").u32(4).u32(0).text(),
       "metadata key 'general.alignment' at byte 53: 0 is not a multiple of 8 up to 1073741824"},
      {"alignment odd", header(0, 1).string("general.alignment").u32(4).u32(12).text(),
       "metadata key 'general.alignment' at byte 53: 12 is not a multiple of 8 up to 1073741824"},
      {"alignment text", header(0, 1).string("general.alignment").u32(8).string("32").text(),
       "metadata key 'general.alignment' at byte 53: the value is of type string, and an integer is needed"},
      {"control characters", header(0, 1).string("k\n\x1b").u32(77).zeros(9).text(),
       R"(metadata key 'k\n\x1b' at byte 35: there is no value type 77)"},
  };
}

std::vector<BrokenFile> broken_tensors() {
  const FileBytes two = header(2, 0).string("a").u32(1).u64(4).u32(0).u64(0);
  return {
      {"name length", header(1, 0).u64(100).zeros(40).text(),
       "tensor 0 at byte 24: a string of 100 bytes runs past the end (40 bytes remain)"},
      {"rank", one_tensor({1, 1, 1, 1, 1}, 0, 0), "tensor 'a' at byte 33: 5 dimensions; at most 4 are possible"},
      {"product", one_tensor({1ULL << 32, 1ULL << 31}, 0, 0),
       "tensor 'a' at byte 45: dimension 1 is 2147483648, which makes the number of elements overflow"},
      {"product with a zero", one_tensor({0, 1ULL << 32, 1ULL << 32}, 0, 0),
       "tensor 'a' at byte 53: dimension 2 is 4294967296, which makes the number of elements overflow"},
      {"dimension", one_tensor({kHuge}, 0, 0),
       "tensor 'a' at byte 37: dimension 0 is 18446744073709551615, which makes the number of elements overflow"},
      {"blocks", one_tensor({33, 32}, 2, 0),
       "tensor 'a' at byte 24: rows of 33 elements cannot be cut into blocks of 32"},
      {"offset not aligned", one_tensor({1}, 0, 4),
       "tensor 'a' at byte 24: its data's offset 4 is not a multiple of 32"},
      {"offset past the end", one_tensor({1}, 0, 64),
       "tensor 'a' at byte 24: its data at offset 64 (1 x 4 bytes) runs past the end of the data (32 bytes)"},
      {"offset overflow", one_tensor({8}, 0, kHuge - 31),
       "tensor 'a' at byte 24: its data at offset 18446744073709551584 (8 x 4 bytes) runs past the end of the data (32 "
       "bytes)"},
      {"data past the end", one_tensor({9}, 0, 0),
       "tensor 'a' at byte 24: its data at offset 0 (9 x 4 bytes) runs past the end of the data (32 bytes)"},
      {"size overflow", one_tensor({1ULL << 62}, 0, 0),
       "tensor 'a' at byte 24: its data at offset 0 (4611686018427387904 x 4 bytes) runs past the end of the data (32 "
       "bytes)"},
      {"integers past the end", one_tensor({5}, 27, 0),
       "tensor 'a' at byte 24: its data at offset 0 (5 x 8 bytes) runs past the end of the data (32 bytes)"},
      {"duplicate", FileBytes(two).string("a").u32(1).u64(4).u32(0).u64(32).pad(32).zeros(64).text(),
       "tensor 'a' at byte 57: the tensor is there twice"},
      {"overlap", FileBytes(two).string("b").u32(1).u64(16).u32(0).u64(0).pad(32).zeros(64).text(),
       "tensor 'b' at byte 57: its data at offset 0 overlaps that of tensor 'a' (16 bytes at 0)"},
  };
}

class BrokenGguf : public testing::TestWithParam<BrokenFile> {};

TEST_P(BrokenGguf, HasItsSentence) {
  const BrokenFile& file = GetParam();
  const auto read = [&] { read_gguf(bytes_of(file.bytes), "x.gguf"); };
  const std::string sentence = fmt::format("x.gguf: {}", file.sentence);
  if (file.unsupported) {
    expect_error<Unsupported>(read, sentence);
  } else {
    expect_error<InvalidInput>(read, sentence);
  }
}

std::string name_of(const testing::TestParamInfo<BrokenFile>& row) {
  std::string name;
  for (const char c : row.param.title) name += c == ' ' || c == '-' ? '_' : c;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Header, BrokenGguf, testing::ValuesIn(broken_headers()), name_of);
INSTANTIATE_TEST_SUITE_P(Metadata, BrokenGguf, testing::ValuesIn(broken_metadata()), name_of);
INSTANTIATE_TEST_SUITE_P(Tensors, BrokenGguf, testing::ValuesIn(broken_tensors()), name_of);

TEST(Gguf, SixteenNestedArraysAreRead) {
  const std::string bytes = nested_arrays(16).text();
  const Metadata metadata = read_gguf(bytes_of(bytes), "x.gguf").metadata;
  EXPECT_EQ(metadata.to_string(metadata.entries()[0], 3), "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
}

// Wherever a file is cut, the reader says so or, past the last byte that matters, reads it whole.
TEST(Gguf, EveryTruncationIsNoticed) {
  const std::vector<float> row(16, 1);
  GgufWriter writer;
  writer.add("names", std::vector<std::string>{"a", "b"});
  writer.add({"a", Format::kF32, {16}, data_in_memory(std::as_bytes(std::span(row)))});
  const std::string bytes = written(writer);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::string cut = bytes.substr(0, length);
    EXPECT_THROW(read_gguf(bytes_of(cut), "x.gguf"), InvalidInput) << length;
  }
  EXPECT_NO_THROW(read_gguf(bytes_of(bytes), "x.gguf"));
}

}  // namespace
}  // namespace hearth
