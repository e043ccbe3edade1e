// A file mapped read-only: the pages come from disk when they are touched, and are shared between processes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace hearth {

class MappedFile {
 public:
  // Throws InvalidInput, naming the path and the system's reason. An empty file is an empty span.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

// The whole pages among `bytes`, which are part of a mapped file, leave this process's memory until they are touched
// again: for who walks through a file that is larger than memory.
void give_back_pages(std::span<const std::byte> bytes);

}  // namespace hearth
