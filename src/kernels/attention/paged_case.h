// What the tests and benchmarks of the operators on the paged cache share: sequences with queries, keys and values for
// every position, a cache whose blocks are scattered and full of NaN until they are written, and steps over any parts
// of those sequences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/testing/kernel_testing.h"

namespace hearth::kernel_testing {

struct PagedShape {
  std::int64_t head_count = 4;
  std::int64_t kv_heads = 2;
  std::int64_t head_dim = 64;
  Format format = Format::kF32;
  std::int64_t block_tokens = 32;
  std::int64_t latent_dim = 0;  // PagedKv's
};

inline std::string to_string(const PagedShape& shape) {
  return std::to_string(shape.head_count) + " heads, " + std::to_string(shape.kv_heads) + " kv heads, head_dim " +
         std::to_string(shape.head_dim) + ", " + std::string(traits(shape.format).name) + ", blocks of " +
         std::to_string(shape.block_tokens) + ", latents of " + std::to_string(shape.latent_dim);
}

// Positions [begin, end) of a sequence, in one step.
struct StepPart {
  std::int32_t sequence;
  std::int32_t begin;
  std::int32_t end;
};

// A step with the arrays that its view points into.
struct PagedStep {
  std::vector<StepPart> parts;
  std::vector<std::int32_t> positions, sequences, key_counts, prefix_lengths, block_tables;
  std::vector<float> q, k, v;  // [tokens, heads, head_dim]
  StepView view;
};

class PagedCase {
 public:
  // Sequence i has lengths[i] tokens. Its data follows from `data_seed` and i alone, so that two cases with other
  // formats, block sizes, placements or neighbours compare. `placement_seed` scatters the blocks.
  PagedCase(PagedShape shape, std::vector<std::int32_t> lengths, std::uint32_t data_seed = 1,
            std::uint32_t placement_seed = 2)
      : shape_(shape), lengths_(std::move(lengths)) {
    for (const std::int32_t length : lengths_) {
      table_stride_ = std::max(table_stride_, (length + shape_.block_tokens - 1) / shape_.block_tokens);
    }
    const std::int64_t block_count = table_stride_ * static_cast<std::int64_t>(lengths_.size());
    tables_.resize(static_cast<std::size_t>(block_count));
    std::iota(tables_.begin(), tables_.end(), 0);
    std::shuffle(tables_.begin(), tables_.end(), std::mt19937(placement_seed));
    const std::int64_t elements = block_count * shape_.kv_heads * shape_.block_tokens * shape_.head_dim;
    // Bytes of 0xff: NaN in float32 and in bf16.
    k_bytes_.assign(static_cast<std::size_t>(format_bytes(shape_.format, elements)), std::uint8_t{0xff});
    v_bytes_ = k_bytes_;
    for (std::size_t i = 0; i < lengths_.size(); ++i) {
      const auto seed = static_cast<std::uint32_t>(data_seed * 1000 + i * 3);
      q_.push_back(random_floats(lengths_[i] * shape_.head_count * shape_.head_dim, seed));
      k_.push_back(random_floats(lengths_[i] * kv_width(), seed + 1));
      v_.push_back(random_floats(lengths_[i] * kv_width(), seed + 2));
    }
  }

  const PagedShape& shape() const { return shape_; }
  const std::vector<std::int32_t>& lengths() const { return lengths_; }
  std::int64_t kv_width() const { return shape_.kv_heads * shape_.head_dim; }
  std::int64_t q_width() const { return shape_.head_count * shape_.head_dim; }
  std::int64_t out_width() const {
    return shape_.head_count * (shape_.latent_dim > 0 ? shape_.latent_dim : shape_.head_dim);
  }
  float scale() const { return 1 / std::sqrt(static_cast<float>(shape_.head_dim)); }
  // Of sequence i, [positions, heads, head_dim]: to be changed before steps are made of it.
  std::vector<float>& q(std::size_t i) { return q_[i]; }
  std::vector<float>& k(std::size_t i) { return k_[i]; }
  std::vector<float>& v(std::size_t i) { return v_[i]; }

  const std::vector<std::uint8_t>& k_bytes() const { return k_bytes_; }
  const std::vector<std::uint8_t>& v_bytes() const { return v_bytes_; }
  PagedKv cache() {
    return {reinterpret_cast<std::byte*>(k_bytes_.data()),
            shape_.latent_dim > 0 ? nullptr : reinterpret_cast<std::byte*>(v_bytes_.data()),
            shape_.format,
            shape_.block_tokens,
            shape_.kv_heads,
            shape_.head_dim,
            false,
            shape_.latent_dim};
  }

  // Parts are ordered by sequence. The block tables name no block beyond the keys that the step has.
  PagedStep step(std::vector<StepPart> parts, std::int32_t prefix_length = 0) const {
    PagedStep step;
    step.parts = std::move(parts);
    for (std::size_t i = 0; i < step.parts.size(); ++i) {
      const StepPart& part = step.parts[i];
      const auto source = static_cast<std::size_t>(part.sequence);
      for (std::int32_t p = part.begin; p < part.end; ++p) {
        step.positions.push_back(p);
        step.sequences.push_back(static_cast<std::int32_t>(i));
      }
      append(q_[source], part, q_width(), step.q);
      append(k_[source], part, kv_width(), step.k);
      append(v_[source], part, kv_width(), step.v);
      step.key_counts.push_back(part.end);
      step.prefix_lengths.push_back(prefix_length);
      for (std::int64_t b = 0; b < table_stride_; ++b) {
        const bool used = b * shape_.block_tokens < part.end;
        step.block_tables.push_back(
            used ? tables_[source * static_cast<std::size_t>(table_stride_) + static_cast<std::size_t>(b)]
                 : -0x40000000);
      }
    }
    step.view = {.token_count = static_cast<std::int64_t>(step.positions.size()),
                 .sequence_count = static_cast<std::int64_t>(step.parts.size()),
                 .positions = step.positions.data(),
                 .sequences = step.sequences.data(),
                 .key_counts = step.key_counts.data(),
                 .prefix_lengths = step.prefix_lengths.data(),
                 .block_tables = step.block_tables.data(),
                 .block_table_stride = table_stride_};
    return step;
  }

  // All sequences, whole.
  PagedStep whole_step(std::int32_t prefix_length = 0) const {
    std::vector<StepPart> parts;
    for (std::size_t i = 0; i < lengths_.size(); ++i) parts.push_back({static_cast<std::int32_t>(i), 0, lengths_[i]});
    return step(std::move(parts), prefix_length);
  }

  void write(CpuRunner& run, const PagedStep& step) {
    run.kernels.kv_write(*run.stream, {step.k.data(), step.v.data(), kv_width(), step.view, cache()});
  }

  AttentionArgs attention_args(const PagedStep& step, const Mask& mask, std::vector<float>& out) {
    out.assign(step.positions.size() * static_cast<std::size_t>(q_width()), std::nanf(""));
    return {step.q.data(), q_width(), shape_.head_count, step.view, cache(), mask, scale(), 0, out.data()};
  }

 private:
  static void append(const std::vector<float>& from, const StepPart& part, std::int64_t width, std::vector<float>& to) {
    to.insert(to.end(), from.begin() + part.begin * width, from.begin() + part.end * width);
  }

  PagedShape shape_;
  std::vector<std::int32_t> lengths_;
  std::int64_t table_stride_ = 1;
  std::vector<std::int32_t> tables_;  // [sequences, table_stride_]
  std::vector<std::uint8_t> k_bytes_, v_bytes_;
  std::vector<std::vector<float>> q_, k_, v_;  // of each sequence
};

}  // namespace hearth::kernel_testing
