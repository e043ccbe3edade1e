#include "hub/file_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/escape.h"
#include "hub/content_hash.h"
#include "hub/part_file.h"

namespace hearth {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;

// The server sends the whole file whatever is asked for.
struct NoRanges {};

// "bytes 0-99/200" against what was asked for.
bool is_range(std::string_view text, std::int64_t begin, std::int64_t end, std::int64_t size) {
  return text == fmt::format("bytes {}-{}/{}", begin, end - 1, size) ||
         text == fmt::format("bytes {}-{}/*", begin, end - 1);
}

// One fetch of one file: what its connections share.
class Fetch {
 public:
  Fetch(const FetchOptions& options, const std::string& source, const HubFile& file, std::size_t file_index,
        PartFile& part, PullProgress& progress)
      : options_(options), source_(source), file_(file), file_index_(file_index), part_(part), progress_(progress) {
    options_.client.stopped = [this, asked = options.client.stopped] { return ended_ || (asked && asked()); };
  }

  void run() {
    show_done();
    if (part_.is_complete()) return;
    try {
      run_connections();
    } catch (const NoRanges&) {
      ended_ = false;
      failure_ = nullptr;
      in_one_piece_ = true;
      part_.begin_anew(true);
      run_connections();
    }
  }

 private:
  void run_connections() {
    const std::int64_t missing = file_.bytes - part_.done_bytes();
    constexpr std::int64_t kWorthOne = 1 << 20;
    const int count =
        in_one_piece_
            ? 1
            : static_cast<int>(std::clamp<std::int64_t>(missing / kWorthOne, 1, std::max(1, options_.connections)));
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([this] {
        try {
          run_connection();
        } catch (...) {
          const std::lock_guard lock(mutex_);
          // The first failure ends the others; what they say then does not count.
          if (!failure_) failure_ = std::current_exception();
          ended_ = true;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  void run_connection() {
    HubClient client(options_.client);
    Retry retry = client.retry();
    std::vector<char> buffer(kBufferBytes);
    WebAddress place;  // where the endpoint sent us; forgotten when it stops answering: such addresses expire
    while (const auto piece = part_.take()) {
      PartFile::Piece missing = *piece;
      while (missing.begin < missing.end) {
        std::optional<std::chrono::milliseconds> asked_for;
        std::string trouble;
        try {
          trouble = fetch_piece(client, missing, place, buffer, retry, asked_for);
        } catch (const ConnectionFailed& error) {
          trouble = error.what();
        }
        if (trouble.empty()) continue;
        place = {};
        progress_.update([](PullProgress::State& state) { ++state.retry_count; });
        if (!retry.wait(asked_for)) {
          part_.give_back(missing.index);
          throw InvalidInput(fmt::format("{}: {}; tried {} times; the next pull goes on from here", file_.path, trouble,
                                         options_.client.tries_max + 1));
        }
      }
    }
  }

  // What is missing of the piece, as far as the connection lasts; returns what may pass, or nothing.
  std::string fetch_piece(HubClient& client, PartFile::Piece& missing, WebAddress& place, std::vector<char>& buffer,
                          Retry& retry, std::optional<std::chrono::milliseconds>& asked_for) {
    const bool is_resolved = !place.target.empty();
    if (!is_resolved) place = client.address(source_);
    const bool is_whole = missing.begin == 0 && missing.end == file_.bytes;
    WebHeaders headers;
    if (!is_whole) headers.emplace_back("Range", fmt::format("bytes={}-{}", missing.begin, missing.end - 1));
    HubFileFacts facts;
    const WebReply reply = client.follow(place, headers, static_cast<std::uint64_t>(file_.bytes), &facts);
    if (!facts.etag.empty() && facts.etag != file_.hash && is_hash(facts.etag)) {
      throw InvalidInput(fmt::format("{}: the endpoint now has other content than it listed: pull again", file_.path));
    }
    if (reply.status == 200 && !is_whole) {
      if (in_one_piece_ && missing.begin > 0) {
        skip(client, missing.begin, buffer);
      } else {
        throw NoRanges();
      }
    } else if (reply.status == 206) {
      if (!is_range(reply.header("Content-Range"), missing.begin, missing.end, file_.bytes)) {
        throw InvalidInput(fmt::format("{}: bytes {} to {} of {} were asked for, and the server sends '{}'", file_.path,
                                       missing.begin, missing.end - 1, file_.bytes,
                                       escape_text(reply.header("Content-Range").substr(0, 100))));
      }
    } else if (reply.status != 200) {
      // An address that the endpoint gave may have expired: it is asked again.
      const bool may_pass = HubClient::is_passing(reply.status) || is_resolved;
      if (!may_pass) throw client.refusal(reply, options_.repository);
      asked_for = parse_retry_after(reply.header("Retry-After"), std::chrono::system_clock::now());
      return fmt::format("{} answers {}", place.origin(), reply.status);
    }
    read_piece(client, missing, buffer, retry);
    return {};
  }

  static bool is_hash(const std::string& text) { return text.size() == 64 || text.size() == 40; }

  void skip(HubClient& client, std::int64_t bytes, std::vector<char>& buffer) {
    while (bytes > 0) {
      const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(bytes, kBufferBytes));
      const std::size_t count = client.web().read(buffer.data(), wanted);
      if (count == 0) throw ConnectionFailed("the file ended too early");
      bytes -= static_cast<std::int64_t>(count);
    }
  }

  void read_piece(HubClient& client, PartFile::Piece& missing, std::vector<char>& buffer, Retry& retry) {
    while (missing.begin < missing.end) {
      const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(missing.end - missing.begin, kBufferBytes));
      const std::size_t count = client.web().read(buffer.data(), wanted);
      if (count == 0) throw ConnectionFailed(fmt::format("{}: the server sent less than it said", file_.path));
      part_.append(missing.index, std::span(buffer).first(count));
      missing.begin += static_cast<std::int64_t>(count);
      retry.progressed();
      show_done(static_cast<std::int64_t>(count));
    }
  }

  void show_done(std::int64_t fetched = 0) {
    const std::int64_t done = part_.done_bytes();
    progress_.update([&](PullProgress::State& state) {
      state.files.at(file_index_).done = done;
      state.fetched += fetched;
    });
  }

  FetchOptions options_;
  const std::string source_;
  const HubFile& file_;
  const std::size_t file_index_;
  PartFile& part_;
  PullProgress& progress_;
  bool in_one_piece_ = false;
  std::atomic<bool> ended_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void fetch_file(const FetchOptions& options, const std::string& source, const HubFile& file,
                const std::filesystem::path& name, std::size_t file_index, PullProgress& progress) {
  std::filesystem::path part_name = name;
  part_name += ".hearth-part";
  PartFile part(part_name, file.bytes);
  const auto enter = [&](PullProgress::Phase phase) {
    progress.update([&](PullProgress::State& state) { state.files.at(file_index).phase = phase; });
  };
  for (;;) {
    enter(PullProgress::Phase::kFetching);
    Fetch(options, source, file, file_index, part, progress).run();
    enter(PullProgress::Phase::kChecking);
    progress.update([&](PullProgress::State& state) { state.files.at(file_index).checked = 0; });
    const std::string hash = content_hash(
        part_name, file.is_large() ? ContentHash::kSha256 : ContentHash::kGitSha1, [&](std::int64_t bytes) {
          if (options.client.stopped && options.client.stopped()) throw Stopped("stopped");
          progress.update([&](PullProgress::State& state) { state.files.at(file_index).checked += bytes; });
        });
    if (hash == file.hash) break;
    // What an earlier process left may have been hurt since then; what came just now was wrong as it was sent.
    if (!part.is_continued()) {
      part.remove();
      throw InvalidInput(fmt::format("{}: its hash is {}, and the hub's listing says {}: nothing of it was kept",
                                     file.path, hash, file.hash));
    }
    part.begin_anew(false);
  }
  part.finish(name);
  enter(PullProgress::Phase::kDone);
}

}  // namespace hearth
