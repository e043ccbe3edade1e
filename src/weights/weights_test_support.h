// What the tests of this folder share: temporary folders, files byte by byte, and the check of an error's sentence.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder: " + name);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  std::filesystem::path write(std::string_view name, std::string_view text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// A file under construction, field by field, right or wrong.
class FileBytes {
 public:
  template <typename T>
  FileBytes& put(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    text_.append(bytes, sizeof(T));
    return *this;
  }
  FileBytes& u32(std::uint32_t value) { return put(value); }
  FileBytes& u64(std::uint64_t value) { return put(value); }
  FileBytes& raw(std::string_view bytes) {
    text_ += bytes;
    return *this;
  }
  // Length and characters, as GGUF has strings.
  FileBytes& string(std::string_view text) { return u64(text.size()).raw(text); }
  FileBytes& zeros(std::size_t count) {
    text_.append(count, '\0');
    return *this;
  }
  FileBytes& pad(std::size_t alignment) { return zeros(-text_.size() % alignment); }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::vector<float> floats_of(std::span<const std::byte> bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// Runs `action` and compares the sentence of the `Error` type it throws.
template <typename Error, typename Action>
void expect_error(Action action, std::string_view sentence) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown where this was expected: " << sentence;
  } catch (const Error& error) {
    EXPECT_EQ(std::string_view(error.what()), sentence);
  }
}

}  // namespace hearth
