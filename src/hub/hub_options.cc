#include "hub/hub_options.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <initializer_list>

#include "base/read_file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

// The first that is set and not empty.
std::string variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* text = std::getenv(name);
    if (text != nullptr && *text != '\0') return text;
  }
  return {};
}

bool is_set(const char* name) {
  std::string text = variable({name});
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text == "1" || text == "on" || text == "yes" || text == "true";
}

fs::path home() {
  return variable({"HOME"});
}

// A folder of the XDG base directories, or the one that stands for it.
fs::path base_folder(const char* name, const char* below_home) {
  const std::string named = variable({name});
  return named.empty() ? home() / below_home : fs::path(named);
}

std::string token(const fs::path& hub_home) {
  std::string text = variable({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"});
  if (text.empty()) {
    const std::string named = variable({"HF_TOKEN_PATH"});
    const fs::path path = named.empty() ? hub_home / "token" : fs::path(named);
    constexpr std::size_t kTokenBytesMax = 4096;
    std::error_code error;
    if (fs::exists(path, error)) text = read_file(path, kTokenBytesMax);
  }
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) || std::iscntrl(c); });
  return text;
}

}  // namespace

HubOptions hub_options_from_environment() {
  HubOptions options;
  if (std::string endpoint = variable({"HF_ENDPOINT"}); !endpoint.empty()) options.endpoint = std::move(endpoint);
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  const std::string named = variable({"HF_HOME"});
  const fs::path hub_home = named.empty() ? base_folder("XDG_CACHE_HOME", ".cache") / "huggingface" : fs::path(named);
  const std::string cache = variable({"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"});
  options.cache = cache.empty() ? hub_home / "hub" : fs::path(cache);
  options.token = token(hub_home);
  options.offline = is_set("HF_HUB_OFFLINE");
  if (const std::string ollama = variable({"OLLAMA_MODELS"}); !ollama.empty()) {
    options.ollama = {ollama};
  } else {
    options.ollama = {home() / ".ollama/models", "/usr/share/ollama/.ollama/models"};
  }
  options.names = base_folder("XDG_DATA_HOME", ".local/share") / "hearth/names.json";
  options.http_proxy = variable({"http_proxy", "HTTP_PROXY"});
  options.https_proxy = variable({"https_proxy", "HTTPS_PROXY"});
  options.no_proxy = variable({"no_proxy", "NO_PROXY"});
  return options;
}

}  // namespace hearth
