#include "server/ollama/ollama_models.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <chrono>
#include <utility>

#include "base/ascii_case.h"
#include "server/ollama/ollama_answer.h"

namespace hearth {
namespace {

namespace json = boost::json;

// The version of Ollama's API that is spoken here: clients look at it to know what they may ask for, and some refuse
// those that are older.
constexpr std::string_view kOllamaVersion = "0.15.0";

// Ollama's names have a tag, and its clients expect one.
std::string tagged(const std::string& name) {
  return name.find(':') == std::string::npos ? name + ":latest" : name;
}

std::string time_of(std::int64_t seconds) {
  return ollama_time(std::chrono::system_clock::time_point(std::chrono::seconds(seconds)));
}

json::object details(const ServedModel& model) {
  const std::string level = ascii_upper(model.format);
  json::object details;
  details["parent_model"] = "";
  details["format"] = model.path.ends_with(".gguf") ? "gguf" : "safetensors";
  details["family"] = model.architecture;
  details["families"] = json::array{json::value(model.architecture)};
  details["parameter_size"] = ollama_count(model.parameter_count);
  details["quantization_level"] = level;
  return details;
}

json::object entry(const ServedModel& model, const std::string& name) {
  json::object entry;
  entry["name"] = tagged(name);
  entry["model"] = tagged(name);
  entry["size"] = model.file_bytes;
  entry["digest"] = model.hash;
  entry["details"] = details(model);
  return entry;
}

json::object list_of(json::array models) {
  json::object list;
  list["models"] = std::move(models);
  return list;
}

}  // namespace

std::string ollama_count(std::int64_t count) {
  const auto number = static_cast<double>(count);
  if (count >= 1'000'000'000) return fmt::format("{:.1f}B", number / 1e9);
  if (count >= 1'000'000) return fmt::format("{:.1f}M", number / 1e6);
  if (count >= 1'000) return fmt::format("{:.1f}K", number / 1e3);
  return fmt::format("{}", count);
}

json::object ollama_version() {
  json::object answer;
  answer["version"] = kOllamaVersion;
  answer["hearth"] = HEARTH_VERSION;
  return answer;
}

json::object ollama_tag(const ServedModel& model) {
  json::object tag = entry(model, model.name);
  tag["modified_at"] = time_of(model.created);
  return tag;
}

json::object ollama_tags(const ServedModel& model) {
  json::array tags;
  for (const std::string& name : model.names()) {
    json::object tag = entry(model, name);
    tag["modified_at"] = time_of(model.created);
    tags.push_back(std::move(tag));
  }
  return list_of(std::move(tags));
}

json::object ollama_ps(const ServedModel& model) {
  constexpr std::int64_t kCenturySeconds = std::int64_t{100} * 365 * 24 * 3600;  // it stays
  json::object running = entry(model, model.name);
  running["expires_at"] = time_of(model.created + kCenturySeconds);
  running["size_vram"] = model.device.starts_with("cpu") ? 0 : model.file_bytes;
  running["context_length"] = model.context;
  return list_of({std::move(running)});
}

json::object ollama_show(const ServedModel& model) {
  json::object info;
  info["general.architecture"] = model.architecture;
  info["general.parameter_count"] = model.parameter_count;
  info[model.architecture + ".context_length"] = model.context;
  info[model.architecture + ".embedding_length"] = model.width;
  info[model.architecture + ".vocab_size"] = model.vocabulary;
  json::object show;
  show["modelfile"] = fmt::format("FROM {}\n", tagged(model.name));
  show["parameters"] = fmt::format("num_ctx                        {}", model.context);
  show["template"] = model.chat_template_text;
  show["details"] = details(model);
  show["model_info"] = std::move(info);
  show["capabilities"] = json::array{json::value("completion")};
  show["modified_at"] = time_of(model.created);
  return show;
}

}  // namespace hearth
