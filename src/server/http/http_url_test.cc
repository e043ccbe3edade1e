// Addresses, and what is none.
#include "server/http/http_url.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hearth {
namespace {

std::string parsed(std::string_view url) {
  const HttpUrl parts = parse_http_url(url, "the address", "80");
  return parts.host + " " + parts.port + " " + parts.path;
}

std::string error_of(std::string_view url) {
  try {
    return "taken as " + parsed(url);
  } catch (const InvalidInput& error) {
    return error.what();
  }
}

TEST(HttpUrl, IsTakenApart) {
  EXPECT_EQ(parsed("http://localhost:4318"), "localhost 4318 ");
  EXPECT_EQ(parsed("http://collector"), "collector 80 ");
  EXPECT_EQ(parsed("http://collector/"), "collector 80 ");
  EXPECT_EQ(parsed("http://[::1]:99/base/"), "::1 99 /base");
  EXPECT_EQ(parsed("http://[::1]"), "::1 80 ");
}

TEST(HttpUrl, SaysWhatIsWrong) {
  EXPECT_EQ(error_of("https://a"),
            "the address 'https://a' wants https, which is not spoken here; name an http:// address");
  EXPECT_EQ(error_of("localhost:4318"), "the address 'localhost:4318' does not begin with http://");
  EXPECT_EQ(error_of("http://:4318"), "the address 'http://:4318' names no host");
  for (const char* port : {"0", "65536", "x", "", "-1", "8x"}) {
    const std::string url = std::string("http://h:") + port;
    EXPECT_EQ(error_of(url), "the address '" + url + "' has the port '" + port + "', which is none");
  }
}

}  // namespace
}  // namespace hearth
