// Safetensors: what the writer writes the reader reads, and every kind of broken file has its own sentence.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "weights/safetensors_reader.h"
#include "weights/safetensors_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

// A file with this header text and this many bytes of data.
std::string file_with(std::string_view header, std::size_t data_bytes) {
  return FileBytes().string(header).zeros(data_bytes).text();
}

TEST(Safetensors, RoundTrip) {
  const std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  const std::string halves(6, 'h');
  SafetensorsWriter writer;
  writer.add("format", "pt");
  writer.add({"zeta \"quoted\"", Format::kF32, {2, 3}, data_in_memory(std::as_bytes(std::span(matrix)))});
  writer.add({"none", Format::kF16, {0, 4}, data_in_memory({})});
  writer.add({"alpha", Format::kBf16, {3}, data_in_memory(bytes_of(halves))});
  writer.add({"scalar", Format::kF16, {}, data_in_memory(bytes_of(halves).first(2))});
  std::ostringstream out;
  writer.write(out);
  const std::string bytes = out.str();
  const WeightEntries weights = read_safetensors(bytes_of(bytes), "x.safetensors");
  EXPECT_TRUE(weights.unreadable.empty());
  ASSERT_EQ(weights.tensors.size(), 4U);
  EXPECT_EQ(weights.tensors[0].name, "zeta \"quoted\"");
  EXPECT_EQ(weights.tensors[0].format, Format::kF32);
  EXPECT_EQ(weights.tensors[0].shape, (Shape{2, 3}));
  EXPECT_EQ(floats_of(weights.tensors[0].bytes), matrix);
  EXPECT_EQ((weights.tensors[0].bytes.data() - bytes_of(bytes).data()) % 8, 0);
  EXPECT_EQ(weights.tensors[1].shape, (Shape{0, 4}));
  EXPECT_EQ(weights.tensors[2].format, Format::kBf16);
  EXPECT_EQ(text_of(weights.tensors[2].bytes), halves);
  EXPECT_EQ(weights.tensors[3].shape, Shape());
}

TEST(Safetensors, UnreadableTensorsAreListedApart) {
  const std::string bytes = file_with(R"({"mask":{"dtype":"BOOL","shape":[1,3],"data_offsets":[0,3]},)"
                                      R"("new":{"dtype":"F4","shape":[3],"data_offsets":[3,5]},)"
                                      R"("patch":{"dtype":"F16","shape":[1,1,1,1,2],"data_offsets":[5,9]},)"
                                      R"("w":{"dtype":"F32","shape":[1],"data_offsets":[9,13]}})",
                                      13);
  const WeightEntries weights = read_safetensors(bytes_of(bytes), "x.safetensors");
  ASSERT_EQ(weights.tensors.size(), 1U);
  EXPECT_EQ(weights.tensors[0].name, "w");
  ASSERT_EQ(weights.unreadable.size(), 3U);
  EXPECT_EQ(weights.unreadable[0].name, "mask");
  EXPECT_EQ(weights.unreadable[0].reason,
            "x.safetensors: tensor 'mask' at byte 241: dtype BOOL cannot be computed with");
  EXPECT_EQ(weights.unreadable[1].reason, "x.safetensors: tensor 'new' at byte 244: dtype 'F4' is not known");
  EXPECT_EQ(weights.unreadable[2].reason, "x.safetensors: tensor 'patch' at byte 246: 5 dimensions are more than 4");
}

TEST(Safetensors, WriterRefusesWhatCannotBeWritten) {
  SafetensorsWriter writer;
  writer.add({"t", Format::kF32, {1}, data_in_memory({})});
  expect_error<InvalidInput>([&] { writer.add({"t", Format::kF32, {1}, {}}); }, "tensor 't': the name is taken");
  expect_error<InvalidInput>(
      [&] {
        writer.add({"__metadata__", Format::kF32, {1}, {}});
      },
      "tensor '__metadata__': the name is taken");
  expect_error<Unsupported>(
      [&] {
        writer.add({"q", Format::kQ8_0, {32}, {}});
      },
      "tensor 'q': safetensors has no dtype for q8_0");
  std::ostringstream out;
  expect_error<InvalidInput>([&] { writer.write(out); },
                             "tensor 't': 0 bytes of data were given, and its shape [1] needs 4");
}

struct BrokenFile {
  std::string_view title;
  std::string bytes;
  std::string_view sentence;  // after the file's name
};

// The descriptions of tensors in a file with 8 bytes of data.
std::string described(std::string_view members) {
  return file_with(fmt::format("{{{}}}", members), 8);
}

std::vector<BrokenFile> broken_headers() {
  return {
      {"empty", "", "header at byte 0: a file of 0 bytes has no header"},
      {"short", "1234567", "header at byte 0: a file of 7 bytes has no header"},
      {"length", FileBytes().u64(~0ULL).raw("{}").text(),
       "header at byte 0: a header of 18446744073709551615 bytes does not fit a file of 10 bytes (nor may it exceed "
       "100000000)"},
      {"length by one", FileBytes().u64(3).raw("{}").text(),
       "header at byte 0: a header of 3 bytes does not fit a file of 10 bytes (nor may it exceed 100000000)"},
      {"no text", file_with("", 0), "JSON at byte 8: incomplete JSON"},
      {"syntax", file_with("{]", 0), "JSON at byte 9: syntax error"},
      {"not an object", file_with("[]", 0), "JSON at byte 8: the document is not an object"},
      {"after the end", file_with("{} x", 0), "JSON at byte 11: extra data"},
      {"not UTF-8", file_with("{\"\xc3\":1}", 0), "JSON at byte 10: the bytes are not valid UTF-8"},
      {"NaN", file_with(R"({"__metadata__":NaN})", 0), "JSON at byte 24: syntax error"},
      {"duplicate tensor", described(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{})"),
       "JSON at byte 64: the key 'a' is there twice"},
      {"duplicate field", described(R"("a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,4]})"),
       "JSON at byte 46: the key 'shape' is there twice"},
      {"data without tensors", file_with("{}", 5), "data at byte 10: the tensors end there, and 5 bytes follow"},
  };
}

std::vector<BrokenFile> broken_tensors() {
  return {
      {"description", described(R"("a":1)"), "tensor 'a' at byte 9: its description is not an object"},
      {"no dtype", described(R"("a":{})"), "tensor 'a' at byte 9: it has no string 'dtype'"},
      {"dtype", described(R"("a":{"dtype":1,"shape":[1],"data_offsets":[0,4]})"),
       "tensor 'a' at byte 9: it has no string 'dtype'"},
      {"no offsets", described(R"("a":{"dtype":"F32","shape":[1]})"),
       "tensor 'a' at byte 9: it has no array 'data_offsets'"},
      {"one offset", described(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0]})"),
       "tensor 'a' at byte 9: 'data_offsets' holds 1 numbers, not 2"},
      {"no shape", described(R"("a":{"dtype":"F32","data_offsets":[0,4]})"),
       "tensor 'a' at byte 9: it has no array 'shape'"},
      {"negative", described(R"("a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"),
       "tensor 'a' at byte 9: 'shape' holds something other than whole numbers from 0 to 2^64 - 1"},
      {"fraction", described(R"("a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]})"),
       "tensor 'a' at byte 9: 'shape' holds something other than whole numbers from 0 to 2^64 - 1"},
      {"backwards", described(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]})"),
       "tensor 'a' at byte 9: its data, from 4 to 0, does not lie within the 8 bytes of data"},
      {"past the end", described(R"("a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]})"),
       "tensor 'a' at byte 9: its data, from 0 to 12, does not lie within the 8 bytes of data"},
      {"product", described(R"("a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
       "tensor 'a' at byte 9: dimension 4294967296 makes the number of elements overflow"},
      {"product with a zero", described(R"("a":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,8]})"),
       "tensor 'a' at byte 9: dimension 18446744073709551615 makes the number of elements overflow"},
      {"size overflow", described(R"("a":{"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]})"),
       "tensor 'a' at byte 9: 4611686018427387906 elements of 4 bytes do not fill the 8 bytes from 0 to 8"},
      {"size", described(R"("a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]})"),
       "tensor 'a' at byte 9: 2 elements of 2 bytes do not fill the 8 bytes from 0 to 8"},
      {"size of a mask", described(R"("a":{"dtype":"BOOL","shape":[7],"data_offsets":[0,8]})"),
       "tensor 'a' at byte 9: 7 elements of 1 bytes do not fill the 8 bytes from 0 to 8"},
      {"overlap",
       described(
           R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
       "tensor 'b' at byte 62: its data begins at 4, where the data before it ends at 8: they overlap"},
      {"gap", described(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
       "tensor 'a' at byte 9: its data begins at 4, where the data before it ends at 0: there is a gap"},
      {"left over", described(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})"),
       "data at byte 66: the tensors end there, and 4 bytes follow"},
  };
}

class BrokenSafetensors : public testing::TestWithParam<BrokenFile> {};

TEST_P(BrokenSafetensors, HasItsSentence) {
  expect_error<InvalidInput>([&] { read_safetensors(bytes_of(GetParam().bytes), "x.safetensors"); },
                             fmt::format("x.safetensors: {}", GetParam().sentence));
}

std::string name_of(const testing::TestParamInfo<BrokenFile>& row) {
  std::string name;
  for (const char c : row.param.title) name += c == ' ' || c == '-' ? '_' : c;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Header, BrokenSafetensors, testing::ValuesIn(broken_headers()), name_of);
INSTANTIATE_TEST_SUITE_P(Tensors, BrokenSafetensors, testing::ValuesIn(broken_tensors()), name_of);

TEST(Safetensors, EveryTruncationIsNoticed) {
  const std::string bytes = described(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::string cut = bytes.substr(0, length);
    EXPECT_THROW(read_safetensors(bytes_of(cut), "x.safetensors"), InvalidInput) << length;
  }
  EXPECT_NO_THROW(read_safetensors(bytes_of(bytes), "x.safetensors"));
}

}  // namespace
}  // namespace hearth
