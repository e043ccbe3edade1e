// The integers that a format's weights are, where they are at most 16: what kernels look up with a code of four bits.
#pragma once

#include <array>
#include <cstdint>

#include "formats/format.h"

namespace hearth {

using CodeValues = std::array<std::int8_t, 16>;

// All of `decode_int8`'s integers, each at the place that is its code; unused places at the end are 0. Only zeros for a
// format that has more of them, or none. The array lives as long as the program.
const CodeValues& code_values(Format format);

}  // namespace hearth
