// Quantized checkpoints of Hugging Face folders. Each method keeps a matrix in several tensors (codes, scales, zero
// points, an order), in its own layout. Here they become one matrix that the model's code knows, of a format whose
// blocks hold everything (formats/group_int4.h and its like); its rows are made when they are asked for.
//
// What config.json's "quantization_config" names:
//   fp8, fbgemm_fp8      `weight` of E4M3, `weight_scale_inv` or `weight_scale`: one for the matrix, for each row or
//   for
//                        each block of "weight_block_size"
//   compressed-tensors   the same with E4M3 or bytes; or `weight_packed`, 4 or 8 bits, with `weight_scale` and perhaps
//                        `weight_zero_point`
//   awq (gemm, 4 bits)   `qweight`, `qzeros`, `scales`
//   gptq (4 or 8 bits)   the same in another order, and `g_idx`
// Whatever it names, or without it: `weight` of six-bit numbers (safetensors' F6_E2M3 and F6_E3M2) with `weight_scale`
// of E8M0, one for 32 columns, is MXFP6.
//
// Activations are computed with as they are, whatever the checkpoint says of quantizing them.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "weights/weight_entry.h"

namespace hearth {

// Puts one entry in the place of each quantized matrix's tensors. A matrix that its method allows and Hearth does not
// becomes an unreadable entry of the name under which it is looked for, with the reason. Returns a sentence if the
// whole method is none of the above. Spans of `tensors` and `unreadable` stay those of the mapped files.
std::optional<std::string> compose_quantized(const boost::json::object& config, std::vector<WeightEntry>& tensors,
                                             std::vector<UnreadableEntry>& unreadable);

}  // namespace hearth
