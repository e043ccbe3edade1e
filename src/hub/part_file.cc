#include "hub/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

// The state: four numbers, then how many bytes of each piece are there.
constexpr std::int64_t kMark = 0x31'5452'4150'4852;  // "HPART1"
constexpr std::size_t kHeadNumbers = 4;
constexpr std::int64_t kPieceBytesMin = 1 << 20, kPieceBytesMax = 64 << 20;
constexpr std::int64_t kPiecesWanted = 64;

bool write_all(int file, const void* content, std::size_t bytes, std::int64_t at) {
  const char* from = static_cast<const char*>(content);
  while (bytes > 0) {
    const ssize_t count = ::pwrite(file, from, bytes, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    from += count;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

}  // namespace

PartFile::PartFile(std::filesystem::path path, std::int64_t bytes)
    : path_(std::move(path)), state_path_(with_suffix(path_, ".state")), bytes_(bytes) {
  constexpr mode_t kMode = 0644;
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (file_ < 0) fail(errno);
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(std::exchange(file_, -1));
    throw InvalidInput(fmt::format("{}: another process is fetching it", path_.string()));
  }
  state_ = ::open(state_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (state_ < 0) {
    const int error = errno;
    ::close(std::exchange(file_, -1));
    fail(error);
  }
  continued_ = read_state() && done_bytes() > 0;
  if (continued_) return;
  lay_out(std::clamp(bytes_ / kPiecesWanted, kPieceBytesMin, kPieceBytesMax));
  write_state();
}

PartFile::~PartFile() {
  if (file_ >= 0) ::close(file_);
  if (state_ >= 0) ::close(state_);
}

void PartFile::fail(int error) const {
  throw DeviceError(fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(error)));
}

void PartFile::lay_out(std::int64_t piece_bytes) {
  piece_bytes_ = std::max<std::int64_t>(1, piece_bytes);
  done_.assign(static_cast<std::size_t>((bytes_ + piece_bytes_ - 1) / piece_bytes_), 0);
  taken_.assign(done_.size(), false);
}

// Whether there is one that fits the file.
bool PartFile::read_state() {
  std::array<std::int64_t, kHeadNumbers> head{};
  if (::pread(state_, head.data(), sizeof head, 0) != static_cast<ssize_t>(sizeof head)) return false;
  const auto [mark, bytes, piece_bytes, reserved] = head;
  if (mark != kMark || bytes != bytes_ || piece_bytes < kPieceBytesMin || reserved != 0) return false;
  lay_out(piece_bytes);
  const std::size_t wanted = done_.size() * sizeof(std::int64_t);
  if (::pread(state_, done_.data(), wanted, sizeof head) != static_cast<ssize_t>(wanted)) return false;
  struct stat info {};
  if (::fstat(file_, &info) != 0) return false;
  for (std::size_t i = 0; i < done_.size(); ++i) {
    const std::int64_t begin = static_cast<std::int64_t>(i) * piece_bytes_;
    const std::int64_t length = std::min(piece_bytes_, bytes_ - begin);
    if (done_[i] < 0 || done_[i] > length || (done_[i] > 0 && begin + done_[i] > info.st_size)) return false;
  }
  return true;
}

void PartFile::write_state() {
  const std::array<std::int64_t, kHeadNumbers> head{kMark, bytes_, piece_bytes_, 0};
  const bool is_written = ::ftruncate(state_, 0) == 0 && write_all(state_, head.data(), sizeof head, 0) &&
                          write_all(state_, done_.data(), done_.size() * sizeof(std::int64_t), sizeof head);
  if (!is_written) fail(errno);
}

void PartFile::write_done(std::size_t index) {
  const std::size_t at = (kHeadNumbers + index) * sizeof(std::int64_t);
  if (!write_all(state_, &done_[index], sizeof(std::int64_t), static_cast<std::int64_t>(at))) fail(errno);
}

std::optional<PartFile::Piece> PartFile::take() {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < done_.size(); ++i) {
    const std::int64_t begin = static_cast<std::int64_t>(i) * piece_bytes_;
    const std::int64_t end = std::min(begin + piece_bytes_, bytes_);
    if (taken_[i] || begin + done_[i] == end) continue;
    taken_[i] = true;
    return Piece{i, begin + done_[i], end};
  }
  return std::nullopt;
}

void PartFile::give_back(std::size_t index) {
  const std::lock_guard lock(mutex_);
  taken_[index] = false;
}

void PartFile::append(std::size_t index, std::span<const char> content) {
  // Only this thread has the piece.
  const std::int64_t at = static_cast<std::int64_t>(index) * piece_bytes_ + done_[index];
  if (!write_all(file_, content.data(), content.size(), at)) fail(errno);
  const std::lock_guard lock(mutex_);
  done_[index] += static_cast<std::int64_t>(content.size());
  write_done(index);
}

std::int64_t PartFile::done_bytes() const {
  const std::lock_guard lock(mutex_);
  std::int64_t sum = 0;
  for (const std::int64_t bytes : done_) sum += bytes;
  return sum;
}

void PartFile::begin_anew(bool in_one_piece) {
  const std::lock_guard lock(mutex_);
  lay_out(in_one_piece ? std::max(bytes_, kPieceBytesMin) : piece_bytes_);
  write_state();
  continued_ = false;
}

void PartFile::finish(const std::filesystem::path& name) {
  // On the disk before it has the name by which everybody takes it for whole.
  if (::ftruncate(file_, bytes_) != 0 || ::fsync(file_) != 0 || ::rename(path_.c_str(), name.c_str()) != 0) fail(errno);
  ::unlink(state_path_.c_str());
}

void PartFile::remove() {
  ::unlink(path_.c_str());
  ::unlink(state_path_.c_str());
}

}  // namespace hearth
