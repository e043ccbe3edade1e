// Where one matrix of every expert of a layer stands in a file, in any of the layouts that files have: a tensor for
// each expert, or one in which they are stacked, as rows or transposed, or packed in bytes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/binder.h"
#include "model/model_spec.h"

namespace hearth {

// Matrices [rows, in]; none after a problem.
struct ExpertMatrices {
  Format format = Format::kF32;
  // An expert's, as a tensor has it: where it stands, or made in `scratch`, by any thread.
  std::function<const std::byte*(std::int64_t expert, std::vector<std::byte>& scratch)> matrix;
  const WeightEntry* stacked = nullptr;  // where all stand one after another

  explicit operator bool() const { return matrix != nullptr; }
};

// What the tensors of `weight` are called up to ".weight"; one name where they are stacked, as files of families may
// have them that usually have one for each expert.
std::vector<std::string> expert_names(Binder& binder, Weight weight, std::int64_t layer, std::int64_t expert_count);

// Whether the file has such tensors, stacked or of the first expert.
bool has_expert_matrices(Binder& binder, Weight weight, std::int64_t layer);

ExpertMatrices find_expert_matrices(Binder& binder, const ModelSpec& spec, Weight weight, std::int64_t layer,
                                    std::int64_t expert_count, std::int64_t in, std::int64_t rows);

// Numbers that go with the matrices of `weights`, which stand one below the other: `count` of each expert and weight,
// called `suffix` (".bias") behind the tensors' names. Nothing where the file has none.
Planned<const float> bind_expert_floats(Binder& binder, const ModelSpec& spec, const std::vector<Weight>& weights,
                                        std::int64_t layer, std::int64_t expert_count, std::string_view suffix,
                                        std::int64_t count);

}  // namespace hearth
