#include "server/page/page_routes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/page/embedded_page.h"

namespace hearth {
namespace {

TEST(PageRoutes, TheSmallestFormThatTheBrowserTakes) {
  EXPECT_EQ(chosen_encoding("gzip, deflate, br, zstd"), "br");
  EXPECT_EQ(chosen_encoding("gzip, deflate"), "gzip");
  EXPECT_EQ(chosen_encoding("x-gzip"), "gzip");
  EXPECT_EQ(chosen_encoding("BR;q=0.1 , GZip"), "br");
  EXPECT_EQ(chosen_encoding(""), "");
  EXPECT_EQ(chosen_encoding("identity, deflate"), "");
  EXPECT_EQ(chosen_encoding("brotli, gzipped"), "");
}

TEST(PageRoutes, AFormThatTheBrowserRefuses) {
  EXPECT_EQ(chosen_encoding("br;q=0, gzip"), "gzip");
  EXPECT_EQ(chosen_encoding("br; Q=0.000, gzip;q=0."), "");
  EXPECT_EQ(chosen_encoding("br;q=0.001"), "br");
  EXPECT_EQ(chosen_encoding("*"), "br");
  EXPECT_EQ(chosen_encoding("*;q=0, gzip"), "gzip");
  EXPECT_EQ(chosen_encoding("*, br;q=0"), "gzip");
  EXPECT_EQ(chosen_encoding(",,; ,q=0"), "");
}

TEST(PageRoutes, EntityTags) {
  EXPECT_TRUE(names_etag("\"a\"", "\"a\""));
  EXPECT_TRUE(names_etag("W/\"a\"", "\"a\""));
  EXPECT_TRUE(names_etag("\"b\" , \"a\"", "\"a\""));
  EXPECT_TRUE(names_etag("*", "\"a\""));
  EXPECT_FALSE(names_etag("", "\"a\""));
  EXPECT_FALSE(names_etag("\"ab\"", "\"a\""));
  EXPECT_FALSE(names_etag("a", "\"a\""));
}

TEST(PageRoutes, EveryFileHasItsPlace) {
  const std::vector<std::string> paths = page_paths();
  EXPECT_EQ(paths.size(), embedded_page().size());
  for (const char* path : {"/", "/page/page.js", "/page/page.css", "/page/icon.svg", "/page/licenses.txt"}) {
    EXPECT_NE(std::find(paths.begin(), paths.end(), path), paths.end()) << path;
  }
  for (const EmbeddedFile& file : embedded_page()) {
    EXPECT_FALSE(file.plain.empty() || file.brotli.empty()) << file.name;
    EXPECT_TRUE(file.gzip.starts_with("\x1f\x8b")) << file.name;
  }
}

}  // namespace
}  // namespace hearth
