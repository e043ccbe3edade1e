#include "server/http/exchange.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

Handler no_handler() {
  return [](Exchange&) -> boost::asio::awaitable<void> { co_return; };
}

Router::ErrorBody body_of(std::string name) {
  return [name = std::move(name)](const Router::Failure&) { return name; };
}

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    add("GET", "/", "root");
    add("GET", "/v1/models", "list");
    add("GET", "/v1/models/{name*}", "model");
    add("GET", "/v1/requests/{id}", "show");
    add("DELETE", "/v1/requests/{id}", "cancel");
    add("GET", "/a/{x}/b/{y}", "two");
    add("HEAD", "/own", "own head");
    add("GET", "/own", "own");
  }
  void add(std::string_view method, std::string_view pattern, std::string name) {
    router_.add(method, pattern, body_of(std::move(name)), no_handler());
  }
  // The name of what takes the request; "none" where nothing does.
  std::string taken_by(std::string_view method, std::string_view path) const {
    const Router::Match match = router_.match(method, path);
    return match.handler == nullptr ? "none" : (*match.error_body)({});
  }

  Router router_{body_of("default")};
};

TEST_F(RouterTest, Paths) {
  EXPECT_EQ(taken_by("GET", "/"), "root");
  EXPECT_EQ(taken_by("GET", "/v1/models"), "list");
  EXPECT_EQ(taken_by("GET", "/v1/models/"), "list");
  EXPECT_EQ(taken_by("GET", "/v1/modelsx"), "none");
  EXPECT_EQ(taken_by("GET", "/v1"), "none");
  EXPECT_EQ(taken_by("GET", "/v1/requests"), "none");
  EXPECT_EQ(taken_by("GET", "/v1/requests//"), "none");
  EXPECT_EQ(taken_by("GET", "/v1/requests/a/b"), "none");
  EXPECT_EQ(taken_by("GET", ""), "root");
}

TEST_F(RouterTest, Arguments) {
  EXPECT_EQ(router_.match("GET", "/v1/requests/req-1").path_arguments, std::vector<std::string>{"req-1"});
  EXPECT_EQ(router_.match("GET", "/v1/models/org/name").path_arguments, std::vector<std::string>{"org/name"});
  EXPECT_EQ(router_.match("GET", "/a/1/b/2").path_arguments, (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(router_.match("GET", "/v1/models/x").pattern, "/v1/models/{name*}");
}

TEST_F(RouterTest, Methods) {
  EXPECT_EQ(taken_by("GET", "/v1/requests/r"), "show");
  EXPECT_EQ(taken_by("DELETE", "/v1/requests/r"), "cancel");
  EXPECT_EQ(taken_by("HEAD", "/v1/requests/r"), "show");
  EXPECT_EQ(taken_by("HEAD", "/own"), "own head");
  const Router::Match match = router_.match("POST", "/v1/requests/r");
  EXPECT_EQ(match.handler, nullptr);
  EXPECT_EQ(match.allowed_methods, "GET, HEAD, DELETE");
  EXPECT_EQ((*match.error_body)({}), "show");
  EXPECT_TRUE(router_.match("POST", "/nothing").allowed_methods.empty());
}

TEST_F(RouterTest, AnUnknownPathIsToldInTheDefaultWay) {
  const Router::Match match = router_.match("GET", "/nothing");
  Router::Failure failure;
  failure.status = 404;
  failure.message = "not here";
  EXPECT_EQ((*match.error_body)(failure), "default");
}

TEST(HttpRequest, Header) {
  HttpRequest request;
  request.headers = {{"host", "a"}, {"x-api-key", ""}};
  EXPECT_EQ(request.header("host"), "a");
  EXPECT_EQ(request.header("accept"), "");
}

}  // namespace
}  // namespace hearth
