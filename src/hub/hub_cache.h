// The cache that huggingface_hub keeps, in its layout, so that each finds what the other fetched:
//   models--ORG--REPO/blobs/HASH                the content
//   models--ORG--REPO/snapshots/COMMIT/PATH     relative links to it
//   models--ORG--REPO/refs/main                 the newest commit
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hub/file_choice.h"
#include "hub/hub_listing.h"
#include "hub/model_name.h"

namespace hearth {

// A model that stands whole on this machine.
struct CachedModel {
  HubName name;
  std::filesystem::path path;  // what ModelSource opens: a file or a folder
  std::vector<std::filesystem::path> files;
  std::int64_t bytes = 0;
  std::filesystem::file_time_type modified;
};

class HubCache {
 public:
  explicit HubCache(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path blob(const std::string& repository, const std::string& hash) const;
  bool has(const std::string& repository, const HubFile& file) const;
  // Where the file stands in a snapshot.
  std::filesystem::path place(const std::string& repository, const std::string& commit, const std::string& path) const;
  // Makes the folders that blobs need.
  void prepare(const std::string& repository) const;
  // The links of a commit, and then the reference.
  void link(const std::string& repository, const std::string& commit, const std::vector<HubFile>& files) const;

  // Every model, of each repository's newest snapshot first; those of the older ones that are in none newer.
  std::vector<CachedModel> list() const;
  // Without a quantization, the best that is here.
  std::optional<CachedModel> find(const HubName& name) const;
  // Links, contents that nothing else links to, and the folders that this leaves empty; returns the bytes freed.
  std::int64_t remove(const CachedModel& model) const;

 private:
  std::filesystem::path folder(const std::string& repository) const;
  std::vector<CachedModel> list_repository_models(const std::string& repository) const;

  std::filesystem::path root_;
};

// Bytes that the file system has left for a file at `path`, which need not be there; nullopt: it does not say.
std::optional<std::int64_t> free_disk_bytes(std::filesystem::path path);

}  // namespace hearth
