#include "commands/serve/model_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "commands/bundled_model.h"
#include "commands/pull_model.h"
#include "model/architecture.h"
#include "server/http/exchange.h"
#include "text/templates/chat_template.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

LocalModel bundled() {
  const fs::path path = model_or_bundled({});
  LocalModel model{std::string(kBundledModel), path, 0, 0, LocalModel::Kind::kFile, ""};
  std::error_code error;
  model.bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  return model;
}

// A content's SHA-256, where its name is that: of the hub's cache and Ollama's.
std::string hash_of(const fs::path& path) {
  std::error_code error;
  std::string name =
      fs::is_symlink(path, error) ? fs::read_symlink(path, error).filename().string() : path.filename().string();
  constexpr std::string_view kOllama = "sha256-";
  if (name.starts_with(kOllama)) name.erase(0, kOllama.size());
  const bool is_hash = name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_hash ? name : std::string();
}

ServedModel read_facts(const LocalModel& model) {
  ServedModel facts;
  facts.name = model.name;
  facts.file_bytes = model.bytes;
  facts.created = model.modified;
  facts.hash = hash_of(model.path);
  facts.path = model.path.string();
  try {
    const auto source = ModelSource::open(model.path);
    if (source->kind() == ModelSource::Kind::kGguf && !facts.path.ends_with(".gguf")) facts.path += ".gguf";
    for (const WeightEntry& entry : source->tensors()) facts.parameter_count += entry.shape.element_count();
    facts.format = main_format(*source);
    const Settings settings(*source);
    facts.architecture = settings.architecture();
    const ModelSpec spec = read_model_spec(settings);
    facts.context = facts.context_model = spec.context_max;
    facts.width = spec.width;
    facts.vocabulary = spec.vocabulary;
    if (const auto text = ChatTemplate::from_source(*source)) facts.chat_template_text = text->text();
  } catch (const Error&) {
    // It is listed all the same; who asks for it hears why it does not open.
    return facts;
  }
  return facts;
}

}  // namespace

std::string main_format(const ModelSource& source) {
  std::array<std::int64_t, kFormatCount> counts{};
  for (const WeightEntry& entry : source.tensors()) {
    counts[static_cast<std::size_t>(entry.format)] += entry.shape.element_count();
  }
  const auto largest = std::max_element(counts.begin(), counts.end()) - counts.begin();
  return std::string(traits(static_cast<Format>(largest)).name);
}

ModelLibrary::ModelLibrary(HubOptions hub, std::string device) : models_(std::move(hub)), device_(std::move(device)) {}

ModelLibrary::~ModelLibrary() {
  *ending_ = true;
  threads_.join();
}

std::vector<LocalModel> ModelLibrary::list() const {
  std::vector<LocalModel> models = models_.list();
  try {
    models.push_back(bundled());
  } catch (const InvalidInput&) {
    return models;  // a program without it
  }
  return models;
}

LocalModel ModelLibrary::find(const std::string& name) const {
  if (name.empty() || is_bundled_name(name)) return bundled();
  if (auto model = models_.find(name)) return *model;
  throw HttpError({.status = 404,
                   .message = fmt::format("model '{}' not found: `hearth list` shows what is on this machine, `hearth "
                                          "pull` or POST /api/pull fetches what is not",
                                          name),
                   .type = "invalid_request_error",
                   .code = "model_not_found",
                   .param = "model",
                   .headers = {}});
}

ServedModel ModelLibrary::describe(const LocalModel& model) {
  const std::string key = fmt::format("{}\n{}", model.path.string(), model.modified);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = described_.find(key); found != described_.end()) {
      ServedModel known = found->second;
      known.name = model.name;
      return known;
    }
  }
  ServedModel facts = read_facts(model);
  const std::lock_guard lock(mutex_);
  constexpr std::size_t kKnownMax = 1000;
  if (described_.size() >= kKnownMax) described_.clear();
  described_.emplace(key, facts);
  return facts;
}

void ModelLibrary::pull(const std::string& name, PullProgress& progress, std::shared_ptr<std::atomic<bool>> stopped) {
  PullOptions options = pull_options(models_.options(), device_);
  options.stopped = [stopped, ending = ending_] { return *stopped || *ending; };
  const PullPlan plan = plan_pull(options, name);
  hearth::pull(options, plan, progress);
}

}  // namespace hearth
