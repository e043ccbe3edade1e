// NumPy's file format, version 1.0, as far as it is written here: a float32 matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace hearth {

// What stands before the rows. Padded so that they start at a multiple of 64 bytes.
std::string npy_header(std::size_t rows, std::int64_t columns);

}  // namespace hearth
