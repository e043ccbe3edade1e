// All models that this machine has by name: those of the hub's cache, Ollama's, and further names for them that
// `hearth cp` makes, which are kept in a file of Hearth's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "hub/hub_cache.h"
#include "hub/hub_options.h"

namespace hearth {

struct LocalModel {
  enum class Kind { kHub, kOllama, kName, kFile };
  std::string name;            // "ORG/REPO:QUANT", "llama3.2:1b"
  std::filesystem::path path;  // what ModelSource opens
  std::int64_t bytes = 0;
  std::int64_t modified = 0;  // seconds since 1970
  Kind kind = Kind::kHub;
  std::string target;  // kName: the name or the path that it stands for
};

// A name that nothing on this machine has.
class NoSuchModel : public InvalidInput {
 public:
  explicit NoSuchModel(std::string_view name);
};

class LocalModels {
 public:
  explicit LocalModels(HubOptions options) : options_(std::move(options)), cache_(options_.cache) {}

  // Names of its own first, then those of the hub's cache and Ollama's.
  std::vector<LocalModel> list() const;
  // Whatever `name` means here: one of `hearth cp`, a repository (without a quantization the best that is here), a
  // short name, one of Ollama's. nullopt: nothing.
  std::optional<LocalModel> find(std::string_view name) const;

  // Throws NoSuchModel: `source` is nothing here; InvalidInput: `target` is taken or can be no name.
  void copy(const std::string& source, const std::string& target) const;
  // Returns the bytes freed. Throws NoSuchModel; InvalidInput: other names stand for it, not ours to remove.
  std::int64_t remove(const std::string& name) const;

  const HubOptions& options() const { return options_; }
  const HubCache& cache() const { return cache_; }

 private:
  std::map<std::string, std::string> read_names() const;
  void write_names(const std::map<std::string, std::string>& names) const;
  std::optional<LocalModel> find_target(std::string_view name) const;

  HubOptions options_;
  HubCache cache_;
};

// Whether a name may be made: letters, digits and -._ in at most two parts, and a tag behind a colon.
bool is_model_name(std::string_view name);

}  // namespace hearth
