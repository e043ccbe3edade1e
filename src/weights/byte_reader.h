// Reads the little-endian fields of an untrusted file, in order. Every read is checked against the file's end, and a
// failure is one sentence that names the file, the entry being read and the byte at which it goes wrong.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace hearth {

class ByteReader {
 public:
  static_assert(std::endian::native == std::endian::little, "fields are read by copying their bytes");

  // `start` is where `bytes` stands in its file: positions in messages count from the file's beginning.
  ByteReader(std::span<const std::byte> bytes, std::string_view file_name, std::uint64_t start = 0)
      : bytes_(bytes), file_name_(file_name), start_(start) {}

  // What the following reads belong to, for messages: "tensor 'output.weight'".
  void set_entry(std::string entry) { entry_ = std::move(entry); }

  std::uint64_t position() const { return start_ + offset_; }  // in the file
  std::uint64_t remaining() const { return bytes_.size() - offset_; }
  std::span<const std::byte> since(std::uint64_t position) const {
    return bytes_.subspan(position - start_, this->position() - position);
  }

  template <typename T>
  T read() {
    const std::span<const std::byte> field = take(1, sizeof(T));
    T value;
    std::memcpy(&value, field.data(), sizeof(T));
    return value;
  }

  // A string: its length as 64 bits, then its bytes.
  std::string_view read_string() {
    const std::uint64_t at = position();
    const auto length = read<std::uint64_t>();
    if (length > remaining()) {
      fail(at, fmt::format("a string of {} bytes runs past the end ({} bytes remain)", length, remaining()));
    }
    const std::span<const std::byte> text = take(length, 1);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  // The next `count` * `size` bytes.
  std::span<const std::byte> take(std::uint64_t count, std::uint64_t size) {
    if (count > remaining() / size) {
      const std::string product = count == 1 ? "" : fmt::format("{} x ", count);
      fail(position(), fmt::format("{}{} bytes are needed, and only {} remain", product, size, remaining()));
    }
    const std::span<const std::byte> field = bytes_.subspan(offset_, count * size);
    offset_ += field.size();
    return field;
  }

  [[noreturn]] void fail(std::uint64_t at, std::string_view problem) const {
    throw InvalidInput(describe(at, problem));
  }
  std::string describe(std::uint64_t at, std::string_view problem) const {
    return fmt::format("{}: {} at byte {}: {}", file_name_, entry_, at, problem);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view file_name_;
  std::uint64_t start_;
  std::uint64_t offset_ = 0;
  std::string entry_;
};

}  // namespace hearth
