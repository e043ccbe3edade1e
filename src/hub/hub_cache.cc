#include "hub/hub_cache.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/read_file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "models--";
constexpr std::size_t kCommitBytesMax = 200;

void make_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw DeviceError(fmt::format("{}: cannot be made: {}", folder.string(), error.message()));
}

// A file's content all at once or not at all.
void replace_file(const fs::path& path, const std::string& content) {
  fs::path beside = path;
  beside += fmt::format(".{}", ::getpid());
  {
    std::ofstream file(beside, std::ios::binary);
    file << content;
    if (!file.flush()) throw DeviceError(fmt::format("{}: cannot be written", beside.string()));
  }
  fs::rename(beside, path);
}

std::string folder_name(const std::string& repository) {
  std::string name = repository;
  name.replace(name.find('/'), 1, "--");
  return std::string(kPrefix) + name;
}

// "models--ORG--REPO"; nullopt for what else may stand there.
std::optional<std::string> repository_of(const std::string& folder) {
  if (!folder.starts_with(kPrefix)) return std::nullopt;
  std::string name = folder.substr(kPrefix.size());
  const std::size_t border = name.find("--");
  if (border == std::string::npos) return std::nullopt;
  name.replace(border, 2, "/");
  const std::optional<HubName> parsed = parse_hub_name(name);
  return parsed ? std::optional(parsed->repository) : std::nullopt;
}

std::string read_commit(const fs::path& reference) {
  std::error_code error;
  if (!fs::is_regular_file(reference, error)) return {};
  std::string commit = read_file(reference, kCommitBytesMax);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) commit.pop_back();
  return is_safe_path(commit) && commit.find('/') == std::string::npos ? commit : std::string();
}

// Snapshots from the newest on: that of refs/main, then by their time.
std::vector<fs::path> snapshots(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  const std::string main = read_commit(folder / "refs/main");
  for (fs::directory_iterator entry(folder / "snapshots", error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const bool is_main = entry->path().filename() == main;
    found.emplace_back(is_main ? fs::file_time_type::max() : entry->last_write_time(ignored), entry->path());
  }
  std::sort(found.begin(), found.end(), std::greater<>());
  std::vector<fs::path> paths;
  for (auto& [time, path] : found) paths.push_back(std::move(path));
  return paths;
}

// The files of a snapshot whose content is here; the hash is not read.
std::vector<HubFile> files_of(const fs::path& snapshot) {
  std::vector<HubFile> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(snapshot, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code missing;
    if (!entry->is_regular_file(missing)) continue;
    const std::uintmax_t bytes = entry->file_size(missing);
    if (missing) continue;
    files.push_back({entry->path().lexically_relative(snapshot).string(), static_cast<std::int64_t>(bytes), ""});
  }
  return files;
}

CachedModel cached(const HubName& name, const fs::path& snapshot, const std::vector<HubFile>& files) {
  CachedModel model;
  model.name = name;
  for (const HubFile& file : files) {
    model.files.push_back(snapshot / file.path);
    model.bytes += file.bytes;
    std::error_code error;
    model.modified = std::max(model.modified, fs::last_write_time(model.files.back(), error));
  }
  model.path = name.quantization.empty() ? snapshot : model.files.front();
  return model;
}

// Throws nothing: what is no whole model is not listed.
std::vector<CachedModel> models_of(const std::string& repository, const fs::path& snapshot) {
  std::vector<CachedModel> models;
  const std::vector<HubFile> files = files_of(snapshot);
  for (const GgufModel& model : gguf_models(files)) {
    models.push_back(cached({repository, model.quantization}, snapshot, model.files));
  }
  if (!models.empty()) return models;
  try {
    const FileChoice folder = choose_files({repository, ""}, files, 0);
    models.push_back(cached({repository, ""}, snapshot, folder.files));
  } catch (const InvalidInput&) {
    return {};
  }
  return models;
}

// What a link of a snapshot leads to, if it stands among the repository's contents.
fs::path content_of(const fs::path& link, const fs::path& folder) {
  std::error_code error;
  if (!fs::is_symlink(link, error)) return {};
  const fs::path content = fs::weakly_canonical(link.parent_path() / fs::read_symlink(link, error), error);
  return content.parent_path() == fs::weakly_canonical(folder / "blobs", error) ? content : fs::path();
}

void remove_empty_parents(fs::path path, const fs::path& folder) {
  std::error_code error;
  for (path = path.parent_path(); path != folder && path != path.parent_path(); path = path.parent_path()) {
    if (!fs::is_empty(path, error) || error || !fs::remove(path, error)) return;
  }
}

}  // namespace

fs::path HubCache::folder(const std::string& repository) const {
  return root_ / folder_name(repository);
}

fs::path HubCache::blob(const std::string& repository, const std::string& hash) const {
  return folder(repository) / "blobs" / hash;
}

bool HubCache::has(const std::string& repository, const HubFile& file) const {
  std::error_code error;
  const fs::path path = blob(repository, file.hash);
  return fs::is_regular_file(path, error) && fs::file_size(path, error) == static_cast<std::uintmax_t>(file.bytes);
}

fs::path HubCache::place(const std::string& repository, const std::string& commit, const std::string& path) const {
  return folder(repository) / "snapshots" / commit / path;
}

void HubCache::prepare(const std::string& repository) const {
  for (const char* part : {"blobs", "refs", "snapshots"}) make_folders(folder(repository) / part);
}

void HubCache::link(const std::string& repository, const std::string& commit, const std::vector<HubFile>& files) const {
  const fs::path base = folder(repository);
  for (const HubFile& file : files) {
    const fs::path link = place(repository, commit, file.path);
    make_folders(link.parent_path());
    const fs::path target = blob(repository, file.hash).lexically_relative(link.parent_path());
    fs::path beside = link;
    beside += fmt::format(".{}", ::getpid());
    std::error_code error;
    fs::remove(beside, error);
    fs::create_symlink(target, beside, error);
    if (!error) fs::rename(beside, link, error);
    if (error) throw DeviceError(fmt::format("{}: cannot be made: {}", link.string(), error.message()));
  }
  replace_file(base / "refs/main", commit);
}

std::vector<CachedModel> HubCache::list_repository_models(const std::string& repository) const {
  std::vector<CachedModel> models;
  for (const fs::path& snapshot : snapshots(folder(repository))) {
    for (CachedModel& model : models_of(repository, snapshot)) {
      const bool is_known =
          std::ranges::any_of(models, [&](const CachedModel& known) { return known.name == model.name; });
      if (!is_known) models.push_back(std::move(model));
    }
  }
  return models;
}

std::vector<CachedModel> HubCache::list() const {
  std::vector<std::string> repositories;
  std::error_code error;
  for (fs::directory_iterator entry(root_, error), end; !error && entry != end; entry.increment(error)) {
    if (auto repository = repository_of(entry->path().filename().string())) repositories.push_back(*repository);
  }
  std::sort(repositories.begin(), repositories.end());
  std::vector<CachedModel> models;
  for (const std::string& repository : repositories) {
    for (CachedModel& model : list_repository_models(repository)) models.push_back(std::move(model));
  }
  return models;
}

std::optional<CachedModel> HubCache::find(const HubName& name) const {
  const std::vector<CachedModel> models = list_repository_models(name.repository);
  std::vector<GgufModel> quantizations;
  for (const CachedModel& model : models) {
    if (model.name.quantization.empty()) {
      if (name.quantization.empty()) return model;
      continue;
    }
    GgufModel known;
    known.quantization = model.name.quantization;
    known.tag = quantization_of(model.files.front().filename().string());
    known.bytes = model.bytes;
    known.files.push_back({model.files.front().filename().string(), model.bytes, ""});
    quantizations.push_back(std::move(known));
  }
  const GgufModel* best = nullptr;
  if (name.quantization.empty()) {
    best = best_model(quantizations);
    if (best == nullptr && !quantizations.empty()) best = &quantizations.front();
  } else {
    for (const GgufModel& model : quantizations) {
      if (is_called(model, name.quantization)) best = &model;
    }
  }
  if (best == nullptr) return std::nullopt;
  const auto found = std::ranges::find_if(
      models, [&](const CachedModel& model) { return model.name.quantization == best->quantization; });
  return *found;
}

std::int64_t HubCache::remove(const CachedModel& model) const {
  const fs::path base = folder(model.name.repository);
  // The same file may be linked in several snapshots.
  std::set<fs::path> contents;
  for (const fs::path& file : model.files) {
    if (fs::path content = content_of(file, base); !content.empty()) contents.insert(std::move(content));
  }
  std::set<fs::path> doomed(model.files.begin(), model.files.end());
  std::set<fs::path> kept;  // contents that another path links to
  std::set<fs::path> names;
  for (const fs::path& file : model.files) names.insert(file.filename());
  std::error_code error;
  for (fs::recursive_directory_iterator entry(base / "snapshots", error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path content = content_of(entry->path(), base);
    if (content.empty() || !contents.contains(content) || doomed.contains(entry->path())) continue;
    if (names.contains(entry->path().filename())) {
      doomed.insert(entry->path());
    } else {
      kept.insert(content);
    }
  }
  std::int64_t freed = 0;
  for (const fs::path& link : doomed) {
    fs::remove(link, error);
    remove_empty_parents(link, base);
  }
  for (const fs::path& content : contents) {
    if (kept.contains(content)) continue;
    const std::uintmax_t bytes = fs::file_size(content, error);
    if (!error && fs::remove(content, error)) freed += static_cast<std::int64_t>(bytes);
  }
  if (!fs::exists(base / "snapshots", error) || fs::is_empty(base / "snapshots", error)) fs::remove_all(base, error);
  return freed;
}

std::optional<std::int64_t> free_disk_bytes(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (!fs::exists(path, error) && path != path.parent_path()) path = path.parent_path();
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) return std::nullopt;
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

}  // namespace hearth
