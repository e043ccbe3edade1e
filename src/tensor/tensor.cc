#include "tensor/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <span>

#include "base/check.h"

namespace hearth {

Shape::Shape(std::initializer_list<std::int64_t> dims) {
  for (const std::int64_t dim : dims) append(dim);
}

void Shape::append(std::int64_t dim) {
  CHECK(rank_ < kRankMax && dim >= 0);
  dims_[static_cast<std::size_t>(rank_++)] = dim;
}

std::int64_t Shape::element_count() const {
  std::int64_t count = 1;
  for (int i = 0; i < rank_; ++i) count *= (*this)[i];
  return count;
}

std::string Shape::to_string() const {
  return fmt::format("[{}]", fmt::join(std::span(dims_.data(), static_cast<std::size_t>(rank_)), ", "));
}

std::string DeviceId::to_string() const {
  switch (kind) {
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kCuda:
      return fmt::format("cuda:{}", index);
    case DeviceKind::kHip:
      return fmt::format("hip:{}", index);
    case DeviceKind::kSimt:
      return fmt::format("simt:{}", index);
  }
  CHECK(false);
}

}  // namespace hearth
