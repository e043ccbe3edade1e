#include "hub/pull.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/escape.h"
#include "hub/file_fetch.h"
#include "hub/hub_client.h"

namespace hearth {
namespace {

constexpr std::string_view kRevision = "main";

HubClientOptions client_options(const PullOptions& options) {
  return {.hub = options.hub, .tries_max = options.tries_max, .stopped = options.stopped};
}

std::string file_source(const std::string& repository, std::string_view revision, const std::string& path) {
  return fmt::format("/{}/resolve/{}/{}", repository, encoded_path(revision), encoded_path(path));
}

// What the endpoint calls the state that it lists: a folder of the cache, so not just anything.
std::string find_commit(HubClient& client, const std::string& repository, const std::vector<HubFile>& files) {
  const WebAddress source = client.address(file_source(repository, kRevision, files.front().path));
  const std::string commit = client.facts(source, repository).commit;
  if (commit.empty() || !is_safe_path(commit) || commit.find('/') != std::string::npos) {
    throw InvalidInput(fmt::format("{}: the endpoint does not say which commit its files are of", repository));
  }
  return commit;
}

std::int64_t bytes_of(const std::vector<HubFile>& files) {
  std::int64_t sum = 0;
  for (const HubFile& file : files) sum += file.bytes;
  return sum;
}

void check_disk(const HubCache& cache, std::int64_t bytes) {
  const std::optional<std::int64_t> free = free_disk_bytes(cache.root());
  if (!free || bytes <= *free) return;
  throw InvalidInput(
      fmt::format("{} bytes ({}) are to be fetched, and {} has room for {} ({}): free some, or set "
                  "HF_HOME to another disk",
                  bytes, bytes_text(bytes), cache.root().string(), *free, bytes_text(*free)));
}

}  // namespace

std::int64_t PullPlan::missing_bytes() const {
  return bytes_of(missing);
}

PullPlan plan_pull(const PullOptions& options, const std::string& name) {
  const std::optional<HubName> hub = find_hub_name(name);
  if (!hub) {
    throw InvalidInput(
        fmt::format("{} is no model's name: ORG/REPO[:QUANT], hf.co/ORG/REPO[:QUANT], or a short name "
                    "as `hearth list --short` shows them",
                    quote_name(name)));
  }
  if (options.hub.offline) throw InvalidInput(fmt::format("{}: nothing is fetched while HF_HUB_OFFLINE is set", name));
  HubClient client(client_options(options));
  const std::vector<HubFile> files = list_repository(client, hub->repository, std::string(kRevision));
  PullPlan plan;
  plan.choice = choose_files(*hub, files, options.memory_bytes);
  plan.name = {hub->repository, plan.choice.quantization};
  plan.commit = find_commit(client, hub->repository, plan.choice.files);
  const HubCache cache(options.hub.cache);
  for (const HubFile& file : plan.choice.files) {
    // Two files of the same content are one.
    const bool is_known =
        std::ranges::any_of(plan.missing, [&](const HubFile& other) { return other.hash == file.hash; });
    if (!is_known && !cache.has(hub->repository, file)) plan.missing.push_back(file);
  }
  return plan;
}

CachedModel pull(const PullOptions& options, const PullPlan& plan, PullProgress& progress) {
  const HubCache cache(options.hub.cache);
  const std::string& repository = plan.name.repository;
  check_disk(cache, plan.missing_bytes());
  cache.prepare(repository);
  progress.update([&](PullProgress::State& state) {
    state.phase = PullProgress::Phase::kFetching;
    state.note = plan.choice.reason;
    for (const HubFile& file : plan.choice.files) {
      const bool is_missing =
          std::ranges::any_of(plan.missing, [&](const HubFile& missing) { return missing.path == file.path; });
      state.files.push_back({file.path, file.hash, file.bytes, is_missing ? 0 : file.bytes, 0,
                             is_missing ? PullProgress::Phase::kListing : PullProgress::Phase::kDone});
    }
  });
  FetchOptions fetch{client_options(options), repository, options.connections};
  for (const HubFile& file : plan.missing) {
    const auto at = std::ranges::find_if(plan.choice.files, [&](const HubFile& f) { return f.path == file.path; });
    const auto index = static_cast<std::size_t>(at - plan.choice.files.begin());
    fetch_file(fetch, file_source(repository, plan.commit, file.path), file, cache.blob(repository, file.hash), index,
               progress);
  }
  cache.link(repository, plan.commit, plan.choice.files);
  progress.update([](PullProgress::State& state) { state.phase = PullProgress::Phase::kDone; });
  const std::optional<CachedModel> model = cache.find(plan.name);
  if (!model)
    throw InvalidInput(fmt::format("{}: was fetched, and is not found in {}", plan.name.text(), cache.root().string()));
  return *model;
}

}  // namespace hearth
