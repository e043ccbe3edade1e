// Where models come from and where they are kept. This is the one place that reads environment variables about it:
// those that huggingface_hub and Ollama document, so that all three find each other's files, and curl's for proxies.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hearth {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT
  std::string token;                                // HF_TOKEN, or the file HF_TOKEN_PATH or HF_HOME/token; empty: none
  std::filesystem::path cache;                      // HF_HUB_CACHE, or HF_HOME/hub, or ~/.cache/huggingface/hub
  bool offline = false;                             // HF_HUB_OFFLINE
  std::vector<std::filesystem::path> ollama;        // OLLAMA_MODELS, or where Ollama keeps them
  std::filesystem::path names;                      // XDG_DATA_HOME/hearth/names.json: what `hearth cp` made
  std::string http_proxy, https_proxy;              // HTTP_PROXY and HTTPS_PROXY, in either case; empty: none
  std::string no_proxy;                             // NO_PROXY: hosts, with commas between
};

HubOptions hub_options_from_environment();

}  // namespace hearth
