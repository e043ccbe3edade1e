// Files, pipes, and what is neither.
#include "base/read_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

std::string error_of(const fs::path& path, std::size_t bytes_max = kReadBytesMax) {
  try {
    read_file(path, bytes_max);
    return "none";
  } catch (const InvalidInput& error) {
    return error.what();
  }
}

TEST(ReadFile, ReadsAllOfItOrSaysWhyNot) {
  const fs::path folder = fs::temp_directory_path() / ("hearth-read-" + std::to_string(::getpid()));
  fs::create_directory(folder);
  const fs::path path = folder / "text";
  const std::string text(100'000, 'x');
  std::ofstream(path, std::ios::binary) << text << '\0';
  EXPECT_EQ(read_file(path), text + '\0');
  EXPECT_EQ(read_file("/dev/null"), "");
  EXPECT_EQ(error_of(path, 100'000), path.string() + ": has more than 100000 bytes");
  EXPECT_EQ(error_of(folder), folder.string() + ": is a directory, where a file is needed");
  EXPECT_EQ(error_of(folder / "none"), (folder / "none").string() + ": cannot be read: No such file or directory");
  EXPECT_THROW(check_readable(folder), InvalidInput);
  EXPECT_NO_THROW(check_readable(path));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace hearth
