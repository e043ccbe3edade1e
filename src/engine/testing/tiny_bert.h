// A tiny BERT of random weights in a temporary GGUF file, and a plain forward pass of it in double precision, written
// from its paper (Devlin et al. 2019); and the states of texts that any encoder computes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/embedder.h"
#include "model/backend.h"
#include "weights/gguf_writer.h"
#include "weights/model_source.h"

namespace hearth::engine_testing {

using Rows = std::vector<std::vector<double>>;
using Tokens = std::vector<std::int32_t>;

inline constexpr std::int64_t kWidth = 16, kFfWidth = 40, kHeads = 2, kLayers = 2, kVocabulary = 30, kPositions = 64;
inline constexpr double kEpsilon = 1e-5;

class TinyBert {
 public:
  TinyBert() {
    writer_.add("general.architecture", "bert");
    const auto number = [&](const char* key, std::int64_t value) {
      writer_.add(std::string("bert.") + key, static_cast<std::uint32_t>(value));
    };
    number("context_length", kPositions);
    number("embedding_length", kWidth);
    number("block_count", kLayers);
    number("feed_forward_length", kFfWidth);
    number("attention.head_count", kHeads);
    writer_.add("bert.attention.layer_norm_epsilon", static_cast<float>(kEpsilon));
    writer_.add("bert.attention.causal", false);
    add("token_embd.weight", kVocabulary, kWidth);
    add("position_embd.weight", kPositions, kWidth);
    add("token_types.weight", 2, kWidth);
    add_norm("token_embd_norm");
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) add_linear(layer + name, kWidth, kWidth);
      add_linear(layer + "ffn_up", kFfWidth, kWidth);
      add_linear(layer + "ffn_down", kWidth, kFfWidth);
      add_norm(layer + "attn_output_norm");
      add_norm(layer + "layer_output_norm");
    }
    path_ = std::filesystem::temp_directory_path() / ("hearth-" + std::to_string(::getpid()) + "-bert.gguf");
    writer_.write(path_);
  }
  ~TinyBert() { std::filesystem::remove(path_); }

  const std::filesystem::path& path() const { return path_; }

  // `second_begin`: where the second text of a pair begins; 0: it is one text.
  std::vector<double> states(const Tokens& tokens, std::size_t second_begin = 0) const {
    Rows x;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      std::vector<double>& row = x.emplace_back(kWidth);
      const std::size_t type = second_begin > 0 && t >= second_begin ? 1 : 0;
      for (std::size_t i = 0; i < kWidth; ++i) {
        row[i] = at("token_embd.weight", static_cast<std::size_t>(tokens[t]) * kWidth + i) +
                 at("position_embd.weight", t * kWidth + i) + at("token_types.weight", type * kWidth + i);
      }
    }
    x = norm(x, "token_embd_norm");
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string layer = "blk." + std::to_string(i) + ".";
      x = norm(sum(x, linear(attention(x, layer), layer + "attn_output", kWidth)), layer + "attn_output_norm");
      Rows hidden = linear(x, layer + "ffn_up", kFfWidth);
      for (auto& row : hidden) {
        for (double& value : row) value *= 0.5 * std::erfc(-value / std::sqrt(2.0));
      }
      x = norm(sum(x, linear(hidden, layer + "ffn_down", kWidth)), layer + "layer_output_norm");
    }
    std::vector<double> all;
    for (const auto& row : x) all.insert(all.end(), row.begin(), row.end());
    return all;
  }

 private:
  double at(const std::string& name, std::size_t i) const { return static_cast<double>(weights_.at(name)[i]); }

  static Rows sum(Rows x, const Rows& y) {
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t i = 0; i < x[t].size(); ++i) x[t][i] += y[t][i];
    }
    return x;
  }

  Rows norm(const Rows& x, const std::string& name) const {
    Rows y = x;
    for (auto& row : y) {
      double mean = 0, variance = 0;
      for (const double value : row) mean += value / kWidth;
      for (const double value : row) variance += (value - mean) * (value - mean) / kWidth;
      for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = (row[i] - mean) / std::sqrt(variance + kEpsilon) * at(name + ".weight", i) + at(name + ".bias", i);
      }
    }
    return y;
  }

  Rows linear(const Rows& x, const std::string& name, std::size_t out) const {
    Rows y;
    for (const auto& row : x) {
      std::vector<double>& result = y.emplace_back(out);
      for (std::size_t o = 0; o < out; ++o) {
        result[o] = at(name + ".bias", o);
        for (std::size_t i = 0; i < row.size(); ++i) result[o] += at(name + ".weight", o * row.size() + i) * row[i];
      }
    }
    return y;
  }

  Rows attention(const Rows& x, const std::string& layer) const {
    const Rows q = linear(x, layer + "attn_q", kWidth), k = linear(x, layer + "attn_k", kWidth),
               v = linear(x, layer + "attn_v", kWidth);
    constexpr std::size_t kHeadDim = kWidth / kHeads;
    Rows y(x.size(), std::vector<double>(kWidth));
    for (std::size_t t = 0; t < x.size(); ++t) {
      for (std::size_t h = 0; h < kHeads; ++h) {
        std::vector<double> weights;
        double total = 0;
        for (std::size_t j = 0; j < x.size(); ++j) {
          double score = 0;
          for (std::size_t d = h * kHeadDim; d < (h + 1) * kHeadDim; ++d) score += q[t][d] * k[j][d];
          total += weights.emplace_back(std::exp(score / std::sqrt(static_cast<double>(kHeadDim))));
        }
        for (std::size_t j = 0; j < x.size(); ++j) {
          for (std::size_t d = h * kHeadDim; d < (h + 1) * kHeadDim; ++d) y[t][d] += weights[j] / total * v[j][d];
        }
      }
    }
    return y;
  }

  void add_linear(const std::string& name, std::int64_t out, std::int64_t in) {
    add(name + ".weight", out, in);
    add(name + ".bias", 1, out);
  }
  void add_norm(const std::string& name) {
    add(name + ".weight", 1, kWidth, 1);
    add(name + ".bias", 1, kWidth);
  }
  void add(const std::string& name, std::int64_t rows, std::int64_t columns, float middle = 0) {
    std::vector<float>& values = weights_[name];
    for (std::int64_t i = 0; i < rows * columns; ++i) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      values.push_back(middle + static_cast<float>(state_ >> 40) * 0x1p-24f - 0.5f);
    }
    const Shape shape = rows == 1 ? Shape{columns} : Shape{rows, columns};
    writer_.add(
        {name, Format::kF32, shape, [&values](ByteSink& sink) { sink.write(std::as_bytes(std::span(values))); }});
  }

  std::uint64_t state_ = 3;
  std::map<std::string, std::vector<float>> weights_;
  GgufWriter writer_;
  std::filesystem::path path_;
};

struct EmbedderRun {
  ComputeMode compute = ComputeMode::kF32;
  std::int64_t step_tokens = 64, step_texts = 8;
};

// [texts][tokens, width]
inline std::vector<std::vector<float>> states_of(const std::filesystem::path& path, Device& device,
                                                 const std::vector<Tokens>& texts, const EmbedderRun& run = {},
                                                 const std::vector<std::int64_t>& second_begins = {}) {
  const auto source = ModelSource::open(path);
  const auto stream = device.open_stream();
  const ChosenBackend chosen = backend_for(device, run.compute);
  ForwardPass pass(*source, chosen.backend,
                   {.compute = chosen.compute,
                    .context = run.step_tokens,
                    .sequences_max = run.step_texts,
                    .cache_tokens = run.step_tokens + run.step_texts * kKvBlockTokens,
                    .step_tokens_max = run.step_tokens,
                    .logit_rows_max = run.step_tokens,
                    .states_only = true});
  pass.load(*stream);
  std::vector<std::vector<float>> states;
  const auto keep = [&](std::size_t text, std::span<const float> rows) {
    EXPECT_EQ(text, states.size());
    states.emplace_back(rows.begin(), rows.end());
  };
  Embedder(pass, *stream).run(texts, keep, second_begins);
  return states;
}

inline Tokens some_text(int seed, int length) {
  Tokens tokens;
  for (int i = 0; i < length; ++i) tokens.push_back((seed * 7 + i * 11) % static_cast<int>(kVocabulary));
  return tokens;
}

}  // namespace hearth::engine_testing
