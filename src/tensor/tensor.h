// Shapes and tensors: a tensor is a view of memory that somebody else owns (a mapped file, an arena).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "formats/format.h"

namespace hearth {

// Up to four dimensions, outermost first; the last is contiguous: a matrix is [rows, columns].
class Shape {
 public:
  static constexpr int kRankMax = 4;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims);

  int rank() const { return rank_; }
  std::int64_t operator[](int i) const { return dims_[static_cast<std::size_t>(i)]; }
  std::int64_t element_count() const;
  std::int64_t columns() const { return rank_ == 0 ? 1 : (*this)[rank_ - 1]; }
  std::int64_t rows() const { return columns() == 0 ? 0 : element_count() / columns(); }
  void append(std::int64_t dim);
  bool operator==(const Shape&) const = default;
  std::string to_string() const;  // "[4096, 128]"

 private:
  std::array<std::int64_t, kRankMax> dims_{};
  int rank_ = 0;
};

// kSimt: the executor on which the tests run GPU kernels without a GPU.
enum class DeviceKind : std::uint8_t { kCpu, kCuda, kHip, kSimt };

struct DeviceId {
  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;
  bool operator==(const DeviceId&) const = default;
  std::string to_string() const;  // "cpu", "cuda:0"
};

struct Tensor {
  const std::byte* data = nullptr;
  Format format = Format::kF32;
  DeviceId device;
  Shape shape;
};

}  // namespace hearth
