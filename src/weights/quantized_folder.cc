#include "weights/quantized_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/escape.h"
#include "weights/json_fields.h"
#include "weights/quantized_matrix.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kConfigFile = "config.json";

// What the settings say of all matrices.
struct Method {
  std::string name;    // "gptq"
  std::string format;  // of compressed-tensors and AWQ, which have several
  std::int64_t block_rows = 0, block_columns = 0;
  std::int64_t bits = 4;
  int zero_offset = 1;
  std::string linear_class, mode;  // of BitNet
  bool has_norms = false;          // likewise
};

// The first list of two numbers called `key` anywhere in the settings.
const json::array* find_pair(const json::object& object, std::string_view key) {
  for (const auto& [name, member] : object) {
    const json::array* array = member.if_array();
    if (name == key && array != nullptr && array->size() == 2) return array;
    const json::object* inner = member.if_object();
    const json::array* found = inner == nullptr ? nullptr : find_pair(*inner, key);
    if (found != nullptr) return found;
  }
  return nullptr;
}

const json::object* quantization_settings(const json::object& config) {
  for (const std::string_view key : {"quantization_config", "compression_config"}) {
    if (const json::object* found = object_field(config, key, kConfigFile)) return found;
  }
  const json::object* text = object_field(config, "text_config", kConfigFile);
  return text == nullptr ? nullptr : object_field(*text, "quantization_config", kConfigFile);
}

Method read_method(const json::object& settings) {
  Method method;
  method.name = string_field(settings, "quant_method", kConfigFile).value_or("");
  if (method.name == "compressed_tensors") method.name = "compressed-tensors";
  method.format = string_field(settings, method.name == "awq" ? "version" : "format", kConfigFile).value_or("");
  std::ranges::transform(method.format, method.format.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  for (const std::string_view key : {"weight_block_size", "block_structure"}) {
    const json::array* pair = find_pair(settings, key);
    if (pair == nullptr || method.block_rows > 0) continue;
    method.block_rows = as_integer((*pair)[0], key, kConfigFile);
    method.block_columns = as_integer((*pair)[1], key, kConfigFile);
  }
  for (const std::string_view key : {"bits", "w_bit"}) {
    if (const auto bits = integer_field(settings, key, kConfigFile)) method.bits = *bits;
  }
  method.linear_class = string_field(settings, "linear_class", kConfigFile).value_or("bitlinear");
  method.mode = string_field(settings, "quantization_mode", kConfigFile).value_or("offline");
  const json::value* norms = settings.if_contains("use_rms_norm");
  method.has_norms = norms != nullptr && *norms == json::value(true);
  if (string_field(settings, "checkpoint_format", kConfigFile) == "gptq_v2") method.zero_offset = 0;
  return method;
}

// A sentence if nothing of the method can be read.
std::optional<std::string> refusal_of(const Method& method) {
  const auto refuse = [&](std::string_view what) {
    return fmt::format("{}: weights quantized by {} are not supported", kConfigFile, what);
  };
  if (method.name == "fp8" || method.name == "fbgemm_fp8" || method.name == "mxfp4") return std::nullopt;
  if (method.name == "compressed-tensors") {
    for (const std::string_view known :
         {"", "dense", "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "mixed-precision"}) {
      if (method.format == known) return std::nullopt;
    }
    return refuse(fmt::format("compressed-tensors in the format {}", quote_name(method.format)));
  }
  if (method.name == "awq") {
    if (method.bits != 4) return refuse(fmt::format("AWQ with {} bits", method.bits));
    if (method.format == "" || method.format == "gemm") return std::nullopt;
    return refuse(fmt::format("AWQ in the layout {}", quote_name(method.format)));
  }
  if (method.name == "gptq") {
    if (method.bits == 4 || method.bits == 8) return std::nullopt;
    return refuse(fmt::format("GPTQ with {} bits", method.bits));
  }
  if (method.name == "bitnet") {
    if (method.mode != "offline") {
      return refuse(
          fmt::format("BitNet in the mode {}: whole weights that are to be rounded", quote_name(method.mode)));
    }
    if (method.linear_class != "bitlinear" && method.linear_class != "autobitlinear") {
      return refuse(fmt::format("BitNet with the class {}", quote_name(method.linear_class)));
    }
    if (method.has_norms) return refuse("BitNet with a norm before each matrix (use_rms_norm)");
    return std::nullopt;
  }
  if (method.name == "bitsandbytes") return refuse("bitsandbytes (nf4, fp4, int8)");
  return refuse(fmt::format("the method {}", quote_name(method.name)));
}

// The folder's tensors by name, and which of them have become part of a matrix.
class Composer {
 public:
  // Without a method what needs none is composed.
  Composer(const std::optional<Method>& method, std::vector<WeightEntry>& tensors,
           std::vector<UnreadableEntry>& unreadable)
      : method_(method), tensors_(tensors), unreadable_(unreadable) {
    for (const WeightEntry& entry : tensors) floats_.emplace(entry.name, &entry);
    for (const UnreadableEntry& entry : unreadable) integers_.emplace(entry.name, &entry);
  }

  void compose() {
    for (const UnreadableEntry& entry : unreadable_) {
      const std::string_view name = entry.name;
      const auto module = [&](std::string_view suffix) {
        return std::string(name.substr(0, name.size() - suffix.size()));
      };
      if (name.ends_with(".weight") && entry.dtype.starts_with("F6_") && entry.shape.rank() == 2) {
        compose_mxfp6(entry, module(".weight"));
        continue;
      }
      if (!method_) continue;
      if (method_->name == "bitnet" && name.ends_with(".weight") && entry.dtype == "U8" && entry.shape.rank() == 2) {
        compose_ternary(entry, module(".weight"));
        continue;
      }
      const bool bytes = entry.dtype == "F8_E4M3" || entry.dtype == "I8";
      if (name.ends_with(".weight") && bytes && entry.shape.rank() == 2) {
        compose_bytes(entry, module(".weight"));
      } else if (name.ends_with(".qweight") && entry.dtype == "I32") {
        compose_words(entry, module(".qweight"));
      } else if (name.ends_with(".weight_packed") && entry.dtype == "I32") {
        compose_packed(entry, module(".weight_packed"));
      }
    }
    replace();
  }

 private:
  // A tensor of numbers that Hearth computes with, as scales are; null if there is none.
  const WeightEntry* take_floats(const std::string& name) {
    const auto found = floats_.find(name);
    if (found == floats_.end() || traits(found->second->format).is_quantized()) return nullptr;
    taken_.insert(name);
    return found->second;
  }
  // No bytes: there is none of this type.
  IntegerTensor take_integers(const std::string& name, std::string_view dtype) {
    const auto found = integers_.find(name);
    if (found == integers_.end()) return {};
    taken_.insert(name);
    if (found->second->dtype != dtype) return {};
    return {found->second->bytes, found->second->shape};
  }
  IntegerTensor take(const UnreadableEntry& entry) { return take_integers(entry.name, entry.dtype); }

  void add(const std::string& module, const UnreadableEntry& codes, const QuantizedMatrix& result) {
    const std::string name = module + ".weight";
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
      refused_.push_back({name, fmt::format("tensor {}, quantized by {}: {}", quote_name(codes.name),
                                            method_ ? method_->name : "MXFP6", refusal->reason)});
      return;
    }
    const auto matrix = std::make_shared<const ComposedMatrix>(std::get<ComposedMatrix>(result));
    composed_.push_back({name, matrix->format, matrix->shape, {}, matrix});
  }

  void compose_mxfp6(const UnreadableEntry& entry, const std::string& module) {
    const IntegerTensor codes = take(entry);
    const IntegerTensor scales = take_integers(module + ".weight_scale", "F8_E8M0");
    add(module, entry, mxfp6_matrix(entry.dtype == "F6_E2M3" ? Format::kMxfp6E2m3 : Format::kMxfp6E3m2, codes, scales));
  }

  void compose_bytes(const UnreadableEntry& entry, const std::string& module) {
    const IntegerTensor codes = take(entry);
    const WeightEntry* scales = nullptr;
    for (const std::string_view suffix : {".weight_scale_inv", ".weight_scale"}) {
      if (scales == nullptr) scales = take_floats(module + std::string(suffix));
    }
    if (scales == nullptr) return add(module, entry, Refusal{"there are no scales beside it"});
    if (integers_.contains(module + ".weight_zero_point")) {
      return add(module, entry, Refusal{"zero points beside bytes are not supported"});
    }
    add(module, entry,
        byte_matrix(entry.dtype == "F8_E4M3", codes, *scales, method_->block_rows, method_->block_columns));
  }

  void compose_ternary(const UnreadableEntry& entry, const std::string& module) {
    const IntegerTensor codes = take(entry);
    const WeightEntry* scale = take_floats(module + ".weight_scale");
    if (scale == nullptr) return add(module, entry, Refusal{"there is no weight_scale beside it"});
    add(module, entry, ternary_matrix(codes, *scale, method_->linear_class == "bitlinear"));
  }

  void compose_words(const UnreadableEntry& entry, const std::string& module) {
    const WeightEntry* scales = take_floats(module + ".scales");
    const IntegerTensor zeros = take_integers(module + ".qzeros", "I32");
    const IntegerTensor order = take_integers(module + ".g_idx", "I32");
    const IntegerTensor words = take(entry);
    if (scales == nullptr || zeros.bytes.empty()) {
      return add(module, entry, Refusal{"its scales or qzeros are not there"});
    }
    if (method_->name == "awq") return add(module, entry, awq_matrix(words, zeros, *scales));
    add(module, entry,
        gptq_matrix(static_cast<int>(method_->bits), method_->zero_offset, words, zeros, *scales, order));
  }

  void compose_packed(const UnreadableEntry& entry, const std::string& module) {
    const WeightEntry* scales = take_floats(module + ".weight_scale");
    const IntegerTensor zeros = take_integers(module + ".weight_zero_point", "I32");
    const IntegerTensor order = take_integers(module + ".weight_g_idx", "I32");
    const IntegerTensor shape = take_integers(module + ".weight_shape", "I64");
    const IntegerTensor words = take(entry);
    if (scales == nullptr || shape.bytes.size() != 2 * sizeof(std::int64_t) || words.shape.rank() != 2) {
      return add(module, entry, Refusal{"its weight_scale or weight_shape is not there"});
    }
    std::int64_t size[2];
    std::memcpy(size, shape.bytes.data(), sizeof size);
    for (const int bits : {4, 8}) {
      const std::int64_t per_word = 32 / bits;
      if (size[0] != words.shape[0] || size[1] <= 0 || words.shape[1] != (size[1] - 1) / per_word + 1) continue;
      return add(module, entry, packed_matrix(bits, size[1], words, *scales, zeros, order));
    }
    add(module, entry, Refusal{"numbers of other than 4 or 8 bits are not supported"});
  }

  // What was taken goes, what was made comes.
  void replace() {
    const auto is_taken = [&](const auto& entry) { return taken_.contains(entry.name); };
    std::erase_if(tensors_, is_taken);
    std::erase_if(unreadable_, is_taken);
    std::ranges::move(composed_, std::back_inserter(tensors_));
    std::ranges::move(refused_, std::back_inserter(unreadable_));
  }

  const std::optional<Method>& method_;
  std::vector<WeightEntry>& tensors_;
  std::vector<UnreadableEntry>& unreadable_;
  std::unordered_map<std::string_view, const WeightEntry*> floats_;
  std::unordered_map<std::string_view, const UnreadableEntry*> integers_;
  std::unordered_set<std::string> taken_;
  std::vector<WeightEntry> composed_;
  std::vector<UnreadableEntry> refused_;
};

}  // namespace

std::optional<std::string> compose_quantized(const json::object& config, std::vector<WeightEntry>& tensors,
                                             std::vector<UnreadableEntry>& unreadable) {
  const json::object* settings = quantization_settings(config);
  std::optional<Method> method;
  if (settings != nullptr) method = read_method(*settings);
  std::optional<std::string> refusal;
  if (method) refusal = refusal_of(*method);
  if (refusal) method.reset();
  Composer(method, tensors, unreadable).compose();
  return refusal;
}

}  // namespace hearth
