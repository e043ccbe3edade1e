// What an entry of a kernel table is: a name and a function, or nothing. The entry is the only statement of support.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/check.h"
#include "device/device.h"
#include "formats/format.h"

namespace hearth {

struct UnsupportedKernel {};
// An operator that a device does not have yet: written out in its table, and reported when a model needs it.
inline constexpr UnsupportedKernel kUnsupported;

// A kernel that may be absent. Launching it counts in the device's ledger under its name.
template <class Args>
class Kernel {
 public:
  using Function = void (*)(Stream&, const Args&);

  constexpr Kernel() = default;
  constexpr Kernel(const char* name, Function function) : name_(name), function_(function) {}

  constexpr explicit operator bool() const { return function_ != nullptr; }
  constexpr std::string_view name() const { return name_; }

  void operator()(Stream& stream, const Args& args) const {
    CHECK(function_ != nullptr);
    stream.note_operator(name_);
    function_(stream, args);
  }

 private:
  const char* name_ = "";
  Function function_ = nullptr;
};

// A field of a kernel table. There is no default constructor, so a table that leaves an operator out does not compile.
template <class Args>
class Required : public Kernel<Args> {
 public:
  constexpr Required(const char* name, typename Kernel<Args>::Function function) : Kernel<Args>(name, function) {}
  constexpr Required(UnsupportedKernel) {}
};

// One kernel for each weight format that the operator can read; the others stay empty.
template <class Entry>
class PerFormat {
 public:
  struct Item {
    Format format;
    Entry entry;
  };
  // An array and not an initializer_list: that would accept `{}`, and with it a table that leaves the operator out.
  template <std::size_t kCount>
  constexpr PerFormat(const Item (&items)[kCount]) {
    for (const Item& item : items) entries_[static_cast<std::size_t>(item.format)] = item.entry;
  }
  constexpr PerFormat(UnsupportedKernel) {}
  // One kernel that reads every format.
  static constexpr PerFormat every(const Entry& entry) {
    PerFormat result(kUnsupported);
    result.entries_.fill(entry);
    return result;
  }
  // The same with another kernel for one format.
  constexpr PerFormat with(Format format, const Entry& entry) const {
    PerFormat result = *this;
    result.entries_[static_cast<std::size_t>(format)] = entry;
    return result;
  }
  constexpr const Entry& operator[](Format format) const { return entries_[static_cast<std::size_t>(format)]; }

 private:
  std::array<Entry, kFormatCount> entries_{};
};

}  // namespace hearth
