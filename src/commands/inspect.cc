#include "commands/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>
#include <functional>
#include <map>

#include "base/error.h"
#include "base/escape.h"
#include "base/json_value.h"
#include "commands/find_model.h"
#include "model/architecture.h"
#include "text/templates/chat_template.h"
#include "text/tokenizers/tokenizer.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

constexpr std::size_t kArrayElementsShown = 4;

boost::json::array shape_json(const Shape& shape) {
  boost::json::array dims;
  for (int i = 0; i < shape.rank(); ++i) dims.push_back(shape[i]);
  return dims;
}

// A number that layers have: one where they agree, else a list.
boost::json::value by_layer(const ModelSpec& spec, const std::function<std::int64_t(const LayerSpec&)>& number) {
  boost::json::array numbers;
  for (const LayerSpec& layer : spec.layers) numbers.emplace_back(number(layer));
  const bool agree = std::all_of(numbers.begin(), numbers.end(), [&](const auto& n) { return n == numbers.front(); });
  return agree && !numbers.empty() ? numbers.front() : boost::json::value(std::move(numbers));
}

// Of layers that have attention; 0 for others.
auto of_attention(std::int64_t AttentionSpec::*number) {
  return [=](const LayerSpec& layer) { return layer.has_attention() ? layer.attention().*number : 0; };
}

// The model's sizes, or why they cannot be read: a file of an unknown architecture can still be looked at.
boost::json::object describe_model(const ModelSource& source) {
  boost::json::object result;
  try {
    const Settings settings(source);
    result["architecture"] = settings.architecture();
    const ModelSpec spec = read_model_spec(settings);
    result["layers"] = spec.layer_count();
    result["width"] = spec.width;
    result["heads"] = by_layer(spec, of_attention(&AttentionSpec::head_count));
    result["kv_heads"] = by_layer(spec, of_attention(&AttentionSpec::kv_head_count));
    result["head_dim"] = by_layer(spec, of_attention(&AttentionSpec::head_dim));
    result["ff_width"] = by_layer(spec, [](const LayerSpec& layer) {
      if (!layer.has_feed_forward()) return std::int64_t{0};
      return layer.has_experts() ? layer.experts().width : layer.mlp().width;
    });
    if (std::ranges::any_of(spec.layers, &LayerSpec::has_experts)) {
      result["experts"] = by_layer(
          spec, [](const LayerSpec& layer) { return layer.has_experts() ? layer.experts().routing.expert_count : 0; });
      result["experts_used"] =
          by_layer(spec, [](const LayerSpec& layer) { return layer.has_experts() ? layer.experts().routing.used : 0; });
    }
    if (spec.has_states()) {
      result["state_floats"] = by_layer(spec, [](const LayerSpec& layer) { return layer.state_floats(); });
    }
    result["context"] = spec.context_max;
  } catch (const Error& error) {
    result["not_runnable"] = error.what();
  }
  return result;
}

boost::json::object describe_tokenizer(const ModelSource& source) {
  boost::json::object result;
  try {
    const auto tokenizer = Tokenizer::open(source);
    result["kind"] = tokenizer->kind();
    result["tokens"] = tokenizer->vocab_size();
    if (tokenizer->bos()) result["bos"] = *tokenizer->bos();
    if (tokenizer->eos()) result["eos"] = *tokenizer->eos();
    result["adds_bos"] = tokenizer->adds_bos();
  } catch (const Error& error) {
    result["none"] = error.what();
  }
  try {
    result["chat_template"] = ChatTemplate::from_source(source).has_value();
  } catch (const Error& error) {
    result["chat_template_error"] = error.what();
  }
  return result;
}

boost::json::object describe_formats(const ModelSource& source) {
  struct Total {
    std::int64_t tensors = 0, elements = 0, bytes = 0;
  };
  std::map<Format, Total> totals;
  for (const WeightEntry& tensor : source.tensors()) {
    Total& total = totals[tensor.format];
    ++total.tensors;
    total.elements += tensor.shape.element_count();
    total.bytes += tensor.file_bytes();
  }
  boost::json::object result;
  for (const auto& [format, total] : totals) {
    result[traits(format).name] =
        boost::json::object{{"tensors", total.tensors}, {"elements", total.elements}, {"bytes", total.bytes}};
  }
  return result;
}

boost::json::object describe_metadata(const ModelSource& source) {
  if (source.kind() == ModelSource::Kind::kHuggingFace) return source.config();
  boost::json::object result;
  for (const Metadata::Entry& entry : source.metadata().entries()) {
    result[escape_text(entry.key)] = source.metadata().to_string(entry, kArrayElementsShown);
  }
  return result;
}

// Tensors that no weight can be, and why.
boost::json::object describe_unreadable(const ModelSource& source) {
  boost::json::object result;
  for (const UnreadableEntry& entry : source.unreadable()) result[escape_text(entry.name)] = entry.reason;
  return result;
}

void print_section(std::string_view title, const boost::json::object& values) {
  fmt::print("{}\n", title);
  for (const auto& [key, value] : values) {
    const std::string text = value.is_string() ? std::string(value.get_string()) : serialized_json(value);
    fmt::print("  {}: {}\n", printable_text(std::string_view(key)), printable_text(text));
  }
}

}  // namespace

void inspect(const InspectOptions& options) {
  const auto source = ModelSource::open(find_model(options.model));
  boost::json::object result{
      {"path", source->path().string()},
      {"kind", source->kind() == ModelSource::Kind::kGguf ? "gguf" : "hugging_face"},
      {"model", describe_model(*source)},
      {"tokenizer", describe_tokenizer(*source)},
      {"formats", describe_formats(*source)},
  };
  if (options.metadata) result["metadata"] = describe_metadata(*source);
  if (!source->unreadable().empty()) result["unreadable"] = describe_unreadable(*source);
  if (options.tensors) {
    boost::json::array tensors;
    for (const WeightEntry& tensor : source->tensors()) {
      tensors.push_back(boost::json::object{{"name", escape_text(tensor.name)},
                                            {"format", traits(tensor.format).name},
                                            {"shape", shape_json(tensor.shape)},
                                            {"bytes", tensor.file_bytes()}});
    }
    result["tensors"] = std::move(tensors);
  }
  if (options.json) {
    std::puts(serialized_json(result).c_str());
    return;
  }
  fmt::print("{} ({})\n", source->path().string(), std::string_view(result["kind"].get_string()));
  for (const char* section : {"model", "tokenizer", "formats", "unreadable", "metadata"}) {
    if (result.contains(section)) print_section(section, result[section].get_object());
  }
  if (!options.tensors) return;
  fmt::print("tensors\n");
  for (const WeightEntry& tensor : source->tensors()) {
    fmt::print("  {:<44} {:<10} {} {} bytes\n", escape_text(tensor.name), traits(tensor.format).name,
               tensor.shape.to_string(), tensor.file_bytes());
  }
}

}  // namespace hearth
