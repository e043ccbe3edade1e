#include "server/answer_flow.h"

#include <utility>

namespace hearth {

namespace asio = boost::asio;

asio::awaitable<AnswerProgress> AnswerFlow::next() {
  AnswerProgress progress;
  do {
    GenerationStream::Event event = co_await stream_->next();
    take(std::move(event), progress);
  } while (!progress.end && stream_->has_more());
  co_return progress;
}

void AnswerFlow::take(GenerationStream::Event event, AnswerProgress& progress) {
  std::vector<AnswerPiece> pieces;
  if (auto* token = std::get_if<GeneratedToken>(&event)) {
    if (reader_.has_enough()) return;
    progress.tokens.push_back(token->id);
    pieces = reader_.add(std::move(*token));
    if (reader_.must_be_stopped()) stream_->stop();
  } else {
    progress.end = std::get<GenerationEnd>(std::move(event));
    pieces = reader_.end(*progress.end);
  }
  for (AnswerPiece& piece : pieces) join(progress.pieces, std::move(piece));
}

asio::awaitable<WholeAnswer> read_whole(AnswerFlow& stream, bool drops_cut_calls) {
  WholeAnswer whole;
  std::optional<GenerationEnd> end;
  while (!end) {
    AnswerProgress progress = co_await stream.next();
    append(whole.parts, std::move(progress.pieces), drops_cut_calls);
    whole.tokens.insert(whole.tokens.end(), progress.tokens.begin(), progress.tokens.end());
    end = std::move(progress.end);
  }
  whole.end = std::move(*end);
  co_return whole;
}

}  // namespace hearth
