#include "hub/file_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "formats/format.h"
#include "weights/gguf_set.h"

namespace hearth {
namespace {

// From the best of a machine on which all fit: what costs little quality and half the time; then what is a little
// larger, what is a little smaller, what is much larger, and what is much smaller.
constexpr std::array<std::string_view, 31> kByPreference{
    "Q4_K_M", "UD-Q4_K_XL", "MXFP4", "MXFP4_MOE", "Q4_K_L",  "Q5_K_M", "Q5_K_S",  "Q4_K_S", "IQ4_NL", "IQ4_XS", "Q4_1",
    "Q4_0",   "Q5_1",       "Q5_0",  "Q6_K",      "Q6_K_L",  "Q8_0",   "Q3_K_XL", "Q3_K_L", "Q3_K_M", "IQ3_M",  "BF16",
    "F16",    "Q3_K_S",     "IQ3_S", "IQ3_XS",    "IQ3_XXS", "Q2_K_L", "Q2_K",    "IQ2_M",  "F32"};

std::string in_case(std::string_view text, int (*convert)(int)) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [&](unsigned char c) { return convert(c); });
  return result;
}

std::string upper(std::string_view text) {
  return in_case(text, std::toupper);
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool has_extension(const std::string& path, std::string_view extension) {
  return in_case(path, std::tolower).ends_with(extension);
}

// What llama.cpp's users keep beside a model.
bool is_beside(const std::string& path) {
  const std::string name = in_case(file_name(path), std::tolower);
  return name.find("mmproj") != std::string::npos || name.find("imatrix") != std::string::npos;
}

// Whether there is a format of the kind that the name begins with: "IQ2" is one only when iq2_… is.
// A name that tells nothing may be anything.
bool is_openable(const GgufModel& model) {
  if (model.tag.empty()) return true;
  std::string_view stem = model.tag;
  if (stem.starts_with("UD-")) stem.remove_prefix(3);
  const std::string prefix = in_case(stem.substr(0, stem.find('_')), std::tolower);
  return std::ranges::any_of(all_formats(),
                             [&](const FormatTraits& format) { return format.name.starts_with(prefix); });
}

std::size_t preference(const GgufModel& model) {
  const auto found = std::find(kByPreference.begin(), kByPreference.end(), model.tag);
  return static_cast<std::size_t>(found - kByPreference.begin());
}

bool is_better(const GgufModel* a, const GgufModel* b) {
  const std::size_t left = preference(*a), right = preference(*b);
  return left != right ? left < right : a->bytes > b->bytes;
}

std::string list_of(std::span<const GgufModel> models) {
  std::string text;
  for (const GgufModel& model : models) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", model.quantization, bytes_text(model.bytes));
  }
  return text;
}

FileChoice chosen(const GgufModel& model, std::string reason) {
  return {model.files, model.quantization, std::move(reason)};
}

FileChoice choose_named(const HubName& name, std::span<const GgufModel> models) {
  for (const GgufModel& model : models) {
    if (is_called(model, name.quantization)) return chosen(model, "");
  }
  throw InvalidInput(fmt::format("{} has no {}; it has {}", name.repository, name.quantization, list_of(models)));
}

FileChoice choose_fitting(const HubName& name, std::span<const GgufModel> models, std::int64_t memory_bytes) {
  std::vector<const GgufModel*> openable, fitting;
  for (const GgufModel& model : models) {
    if (!is_openable(model)) continue;
    openable.push_back(&model);
    if (needed_memory(model.bytes) <= memory_bytes) fitting.push_back(&model);
  }
  if (openable.empty()) {
    throw InvalidInput(fmt::format("{} has only formats that are not opened here, or do not say what they are: {}",
                                   name.repository, list_of(models)));
  }
  const auto by_size = [](const GgufModel* a, const GgufModel* b) { return a->bytes < b->bytes; };
  if (fitting.empty()) {
    const GgufModel& least = **std::min_element(openable.begin(), openable.end(), by_size);
    throw InvalidInput(
        fmt::format("{}: nothing of it fits the {} of memory here: the smallest, {}, needs about {}; "
                    "`hearth pull {}:{}` fetches it all the same",
                    name.repository, bytes_text(memory_bytes), least.quantization,
                    bytes_text(needed_memory(least.bytes)), name.repository, least.quantization));
  }
  const GgufModel& best = **std::min_element(fitting.begin(), fitting.end(), is_better);
  const char* const why = fitting.size() == 1     ? "the only one that fits"
                          : preference(best) == 0 ? "small and hardly worse than the original"
                                                  : "the best compromise of those that fit";
  return chosen(best, models.size() == 1
                          ? ""
                          : fmt::format("{} of {} quantizations: {}; it needs about {} of the {} of "
                                        "memory here",
                                        best.quantization, models.size(), why, bytes_text(needed_memory(best.bytes)),
                                        bytes_text(memory_bytes)));
}

// "1_Pooling", "2_Dense": where sentence-transformers keeps what comes behind a model.
bool is_module_folder(std::string_view folder) {
  const std::size_t line = folder.find('_');
  return line != std::string_view::npos && line > 0 && folder.find('/') == std::string_view::npos &&
         std::all_of(folder.begin(), folder.begin() + static_cast<std::ptrdiff_t>(line),
                     [](unsigned char c) { return std::isdigit(c); });
}

// "model.safetensors", "model-00001-of-00004.safetensors"
bool is_usual_weights(const std::string& name) {
  return name == "model.safetensors" || name.starts_with("model-0");
}

FileChoice choose_folder(const HubName& name, std::span<const HubFile> files) {
  constexpr std::int64_t kSmallBytesMax = std::int64_t{256} << 20;
  FileChoice choice;
  bool has_config = false, has_usual = false, has_weights = false;
  for (const HubFile& file : files) {
    has_config = has_config || file.path == "config.json";
    has_usual = has_usual || is_usual_weights(file.path);
  }
  for (const HubFile& file : files) {
    const std::size_t slash = file.path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : file.path.substr(0, slash);
    if (!folder.empty() && !is_module_folder(folder)) continue;
    const bool is_weights = has_extension(file.path, ".safetensors");
    const bool is_wanted_weights = is_weights && (!folder.empty() || !has_usual || is_usual_weights(file.path));
    const bool is_setting =
        file.bytes <= kSmallBytesMax &&
        std::ranges::any_of(std::array{".json", ".txt", ".jinja", ".model"},
                            [&](const char* extension) { return has_extension(file.path, extension); });
    if (is_wanted_weights || is_setting) choice.files.push_back(file);
    has_weights = has_weights || (is_wanted_weights && folder.empty());
  }
  if (!has_config || !has_weights) {
    throw InvalidInput(fmt::format("{} has neither a GGUF model nor a folder of safetensors", name.repository));
  }
  return choice;
}

}  // namespace

std::int64_t FileChoice::bytes() const {
  std::int64_t sum = 0;
  for (const HubFile& file : files) sum += file.bytes;
  return sum;
}

std::vector<GgufModel> gguf_models(std::span<const HubFile> files) {
  std::map<std::string, std::vector<HubFile>> sets;  // by folder and prefix
  std::vector<GgufModel> models;
  for (const HubFile& file : files) {
    if (!has_extension(file.path, ".gguf") || is_beside(file.path)) continue;
    const std::string name = file_name(file.path);
    const std::string folder = file.path.substr(0, file.path.size() - name.size());
    const std::optional<SplitName> split = parse_split_name(name);
    sets[folder + (split ? fmt::format("{}/{}", split->prefix, split->part_count) : name)].push_back(file);
  }
  for (auto& [key, parts] : sets) {
    std::sort(parts.begin(), parts.end(), [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
    const std::optional<SplitName> split = parse_split_name(file_name(parts.front().path));
    if (parts.size() != static_cast<std::size_t>(split ? split->part_count : 1)) continue;
    GgufModel model;
    model.tag = quantization_of(split ? split->prefix : parts.front().path);
    model.quantization = model.tag;
    if (model.tag.empty()) model.quantization = file_name(parts.front().path);
    for (const HubFile& part : parts) model.bytes += part.bytes;
    model.files = std::move(parts);
    models.push_back(std::move(model));
  }
  // Two files of one quantization go by their own names.
  std::map<std::string, int> counts;
  for (const GgufModel& model : models) ++counts[model.quantization];
  for (GgufModel& model : models) {
    if (counts[model.quantization] > 1) model.quantization = file_name(model.files.front().path);
  }
  std::sort(models.begin(), models.end(), [](const GgufModel& a, const GgufModel& b) { return a.bytes < b.bytes; });
  return models;
}

bool is_called(const GgufModel& model, const std::string& quantization) {
  const std::string wanted = upper(quantization), file = upper(file_name(model.files.front().path));
  return upper(model.quantization) == wanted || file == wanted || file == wanted + ".GGUF";
}

const GgufModel* best_model(std::span<const GgufModel> models) {
  const GgufModel* best = nullptr;
  for (const GgufModel& model : models) {
    if (is_openable(model) && (best == nullptr || is_better(&model, best))) best = &model;
  }
  return best;
}

std::int64_t needed_memory(std::int64_t file_bytes) {
  constexpr std::int64_t kBeside = std::int64_t{256} << 20;
  return file_bytes + file_bytes / 10 + kBeside;
}

FileChoice choose_files(const HubName& name, std::span<const HubFile> files, std::int64_t memory_bytes) {
  const std::vector<GgufModel> models = gguf_models(files);
  if (models.empty()) {
    if (!name.quantization.empty()) {
      throw InvalidInput(fmt::format("{} has no GGUF files, so no {}", name.repository, name.quantization));
    }
    return choose_folder(name, files);
  }
  return name.quantization.empty() ? choose_fitting(name, models, memory_bytes) : choose_named(name, models);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double number = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; number >= 1000 && unit + 1 < kUnits.size(); ++unit) number /= 1024;
  return fmt::format("{:.{}f} {}", number, number < 10 ? 1 : 0, kUnits[unit]);
}

}  // namespace hearth
