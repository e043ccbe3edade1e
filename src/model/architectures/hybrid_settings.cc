#include "model/architectures/hybrid_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>

#include "base/error.h"
#include "kernels/selective_scan/selective_scan.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

constexpr std::int64_t kHeadsMax = 1 << 20, kHeadDimensionsMax = 1 << 14, kKernelMax = 1024;
constexpr std::int64_t kInnerMax = 1 << 24;

struct KindName {
  std::string_view name;
  LayerKind kind;
};
constexpr std::array kKindNames{
    KindName{"attention", LayerKind::kAttention},
    KindName{"full_attention", LayerKind::kAttention},
    KindName{"*", LayerKind::kAttention},
    KindName{"mamba", LayerKind::kRecurrence},
    KindName{"linear_attention", LayerKind::kRecurrence},
    KindName{"M", LayerKind::kRecurrence},
    KindName{"mlp", LayerKind::kMlp},
    KindName{"-", LayerKind::kMlp},
    KindName{"moe", LayerKind::kExperts},
    KindName{"E", LayerKind::kExperts},
};

LayerKind kind_of(const Settings& settings, std::string_view name, bool single_parts) {
  const auto known = std::ranges::find(kKindNames, name, &KindName::name);
  const bool is_single =
      known != kKindNames.end() && (known->kind == LayerKind::kMlp || known->kind == LayerKind::kExperts);
  if (known == kKindNames.end() || (is_single && !single_parts)) {
    throw Unsupported(fmt::format("{}: a layer of type '{}' is not supported", settings.file_name(), name));
  }
  return known->kind;
}

// A number, or how Python's JSON writers spell infinity.
double limit_of(const Settings& settings, const boost::json::value& value) {
  const boost::json::value* text = &value;
  if (value.is_object() && value.get_object().contains("__float__")) text = &value.get_object().at("__float__");
  if (text->is_string()) {
    const std::string_view name = text->get_string();
    if (name == "Infinity" || name == "inf") return INFINITY;
  }
  return as_number(value, "time_step_limit", settings.file_name());
}

}  // namespace

std::vector<LayerKind> listed_layer_kinds(const Settings& settings, bool single_parts) {
  std::vector<LayerKind> kinds;
  for (const std::string_view key : {"layer_types", "layers_block_type"}) {
    const boost::json::array* list = settings.config_list(key);
    if (list == nullptr || !kinds.empty()) continue;
    for (const boost::json::value& name : *list) {
      kinds.push_back(kind_of(settings, as_string(name, key, settings.file_name()), single_parts));
    }
  }
  const auto pattern = settings.text({"", {"hybrid_override_pattern"}});
  if (pattern && kinds.empty()) {
    for (const char& letter : *pattern) kinds.push_back(kind_of(settings, std::string_view(&letter, 1), single_parts));
  }
  return kinds;
}

std::vector<bool> recurrent_layers_of_gguf(const Settings& settings, std::int64_t interval) {
  std::vector<bool> result(static_cast<std::size_t>(settings.layer_count()));
  if (const auto listed = settings.list({"attention.recurrent_layers"})) {
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = i < listed->size() && (*listed)[i] != 0;
    return result;
  }
  const auto kv_heads = settings.per_layer(settings::kKvHeads);
  if (kv_heads && std::ranges::find(*kv_heads, 0) != kv_heads->end()) {
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = (*kv_heads)[i] == 0;
    return result;
  }
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = (static_cast<std::int64_t>(i) + 1) % interval != 0;
  return result;
}

MambaSpec read_mamba2(const Settings& settings, std::int64_t width) {
  MambaSpec mamba;
  mamba.heads = settings.required({"ssm.time_step_rank", {"mamba_n_heads", "mamba_num_heads", "num_heads"}}, kHeadsMax);
  mamba.groups = settings.required({"ssm.group_count", {"mamba_n_groups", "n_groups"}}, kHeadsMax);
  mamba.state = settings.required({"ssm.state_size", {"mamba_d_state", "ssm_state_size", "state_size"}}, kScanStateMax);
  mamba.kernel = settings.required({"ssm.conv_kernel", {"mamba_d_conv", "conv_kernel"}}, kKernelMax);
  const auto expand = settings.positive_number({"", {"mamba_expand", "expand"}});
  const auto inner = settings.positive({"ssm.inner_size", {"mamba_d_ssm"}});
  // Where Mamba's names have a prefix, head_dim is attention's.
  const bool has_prefix = settings.config("mamba_n_heads") != nullptr;
  const auto* stated = settings.config("mamba_d_head");
  const bool is_auto = stated != nullptr && stated->is_string();
  const Setting of_head = has_prefix ? Setting{"", {"mamba_d_head"}} : Setting{"", {"mamba_head_dim", "head_dim"}};
  const auto head_dim = is_auto ? std::nullopt : settings.positive(of_head);
  const auto expanded = static_cast<std::int64_t>(expand.value_or(2) * static_cast<double>(width));
  mamba.head_dim = head_dim ? *head_dim : inner.value_or(expanded) / mamba.heads;
  const bool fits = mamba.head_dim > 0 && mamba.head_dim <= kHeadDimensionsMax && mamba.inner() <= kInnerMax &&
                    mamba.inner() == inner.value_or(mamba.inner()) && mamba.heads % mamba.groups == 0;
  if (!fits) {
    throw InvalidInput(fmt::format("{}: {} heads of {} elements in {} groups are no Mamba of {}", settings.file_name(),
                                   mamba.heads, mamba.head_dim, mamba.groups, inner.value_or(mamba.inner())));
  }
  return mamba;
}

void read_step_limits(const Settings& settings, MambaSpec& mamba) {
  const boost::json::array* limits = settings.config_list("time_step_limit");
  if (limits == nullptr) return;
  if (limits->size() != 2) {
    throw InvalidInput(fmt::format("{}: setting 'time_step_limit' is not two numbers", settings.file_name()));
  }
  mamba.delta_min = static_cast<float>(limit_of(settings, (*limits)[0]));
  mamba.delta_max = static_cast<float>(limit_of(settings, (*limits)[1]));
}

std::vector<double> config_numbers(const Settings& settings, std::string_view key, std::size_t count) {
  const boost::json::array* list = settings.config_list(key);
  if (list == nullptr) return {};
  if (list->size() != count) {
    throw InvalidInput(
        fmt::format("{}: setting '{}' has {} numbers, not {}", settings.file_name(), key, list->size(), count));
  }
  std::vector<double> result;
  for (const boost::json::value& value : *list) result.push_back(as_number(value, key, settings.file_name()));
  return result;
}

}  // namespace hearth
