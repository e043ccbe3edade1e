// A large range of memory that repeats one small pattern and, until it is written to, takes no more of the machine's
// memory than the pattern: what stands in for a model's weights where only their number matters.
#pragma once

#include <cstddef>
#include <span>

namespace hearth {

class RepeatedMemory {
 public:
  // Bytes of a page: what a pattern must be a multiple of.
  static std::size_t page_bytes();

  // `pattern` again and again, `bytes` in all (the last repetition may be cut). `pattern` is a whole number of pages.
  // Throws OutOfMemory with the system's reason.
  RepeatedMemory(std::span<const std::byte> pattern, std::size_t bytes);
  RepeatedMemory(RepeatedMemory&& other) noexcept;
  RepeatedMemory& operator=(RepeatedMemory&& other) noexcept;
  ~RepeatedMemory();

  std::span<const std::byte> bytes() const { return {data_, bytes_}; }

  // Gives every page memory of its own, as a file's would have: repeated pages may all lie in a processor's cache.
  // Takes as much memory as the range is large.
  void make_distinct();

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;   // as asked for
  std::size_t mapped_ = 0;  // whole pages
};

}  // namespace hearth
