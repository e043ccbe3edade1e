#include "model/architectures/expert_settings.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "base/error.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

RouterScore read_score(const Settings& settings, RouterScore fallback) {
  switch (settings.positive(settings::kExpertGating).value_or(0)) {
    case 0:
      return fallback;
    case 1:
      return RouterScore::kSoftmax;
    case 2:
      return RouterScore::kSigmoid;
    case 3:
      return RouterScore::kChosenSoftmax;
    default:
      throw Unsupported(fmt::format("{}: setting 'expert_gating_func' is of an unknown kind", settings.file_name()));
  }
}

void check(const Settings& settings, const Routing& r) {
  const bool fits = r.used <= r.expert_count && r.expert_count % r.group_count == 0 && r.groups_used <= r.group_count &&
                    r.used <= r.groups_used * (r.expert_count / r.group_count);
  if (!fits) {
    throw InvalidInput(fmt::format("{}: {} of {} experts cannot be chosen from {} of {} groups", settings.file_name(),
                                   r.used, r.expert_count, r.groups_used, r.group_count));
  }
  if (r.used > kExpertsUsedMax) {
    throw Unsupported(fmt::format("{}: {} experts for a token; supported are up to {}", settings.file_name(), r.used,
                                  kExpertsUsedMax));
  }
}

bool is_listed(const boost::json::array* layers, std::int64_t layer, const Settings& settings) {
  if (layers == nullptr) return false;
  for (const boost::json::value& value : *layers) {
    if (as_integer(value, "mlp_only_layers", settings.file_name()) == layer) return true;
  }
  return false;
}

}  // namespace

ExpertsSpec read_experts(const Settings& settings, const RouterDefaults& router) {
  ExpertsSpec experts;
  Routing& routing = experts.routing;
  routing.expert_count = settings.required(settings::kExpertCount, kExpertsMax);
  routing.used = settings.required(settings::kExpertsUsed, kExpertsMax);
  routing.score = read_score(settings, router.score);
  routing.normalize = settings.boolean(settings::kExpertNormalized).value_or(router.normalize);
  if (settings.is_gguf() && router.gguf_normalize) routing.normalize = *router.gguf_normalize;
  routing.sum_offset = router.sum_offset;
  routing.sum_min = router.sum_min;
  routing.scale = static_cast<float>(settings.positive_number(settings::kExpertScale).value_or(1));
  routing.group_count = settings.positive(settings::kExpertGroups).value_or(1);
  routing.groups_used = settings.positive(settings::kExpertGroupsUsed).value_or(routing.group_count);
  routing.group_score = GroupScore::kTwoLargest;
  check(settings, routing);
  const auto width = settings.positive(settings::kExpertWidth);
  const auto dense_width = width ? width : settings.positive(settings::kFfWidth);
  if (!width && !dense_width) throw InvalidInput(fmt::format("{}: no width of experts", settings.file_name()));
  experts.width = width ? *width : *dense_width;
  experts.shared_width = settings.positive(settings::kSharedExperts).value_or(0) * experts.width;
  return experts;
}

bool give_listed_experts(const Settings& settings, const ExpertsSpec& experts, ModelSpec& spec) {
  const boost::json::array* types = settings.config_list("mlp_layer_types");
  if (types == nullptr) return false;
  if (types->size() != spec.layers.size()) {
    throw InvalidInput(fmt::format("{}: mlp_layer_types lists {} layers of {}", settings.file_name(), types->size(),
                                   spec.layers.size()));
  }
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    if ((*types)[i] == boost::json::value("sparse")) spec.layers[i].feed_forward = experts;
  }
  return true;
}

void give_experts_in_file(const Settings& settings, const ExpertsSpec& experts, ModelSpec& spec) {
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const bool has_router = settings.source().find(fmt::format("blk.{}.ffn_gate_inp.weight", i)) != nullptr;
    if (has_router) spec.layers[i].feed_forward = experts;
  }
}

void give_experts(const Settings& settings, const ExpertsSpec& experts, ModelSpec& spec) {
  const std::int64_t dense = settings.positive(settings::kDenseLayers).value_or(0);
  const std::int64_t step = settings.positive({"", {"decoder_sparse_step"}}).value_or(1);
  const std::int64_t period = settings.positive({"", {"moe_layer_freq"}}).value_or(1);
  const boost::json::array* dense_list = settings.config_list("mlp_only_layers");
  for (std::int64_t i = dense; i < spec.layer_count(); ++i) {
    if ((i + 1) % step != 0 || i % period != 0 || is_listed(dense_list, i, settings)) continue;
    spec.layers[static_cast<std::size_t>(i)].feed_forward = experts;
  }
}

}  // namespace hearth
