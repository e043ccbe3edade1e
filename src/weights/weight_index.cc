// The index is untrusted: its shard names become paths.
#include "weights/weight_index.h"

#include <fmt/format.h>

#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include "base/error.h"
#include "base/escape.h"
#include "weights/json.h"

namespace hearth {
namespace {

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

}  // namespace

std::map<std::string, std::set<std::string>> read_weight_index(std::string_view text, const std::string& file_name) {
  const auto fail = [&](const std::string& problem) { throw InvalidInput(fmt::format("{}: {}", file_name, problem)); };
  const boost::json::object index = parse_json_object(text, file_name);
  const boost::json::value* map = index.if_contains("weight_map");
  if (map == nullptr || !map->is_object()) fail("there is no object 'weight_map'");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, shard] : map->get_object()) {
    const std::string tensor_name(tensor.data(), tensor.size());
    const boost::json::string* name = shard.if_string();
    const std::string shard_name = name != nullptr ? std::string(name->data(), name->size()) : "";
    if (!is_plain_file_name(shard_name)) {
      fail(fmt::format("'weight_map' gives tensor {} a shard {} that is no file name in this folder",
                       quote_name(tensor_name), quote_name(shard_name)));
    }
    shards[shard_name].insert(tensor_name);
  }
  return shards;
}

}  // namespace hearth
