#include "hub/ollama_store.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/error.h"
#include "base/json_value.h"
#include "base/read_file.h"
#include "hub/hub_listing.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kManifestBytesMax = 1 << 20, kJsonDepthMax = 16;
constexpr int kDepthMax = 4;  // HOST/NAMESPACE/NAME/TAG

// "sha256:…" as the name of a blob.
std::string blob_name(std::string digest) {
  const bool is_digest = digest.size() == 71 && digest.starts_with("sha256:") &&
                         digest.find_first_not_of("0123456789abcdef", 7) == std::string::npos;
  if (!is_digest) return {};
  digest[6] = '-';
  return digest;
}

// The blob with the weights; empty: there is none, or more than one.
std::string weights_of(const fs::path& manifest) {
  std::string text;
  try {
    text = read_file(manifest, kManifestBytesMax);
  } catch (const Error&) {
    return {};
  }
  const ParsedJson parsed = parse_json(text, kJsonDepthMax, BigIntegers::kAsDouble);
  if (parsed.error || !parsed.value.is_object()) return {};
  const json::value* layers = parsed.value.get_object().if_contains("layers");
  if (layers == nullptr || !layers->is_array()) return {};
  std::string found;
  for (const json::value& layer : layers->get_array()) {
    if (!layer.is_object()) continue;
    if (text_member(layer.get_object(), "mediaType") != "application/vnd.ollama.image.model") continue;
    if (!found.empty()) return {};
    found = blob_name(text_member(layer.get_object(), "digest"));
  }
  return found;
}

// As Ollama shows it: without what is its own.
std::string shown_name(const fs::path& place) {
  std::vector<std::string> parts;
  for (const fs::path& part : place) parts.push_back(part.string());
  const std::string tag = parts.back();
  parts.pop_back();
  if (parts.front() == "registry.ollama.ai") parts.erase(parts.begin());
  if (parts.size() > 1 && parts.front() == "library") parts.erase(parts.begin());
  std::string name;
  for (const std::string& part : parts) name += (name.empty() ? "" : "/") + part;
  return name + ":" + tag;
}

std::optional<OllamaModel> open_manifest(const fs::path& store, const fs::path& place) {
  const std::string blob = weights_of(store / "manifests" / place);
  if (blob.empty()) return std::nullopt;
  OllamaModel model{shown_name(place), store / "blobs" / blob, 0, {}};
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(model.path, error);
  if (error) return std::nullopt;
  model.bytes = static_cast<std::int64_t>(bytes);
  model.modified = fs::last_write_time(store / "manifests" / place, error);
  return model;
}

}  // namespace

std::vector<OllamaModel> list_ollama_models(const fs::path& store) {
  std::vector<OllamaModel> models;
  const fs::path manifests = store / "manifests";
  std::error_code error;
  for (fs::recursive_directory_iterator entry(manifests, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry.depth() >= kDepthMax) entry.disable_recursion_pending();
    if (entry.depth() != kDepthMax - 1 || !entry->is_regular_file(ignored)) continue;
    if (auto model = open_manifest(store, entry->path().lexically_relative(manifests))) {
      models.push_back(std::move(*model));
    }
  }
  std::sort(models.begin(), models.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return models;
}

std::optional<OllamaModel> find_ollama_model(const fs::path& store, std::string_view name) {
  const std::size_t colon = name.find(':', name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/'));
  const std::string tag(colon == std::string_view::npos ? "latest" : name.substr(colon + 1));
  const std::string model(name.substr(0, colon));
  if (!is_safe_path(model) || !is_safe_path(tag) || tag.find('/') != std::string::npos) return std::nullopt;
  const auto slashes = std::count(model.begin(), model.end(), '/');
  if (slashes > 2) return std::nullopt;
  const fs::path place = slashes == 0   ? fs::path("registry.ollama.ai/library") / model / tag
                         : slashes == 1 ? fs::path("registry.ollama.ai") / model / tag
                                        : fs::path(model) / tag;
  return open_manifest(store, place);
}

}  // namespace hearth
