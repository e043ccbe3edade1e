#include "engine/grammar_follower.h"

#include <utility>
#include <vector>

namespace hearth {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

}  // namespace

std::shared_ptr<const GrammarVocabulary> grammar_vocabulary(const Tokenizer& tokenizer, std::int64_t rows) {
  std::vector<std::string> tokens(static_cast<std::size_t>(rows));
  std::vector<std::uint32_t> ends;
  for (TokenId id = 0; id < tokenizer.vocab_size() && id < rows; ++id) {
    if (tokenizer.is_end_of_generation(id)) {
      ends.push_back(static_cast<std::uint32_t>(id));
    } else if (!tokenizer.is_special(id)) {
      tokens[static_cast<std::size_t>(id)] = tokenizer.token_bytes(id);
    }
  }
  return std::make_shared<GrammarVocabulary>(std::move(tokens), std::move(ends));
}

GrammarFollower::GrammarFollower(const GrammarRequest& request, const Tokenizer& tokenizer,
                                 std::shared_ptr<const GrammarVocabulary> vocabulary)
    : tokenizer_(tokenizer),
      begin_after_(request.begin_after),
      masks_(std::move(vocabulary), request.grammar),
      state_(masks_.recognizer().start()) {
  if (begin_after_.empty()) return;
  free_mask_.assign(masks_.vocabulary().mask_words(), 0xffffffff);
  for (const std::uint32_t end : masks_.vocabulary().end_tokens()) free_mask_[end / 32] &= ~(1u << end % 32);
}

std::span<const std::uint32_t> GrammarFollower::mask() {
  return begin_after_.empty() ? masks_.mask(state_) : free_mask_;
}

void GrammarFollower::accept(TokenId token) {
  if (begin_after_.empty()) return enter(masks_.vocabulary().token(static_cast<std::uint32_t>(token)));
  // The mark may be a control token, whose text counts here.
  if (token < tokenizer_.vocab_size()) waiting_ += tokenizer_.token_bytes(token);
  const std::size_t found = waiting_.find(begin_after_);
  if (found == std::string::npos) {
    if (waiting_.size() > begin_after_.size()) waiting_.erase(0, waiting_.size() - begin_after_.size() + 1);
    return;
  }
  // What the token has beyond the mark belongs to the answer; white space between them does not.
  std::string rest = waiting_.substr(found + begin_after_.size());
  rest.erase(0, std::min(rest.find_first_not_of(kSpace), rest.size()));
  begin_after_.clear();
  enter(rest);
}

void GrammarFollower::enter(std::string_view bytes) {
  state_ = masks_.tidied(masks_.recognizer().advance(state_, bytes));
  over_ = masks_.recognizer().is_over(state_);
}

}  // namespace hearth
