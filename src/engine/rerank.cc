#include "engine/rerank.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

using Function = DenseLayer::Function;

constexpr std::string_view kQuery = "{query}", kDocument = "{document}";

// As the model's card has it (Qwen3 Embedding, Zhang et al. 2025).
constexpr std::string_view kQwenPrompt =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    "provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n<Instruct>: "
    "Given a web search query, retrieve relevant passages that answer the query\n<Query>: {query}\n<Document>: "
    "{document}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";

class RerankReader {
 public:
  RerankReader(const ModelSource& source, const ModelSpec& model, const Tokenizer& tokenizer)
      : source_(source), model_(model), tokenizer_(tokenizer), file_(source.path().string()) {}

  std::optional<RerankSpec> read() {
    const bool has_head = source_.kind() == ModelSource::Kind::kGguf ? read_gguf_head() : read_folder_head();
    if (!has_head && !read_words()) return std::nullopt;
    check_head();
    return std::move(spec_);
  }

 private:
  bool is_qwen3() const { return model_.architecture == "qwen3"; }

  // Adds the layer, if the files have it.
  bool add(const std::string& name, Function function = Function::kNone) {
    auto layer = read_dense_layer(source_, name);
    if (!layer) return false;
    layer->function = function;
    spec_.head.push_back(std::move(*layer));
    return true;
  }
  void require(const std::string& name, Function function = Function::kNone) {
    if (!add(name, function)) throw InvalidInput(fmt::format("{}: tensor '{}.weight' is missing", file_, name));
  }

  // A LayerNorm behind the last layer.
  void add_norm(const std::string& name) {
    DenseLayer& layer = spec_.head.back();
    layer.norm_weight = read_floats(source_, name + ".weight");
    layer.norm_bias = read_floats(source_, name + ".bias");
    layer.norm_epsilon = static_cast<double>(model_.norm.epsilon);
    const auto fits = [&](const std::vector<float>& values) {
      return values.empty() || std::ssize(values) == layer.out;
    };
    if (fits(layer.norm_weight) && fits(layer.norm_bias)) return;
    throw InvalidInput(fmt::format("{}: norm '{}' is not of {} elements", file_, name, layer.out));
  }

  // llama.cpp's names: a layer `cls`, a norm of what it makes, and the last layer, any of which may be missing.
  bool read_gguf_head() {
    constexpr std::int64_t kRanks = 4;
    const bool ranks = source_.metadata().integer(model_.architecture + ".pooling_type").value_or(-1) == kRanks;
    if (!ranks && source_.find("cls.output.weight") == nullptr) return false;
    const bool is_modern = model_.architecture == "modern-bert";
    if (add("cls", is_modern ? Function::kGelu : Function::kTanh)) {
      add_norm("cls.norm");
      // Of one matrix alone it is the last.
      const bool is_last = spec_.head.back().out == 1 && source_.find("cls.output.weight") == nullptr;
      if (is_last) spec_.head.back().function = Function::kNone;
    }
    add("cls.output");
    if (spec_.head.empty()) {
      throw InvalidInput(fmt::format(
          "{}: the model ranks (pooling_type 4), and has neither 'cls.weight' nor 'cls.output.weight'", file_));
    }
    spec_.pooling = !model_.looks_ahead() ? Pooling::kLast : is_modern ? Pooling::kMean : Pooling::kCls;
    if (model_.looks_ahead()) return true;
    if (spec_.head.back().out == 2) take_no_from_yes();
    set_prompt(source_.metadata().string("tokenizer.chat_template.rerank"));
    return true;
  }

  void set_prompt(std::optional<std::string_view> prompt) {
    if (!prompt && !is_qwen3()) {
      throw Unsupported(
          fmt::format("{}: nothing says how a reranker of architecture '{}' is asked", file_, model_.architecture));
    }
    spec_.prompt = prompt.value_or(kQwenPrompt);
    const std::size_t query = spec_.prompt.find(kQuery), document = spec_.prompt.find(kDocument);
    if (query != std::string::npos && document != std::string::npos && query < document) return;
    throw Unsupported(fmt::format("{}: the template for ranking has no {} before a {}", file_, kQuery, kDocument));
  }

  // Two outputs for two words become one: what tells them apart is the difference.
  void take_no_from_yes() {
    std::size_t yes = 0;
    const auto labels = source_.metadata().strings(model_.architecture + ".classifier.output_labels");
    if (labels && labels->size() == 2 && (*labels)[0] == "no") yes = 1;
    DenseLayer& layer = spec_.head.back();
    const auto width = static_cast<std::size_t>(layer.in);
    std::vector<float> weight(width);
    for (std::size_t i = 0; i < width; ++i) {
      weight[i] = layer.weight[yes * width + i] - layer.weight[(1 - yes) * width + i];
    }
    if (!layer.bias.empty()) layer.bias = {layer.bias[yes] - layer.bias[1 - yes]};
    layer.weight = std::move(weight);
    layer.out = 1;
  }

  bool classifies() const {
    const boost::json::value* classes = find_field(source_.config(), "architectures");
    if (classes == nullptr || !classes->is_array()) return false;
    return std::ranges::any_of(classes->get_array(), [](const boost::json::value& name) {
      return name.is_string() && std::string_view(name.get_string()).ends_with("ForSequenceClassification");
    });
  }

  // The heads of transformers' classes for a sequence's label.
  bool read_folder_head() {
    if (!classifies()) return false;
    const std::string& family = model_.architecture;
    if (family == "bert") {
      require(source_.find("bert.pooler.dense.weight") != nullptr ? "bert.pooler.dense" : "pooler.dense",
              Function::kTanh);
      require("classifier");
    } else if (family == "xlm-roberta" || family == "roberta" || family == "camembert") {
      require("classifier.dense", Function::kTanh);
      require("classifier.out_proj");
    } else if (family == "distilbert") {
      require("pre_classifier", Function::kRelu);
      require("classifier");
    } else if (family == "modernbert") {
      require("head.dense", Function::kGelu);
      add_norm("head.norm");
      require("classifier");
      const auto pooling = string_field(source_.config(), "classifier_pooling", "config.json").value_or("cls");
      if (pooling != "cls" && pooling != "mean") {
        throw Unsupported(fmt::format("{}: classifier_pooling '{}'; supported are cls and mean", file_, pooling));
      }
      spec_.pooling = pooling == "mean" ? Pooling::kMean : Pooling::kCls;
      const auto activation = string_field(source_.config(), "classifier_activation", "config.json").value_or("gelu");
      if (activation != "gelu") {
        throw Unsupported(fmt::format("{}: classifier_activation '{}'; supported is gelu", file_, activation));
      }
    } else if (is_qwen3()) {
      require("score");
      spec_.pooling = Pooling::kLast;
      set_prompt(std::nullopt);
    } else {
      throw Unsupported(
          fmt::format("{}: a head for labels of architecture '{}'; known are those of bert, xlm-roberta, "
                      "roberta, camembert, distilbert, modernbert and qwen3",
                      file_, family));
    }
    return true;
  }

  // Qwen3 without a head: "yes" less "no" among the logits.
  bool read_words() {
    if (!is_qwen3()) return false;
    const auto yes = tokenizer_.find("yes"), no = tokenizer_.find("no");
    if (!yes || !no) return false;
    for (const char* name :
         {"output.weight", "lm_head.weight", "token_embd.weight", "model.embed_tokens.weight", "embed_tokens.weight"}) {
      const WeightEntry* entry = source_.find(name);
      if (entry == nullptr || entry->shape.rank() != 2) continue;
      DenseLayer layer;
      layer.in = entry->shape.columns();
      layer.out = 1;
      layer.weight = row_of(*entry, *yes);
      const std::vector<float> other = row_of(*entry, *no);
      for (std::size_t i = 0; i < other.size(); ++i) layer.weight[i] -= other[i];
      spec_.head.push_back(std::move(layer));
      spec_.pooling = Pooling::kLast;
      spec_.prompt = kQwenPrompt;
      spec_.ranks_alone = false;
      return true;
    }
    return false;
  }

  std::vector<float> row_of(const WeightEntry& entry, TokenId token) const {
    if (token >= entry.shape.rows()) {
      throw InvalidInput(
          fmt::format("{}: tensor '{}' has {} rows, none for token {}", file_, entry.name, entry.shape.rows(), token));
    }
    std::vector<std::byte> scratch;
    std::vector<float> row(static_cast<std::size_t>(entry.shape.columns()));
    traits(entry.format).decode_f32(entry.rows(token, token + 1, scratch), row.data(), std::ssize(row));
    return row;
  }

  void check_head() const {
    std::int64_t width = model_.width;
    for (const DenseLayer& layer : spec_.head) {
      if (layer.in != width) {
        throw InvalidInput(
            fmt::format("{}: a layer of the head takes {} elements, and is given {}", file_, layer.in, width));
      }
      width = layer.out;
    }
    if (width == 1) return;
    throw Unsupported(fmt::format("{}: the head chooses among {} labels; a reranker has one", file_, width));
  }

  const ModelSource& source_;
  const ModelSpec& model_;
  const Tokenizer& tokenizer_;
  std::string file_;
  RerankSpec spec_;
};

}  // namespace

std::optional<RerankSpec> read_rerank_spec(const ModelSource& source, const ModelSpec& model,
                                           const Tokenizer& tokenizer) {
  return RerankReader(source, model, tokenizer).read();
}

// The texts' own lines are read apart from the rest, whose special tokens count; a line's end is the end of a token.
TokenPair rerank_input(const RerankSpec& spec, const Tokenizer& tokenizer, std::string_view query,
                       std::string_view document) {
  if (spec.prompt.empty()) return tokenizer.encode_pair(query, document);
  const std::string_view prompt = spec.prompt;
  const std::size_t query_at = prompt.find(kQuery), document_at = prompt.find(kDocument);
  const std::size_t line = prompt.rfind('\n', query_at), begin = line == std::string_view::npos ? 0 : line + 1;
  const std::size_t end = document_at + kDocument.size(), between = query_at + kQuery.size();
  std::string body(prompt.substr(begin, query_at - begin));
  body += query;
  body += prompt.substr(between, document_at - between);
  body += document;
  TokenPair input{tokenizer.encode(prompt.substr(0, begin), {.add_special = true, .parse_special = true}), 0};
  const auto append = [&](const std::vector<TokenId>& ids) {
    input.ids.insert(input.ids.end(), ids.begin(), ids.end());
  };
  append(tokenizer.encode(body));
  append(tokenizer.encode(prompt.substr(end), {.parse_special = true}));
  return input;
}

float rerank_logit(const RerankSpec& spec, std::vector<float> pooled) {
  const std::vector<float> result = through_dense(spec.head, std::move(pooled));
  CHECK(result.size() == 1);
  return result.front();
}

double relevance(float logit) {
  return 1 / (1 + std::exp(-static_cast<double>(logit)));
}

std::vector<std::size_t> ranked(const std::vector<float>& logits, std::size_t count) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto value = [&](std::size_t i) { return std::isnan(logits[i]) ? -INFINITY : logits[i]; };
  std::ranges::stable_sort(order, std::greater<>(), value);
  order.resize(std::min(order.size(), count));
  return order;
}

}  // namespace hearth
