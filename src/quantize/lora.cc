#include "quantize/lora.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "base/mapped_file.h"
#include "base/read_file.h"
#include "weights/json.h"
#include "weights/json_fields.h"
#include "weights/safetensors_reader.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kConfigFile = "adapter_config.json", kWeightsFile = "adapter_model.safetensors";

// Settings of PEFT under which a module is more, or less, than W + scale * B * A.
constexpr std::string_view kUnknownSettings[] = {
    "use_dora",          "lora_bias",  "layer_replication",       "alpha_pattern", "modules_to_save",
    "target_parameters", "use_qalora", "trainable_token_indices", "arrow_config",  "alora_invocation_tokens"};

// null, false, and lists and objects without an element say nothing.
bool is_set(const json::object& config, std::string_view name) {
  const json::value* value = find_field(config, name);
  if (value == nullptr) return false;
  if (value->is_bool()) return value->as_bool();
  if (value->is_array()) return !value->as_array().empty();
  if (value->is_object()) return !value->as_object().empty();
  return true;
}

std::vector<float> decoded(const WeightEntry& entry) {
  // Files need not keep numbers at places that are multiples of their size.
  const std::vector<std::byte> bytes(entry.bytes.begin(), entry.bytes.end());
  std::vector<float> values(static_cast<std::size_t>(entry.shape.element_count()));
  traits(entry.format).decode_f32(bytes.data(), values.data(), std::ssize(values));
  return values;
}

}  // namespace

LoraAdapter::LoraAdapter(const fs::path& path) : path_(path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    open_peft();
  } else {
    open_gguf();
  }
  if (parts_.empty()) refuse("it has no matrices");
}

void LoraAdapter::refuse(const std::string& why) const {
  throw Unsupported(fmt::format("{}: this adapter cannot be merged: {}", path_.string(), why));
}

void LoraAdapter::open_peft() {
  kind_ = Kind::kPeft;
  const std::string file((path_ / kConfigFile).string());
  const json::object config = parse_json_object(read_file(file), file);
  const std::string_view type = string_field(config, "peft_type", kConfigFile).value_or("");
  if (type != "LORA") refuse(fmt::format("it is of type {}, not LORA", quote_name(type)));
  for (const std::string_view name : kUnknownSettings) {
    if (!is_set(config, name)) continue;
    refuse(fmt::format("'{}' is set in {}: {}", name, kConfigFile, serialized_json(config.at(name))));
  }
  if (const auto bias = string_field(config, "bias", kConfigFile).value_or("none"); bias != "none") {
    refuse(fmt::format("'bias' is {} in {}", quote_name(bias), kConfigFile));
  }
  const json::value* alpha = find_field(config, "lora_alpha");
  if (alpha == nullptr) refuse(fmt::format("{} has no 'lora_alpha'", kConfigFile));

  const MappedFile weights(path_ / kWeightsFile);
  const WeightEntries entries = read_safetensors(weights.bytes(), weights.path().string());
  if (!entries.unreadable.empty()) refuse(fmt::format("tensor {} is of no known type", entries.unreadable[0].name));
  for (const WeightEntry& entry : entries.tensors) {
    std::string_view name = entry.name;
    constexpr std::string_view kPrefix = "base_model.model.", kA = ".lora_A.weight", kB = ".lora_B.weight";
    const bool is_a = name.ends_with(kA), is_b = name.ends_with(kB);
    if (!name.starts_with(kPrefix) || !(is_a || is_b) || entry.shape.rank() != 2) {
      refuse(fmt::format("tensor {} is no matrix A or B", quote_name(entry.name)));
    }
    name.remove_prefix(kPrefix.size());
    name.remove_suffix(is_a ? kA.size() : kB.size());
    Part& own = parts_[std::string(name) + ".weight"];
    (is_a ? own.a : own.b) = decoded(entry);
    (is_a ? own.a_shape : own.b_shape) = entry.shape;
  }
  add_pairs(as_number(*alpha, "'lora_alpha'", kConfigFile),
            bool_field(config, "use_rslora", kConfigFile).value_or(false));
}

void LoraAdapter::open_gguf() {
  kind_ = Kind::kGguf;
  const auto source = ModelSource::open(path_);
  const Metadata& metadata = source->metadata();
  const std::string_view type = metadata.string("general.type").value_or("");
  const std::string_view adapter = metadata.string("adapter.type").value_or("");
  if (source->kind() != ModelSource::Kind::kGguf || type != "adapter" || adapter != "lora") {
    throw InvalidInput(fmt::format("{}: this is no LoRA adapter: general.type is {}, adapter.type {}", path_.string(),
                                   quote_name(type), quote_name(adapter)));
  }
  if (metadata.contains("adapter.alora.invocation_tokens")) refuse("it begins behind a text of its own (aLoRA)");
  architecture_ = metadata.string("general.architecture").value_or("");
  const auto alpha = metadata.number("adapter.lora.alpha");
  if (!alpha) refuse("it has no 'adapter.lora.alpha'");
  if (!source->unreadable().empty()) {
    refuse(fmt::format("tensor {} is of no known type", quote_name(source->unreadable()[0].name)));
  }
  for (const WeightEntry& entry : source->tensors()) {
    constexpr std::string_view kA = ".lora_a", kB = ".lora_b";
    const bool is_a = entry.name.ends_with(kA), is_b = entry.name.ends_with(kB);
    const std::string name = entry.name.substr(0, entry.name.size() - (is_a || is_b ? kA.size() : 0));
    if (!(is_a || is_b) || !name.ends_with(".weight") || entry.shape.rank() < 2 || entry.shape.rank() > 3) {
      refuse(fmt::format("tensor {} is no matrix A or B", quote_name(entry.name)));
    }
    // Its A and B change places, since rows are looked up and not multiplied.
    if (name == "token_embd.weight") refuse("it changes the token embedding");
    Part& own = parts_[name];
    (is_a ? own.a : own.b) = decoded(entry);
    (is_a ? own.a_shape : own.b_shape) = entry.shape;
  }
  add_pairs(*alpha, false);
}

// Alpha 0 is none, in GGUF files.
void LoraAdapter::add_pairs(double alpha, bool by_root) {
  for (auto& [name, own] : parts_) {
    const int rank = own.a_shape.rank();
    if (own.a.empty() || own.b.empty()) {
      refuse(fmt::format("of {} it has one matrix and not the other", quote_name(name)));
    }
    const bool fits = own.b_shape.rank() == rank && own.a_shape[rank - 2] == own.b_shape[rank - 1] &&
                      (rank == 2 || own.a_shape[0] == own.b_shape[0]);
    if (!fits) {
      throw InvalidInput(fmt::format("{}: of {}, A is {} and B {}", path_.string(), quote_name(name),
                                     own.a_shape.to_string(), own.b_shape.to_string()));
    }
    const auto size = static_cast<double>(own.a_shape[rank - 2]);
    own.scale = kind_ == Kind::kGguf && alpha == 0 ? 1 : alpha / (by_root ? std::sqrt(size) : size);
    if (!std::isfinite(own.scale)) refuse("its scale is no number");
  }
}

void LoraAdapter::merge(std::string_view name, ContentTensor& tensor) {
  const auto found = parts_.find(name);
  if (found == parts_.end()) return;
  const Part& own = found->second;
  merged_.insert(found->first);
  const int rank = own.a_shape.rank();
  const std::int64_t in = own.a_shape[rank - 1], size = own.a_shape[rank - 2], out_rows = own.b_shape[rank - 2];
  const Shape shape = rank == 3 ? Shape{own.a_shape[0], out_rows, in} : Shape{out_rows, in};
  if (tensor.shape != shape) {
    throw InvalidInput(fmt::format("{}: {} is {} in the model, and the adapter's product {}", path_.string(),
                                   quote_name(name), tensor.shape.to_string(), shape.to_string()));
  }
  tensor.bytes = {};
  tensor.read_rows = [&own, read = std::move(tensor.read_rows), in, size, out_rows](std::int64_t begin,
                                                                                    std::int64_t end, float* out) {
    read(begin, end, out);
    std::vector<double> sum(static_cast<std::size_t>(in));
    for (std::int64_t row = begin; row < end; ++row, out += in) {
      const float* a = own.a.data() + row / out_rows * size * in;
      const float* const b = own.b.data() + row * size;
      std::fill(sum.begin(), sum.end(), 0.0);
      for (std::int64_t r = 0; r < size; ++r, a += in) {
        const double factor = own.scale * static_cast<double>(b[r]);
        for (std::int64_t c = 0; c < in; ++c) sum[static_cast<std::size_t>(c)] += factor * static_cast<double>(a[c]);
      }
      for (std::int64_t c = 0; c < in; ++c) {
        out[c] = static_cast<float>(static_cast<double>(out[c]) + sum[static_cast<std::size_t>(c)]);
      }
    }
  };
}

void LoraAdapter::check_all_merged() const {
  for (const auto& [name, own] : parts_) {
    if (merged_.contains(name)) continue;
    throw InvalidInput(
        fmt::format("{}: this adapter is of another model: it changes {}, which is not among the model's "
                    "matrices",
                    path_.string(), quote_name(name)));
  }
}

}  // namespace hearth
