#include "hub/local_models.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <cctype>
#include <fstream>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "base/read_file.h"
#include "hub/ollama_store.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamesBytesMax = 16 << 20, kNameBytesMax = 200;

std::int64_t seconds_of(fs::file_time_type time) {
  const auto system = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration_cast<std::chrono::seconds>(system.time_since_epoch()).count();
}

LocalModel local(const CachedModel& model) {
  return {model.name.text(), model.path, model.bytes, seconds_of(model.modified), LocalModel::Kind::kHub, ""};
}

LocalModel local(const OllamaModel& model) {
  return {model.name, model.path, model.bytes, seconds_of(model.modified), LocalModel::Kind::kOllama, ""};
}

std::optional<LocalModel> local_file(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  LocalModel model{path.string(), path, 0, 0, LocalModel::Kind::kFile, ""};
  const auto bytes = fs::is_directory(path, error) ? 0 : fs::file_size(path, error);
  model.bytes = error ? 0 : static_cast<std::int64_t>(bytes);
  model.modified = seconds_of(fs::last_write_time(path, error));
  return model;
}

}  // namespace

NoSuchModel::NoSuchModel(std::string_view name)
    : InvalidInput(fmt::format("{} is no model on this machine: `hearth list`", quote_name(name))) {}

bool is_model_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '/' || c == ':';
  };
  const bool is_plain =
      !name.empty() && name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), is_letter);
  return is_plain && is_safe_path(name) && std::count(name.begin(), name.end(), '/') <= 1 && name.front() != '-' &&
         name.front() != ':' && name.back() != ':';
}

std::map<std::string, std::string> LocalModels::read_names() const {
  std::map<std::string, std::string> names;
  std::error_code error;
  if (!fs::exists(options_.names, error)) return names;
  const ParsedJson parsed = parse_json(read_file(options_.names, kNamesBytesMax), 4, BigIntegers::kAsDouble);
  if (parsed.error || !parsed.value.is_object()) {
    throw InvalidInput(fmt::format("{}: is no JSON object of names", options_.names.string()));
  }
  for (const auto& [name, target] : parsed.value.get_object()) {
    if (target.is_string() && is_model_name(name)) names.emplace(name, target.get_string());
  }
  return names;
}

void LocalModels::write_names(const std::map<std::string, std::string>& names) const {
  boost::json::object content;
  for (const auto& [name, target] : names) content[name] = target;
  std::error_code error;
  fs::create_directories(options_.names.parent_path(), error);
  fs::path beside = options_.names;
  beside += fmt::format(".{}", ::getpid());
  {
    std::ofstream file(beside, std::ios::binary);
    file << serialized_json(content) << '\n';
    if (!file.flush()) throw DeviceError(fmt::format("{}: cannot be written", options_.names.string()));
  }
  fs::rename(beside, options_.names, error);
  if (error) throw DeviceError(fmt::format("{}: cannot be written: {}", options_.names.string(), error.message()));
}

std::vector<LocalModel> LocalModels::list() const {
  std::vector<LocalModel> models;
  for (const auto& [name, target] : read_names()) {
    if (auto model = find(name)) models.push_back(std::move(*model));
  }
  for (const CachedModel& model : cache_.list()) models.push_back(local(model));
  for (const fs::path& store : options_.ollama) {
    for (const OllamaModel& model : list_ollama_models(store)) models.push_back(local(model));
  }
  return models;
}

// Anything but a name of its own.
std::optional<LocalModel> LocalModels::find_target(std::string_view name) const {
  if (const auto hub = find_hub_name(name)) {
    if (const auto model = cache_.find(*hub)) return local(*model);
  }
  for (const fs::path& store : options_.ollama) {
    if (const auto model = find_ollama_model(store, name)) return local(*model);
  }
  return std::nullopt;
}

std::optional<LocalModel> LocalModels::find(std::string_view name) const {
  const std::map<std::string, std::string> names = read_names();
  auto found = names.find(std::string(name));
  // Ollama's clients put this behind every name.
  constexpr std::string_view kLatest = ":latest";
  if (found == names.end() && name.ends_with(kLatest)) {
    found = names.find(std::string(name.substr(0, name.size() - kLatest.size())));
  }
  if (found == names.end()) return find_target(name);
  const std::string& target = found->second;
  auto model = target.starts_with('/') ? local_file(target) : find_target(target);
  if (!model) return std::nullopt;
  model->target = target;
  model->name = found->first;
  model->kind = LocalModel::Kind::kName;
  return model;
}

void LocalModels::copy(const std::string& source, const std::string& target) const {
  if (!is_model_name(target)) {
    throw InvalidInput(
        fmt::format("{} can be no model's name: letters, digits and -._ in one or two parts", quote_name(target)));
  }
  std::optional<LocalModel> model = find(source);
  std::error_code error;
  if (!model && fs::exists(source, error)) model = local_file(fs::absolute(source, error).lexically_normal());
  if (!model) throw NoSuchModel(source);
  std::map<std::string, std::string> names = read_names();
  // A name must not hide what is there.
  if (!names.contains(target) && find_target(target)) {
    throw InvalidInput(fmt::format("{} is the name of another model here", quote_name(target)));
  }
  names[target] = model->kind == LocalModel::Kind::kName ? model->target : model->name;
  write_names(names);
}

std::int64_t LocalModels::remove(const std::string& name) const {
  const std::optional<LocalModel> model = find(name);
  std::map<std::string, std::string> names = read_names();
  if (!model) {
    // What it stood for may be gone.
    if (names.erase(name) == 0) throw NoSuchModel(name);
    write_names(names);
    return 0;
  }
  if (model->kind == LocalModel::Kind::kName) {
    names.erase(model->name);
    write_names(names);
    return 0;
  }
  if (model->kind == LocalModel::Kind::kOllama) {
    throw InvalidInput(fmt::format("{} is Ollama's: `ollama rm {}` removes it", model->name, model->name));
  }
  for (const auto& [other, target] : names) {
    if (target == model->name) {
      throw InvalidInput(fmt::format("{} is also called {}: `hearth rm {}` first", model->name, other, other));
    }
  }
  const std::optional<HubName> hub = find_hub_name(name);
  const std::optional<CachedModel> cached = hub ? cache_.find(*hub) : std::nullopt;
  return cached ? cache_.remove(*cached) : 0;
}

}  // namespace hearth
