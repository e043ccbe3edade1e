// MODEL as users name it: GGUF files and sets of them, Hugging Face folders, and what is neither.
#include "weights/model_source.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <sstream>

#include "base/error.h"
#include "weights/gguf_writer.h"
#include "weights/safetensors_writer.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

const std::vector<float> kRow = {1, 2, 3, 4};

OutputTensor row_tensor(std::string name) {
  return {std::move(name), Format::kF32, {4}, data_in_memory(std::as_bytes(std::span(kRow)))};
}

void write_gguf(const std::filesystem::path& path, const std::string& tensor = "t") {
  GgufWriter writer;
  writer.add("general.architecture", "llama");
  writer.add(row_tensor(tensor));
  writer.write(path);
}

void write_safetensors(const std::filesystem::path& path, const std::vector<std::string>& tensors) {
  SafetensorsWriter writer;
  for (const std::string& name : tensors) writer.add(row_tensor(name));
  writer.write(path);
}

// One part of a split set, with a tensor named by `number`.
void write_part(const TemporaryDirectory& folder, std::string_view name, int number, int count,
                const std::string& tensor) {
  GgufWriter writer;
  if (number == 0) {
    writer.add("general.architecture", "llama");
  }
  writer.add("split.no", static_cast<std::uint16_t>(number));
  writer.add("split.count", static_cast<std::uint16_t>(count));
  writer.add("split.tensors.count", std::int32_t{3});
  writer.add(row_tensor(tensor));
  writer.write(folder / name);
}

TemporaryDirectory* write_set(TemporaryDirectory* folder) {
  write_part(*folder, "m-00001-of-00003.gguf", 0, 3, "a");
  write_part(*folder, "m-00002-of-00003.gguf", 1, 3, "b");
  write_part(*folder, "m-00003-of-00003.gguf", 2, 3, "c");
  return folder;
}

template <typename Error>
void expect_refused(const std::filesystem::path& path, std::string_view sentence) {
  expect_error<Error>([&] { ModelSource::open(path); }, sentence);
}

TEST(ModelSource, OpensAGgufFile) {
  const TemporaryDirectory folder;
  write_gguf(folder / "x.gguf");
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder / "x.gguf");
  EXPECT_EQ(source->kind(), ModelSource::Kind::kGguf);
  EXPECT_EQ(source->path(), folder / "x.gguf");
  EXPECT_EQ(source->metadata().string("general.architecture"), "llama");
  EXPECT_EQ(source->tensors().size(), 1U);
  ASSERT_NE(source->find("t"), nullptr);
  EXPECT_EQ(floats_of(source->find("t")->bytes), kRow);
  EXPECT_EQ(source->find("u"), nullptr);
  EXPECT_FALSE(source->tokenizer_json());
  EXPECT_FALSE(source->chat_template_file());
}

TEST(ModelSource, StandsInMemory) {
  GgufWriter writer;
  writer.add("general.architecture", "llama");
  std::ostringstream out;
  writer.write(out);
  const std::string head = out.str();
  const WeightEntry entry{"t", Format::kF32, {4}, std::as_bytes(std::span(kRow))};
  const auto source = ModelSource::in_memory("made up", bytes_of(head), {entry});
  EXPECT_EQ(source->kind(), ModelSource::Kind::kGguf);
  EXPECT_EQ(source->path(), "made up");
  EXPECT_EQ(source->metadata().string("general.architecture"), "llama");
  ASSERT_NE(source->find("t"), nullptr);
  EXPECT_EQ(source->find("t")->bytes.data(), entry.bytes.data());
  expect_error<InvalidInput>(
      [&] {
        ModelSource::in_memory("made up", bytes_of(head), {entry, entry});
      },
      "made up: tensor 't' is there twice");
}

TEST(ModelSource, RefusesWhatIsNoModel) {
  const TemporaryDirectory folder;
  const std::string path = folder.path().string();
  expect_refused<InvalidInput>(folder / "no.gguf", path + "/no.gguf: cannot be read: No such file or directory");
  expect_refused<InvalidInput>(folder.path(), path + ": the folder holds neither config.json nor a GGUF file");
  expect_refused<InvalidInput>(folder.write("w.safetensors", ""),
                               path + "/w.safetensors: name the folder that holds this file and its config.json");
  expect_refused<InvalidInput>(folder.write("x.gguf", "text"),
                               path +
                                   "/x.gguf: header at byte 0: not a GGUF file: it begins with 'text' instead of "
                                   "'GGUF'");
  expect_refused<InvalidInput>("/dev/null", "/dev/null: cannot be read: Invalid argument");
}

TEST(ModelSource, AFolderWithOneGgufModelStandsForIt) {
  const TemporaryDirectory folder;
  write_gguf(folder / "x.gguf");
  EXPECT_EQ(ModelSource::open(folder.path())->kind(), ModelSource::Kind::kGguf);
  folder.write("config.json", "{}");
  EXPECT_EQ(ModelSource::open(folder.path())->kind(), ModelSource::Kind::kGguf);
  write_gguf(folder / "y.gguf");
  expect_refused<InvalidInput>(folder.path(), folder.path().string() +
                                                  ": the folder holds 2 GGUF models, x.gguf and "
                                                  "y.gguf among them; name one of the files");
}

TEST(ModelSource, AFolderWithOneSplitSetStandsForIt) {
  TemporaryDirectory folder;
  write_set(&folder);
  EXPECT_EQ(ModelSource::open(folder.path())->tensors().size(), 3U);
}

TEST(ModelSource, OpensASplitSetByItsFirstPart) {
  TemporaryDirectory folder;
  write_set(&folder);
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder / "m-00001-of-00003.gguf");
  EXPECT_EQ(source->metadata().string("general.architecture"), "llama");
  ASSERT_EQ(source->tensors().size(), 3U);
  for (const std::string_view name : {"a", "b", "c"}) EXPECT_EQ(floats_of(source->find(name)->bytes), kRow);
}

TEST(ModelSource, RefusesBrokenSplitSets) {
  TemporaryDirectory folder;
  write_set(&folder);
  const std::string path = folder.path().string() + "/";
  const std::filesystem::path first = folder / "m-00001-of-00003.gguf";
  expect_refused<InvalidInput>(folder / "m-00002-of-00003.gguf",
                               path +
                                   "m-00002-of-00003.gguf: this is part 2 of 3; open the first, "
                                   "m-00001-of-00003.gguf");
  std::filesystem::rename(folder / "m-00002-of-00003.gguf", folder / "away");
  expect_refused<InvalidInput>(first, path + "m-00002-of-00003.gguf: part 2 of 3 is missing");
  write_part(folder, "m-00002-of-00003.gguf", 2, 3, "b");
  expect_refused<InvalidInput>(first, path +
                                          "m-00002-of-00003.gguf: 'split.no' is 2 and 'split.count' 3, where 1 and 3 "
                                          "are expected");
  write_part(folder, "m-00002-of-00003.gguf", 1, 3, "c");
  expect_refused<InvalidInput>(first, path + "m-00001-of-00003.gguf: tensor 'c' is there twice");
  GgufWriter two_tensors;
  two_tensors.add("split.no", std::uint16_t{1});
  two_tensors.add("split.count", std::uint16_t{3});
  two_tensors.add(row_tensor("b"));
  two_tensors.add(row_tensor("d"));
  two_tensors.write(folder / "m-00002-of-00003.gguf");
  expect_refused<InvalidInput>(first, path +
                                          "m-00001-of-00003.gguf: 'split.tensors.count' is 3, and the 3 parts hold 4 "
                                          "tensors");
  folder.write("m-00002-of-00003.gguf", "GGUF");
  expect_refused<InvalidInput>(first, path +
                                          "m-00002-of-00003.gguf: header at byte 4: 4 bytes are needed, and only 0 "
                                          "remain");
  std::filesystem::rename(first, folder / "renamed.gguf");
  expect_refused<InvalidInput>(folder / "renamed.gguf",
                               path +
                                   "renamed.gguf: the file is part 1 of 3 of a split model by its metadata keys "
                                   "'split.no' and 'split.count', which a name that ends in -00001-of-00003.gguf says; "
                                   "parts are opened as they are, beside each other in one folder, or joined with "
                                   "llama-gguf-split --merge, which `cat` cannot do");
}

// However the file is called then.
TEST(ModelSource, PartsThatWereJoinedWithCatAreRefusedAsSuch) {
  TemporaryDirectory folder;
  write_set(&folder);
  std::string joined;
  for (const std::string_view name : {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    joined += MappedFile(folder / name).text();
  }
  const std::uint64_t first_bytes = std::filesystem::file_size(folder / "m-00001-of-00003.gguf");
  for (const std::string_view name : {"joined.gguf", "m-00001-of-00003.gguf"}) {
    const std::filesystem::path path = folder.write(name, joined);
    expect_refused<InvalidInput>(
        path, fmt::format("{}: parts of a split model stand in this file one after the other: its metadata keys "
                          "'split.no' and 'split.count' say part 1 of 3, and another GGUF file follows at byte {}; "
                          "parts are opened as they are, beside each other in one folder, or joined with "
                          "llama-gguf-split --merge, which `cat` cannot do",
                          path.string(), first_bytes));
  }
}

TEST(ModelSource, OpensAHuggingFaceFolder) {
  const TemporaryDirectory folder;
  folder.write("config.json", R"({"model_type":"llama","rope_theta":Infinity})");
  folder.write("generation_config.json", R"({"eos_token_id":2})");
  folder.write("tokenizer_config.json", R"({"bos_token":"<s>"})");
  folder.write("tokenizer.json", "{\"version\":\"1.0\"}");
  folder.write("chat_template.jinja", "{{ messages }}");
  write_safetensors(folder / "model.safetensors", {"a", "b"});
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  EXPECT_EQ(source->kind(), ModelSource::Kind::kHuggingFace);
  EXPECT_EQ(source->config().at("model_type").as_string(), "llama");
  EXPECT_EQ(source->generation_config().at("eos_token_id").as_int64(), 2);
  EXPECT_EQ(source->tokenizer_config().at("bos_token").as_string(), "<s>");
  EXPECT_EQ(source->tokenizer_json(), "{\"version\":\"1.0\"}");
  EXPECT_EQ(source->chat_template_file(), "{{ messages }}");
  EXPECT_TRUE(source->metadata().entries().empty());
  EXPECT_EQ(source->tensors().size(), 2U);
  EXPECT_EQ(floats_of(source->find("b")->bytes), kRow);
}

// Each of them; the template's would become a character of every prompt.
TEST(ModelSource, ByteOrderMarksInFrontOfAFoldersFilesAreSkipped) {
  const TemporaryDirectory folder;
  folder.write("config.json", "\xef\xbb\xbf{\"model_type\":\"llama\"}");
  folder.write("generation_config.json", "\xef\xbb\xbf{\"eos_token_id\":2}");
  folder.write("tokenizer_config.json", "\xef\xbb\xbf{}");
  folder.write("chat_template.jinja", "\xef\xbb\xbf{{ messages }}");
  write_safetensors(folder / "model.safetensors", {"a"});
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  EXPECT_EQ(source->config().at("model_type").as_string(), "llama");
  EXPECT_EQ(source->generation_config().at("eos_token_id").as_int64(), 2);
  EXPECT_EQ(source->chat_template_file(), "{{ messages }}");
}

TEST(ModelSource, AFolderNeedsOnlyConfigJson) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  EXPECT_TRUE(source->tensors().empty());
  EXPECT_TRUE(source->generation_config().empty());
  EXPECT_TRUE(source->tokenizer_config().empty());
  EXPECT_FALSE(source->tokenizer_json());
}

TEST(ModelSource, OneSafetensorsFileOfAnotherName) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  folder.write("pytorch_model.bin", "");
  expect_refused<Unsupported>(folder.path(),
                              folder.path().string() +
                                  ": the weights are there only in PyTorch's format (pytorch_model.bin); "
                                  "convert them to safetensors");
  write_safetensors(folder / "weights.safetensors", {"a"});
  EXPECT_EQ(ModelSource::open(folder.path())->tensors().size(), 1U);
  write_safetensors(folder / "more.safetensors", {"b"});
  expect_refused<InvalidInput>(folder.path(), folder.path().string() +
                                                  ": the folder holds 2 safetensors files and neither "
                                                  "model.safetensors nor model.safetensors.index.json");
}

TEST(ModelSource, OpensShards) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  write_safetensors(folder / "one.safetensors", {"a", "b"});
  write_safetensors(folder / "two.safetensors", {"c"});
  folder.write("model.safetensors.index.json",
               R"({"metadata":{},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}})");
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  EXPECT_EQ(source->tensors().size(), 3U);
  for (const std::string_view name : {"a", "b", "c"}) EXPECT_EQ(floats_of(source->find(name)->bytes), kRow);
}

TEST(ModelSource, RefusesBrokenShards) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  write_safetensors(folder / "one.safetensors", {"a"});
  const std::string path = folder.path().string() + "/";
  const auto expect = [&](std::string_view index, std::string_view sentence) {
    folder.write("model.safetensors.index.json", index);
    expect_refused<InvalidInput>(folder.path(), path + std::string(sentence));
  };
  expect("{}", "model.safetensors.index.json: there is no object 'weight_map'");
  expect(R"({"weight_map":{"a":)", "model.safetensors.index.json: JSON at byte 19: incomplete JSON");
  expect(R"({"weight_map":{"b":"one.safetensors"}})",
         "one.safetensors: tensor 'b' is not there, where model.safetensors.index.json says it is");
  expect(R"({"weight_map":{"b":"two.safetensors"}})", "two.safetensors: cannot be read: No such file or directory");
  for (const std::string_view shard : {"", ".", "..", "../one.safetensors", "/etc/passwd", "a/b"}) {
    expect(
        fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", shard),
        fmt::format("model.safetensors.index.json: 'weight_map' gives tensor 'a' a shard '{}' that is no file name in "
                    "this folder",
                    shard));
  }
  expect(R"({"weight_map":{"a":1}})",
         "model.safetensors.index.json: 'weight_map' gives tensor 'a' a shard '' that is no file name in this folder");
  write_safetensors(folder / "two.safetensors", {"a"});
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"one.safetensors"}})");
  EXPECT_EQ(ModelSource::open(folder.path())->tensors().size(), 1U);
}

TEST(ModelSource, AnUnreadableTensorIsRefusedByName) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  folder.write("model.safetensors", FileBytes()
                                        .string(R"({"mask":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]},)"
                                                R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})")
                                        .put(1)
                                        .put(2.5F)
                                        .text());
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
  EXPECT_EQ(source->tensors().size(), 1U);
  EXPECT_EQ(source->unreadable().size(), 1U);
  expect_error<Unsupported>(
      [&] { source->find("mask"); },
      folder.path().string() + "/model.safetensors: tensor 'mask' at byte 119: dtype BOOL cannot be computed with");
}

TEST(ModelSource, DataIsAlignedWhateverTheFileDoes) {
  const TemporaryDirectory folder;
  folder.write("config.json", "{}");
  for (int spaces = 0; spaces < 8; ++spaces) {
    const std::string header = R"({"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                               R"("h":{"dtype":"F16","shape":[1],"data_offsets":[4,6]}})" +
                               std::string(static_cast<std::size_t>(spaces), ' ');
    folder.write("model.safetensors", FileBytes().string(header).put(2.5F).put(std::uint16_t{77}).text());
    const std::unique_ptr<ModelSource> source = ModelSource::open(folder.path());
    const WeightEntry& floats = *source->find("f");
    const WeightEntry& halves = *source->find("h");
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(floats.bytes.data()) % 4, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(halves.bytes.data()) % 2, 0U);
    EXPECT_EQ(floats_of(floats.bytes), std::vector<float>{2.5F});
    EXPECT_EQ(text_of(halves.bytes), std::string("M\0", 2));
  }
}

TEST(ModelSource, ManyTensorsAreFoundByName) {
  const TemporaryDirectory folder;
  GgufWriter writer;
  for (int i = 0; i < 1000; ++i) writer.add(row_tensor(std::to_string(i)));
  writer.write(folder / "x.gguf");
  const std::unique_ptr<ModelSource> source = ModelSource::open(folder / "x.gguf");
  for (int i = 0; i < 1000; ++i) {
    const WeightEntry* entry = source->find(std::to_string(i));
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->name, std::to_string(i));
  }
}

TEST(ModelSource, Mxfp6OfAFolderIsWrittenAsCodesAndScalesAndReadAsBlocks) {
  for (const Format format : {Format::kMxfp6E2m3, Format::kMxfp6E3m2}) {
    std::string blocks;
    for (int i = 0; i < 3 * 2 * 25; ++i) blocks.push_back(static_cast<char>(7 * i));
    const TemporaryDirectory folder;
    folder.write("config.json", "{}");
    SafetensorsWriter writer;
    writer.add({"a.weight", format, {3, 64}, data_in_memory(bytes_of(blocks))});
    writer.write(folder / "model.safetensors");
    const auto source = ModelSource::open(folder.path());
    const WeightEntry* entry = source->find("a.weight");
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->format, format);
    EXPECT_EQ(entry->shape, (Shape{3, 64}));
    EXPECT_EQ(entry->file_bytes(), std::ssize(blocks));
    std::vector<std::byte> scratch;
    EXPECT_EQ(text_of({entry->rows(0, 3, scratch), blocks.size()}), blocks);
    EXPECT_EQ(text_of({entry->rows(1, 2, scratch), 50}), blocks.substr(50, 50));
    EXPECT_TRUE(source->unreadable().empty());
  }
}

}  // namespace
}  // namespace hearth
