// What is remembered of responses: in memory and in a file, which outlives the store.
#include "server/response_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/value.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMuch = 1 << 20;

StoredResponse said(const std::string& previous, const std::string& question, const std::string& id) {
  StoredResponse stored;
  stored.previous = previous;
  stored.input = {json::object{{"id", "in_" + id}, {"content", question}}};
  stored.response = {
      {"id", "resp_" + id},
      {"output", json::array{json::object{{"id", "msg_" + id}}, json::object{{"id", "fc_" + id + "_1"}}}}};
  return stored;
}

std::string ids_of(const std::optional<json::array>& items) {
  if (!items) return "none";
  std::string ids;
  for (const json::value& item : *items) ids += std::string(item.at("id").as_string()) + " ";
  return ids;
}

class ResponseStoreTest : public testing::Test {
 protected:
  ~ResponseStoreTest() override { std::filesystem::remove(path_); }

  void use(ResponseStore& store) {
    store.put("resp_a", said("", "first", "a"));
    store.put("resp_b", said("resp_a", "second", "b"));
    EXPECT_EQ(ids_of(store.items("resp_b", true)), "in_a msg_a fc_a_1 in_b msg_b fc_b_1 ");
    EXPECT_EQ(ids_of(store.items("resp_b", false)), "in_a msg_a fc_a_1 in_b ");
    EXPECT_EQ(store.item("fc_b_1").value().at("id"), "fc_b_1");
    EXPECT_FALSE(store.item("fc_b_2") || store.item("nothing") || store.item("msg_c"));
    EXPECT_FALSE(store.conversation("resp_a"));
    store.put_conversation({{"id", "conv_1"}, {"metadata", nullptr}, {"items", json::array()}});
    EXPECT_TRUE(store.append("conv_1", said("", "x", "a").input));
    EXPECT_FALSE(store.append("conv_2", {}) || store.find("conv_1"));
    EXPECT_EQ(store.conversation("conv_1").value().at("items").as_array().size(), 1u);
  }

  std::string path_ = testing::TempDir() + "responses-" + std::to_string(getpid()) + ".sqlite";
};

TEST_F(ResponseStoreTest, FollowsWhatGoesOnFromWhat) {
  ResponseStore store(memory_shelf(kMuch));
  use(store);
  EXPECT_TRUE(store.erase("resp_a"));
  EXPECT_FALSE(store.erase("resp_a"));
  EXPECT_EQ(ids_of(store.items("resp_b", true)), "none");  // its beginning is not there any more
}

TEST_F(ResponseStoreTest, AFileOutlivesTheStore) {
  {
    ResponseStore store(file_shelf(path_, kMuch));
    use(store);
  }
  ResponseStore again(file_shelf(path_, kMuch));
  EXPECT_EQ(ids_of(again.items("resp_b", true)), "in_a msg_a fc_a_1 in_b msg_b fc_b_1 ");
  EXPECT_TRUE(again.erase("resp_a"));
  EXPECT_FALSE(again.find("resp_a"));
  std::ofstream(path_ + ".txt") << std::string(5000, 'x');
  EXPECT_THROW(file_shelf(path_ + ".txt", kMuch), InvalidInput);
  EXPECT_THROW(file_shelf("/nowhere/at/all", kMuch), InvalidInput);
  std::remove((path_ + ".txt").c_str());
}

TEST_F(ResponseStoreTest, ForgetsWhatCameFirst) {
  for (const bool in_file : {false, true}) {
    ResponseStore store(in_file ? file_shelf(path_, 4000) : memory_shelf(4000));
    for (int i = 0; i < 40; ++i) store.put("resp_" + std::to_string(i), said("", "x", std::to_string(i)));
    EXPECT_FALSE(store.find("resp_0"));
    EXPECT_TRUE(store.find("resp_39"));
  }
}

}  // namespace
}  // namespace hearth
