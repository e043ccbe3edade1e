// A model folder as Hugging Face lays it out: settings in JSON, weights in one or more safetensors files. A folder
// whose weights are a single GGUF model stands for that.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/escape.h"
#include "weights/gguf_set.h"
#include "weights/json.h"
#include "weights/model_source.h"
#include "weights/quantized_folder.h"
#include "weights/safetensors_reader.h"
#include "weights/weight_index.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kConfig = "config.json";
constexpr std::string_view kWeights = "model.safetensors";
constexpr std::string_view kWeightIndex = "model.safetensors.index.json";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The folder's files with the extension, sorted.
std::vector<fs::path> list_files(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == extension) files.push_back(entry->path());
  }
  if (error) throw InvalidInput(fmt::format("{}: cannot be read: {}", folder.string(), error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

boost::json::object read_json_file(const fs::path& path) {
  if (!is_there(path)) return {};
  const MappedFile file(path);
  return parse_json_object(file.text(), path.string());
}

std::optional<MappedFile> map_if_there(const fs::path& path) {
  if (!is_there(path)) return std::nullopt;
  return std::optional<MappedFile>(std::in_place, path);
}

// The one GGUF model of a folder that is no Hugging Face folder.
fs::path find_gguf(const fs::path& folder) {
  std::vector<fs::path> models = list_files(folder, ".gguf");
  std::erase_if(models, [](const fs::path& path) {
    const std::optional<SplitName> split = parse_split_name(path.filename().string());
    return split && split->number != 1;
  });
  if (models.empty()) {
    throw InvalidInput(fmt::format("{}: the folder holds neither {} nor a GGUF file", folder.string(), kConfig));
  }
  if (models.size() > 1) {
    throw InvalidInput(fmt::format("{}: the folder holds {} GGUF models, {} and {} among them; name one of the files",
                                   folder.string(), models.size(), models[0].filename().string(),
                                   models[1].filename().string()));
  }
  return models[0];
}

void check_shard(std::set<std::string> expected, const WeightEntries& found, const fs::path& shard) {
  for (const WeightEntry& entry : found.tensors) expected.erase(entry.name);
  for (const UnreadableEntry& entry : found.unreadable) expected.erase(entry.name);
  if (!expected.empty()) {
    throw InvalidInput(fmt::format("{}: tensor {} is not there, where {} says it is", shard.string(),
                                   quote_name(*expected.begin()), kWeightIndex));
  }
}

}  // namespace

void ModelSource::open_folder(const fs::path& folder) {
  // Repositories of GGUF files often hold a config.json too.
  const bool only_gguf = list_files(folder, ".safetensors").empty() && !list_files(folder, ".gguf").empty();
  if (only_gguf || !is_there(folder / kConfig)) return open_gguf(find_gguf(folder));
  kind_ = Kind::kHuggingFace;
  config_ = read_json_file(folder / kConfig);
  generation_config_ = read_json_file(folder / "generation_config.json");
  tokenizer_config_ = read_json_file(folder / "tokenizer_config.json");
  special_tokens_map_ = read_json_file(folder / "special_tokens_map.json");
  tokenizer_json_ = map_if_there(folder / "tokenizer.json");
  chat_template_file_ = map_if_there(folder / "chat_template.jinja");
  if (is_there(folder / kWeights)) {
    open_safetensors(folder / kWeights);
  } else if (is_there(folder / kWeightIndex)) {
    open_shards(folder);
  } else {
    open_lone_safetensors(folder);
  }
  not_computable_ = compose_quantized(config_, tensors_, unreadable_);
}

void ModelSource::open_safetensors(const fs::path& path) {
  files_.emplace_back(path);
  add(read_safetensors(files_.back().bytes(), path.string()));
}

void ModelSource::open_shards(const fs::path& folder) {
  const MappedFile index(folder / kWeightIndex);
  for (const auto& [shard, expected] : read_weight_index(index.text(), index.path().string())) {
    files_.emplace_back(folder / shard);
    WeightEntries found = read_safetensors(files_.back().bytes(), files_.back().path().string());
    check_shard(expected, found, files_.back().path());
    add(std::move(found));
  }
}

// A folder without any weights opens all the same: tokenizing needs none.
void ModelSource::open_lone_safetensors(const fs::path& folder) {
  const std::vector<fs::path> files = list_files(folder, ".safetensors");
  if (files.size() > 1) {
    throw InvalidInput(fmt::format("{}: the folder holds {} safetensors files and neither {} nor {}", folder.string(),
                                   files.size(), kWeights, kWeightIndex));
  }
  if (files.size() == 1) return open_safetensors(files[0]);
  if (is_there(folder / "pytorch_model.bin") || is_there(folder / "pytorch_model.bin.index.json")) {
    throw Unsupported(
        fmt::format("{}: the weights are there only in PyTorch's format (pytorch_model.bin); convert "
                    "them to safetensors",
                    folder.string()));
  }
}

}  // namespace hearth
