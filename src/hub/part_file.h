// A file on its way: its pieces arrive in any order from several connections, and what is there survives the process.
// Beside it stands how far each piece is, so that the next process goes on from there; what a machine's sudden end
// makes of the two is found by the hash in the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace hearth {

class PartFile {
 public:
  // A stretch of the file that one connection fetches.
  struct Piece {
    std::size_t index;
    std::int64_t begin, end;  // what is missing of it
  };

  // Opens or begins `path` and `path`.state. Nobody else may have it: throws InvalidInput where another process does,
  // and for what the system refuses.
  PartFile(std::filesystem::path path, std::int64_t bytes);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // Any thread may call what follows.

  // A piece that nobody has taken yet and that is not complete; nullopt: there is none left.
  std::optional<Piece> take();
  // Gives it back, as far as it got.
  void give_back(std::size_t index);
  // Behind what the piece has; throws DeviceError where the disk takes no more.
  void append(std::size_t index, std::span<const char> content);

  std::int64_t done_bytes() const;
  std::int64_t size() const { return bytes_; }
  bool is_complete() const { return done_bytes() == bytes_; }
  // Whether an earlier process fetched some of it.
  bool is_continued() const { return continued_; }
  // Everything is missing again, in one piece if that is said: a server that knows no ranges sends all.
  void begin_anew(bool in_one_piece);

  // Complete and checked: the file gets its name, the state goes.
  void finish(const std::filesystem::path& name);
  // Both go.
  void remove();

 private:
  void lay_out(std::int64_t piece_bytes);
  bool read_state();
  void write_state();
  void write_done(std::size_t index);
  [[noreturn]] void fail(int error) const;

  const std::filesystem::path path_, state_path_;
  const std::int64_t bytes_;
  int file_ = -1, state_ = -1;
  bool continued_ = false;
  mutable std::mutex mutex_;
  std::int64_t piece_bytes_ = 0;
  std::vector<std::int64_t> done_;  // bytes of each piece
  std::vector<bool> taken_;
};

}  // namespace hearth
