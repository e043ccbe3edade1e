#include "quantize/quantize_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/ascii_case.h"
#include "base/error.h"
#include "base/escape.h"
#include "text/unicode/regex.h"

namespace hearth {
namespace {

bool is_in_name(const Regex& pattern, const std::string& name) {
  RegexMatcher matcher(pattern);
  bool found = false;
  matcher.for_each(name, [&](Span) { found = true; });
  return found;
}

// The layers that have a matrix of each role, in order; and all layers.
class Layers {
 public:
  explicit Layers(const ModelContents& contents) {
    for (const ContentTensor& tensor : contents.tensors) {
      const std::optional<std::int64_t> layer = layer_of(tensor.name);
      if (!layer) continue;
      count_ = std::max(count_, *layer + 1);
      of_role_[matrix_role(tensor.name)].insert(*layer);
    }
  }

  void place(const std::string& name, MatrixPlace& place) const {
    const std::optional<std::int64_t> layer = layer_of(name);
    if (!layer) return;
    place.index = *layer;
    place.count = count_;
    // Layers without attention do not count where it is about attention.
    if (place.role == MatrixRole::kFfDown) return;
    const std::set<std::int64_t>& layers = of_role_.at(place.role);
    place.index = std::distance(layers.begin(), layers.find(*layer));
    place.count = std::ssize(layers);
  }

 private:
  std::int64_t count_ = 0;
  std::map<MatrixRole, std::set<std::int64_t>> of_role_;
};

class Planner {
 public:
  Planner(const ModelContents& contents, const QuantizeChoices& choices)
      : contents_(contents), choices_(choices), layers_(contents) {
    for (const TensorType& type : choices.tensor_types) patterns_.emplace_back(type.pattern);
    used_.resize(patterns_.size());
    for (const ContentTensor& tensor : contents.tensors) has_output_ = has_output_ || tensor.name == "output.weight";
  }

  QuantizePlan plan() {
    for (const ContentTensor& tensor : contents_.tensors) {
      const Format format = format_of(tensor);
      const Format fitting = format_for_columns(format, tensor.shape.columns());
      if (fitting != format) misfits_[{format, fitting, tensor.shape.columns()}].push_back(tensor.name);
      check_importance(tensor);
      plan_.formats.push_back(fitting);
      plan_.bytes += format_bytes(fitting, tensor.shape.element_count());
      const bool is_again = traits(tensor.format).is_quantized() && fitting != tensor.format;
      if (is_again && traits(fitting).is_quantized()) requantized_.insert(traits(tensor.format).name);
    }
    describe();
    return std::move(plan_);
  }

 private:
  Format format_of(const ContentTensor& tensor) {
    // Nothing reads lists of single numbers, as of norms and biases, from blocks.
    for (std::size_t i = 0; i < patterns_.size() && tensor.shape.rank() >= 2; ++i) {
      if (!is_in_name(patterns_[i], tensor.name)) continue;
      used_[i] = true;
      return choices_.tensor_types[i].format;
    }
    const bool has_gguf_type = traits(tensor.format).ggml_type >= 0;
    const Format own = has_gguf_type ? tensor.format : Format::kBf16;
    if (choices_.recipe != nullptr && choices_.recipe->base == Format::kF32) return Format::kF32;
    if (stays_float(tensor.name, tensor.shape.rank())) return choices_.floats_in_f32 ? Format::kF32 : own;
    if (choices_.recipe == nullptr) return own;
    MatrixPlace place{.role = matrix_role(tensor.name),
                      .heads_per_key = contents_.heads_per_key,
                      .expert_count = contents_.expert_count,
                      .has_importance = choices_.importance != nullptr};
    if (place.role == MatrixRole::kTokenEmbedding && !has_output_) place.role = MatrixRole::kOutput;
    layers_.place(tensor.name, place);
    return choices_.recipe->format_of(place);
  }

  void check_importance(const ContentTensor& tensor) {
    if (choices_.importance == nullptr) return;
    const std::vector<float>* columns = choices_.importance->of(tensor.name);
    if (columns == nullptr) return;
    has_importance_ = true;
    const std::int64_t width = tensor.shape.columns(), experts = tensor.shape.rank() == 3 ? tensor.shape[0] : 1;
    if (std::ssize(*columns) == width || std::ssize(*columns) == experts * width) return;
    throw InvalidInput(fmt::format("{}: {} has {} columns in the importance matrix, and {} in the model",
                                   choices_.importance->path().string(), quote_name(tensor.name), columns->size(),
                                   width));
  }

  void describe() {
    if (choices_.importance != nullptr && !has_importance_) {
      throw InvalidInput(fmt::format("{}: this importance matrix is of another model: no matrix of this one is in it",
                                     choices_.importance->path().string()));
    }
    for (const auto& [misfit, names] : misfits_) {
      const auto& [wanted, fitting, columns] = misfit;
      const std::string others = names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "";
      plan_.notes.push_back(fmt::format("{}{}: rows of {} are no multiple of the {} that {} takes at once: {} instead",
                                        printable_text(names.front()), others, columns, traits(wanted).block_elements,
                                        traits(wanted).name, traits(fitting).name));
    }
    for (const std::string_view format : requantized_) {
      plan_.notes.push_back(
          fmt::format("some matrices are {} already, and lose by being quantized again: a file in f16, bf16 or f32 "
                      "gives a better result",
                      format));
    }
    for (std::size_t i = 0; i < used_.size(); ++i) {
      if (used_[i]) continue;
      plan_.notes.push_back(
          fmt::format("no matrix has a name that matches {}", quote_name(choices_.tensor_types[i].pattern)));
    }
  }

  const ModelContents& contents_;
  const QuantizeChoices& choices_;
  const Layers layers_;
  std::vector<Regex> patterns_;
  std::vector<bool> used_;
  bool has_output_ = false, has_importance_ = false;
  std::map<std::tuple<Format, Format, std::int64_t>, std::vector<std::string>> misfits_;
  std::set<std::string_view> requantized_;
  QuantizePlan plan_;
};

}  // namespace

TensorType parse_tensor_type(const std::string& text) {
  const std::size_t sign = text.rfind('=');
  if (sign == std::string::npos || sign == 0) {
    throw InvalidInput(fmt::format("--tensor-type {} is not PATTERN=FORMAT", quote_name(text)));
  }
  const std::string name = ascii_lower(text.substr(sign + 1));
  std::string known;
  for (const FormatTraits& format : all_formats()) {
    if (format.encode == nullptr || format.ggml_type < 0) continue;
    if (format.name == name) return {text.substr(0, sign), format.format};
    known += known.empty() ? "" : ", ";
    known += format.name;
  }
  throw InvalidInput(fmt::format("--tensor-type {}: {} is no format that can be written; those are {}",
                                 quote_name(text), quote_name(name), known));
}

QuantizePlan plan_quantize(const ModelContents& contents, const QuantizeChoices& choices) {
  return Planner(contents, choices).plan();
}

}  // namespace hearth
