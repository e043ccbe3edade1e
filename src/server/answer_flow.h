// One answer under way: what has come of it since it was last asked for, in pieces. What the APIs with one answer to a
// request have in common.
#pragma once

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "server/answer_reader.h"
#include "server/model_service.h"

namespace hearth {

struct AnswerProgress {
  std::vector<AnswerPiece> pieces;
  std::vector<TokenId> tokens;       // that were generated
  std::optional<GenerationEnd> end;  // it is over
};

class AnswerFlow {
 public:
  AnswerFlow(std::unique_ptr<GenerationStream> stream, AnswerReading reading)
      : stream_(std::move(stream)), reader_(std::move(reading)) {}

  const GenerationStream& generation() const { return *stream_; }
  // Waits until something is there, and takes all of it. Not after the end.
  boost::asio::awaitable<AnswerProgress> next();
  // Waits, but no longer than `patience`: whether there is something to take.
  boost::asio::awaitable<bool> wait_for(std::chrono::milliseconds patience) { return stream_->wait_for(patience); }

 private:
  void take(GenerationStream::Event event, AnswerProgress& progress);

  std::unique_ptr<GenerationStream> stream_;
  AnswerReader reader_;
};

// Since when a streamed answer has said nothing: much may be generated of which nothing is said (thoughts that nobody
// asked for, a call that is told whole).
class Silence {
 public:
  explicit Silence(std::chrono::milliseconds patience) : patience_(patience) {}
  void end() { since_ = std::chrono::steady_clock::now(); }
  bool is_too_long() const { return left() == std::chrono::milliseconds(0); }
  // How long it may last yet.
  std::chrono::milliseconds left() const {
    const auto until = since_ + patience_ - std::chrono::steady_clock::now();
    return std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(until));
  }

 private:
  std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

// The whole of it.
struct WholeAnswer {
  std::vector<AnswerPart> parts;
  std::vector<TokenId> tokens;
  GenerationEnd end;
};
boost::asio::awaitable<WholeAnswer> read_whole(AnswerFlow& stream, bool drops_cut_calls);

}  // namespace hearth
