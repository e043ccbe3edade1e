// Memory that is planned before it exists. A block asks for weights and work space while it is built, keeps what it is
// given, and finds the memory behind it once the model is loaded: whoever plans sets the place, no block is told again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "device/device.h"

namespace hearth {

// A pointer that its planner sets later. The planner outlives it.
template <class T>
class Planned {
 public:
  Planned() = default;  // of nothing: get() is null
  explicit Planned(const std::byte* const* place) : place_(place) {}

  // Null for nothing, and before the memory is there.
  T* get() const {
    if (place_ == nullptr) return nullptr;
    // Weights are planned as const T; what is not const was memory of the planner's own.
    return reinterpret_cast<T*>(const_cast<std::byte*>(*place_));
  }
  explicit operator bool() const { return place_ != nullptr; }
  template <class U>
  Planned<U> as() const {
    return Planned<U>(place_);
  }

 private:
  const std::byte* const* place_ = nullptr;
};

// The memory that a step uses and forgets. Blocks that run one after another share an area by its name.
class WorkSpace {
 public:
  // An area of at least `bytes`; all that ask for one name get the same.
  template <class T>
  Planned<T> area(std::string_view name, std::int64_t bytes) {
    auto found = std::find_if(areas_.begin(), areas_.end(), [=](const Area& area) { return area.name == name; });
    if (found == areas_.end()) found = areas_.insert(areas_.end(), Area{std::string(name)});
    found->bytes = std::max(found->bytes, bytes);
    return Planned<T>(&found->place);
  }

  std::int64_t bytes() const {
    std::int64_t sum = 0;
    for (const Area& area : areas_) sum += align_bytes(area.bytes);
    return sum;
  }
  // `memory` is of bytes().
  void place(std::byte* memory) {
    for (Area& area : areas_) {
      area.place = memory;
      memory += align_bytes(area.bytes);
    }
  }

 private:
  struct Area {
    std::string name;
    std::int64_t bytes = 0;
    const std::byte* place = nullptr;
  };
  std::deque<Area> areas_;  // whose elements stay where they are
};

}  // namespace hearth
