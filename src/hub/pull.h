// Fetches a model by name into the hub's cache: lists the repository, chooses what of it makes a model here, looks
// whether the disk has room, fetches what is missing, and links it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hub/hub_cache.h"
#include "hub/hub_options.h"
#include "hub/pull_progress.h"

namespace hearth {

struct PullOptions {
  HubOptions hub;
  std::int64_t memory_bytes = 0;  // what a model may take here
  int connections = 8;
  int tries_max = 8;
  std::function<bool()> stopped;
};

// What would be fetched.
struct PullPlan {
  HubName name;  // with the quantization that was chosen
  std::string commit;
  FileChoice choice;
  std::vector<HubFile> missing;

  std::int64_t missing_bytes() const;
};

// Asks the endpoint. Throws InvalidInput: no model's name, offline, what HubClient and choose_files() do.
PullPlan plan_pull(const PullOptions& options, const std::string& name);

// Throws what fetch_file() does, and InvalidInput, with both numbers, before anything is fetched where the disk has no
// room. What was fetched until then stays for the next pull.
CachedModel pull(const PullOptions& options, const PullPlan& plan, PullProgress& progress);

}  // namespace hearth
