// The pattern is a file in memory, mapped side by side as often as needed; private mappings share its pages until they
// are written to.
#include "base/repeated_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace hearth {
namespace {

[[noreturn]] void fail(std::size_t bytes, int error) {
  throw OutOfMemory(fmt::format("{} bytes of repeated memory: {}", bytes, std::strerror(error)));
}

// A file in memory that holds the pattern; closed at the end of the scope, the mappings keep it.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> pattern) : fd_(::memfd_create("hearth-pattern", MFD_CLOEXEC)) {
    if (fd_ < 0) fail(pattern.size(), errno);
    while (!pattern.empty()) {
      const ssize_t written = ::write(fd_, pattern.data(), pattern.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        const int error = errno;
        ::close(fd_);
        fail(pattern.size(), error);
      }
      pattern = pattern.subspan(static_cast<std::size_t>(written));
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::size_t RepeatedMemory::page_bytes() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

RepeatedMemory::RepeatedMemory(std::span<const std::byte> pattern, std::size_t bytes) : bytes_(bytes) {
  const std::size_t page = page_bytes();
  CHECK(!pattern.empty() && pattern.size() % page == 0);
  if (bytes == 0) return;
  const std::size_t mapped = (bytes + page - 1) / page * page;
  const MemoryFile file(pattern);
  void* range = ::mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) fail(bytes, errno);
  data_ = static_cast<std::byte*>(range);
  mapped_ = mapped;
  for (std::size_t at = 0; at < mapped; at += pattern.size()) {
    const std::size_t count = std::min(pattern.size(), mapped - at);
    const int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
    if (::mmap(data_ + at, count, PROT_READ | PROT_WRITE, flags, file.fd(), 0) == MAP_FAILED) {
      const int error = errno;
      ::munmap(data_, mapped_);
      fail(bytes, error);
    }
  }
}

RepeatedMemory::RepeatedMemory(RepeatedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

RepeatedMemory& RepeatedMemory::operator=(RepeatedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

RepeatedMemory::~RepeatedMemory() {
  if (mapped_ > 0) ::munmap(data_, mapped_);
}

void RepeatedMemory::make_distinct() {
  // A write of what is there already is enough for the system to copy the page.
  volatile std::byte* data = data_;
  for (std::size_t at = 0; at < mapped_; at += page_bytes()) data[at] = data[at];
}

}  // namespace hearth
