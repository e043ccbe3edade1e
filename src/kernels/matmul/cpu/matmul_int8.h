// The int8 kernels of one instruction set: one template for every block type, and two that read packed panels.
#pragma once

#include "device/cpu/cpu_device.h"
#include "formats/mxfp6.h"
#include "formats/q2_k.h"
#include "formats/q4_1.h"
#include "formats/q5_0.h"
#include "formats/q5_1.h"
#include "formats/q5_k.h"
#include "kernels/matmul/cpu/matmul_packed.h"
#include "kernels/matmul/matmul.h"

namespace hearth::HEARTH_ISA {

// Weights as files have them, in blocks of type Block (formats/integer_block.h).
template <class Block>
void matmul_int8(Stream& stream, const MatmulArgs& args);

// Weights in panels of eight rows (matmul_packed.h).
void matmul_int8_q8_0(Stream& stream, const MatmulArgs& args);
void matmul_int8_q4_0(Stream& stream, const MatmulArgs& args);
void matmul_int8_int8(Stream& stream, const MatmulArgs& args);
void matmul_int8_int4(Stream& stream, const MatmulArgs& args);
void matmul_int8_q4_k(Stream& stream, const MatmulArgs& args);
void matmul_int8_q6_k(Stream& stream, const MatmulArgs& args);
// Of codes for the integers of any format (TileCodes), a scale for 32 columns or for 16.
void matmul_int8_codes_32(Stream& stream, const MatmulArgs& args);
void matmul_int8_codes_16(Stream& stream, const MatmulArgs& args);

}  // namespace hearth::HEARTH_ISA
