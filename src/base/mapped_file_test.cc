// Mapped files: contents, moves, and the reasons why a path cannot be mapped.
#include "base/mapped_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

class MappedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const char* name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static std::string refusal(const std::filesystem::path& path) {
    try {
      const MappedFile file(path);
      return "none";
    } catch (const InvalidInput& error) {
      return error.what();
    }
  }

  std::filesystem::path folder_;
};

TEST_F(MappedFileTest, HoldsTheContents) {
  const MappedFile file(write("a", std::string_view("text\0more", 9)));
  EXPECT_EQ(file.text(), std::string_view("text\0more", 9));
  EXPECT_EQ(file.bytes().size(), 9U);
  EXPECT_EQ(file.path(), folder_ / "a");
}

TEST_F(MappedFileTest, AnEmptyFileIsAnEmptySpan) {
  EXPECT_TRUE(MappedFile(write("a", "")).bytes().empty());
}

TEST_F(MappedFileTest, MovesKeepTheMapping) {
  MappedFile first(write("a", "first"));
  MappedFile second(write("b", "second"));
  const char* place = second.text().data();
  first = std::move(second);
  EXPECT_EQ(first.text(), "second");
  EXPECT_EQ(first.text().data(), place);
  EXPECT_EQ(first.path(), folder_ / "b");
  const MappedFile third(std::move(first));
  EXPECT_EQ(third.text(), "second");
}

TEST_F(MappedFileTest, SaysWhyAPathCannotBeRead) {
  EXPECT_EQ(refusal(folder_ / "none"), (folder_ / "none").string() + ": cannot be read: No such file or directory");
  EXPECT_EQ(refusal(folder_), folder_.string() + ": cannot be read: Is a directory");
  EXPECT_EQ(refusal("/dev/null"), "/dev/null: cannot be read: Invalid argument");
}

}  // namespace
}  // namespace hearth
