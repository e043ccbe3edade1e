#include "commands/local_model_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>
#include <ctime>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "commands/bundled_model.h"
#include "commands/find_model.h"
#include "commands/inspect.h"
#include "hub/local_models.h"

namespace hearth {
namespace {

LocalModels local_models() {
  return LocalModels(hub_options_from_environment());
}

std::string_view kind_name(LocalModel::Kind kind) {
  switch (kind) {
    case LocalModel::Kind::kHub:
      return "hub";
    case LocalModel::Kind::kOllama:
      return "ollama";
    case LocalModel::Kind::kName:
      return "name";
    case LocalModel::Kind::kFile:
      return "file";
  }
  return "";
}

std::string origin_text(const LocalModel& model) {
  if (model.kind == LocalModel::Kind::kName) return "for " + model.target;
  return std::string(kind_name(model.kind));
}

std::string date_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  std::array<char, 16> text{};
  ::gmtime_r(&time, &parts);
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts));
}

boost::json::object model_json(const LocalModel& model) {
  boost::json::object json{{"name", model.name},
                           {"path", model.path.string()},
                           {"bytes", model.bytes},
                           {"modified", model.modified},
                           {"from", kind_name(model.kind)}};
  if (!model.target.empty()) json["target"] = model.target;
  return json;
}

void list_short_names(bool json) {
  boost::json::object all;
  for (const ShortName& known : short_names()) {
    all[known.name] = known.repository;
    if (!json) fmt::print("{:<24} {}\n", known.name, known.repository);
  }
  if (json) std::puts(serialized_json(all).c_str());
}

}  // namespace

void list_models(const ListOptions& options) {
  if (options.short_names) return list_short_names(options.json);
  const std::vector<LocalModel> models = local_models().list();
  if (options.json) {
    boost::json::array all;
    for (const LocalModel& model : models) all.push_back(model_json(model));
    std::puts(serialized_json(all).c_str());
    return;
  }
  if (options.names) {
    for (const LocalModel& model : models) fmt::print("{}\n", printable_text(model.name));
    fmt::print("{}\n", kBundledModel);
    return;
  }
  std::size_t width = kBundledModel.size();
  for (const LocalModel& model : models) width = std::max(width, model.name.size());
  fmt::print("{:<{}}  {:>10}  {:<10}  {}\n", "NAME", width, "SIZE", "SINCE", "FROM");
  for (const LocalModel& model : models) {
    fmt::print("{:<{}}  {:>10}  {:<10}  {}\n", printable_text(model.name), width, bytes_text(model.bytes),
               date_text(model.modified), printable_text(origin_text(model)));
  }
  fmt::print("{:<{}}  {:>10}  {:<10}  {}\n", kBundledModel, width, "", "", "Hearth");
}

void show_model(const std::string& name, bool json) {
  const std::optional<LocalModel> model = local_models().find(name);
  if (!model) {
    inspect({.model = find_model(name), .json = json, .metadata = false});
    return;
  }
  if (!json) {
    fmt::print("name: {}\nfrom: {}\nsize: {}\nsince: {}\n", printable_text(model->name),
               printable_text(origin_text(*model)), bytes_text(model->bytes), date_text(model->modified));
  }
  inspect({.model = model->path, .json = json, .metadata = false});
}

void copy_model(const std::string& source, const std::string& target) {
  local_models().copy(is_bundled_name(source) ? model_or_bundled({}).string() : source, target);
}

void remove_models(const std::vector<std::string>& names) {
  const LocalModels models = local_models();
  for (const std::string& name : names) {
    const std::int64_t freed = models.remove(name);
    fmt::print("removed {}{}\n", printable_text(name), freed > 0 ? ": " + bytes_text(freed) + " are free again" : "");
  }
}

}  // namespace hearth
