// Small checkpoints that a test writes itself: a folder with config.json and a safetensors file, tensors of any type.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::model_testing {

class WrittenCheckpoint {
 public:
  explicit WrittenCheckpoint(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / fmt::format("hearth-{}-{}", ::getpid(), name)) {}
  ~WrittenCheckpoint() { std::filesystem::remove_all(folder_); }
  WrittenCheckpoint(const WrittenCheckpoint&) = delete;
  WrittenCheckpoint& operator=(const WrittenCheckpoint&) = delete;

  void add(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const float> values) {
    add(name, "F32", shape, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
  }
  void add(const std::string& name, const std::vector<std::int64_t>& shape, std::span<const std::uint8_t> values) {
    add(name, "U8", shape, {reinterpret_cast<const char*>(values.data()), values.size()});
  }

  const std::filesystem::path& write(std::string_view config) const {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "config.json", std::ios::binary) << config;
    std::string header = "{" + header_ + "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = header.size();
    std::ofstream file(folder_ / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header << data_;
    EXPECT_TRUE(file.good());
    return folder_;
  }

 private:
  void add(const std::string& name, std::string_view type, const std::vector<std::int64_t>& shape,
           std::string_view bytes) {
    std::string dims;
    for (const std::int64_t dim : shape) dims += fmt::format("{}{}", dims.empty() ? "" : ",", dim);
    header_ += fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", header_.empty() ? "" : ",",
                           name, type, dims, data_.size(), data_.size() + bytes.size());
    data_ += bytes;
  }

  std::filesystem::path folder_;
  std::string header_, data_;
};

}  // namespace hearth::model_testing
