// Fuzzes what reads the JSON files of a Hugging Face folder: settings in both dialects, and the index of the shards.
#include <boost/json/serialize.hpp>
#include <optional>
#include <string_view>

#include "fuzz_target.h"
#include "weights/json.h"
#include "weights/weight_index.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::accept_refusal([&] { parse_json_object(text, fuzz::kFileName, JsonDialect::kPython); });
  std::optional<std::string> written;
  fuzz::accept_refusal(
      [&] { written = boost::json::serialize(parse_json_object(text, fuzz::kFileName, JsonDialect::kStrict)); });
  // What is well-formed by the strict rules is so again when it is written: no refusal is accepted here.
  if (written) parse_json_object(*written, fuzz::kFileName);
  fuzz::accept_refusal([&] {
    for (const auto& [shard, tensors] : read_weight_index(text, fuzz::kFileName)) {
      CHECK(!shard.empty() && shard != ".." && shard.find('/') == shard.npos && !tensors.empty());
    }
  });
  return 0;
}
