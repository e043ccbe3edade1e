// Fuzzes what is read from the hub's servers: listings, links to their next page, addresses, and names that users type.
#include <string>
#include <string_view>

#include "fuzz_target.h"
#include "hub/file_choice.h"
#include "hub/hub_listing.h"
#include "hub/model_name.h"
#include "hub/retry.h"
#include "hub/web_address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::accept_refusal([&] {
    const std::vector<HubFile> files = parse_hub_listing(text, fuzz::kFileName);
    for (const HubFile& file : files) {
      CHECK(!file.path.starts_with('/') && ("/" + file.path + "/").find("/../") == file.path.npos);
      CHECK(file.bytes >= 0 && (file.hash.size() == 40 || file.hash.size() == 64));
      CHECK(file.hash.find_first_not_of("0123456789abcdef") == file.hash.npos);
    }
    for (const GgufModel& model : gguf_models(files)) CHECK(!model.files.empty() && !model.quantization.empty());
  });
  next_page(text);
  parse_retry_after(text, {});
  if (const auto name = find_hub_name(text)) CHECK(is_safe_path(name->repository));
  quantization_of(text);
  try {
    const WebAddress base = parse_web_address("https://hub.example/a/b");
    // A request's line is made of it.
    const std::string target = resolved_address(base, text).target;
    CHECK(target.starts_with('/') && target.find_first_of("\r\n ") == target.npos);
  } catch (const InvalidInput&) {
    return 0;  // as it should
  }
  return 0;
}
