// Names, listings, choices, addresses and the part file, without a network: tests/cli/test_pull.py has the whole way.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/read_file.h"
#include "hub/content_hash.h"
#include "hub/file_choice.h"
#include "hub/hub_listing.h"
#include "hub/local_models.h"
#include "hub/model_name.h"
#include "hub/part_file.h"
#include "hub/retry.h"
#include "hub/web_address.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

std::string name_text(std::string_view text) {
  const auto name = find_hub_name(text);
  return name ? name->text() : "none";
}

template <typename Run>
std::string error_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModelName, Repositories) {
  for (const char* prefix : {"", "hf.co/", "huggingface.co/", "https://huggingface.co/", "https://hf.co/"}) {
    EXPECT_EQ(name_text(std::string(prefix) + "Org/My-Model_1.5"), "Org/My-Model_1.5");
    EXPECT_EQ(name_text(std::string(prefix) + "Org/My-Model:Q4_K_M"), "Org/My-Model:Q4_K_M");
  }
  EXPECT_EQ(name_text("a/b:latest"), "a/b");
  EXPECT_EQ(name_text("a/b:some-file.gguf"), "a/b:some-file.gguf");
  for (const char* none : {"", "a", "a/", "/a", "a/b/c", "../b", "a/..", "a/b..c", "a--b/c", "a/b--c", ".a/b", "a/-b",
                           "a b/c", "a/b:", "a/b:../c", "a/b:c/d", "a/b?c", "a/b\n"}) {
    EXPECT_EQ(name_text(none), "none") << none;
  }
}

TEST(ModelName, ShortNames) {
  EXPECT_EQ(name_text("qwen3:0.6b"), "Qwen/Qwen3-0.6B-GGUF");
  EXPECT_EQ(name_text("Qwen3:0.6B"), "Qwen/Qwen3-0.6B-GGUF");
  EXPECT_EQ(name_text("qwen3"), name_text("qwen3:4b"));
  EXPECT_EQ(name_text("qwen3:latest"), name_text("qwen3:4b"));
  EXPECT_EQ(name_text("qwen3:4b:q8_0"), "Qwen/Qwen3-4B-GGUF:q8_0");
  EXPECT_EQ(name_text("qwen3:5b"), "none");
  EXPECT_EQ(name_text("qwen"), "none");
  std::set<std::string_view> names, families;
  std::string_view family;
  for (const ShortName& known : short_names()) {
    EXPECT_TRUE(names.insert(known.name).second) << known.name;
    EXPECT_EQ(name_text(known.name), known.repository);
    // A family stands together: its first is what the family's name means.
    const std::string_view of = known.name.substr(0, known.name.find(':'));
    if (of != family) {
      EXPECT_TRUE(families.insert(of).second) << of;
    }
    family = of;
  }
}

TEST(ModelName, Quantizations) {
  EXPECT_EQ(quantization_of("Qwen3-4B-Q4_K_M.gguf"), "Q4_K_M");
  EXPECT_EQ(quantization_of("mistral-7b-instruct-v0.2.Q5_K_S.gguf"), "Q5_K_S");
  EXPECT_EQ(quantization_of("gemma-3-4b-it-q4_0.gguf"), "Q4_0");
  EXPECT_EQ(quantization_of("BF16/Model-BF16"), "BF16");
  EXPECT_EQ(quantization_of("x-UD-Q4_K_XL.gguf"), "UD-Q4_K_XL");
  EXPECT_EQ(quantization_of("gpt-oss-20b-mxfp4.gguf"), "MXFP4");
  EXPECT_EQ(quantization_of("model-fp16.gguf"), "F16");
  EXPECT_EQ(quantization_of("Phi-3-mini-4k-instruct-IQ3_XXS.gguf"), "IQ3_XXS");
  EXPECT_EQ(quantization_of("model.gguf"), "");
  EXPECT_EQ(quantization_of("Quite-Fine-7B.gguf"), "");
}

TEST(HubListing, SafePaths) {
  for (const char* safe : {"a", "a/b.gguf", "1_Pooling/config.json", "a b.txt", "ünï.json"}) {
    EXPECT_TRUE(is_safe_path(safe)) << safe;
  }
  std::string deep = "a";
  for (int i = 0; i < 16; ++i) deep += "/a";
  for (const std::string& unsafe :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string(".."),
        std::string("a/../b"), std::string("."), std::string("./a"), std::string("a/.hidden"), std::string("a\\b"),
        std::string("a\nb"), std::string("a\0b", 3), std::string("\xff"), std::string(201, 'a'), deep}) {
    EXPECT_FALSE(is_safe_path(unsafe)) << unsafe;
  }
}

std::string entry(const std::string& path, const std::string& rest) {
  return R"({"type":"file","path":")" + path + "\"," + rest + "}";
}

TEST(HubListing, Entries) {
  const std::string sha(64, 'a'), git(40, 'b');
  const auto files = parse_hub_listing(
      R"([{"type":"directory","path":"d","oid":"x"},)" +
          entry("m.gguf", R"("size":135,"oid":")" + git + R"(","lfs":{"oid":")" + sha + R"(","size":500})") + "," +
          entry(".gitattributes", R"("size":1,"oid":")" + git + "\"") + "," +
          entry("c.json", R"("size":3,"oid":")" + git + "\"") + "]",
      "o/r");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, "m.gguf");
  EXPECT_EQ(files[0].bytes, 500);
  EXPECT_EQ(files[0].hash, sha);
  EXPECT_TRUE(files[0].is_large());
  EXPECT_EQ(files[1].hash, git);
  const auto refused = [&](const std::string& json) { return error_of([&] { parse_hub_listing(json, "o/r"); }); };
  EXPECT_NE(refused("{}").find("no JSON array"), std::string::npos);
  EXPECT_NE(refused("[1]").find("o/r"), std::string::npos);
  EXPECT_NE(refused("[" + entry("../x", R"("size":1,"oid":")" + git + "\"") + "]").find("name"), std::string::npos);
  EXPECT_NE(refused("[" + entry("x", R"("size":-1,"oid":")" + git + "\"") + "]").find("size"), std::string::npos);
  EXPECT_NE(refused("[" + entry("x", R"("size":1.5,"oid":")" + git + "\"") + "]").find("size"), std::string::npos);
  EXPECT_NE(refused("[" + entry("x", R"("size":1,"oid":"../../x")") + "]").find("hash"), std::string::npos);
  EXPECT_NE(refused("[" + entry("x", R"("size":1,"oid":"","lfs":{"oid":"zz"})") + "]").find("SHA-256"),
            std::string::npos);
}

TEST(HubListing, NextPage) {
  EXPECT_EQ(next_page(R"(<https://h/a?cursor=1>; rel="next")"), "https://h/a?cursor=1");
  EXPECT_EQ(next_page(R"(</p>; rel="prev", </n>; rel="next")"), "/n");
  EXPECT_EQ(next_page(R"(</p>; rel="prev")"), "");
  EXPECT_EQ(next_page(""), "");
  EXPECT_EQ(next_page("><"), "");
}

std::vector<HubFile> quantizations(std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
  std::vector<HubFile> files;
  for (const auto& [tag, gib] : sizes) {
    files.push_back({"model-" + std::string(tag) + ".gguf", gib * kGiB, std::string(64, 'a')});
  }
  return files;
}

std::string chosen(const std::vector<HubFile>& files, std::int64_t memory_gib, const std::string& wanted = "") {
  return error_of([&] { throw InvalidInput(choose_files({"o/r", wanted}, files, memory_gib * kGiB).quantization); });
}

TEST(FileChoice, WhatFits) {
  const auto all =
      quantizations({{"Q2_K", 3}, {"Q3_K_M", 4}, {"Q4_K_S", 5}, {"Q4_K_M", 6}, {"Q6_K", 8}, {"Q8_0", 10}, {"F16", 20}});
  EXPECT_EQ(chosen(all, 100), "Q4_K_M");
  EXPECT_EQ(chosen(all, 7), "Q4_K_M");
  EXPECT_EQ(chosen(all, 6), "Q4_K_S");
  EXPECT_EQ(chosen(all, 5), "Q3_K_M");
  EXPECT_EQ(chosen(all, 4), "Q2_K");
  EXPECT_NE(chosen(all, 2).find("hearth pull o/r:Q2_K"), std::string::npos);
  EXPECT_EQ(chosen(all, 2, "q8_0"), "Q8_0");  // who names one has it
  EXPECT_EQ(chosen(all, 2, "model-Q6_K.gguf"), "Q6_K");
  EXPECT_NE(chosen(all, 100, "Q5_0").find("Q4_K_M (6.0 GiB)"), std::string::npos);
  EXPECT_EQ(chosen(quantizations({{"Q8_0", 1}, {"F16", 2}}), 100), "Q8_0");
  EXPECT_EQ(chosen(quantizations({{"BF16", 1}, {"mxfp4", 1}}), 100), "MXFP4");
  // A format that nobody has made yet.
  EXPECT_EQ(chosen(quantizations({{"Q9_0", 1}, {"F32", 8}}), 100), "F32");
  EXPECT_NE(chosen(quantizations({{"Q9_0", 1}}), 100).find("not opened"), std::string::npos);
}

TEST(FileChoice, SplitSetsAndWhatStandsBeside) {
  auto files = quantizations({{"Q8_0-00001-of-00002", 1}, {"Q8_0-00002-of-00002", 2}, {"F16-00001-of-00002", 4}});
  files.push_back({"mmproj-model-f16.gguf", kGiB, std::string(64, 'a')});
  files.push_back({"README.md", 10, std::string(40, 'a')});
  const FileChoice choice = choose_files({"o/r", ""}, files, 100 * kGiB);
  EXPECT_EQ(choice.quantization, "Q8_0");
  EXPECT_EQ(choice.files.size(), 2U);
  EXPECT_EQ(choice.bytes(), 3 * kGiB);
  // A file whose name says nothing is a model all the same.
  EXPECT_EQ(chosen({{"model.gguf", kGiB, std::string(64, 'a')}}, 100), "model.gguf");
}

TEST(FileChoice, Folders) {
  std::vector<HubFile> files;
  for (const char* path :
       {"config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "model.safetensors.index.json", "consolidated.safetensors", "1_Pooling/config.json", "onnx/model.onnx",
        "onnx/config.json", "README.md", "pytorch_model.bin", "original/tokenizer.model"}) {
    files.push_back({path, 10, std::string(40, 'a')});
  }
  std::set<std::string> paths;
  for (const HubFile& file : choose_files({"o/r", ""}, files, 0).files) paths.insert(file.path);
  EXPECT_EQ(paths, (std::set<std::string>{"config.json", "tokenizer.json", "model-00001-of-00002.safetensors",
                                          "model-00002-of-00002.safetensors", "model.safetensors.index.json",
                                          "1_Pooling/config.json"}));
  EXPECT_NE(chosen({{"pytorch_model.bin", 1, ""}}, 1).find("neither"), std::string::npos);
  EXPECT_NE(chosen(files, 1, "Q4_K_M").find("no GGUF"), std::string::npos);
}

TEST(WebAddress, IsResolved) {
  const WebAddress base = parse_web_address("https://Hub.example/a/b?c=d");
  EXPECT_EQ(base.text(), "https://hub.example:443/a/b?c=d");
  EXPECT_EQ(resolved_address(base, "/x").text(), "https://hub.example:443/x");
  EXPECT_EQ(resolved_address(base, "x?y#z").text(), "https://hub.example:443/a/x?y");
  EXPECT_EQ(resolved_address(base, "?y").text(), "https://hub.example:443/a/b?y");
  EXPECT_EQ(resolved_address(base, "//cdn.example:8443/x").text(), "https://cdn.example:8443/x");
  EXPECT_EQ(resolved_address(base, "http://cdn.example").text(), "http://cdn.example:80/");
  for (const char* bad : {"ftp://a/", "https://user@h/", "https:///x", "/a b", "/a\r\nX: y", "https://h:0/"}) {
    EXPECT_NE(error_of([&] { resolved_address(base, bad).text(); }), "no error") << bad;
  }
}

TEST(WebAddress, PathsAndProxies) {
  EXPECT_EQ(encoded_path("a b/ü#?.gguf"), "a%20b/%C3%BC%23%3F.gguf");
  EXPECT_TRUE(bypasses_proxy("localhost, .example.org", "a.example.org"));
  EXPECT_TRUE(bypasses_proxy("example.org", "example.org"));
  EXPECT_TRUE(bypasses_proxy("*", "x"));
  EXPECT_FALSE(bypasses_proxy("example.org", "notexample.org"));
  EXPECT_FALSE(bypasses_proxy("", "x"));
}

TEST(RetryAfter, SecondsAndDates) {
  using std::chrono::milliseconds;
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(parse_retry_after("3", now), milliseconds(3000));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), milliseconds(10000));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:17 GMT", now), milliseconds(0));
  EXPECT_EQ(parse_retry_after("soon", now), std::nullopt);
  EXPECT_EQ(parse_retry_after("", now), std::nullopt);
}

// A folder that goes with the test.
class InFolder : public testing::Test {
 protected:
  InFolder() {
    std::string name = fs::temp_directory_path() / "hearth-hub-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~InFolder() override { fs::remove_all(folder_); }

  fs::path folder_;
};

using PartFileTest = InFolder;

TEST_F(PartFileTest, GoesOnWhereItWas) {
  const std::int64_t size = (5 << 20) + 17;
  std::string content(static_cast<std::size_t>(size), '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 1000);
  const auto append = [&](PartFile& part, const PartFile::Piece& piece, std::int64_t bytes) {
    part.append(piece.index,
                std::span(content).subspan(static_cast<std::size_t>(piece.begin), static_cast<std::size_t>(bytes)));
  };
  {
    PartFile part(folder_ / "f.part", size);
    EXPECT_FALSE(part.is_continued());
    const auto first = part.take(), second = part.take();
    append(part, *second, 1000);
    append(part, *first, first->end - first->begin);
    EXPECT_NE(error_of([&] { PartFile(folder_ / "f.part", size); }).find("another process"), std::string::npos);
  }
  PartFile part(folder_ / "f.part", size);
  EXPECT_TRUE(part.is_continued());
  EXPECT_EQ(part.done_bytes(), (1 << 20) + 1000);
  std::int64_t fetched = 0;
  while (const auto piece = part.take()) {
    append(part, *piece, piece->end - piece->begin);
    fetched += piece->end - piece->begin;
  }
  EXPECT_TRUE(part.is_complete());
  EXPECT_EQ(fetched, size - (1 << 20) - 1000);
  part.finish(folder_ / "f");
  EXPECT_EQ(read_file(folder_ / "f"), content);
  EXPECT_FALSE(fs::exists(folder_ / "f.part.state"));
}

TEST_F(PartFileTest, BeginsAnewWhereTheStateDoesNotFit) {
  const std::int64_t size = 3 << 20;
  {
    PartFile part(folder_ / "f.part", size);
    const auto piece = part.take();
    part.append(piece->index, std::string(100, 'x'));
  }
  { EXPECT_FALSE(PartFile(folder_ / "f.part", size + 1).is_continued()); }
  {
    PartFile part(folder_ / "f.part", size);
    const auto piece = part.take();
    part.append(piece->index, std::string(100, 'x'));
  }
  fs::resize_file(folder_ / "f.part", 50);  // less than the state says
  EXPECT_FALSE(PartFile(folder_ / "f.part", size).is_continued());
}

TEST_F(PartFileTest, HashesAsTheHubDoes) {
  std::ofstream(folder_ / "f") << "hello\n";
  EXPECT_EQ(content_hash(folder_ / "f", ContentHash::kSha256),
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(content_hash(folder_ / "f", ContentHash::kGitSha1), "ce013625030ba8dba906f756967f9e9ca394464a");
}

class LocalModelsTest : public InFolder {
 protected:
  LocalModelsTest() {
    options_.cache = folder_ / "hub";
    options_.names = folder_ / "names.json";
    options_.ollama = {folder_ / "ollama"};
  }
  void add(const std::string& repository, const std::string& commit, const std::string& path, const std::string& hash) {
    const HubCache cache(options_.cache);
    cache.prepare(repository);
    std::ofstream(cache.blob(repository, hash)) << "content of " << hash;
    cache.link(repository, commit, {{path, 0, hash}});
  }
  std::string found(std::string_view name) const {
    const auto model = LocalModels(options_).find(name);
    return model ? model->path.filename().string() : "none";
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const LocalModel& model : LocalModels(options_).list()) all.push_back(model.name);
    return all;
  }

  HubOptions options_;
};

TEST_F(LocalModelsTest, OfTheHub) {
  add("Org/M-GGUF", "c1", "m-Q8_0.gguf", "aa");
  add("Org/M-GGUF", "c2", "m-Q4_K_M.gguf", "bb");
  EXPECT_EQ(names(), (std::vector<std::string>{"Org/M-GGUF:Q4_K_M", "Org/M-GGUF:Q8_0"}));
  EXPECT_EQ(found("hf.co/Org/M-GGUF:q8_0"), "m-Q8_0.gguf");
  EXPECT_EQ(found("Org/M-GGUF"), "m-Q4_K_M.gguf");
  EXPECT_EQ(found("Org/M-GGUF:Q6_K"), "none");
  EXPECT_EQ(found("Org/Other"), "none");
  const fs::path link = LocalModels(options_).find("Org/M-GGUF:Q8_0")->path;
  EXPECT_EQ(fs::read_symlink(link), fs::path("../../blobs/aa"));
  EXPECT_EQ(read_file(options_.cache / "models--Org--M-GGUF/refs/main"), "c2");
}

TEST_F(LocalModelsTest, RemovesWhatNobodyElseLinksTo) {
  add("Org/M", "c1", "m-Q8_0.gguf", "aa");
  add("Org/M", "c2", "m-Q8_0.gguf", "aa");
  add("Org/M", "c2", "m-Q4_0.gguf", "bb");
  const LocalModels models(options_);
  EXPECT_GT(models.remove("Org/M:Q8_0"), 0);
  EXPECT_EQ(names(), (std::vector<std::string>{"Org/M:Q4_0"}));
  EXPECT_FALSE(fs::exists(options_.cache / "models--Org--M/blobs/aa"));
  EXPECT_FALSE(fs::exists(options_.cache / "models--Org--M/snapshots/c1"));
  models.remove("Org/M:Q4_0");
  EXPECT_FALSE(fs::exists(options_.cache / "models--Org--M"));
  EXPECT_NE(error_of([&] { models.remove("Org/M:Q4_0"); }).find("hearth list"), std::string::npos);
}

TEST_F(LocalModelsTest, NeverRemovesOutsideTheCache) {
  add("Org/M", "c1", "m-Q8_0.gguf", "aa");
  std::ofstream(folder_ / "precious.gguf") << "mine";
  const fs::path link = options_.cache / "models--Org--M/snapshots/c1/other-Q4_0.gguf";
  fs::create_symlink(folder_ / "precious.gguf", link);
  LocalModels(options_).remove("Org/M:Q4_0");
  EXPECT_FALSE(fs::is_symlink(link));
  EXPECT_TRUE(fs::exists(folder_ / "precious.gguf"));
}

TEST_F(LocalModelsTest, FurtherNames) {
  add("Org/M", "c1", "m-Q8_0.gguf", "aa");
  const LocalModels models(options_);
  models.copy("Org/M", "mine");
  models.copy("mine", "me/yours:v1");
  EXPECT_EQ(names(), (std::vector<std::string>{"me/yours:v1", "mine", "Org/M:Q8_0"}));
  EXPECT_EQ(found("mine:latest"), "m-Q8_0.gguf");
  EXPECT_EQ(found("me/yours:v1"), "m-Q8_0.gguf");
  for (const char* bad : {"", "../x", "/x", "a/b/c", "a b", "-x", "x:", ":x", ".x"}) {
    EXPECT_NE(error_of([&] { models.copy("mine", bad); }).find("can be no model's name"), std::string::npos) << bad;
  }
  EXPECT_NE(error_of([&] { models.copy("mine", "Org/M"); }).find("another model"), std::string::npos);
  EXPECT_NE(error_of([&] { models.copy("nothing", "x"); }).find("hearth list"), std::string::npos);
  EXPECT_NE(error_of([&] { models.remove("Org/M"); }).find("hearth rm"), std::string::npos);
  EXPECT_EQ(models.remove("mine"), 0);
  models.remove("me/yours:v1");
  EXPECT_EQ(names(), (std::vector<std::string>{"Org/M:Q8_0"}));
}

TEST_F(LocalModelsTest, OfOllama) {
  const fs::path manifest = folder_ / "ollama/manifests/registry.ollama.ai/library/tiny/1b";
  const std::string digest(64, 'c');
  fs::create_directories(manifest.parent_path());
  fs::create_directories(folder_ / "ollama/blobs");
  std::ofstream(folder_ / "ollama/blobs" / ("sha256-" + digest)) << "GGUF";
  std::ofstream(manifest) << R"({"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:)"
                          << std::string(64, 'd')
                          << R"("},{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" << digest
                          << R"(","size":4}]})";
  EXPECT_EQ(names(), (std::vector<std::string>{"tiny:1b"}));
  EXPECT_EQ(found("tiny:1b"), "sha256-" + digest);
  EXPECT_EQ(found("tiny"), "none");
  EXPECT_NE(error_of([&] { LocalModels(options_).remove("tiny:1b"); }).find("ollama rm"), std::string::npos);
  std::ofstream(manifest)
      << R"({"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:../../x"}]})";
  EXPECT_EQ(names(), std::vector<std::string>{});
}

}  // namespace
}  // namespace hearth
