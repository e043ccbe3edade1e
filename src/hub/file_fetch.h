// Fetches one file of the hub over several connections at once, going on where one breaks, and checks what came.
#pragma once

#include <filesystem>
#include <string>

#include "hub/hub_client.h"
#include "hub/hub_listing.h"
#include "hub/pull_progress.h"

namespace hearth {

struct FetchOptions {
  HubClientOptions client;
  std::string repository;  // "ORG/REPO", for messages
  int connections = 8;
};

// `source`: the file's address below the endpoint. `name`: where it stands when it is whole, with another process's
// earlier beginning beside it. Throws InvalidInput: another hash or size than `file` says, what HubClient::refusal()
// says; DeviceError for a full disk; Stopped.
void fetch_file(const FetchOptions& options, const std::string& source, const HubFile& file,
                const std::filesystem::path& name, std::size_t file_index, PullProgress& progress);

}  // namespace hearth
