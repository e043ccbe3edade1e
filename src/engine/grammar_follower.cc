#include "engine/grammar_follower.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "grammar/char_reader.h"

namespace hearth {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kPythonTag = "<|python_tag|>";  // Llama 3 may write it before a call

std::string_view without_space_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

// Where a mark stands in the text, or what may become one at its end.
struct Found {
  std::size_t at = std::string::npos;
  std::string_view mark;
};

void find_first(std::string_view text, std::string_view mark, Found& found) {
  if (mark.empty()) return;
  const std::size_t at = text.find(mark);
  if (at < found.at || (at == found.at && at != std::string::npos && mark.size() > found.mark.size())) {
    found = {at, mark};
  }
}

// The mark's end that is missing yet where the text ends with its beginning; all of it where it does not.
std::string_view missing(std::string_view text, std::string_view mark) {
  for (std::size_t count = std::min(text.size(), mark.size() - 1); count > 0; --count) {
    if (text.ends_with(mark.substr(0, count))) return mark.substr(count);
  }
  return mark;
}

void set_bit(TokenMask& mask, std::uint32_t token, bool value) {
  const std::uint32_t bit = 1u << token % 32;
  mask[token / 32] = value ? mask[token / 32] | bit : mask[token / 32] & ~bit;
}

}  // namespace

std::shared_ptr<const GrammarVocabulary> grammar_vocabulary(const Tokenizer& tokenizer, std::int64_t rows) {
  std::vector<std::string> tokens(static_cast<std::size_t>(rows));
  std::vector<std::uint32_t> ends;
  for (TokenId id = 0; id < tokenizer.vocab_size() && id < rows; ++id) {
    std::string& bytes = tokens[static_cast<std::size_t>(id)];
    if (tokenizer.is_end_of_generation(id)) {
      ends.push_back(static_cast<std::uint32_t>(id));
    } else if (tokenizer.is_special(id)) {
      bytes = kSpecialByte + std::string(tokenizer.token_text(id));
    } else {
      bytes = tokenizer.token_bytes(id);
    }
  }
  return std::make_shared<GrammarVocabulary>(std::move(tokens), std::move(ends));
}

bool GrammarFollower::is_needed(const Request& request) {
  const bool is_bounded = request.thinking.token_count_max >= 0 && !request.thinking.close.empty();
  return request.grammar || request.calls || is_bounded;
}

GrammarFollower::GrammarFollower(const Request& request, const Tokenizer& tokenizer,
                                 std::shared_ptr<const GrammarVocabulary> vocabulary)
    : tokenizer_(tokenizer),
      thinking_(request.thinking),
      vocabulary_(std::move(vocabulary)),
      tokens_left_(request.token_count_max),
      closing_margin_(std::clamp<std::int64_t>(tokens_left_ / 16, 4, 32)) {
  if (request.grammar) {
    begin_after_ = request.grammar->begin_after;
    text_.emplace(Followed{request.grammar->grammar, nullptr});
    change_masks(*text_);
    text_->state = text_->recognizer().start();
  }
  if (request.calls) {
    marks_ = request.calls->marks;
    ends_with_call_ = request.calls->ends_with_call;
    calls_.emplace(Followed{request.calls->grammar, nullptr});
    change_masks(*calls_);
  }
  if (request.calls && !request.calls->begun.empty()) {
    begin_calls(request.calls->begun, {});
  } else if (thinking_.is_open && !thinking_.close.empty()) {
    enter(Phase::kThoughts);
  } else {
    enter(Phase::kText);
  }
}

void GrammarFollower::join(TokenMaskPool& pool) {
  pool_ = &pool;
  if (text_) change_masks(*text_);
  if (calls_) change_masks(*calls_);
}

// Goes over to the pool's masks, or to new ones.
void GrammarFollower::change_masks(Followed& followed) {
  auto masks = pool_ != nullptr ? pool_->masks(vocabulary_, followed.grammar)
                                : std::make_shared<TokenMasks>(vocabulary_, followed.grammar);
  if (followed.masks) followed.state = masks->recognizer().adopt(followed.recognizer(), followed.state);
  followed.masks = std::move(masks);
}

void GrammarFollower::follow(Followed& followed, std::string_view bytes) {
  followed.state = followed.recognizer().advance(followed.state, bytes);
  if (followed.masks->is_full()) change_masks(followed);
}

void GrammarFollower::enter(Phase phase) {
  // The text's grammar begins at once, unless something is to come before it.
  phase_ = phase == Phase::kText && !begin_after_.empty() ? Phase::kWaiting : phase;
  seen_.clear();
  beginning_.clear();
  begins_ = true;
  has_ended_thoughts_ = false;
  if (phase == Phase::kThoughts) bound_thoughts();
}

void GrammarFollower::bound_thoughts() {
  if (thinking_.token_count_max < 0 || thought_tokens_ < thinking_.token_count_max || has_ended_thoughts_) return;
  has_ended_thoughts_ = true;
  // Of a mark that the model has begun, the rest.
  const std::string_view close = missing(seen_, thinking_.close), end = thinking_.end;
  const bool begins_with_close = end.starts_with(thinking_.close);
  const std::string text = std::string(end.empty() || begins_with_close ? close : end) +
                           std::string(begins_with_close ? end.substr(thinking_.close.size()) : std::string_view());
  for (const TokenId id : tokenizer_.encode(text, {.add_special = false, .parse_special = true})) forced_.push_back(id);
}

std::span<const std::uint32_t> GrammarFollower::mask() {
  if (!forced_.empty()) {
    mask_.assign(vocabulary_->mask_words(), 0);
    set_bit(mask_, static_cast<std::uint32_t>(forced_.front()), true);
    return mask_;
  }
  const bool is_text = phase_ == Phase::kText && text_;
  if (phase_ != Phase::kCalls && !is_text) return free_mask();
  const Followed& followed = is_text ? *text_ : *calls_;
  kept_mask_ = followed.masks->mask(followed.state, is_text ? tokens_left_ : -1);
  return *kept_mask_;
}

std::span<const std::uint32_t> GrammarFollower::free_mask() {
  const auto has_begun = [&](const std::string& mark) { return missing(seen_, mark).size() < mark.size(); };
  const bool may_cross =
      calls_ && phase_ != Phase::kThoughts && std::any_of(marks_.anywhere.begin(), marks_.anywhere.end(), has_begun);
  bool is_full = !text_ || has_called_;  // else the answer must not end before its text
  if (is_full && !may_cross) return {};
  mask_.assign(vocabulary_->mask_words(), 0xffffffff);
  if (!is_full) {
    for (const std::uint32_t end : vocabulary_->end_tokens()) set_bit(mask_, end, false);
  }
  if (may_cross) {
    for (const std::string& mark : marks_.anywhere) is_full = !mask_crossings(mark) && is_full;
  }
  if (is_full) return {};
  return mask_;
}

// A token may end a mark that has begun, and go on behind it: only as the grammar does. Whether one was taken away.
bool GrammarFollower::mask_crossings(std::string_view mark) {
  const std::string_view rest = missing(seen_, mark);
  if (rest.size() == mark.size()) return false;
  const GrammarState begun = calls_->recognizer().advance(calls_->recognizer().start(), mark);
  bool has_taken = false;
  for (std::uint32_t token = 0; token < vocabulary_->size(); ++token) {
    const std::string_view bytes = vocabulary_->token(token);
    if (bytes.size() <= rest.size() || !bytes.starts_with(rest)) continue;
    if (calls_->recognizer().advance(begun, bytes.substr(rest.size())) != kDeadState) continue;
    set_bit(mask_, token, false);
    has_taken = true;
  }
  return has_taken;
}

void GrammarFollower::accept(TokenId token) {
  if (!forced_.empty()) forced_.pop_front();
  if (phase_ == Phase::kThoughts) ++thought_tokens_;
  const bool is_known = token < tokenizer_.vocab_size();
  // A special token has no bytes, but its name counts here.
  const bool is_special = is_known && tokenizer_.is_special(token);
  read(is_special ? tokenizer_.token_text(token)
       : is_known ? tokenizer_.token_bytes(token)
                  : std::string_view(),
       token);
  if (phase_ == Phase::kThoughts) bound_thoughts();
  if (tokens_left_ > 0) --tokens_left_;
  if (phase_ == Phase::kText && text_ && !over_ && forced_.empty()) close_in_time();
}

// Where the tokens left are hardly more than closing the text takes, they do that. That is looked for again when some
// tokens more have come, or when more has been opened.
void GrammarFollower::close_in_time() {
  if (tokens_left_ < 0) return;
  const std::int64_t bytes_left = text_->masks->shortest().of(text_->state);
  if (tokens_left_ > bytes_left + closing_margin_) return;  // which are at least as many as tokens
  if (tokens_left_ > closing_check_ && bytes_left <= closing_bytes_) return;
  closing_bytes_ = bytes_left;
  const auto bytes_max = static_cast<std::size_t>(8 * tokens_left_);  // more than tokens of JSON have
  const auto closing = text_->masks->closing(text_->state, bytes_max);
  closing_check_ = tokens_left_ - 1;
  if (!closing) return;
  if (closing->empty()) {
    const auto ends = vocabulary_->end_tokens();
    if (tokens_left_ <= 1 && !ends.empty()) forced_.push_back(static_cast<TokenId>(ends.front()));
    return;
  }
  const auto ids = tokenizer_.encode(*closing, {.add_special = false, .parse_special = false});
  const std::int64_t spare = tokens_left_ - std::ssize(ids);
  if (spare < 0 || spare > closing_margin_) {
    // What closes takes no more tokens later, as long as it takes no more bytes; and each token that is written makes
    // it a few tokens shorter at best.
    closing_check_ -= std::max((spare - closing_margin_) / 2, -spare / 4);
    return;
  }
  std::string written;  // some tokenizers put a space before
  for (const TokenId id : ids) written += vocabulary_->token(static_cast<std::uint32_t>(id));
  if (written == *closing) forced_.assign(ids.begin(), ids.end());
}

// `token`: whose bytes they are, if they are all of them; else -1.
void GrammarFollower::read(std::string_view bytes, TokenId token) {
  switch (phase_) {
    case Phase::kCalls:
      return follow_calls(token < 0 ? bytes : std::string_view(vocabulary_->token(static_cast<std::uint32_t>(token))));
    case Phase::kText:
      return read_text(bytes, token);
    case Phase::kWaiting:
    case Phase::kThoughts:
      return watch(bytes);
  }
}

void GrammarFollower::read_text(std::string_view bytes, TokenId token) {
  if (begins_ && read_beginning(bytes)) return;
  if (!text_) return watch(bytes);
  follow_text(token < 0 ? bytes : std::string_view(vocabulary_->token(static_cast<std::uint32_t>(token))));
}

// At a text's beginning stand thoughts, and calls without a mark. Whether the bytes were of these, and are read.
bool GrammarFollower::read_beginning(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (kSpace.find(bytes[i]) != std::string_view::npos) continue;
    const bool is_between = beginning_.empty() && (bytes[i] == ';' || bytes[i] == ',');
    if (is_between) continue;
    beginning_ += bytes[i];
    if (beginning_ == kPythonTag) beginning_.clear();
    const std::string_view rest = bytes.substr(i + 1);
    if (!thinking_.open.empty() && beginning_ == thinking_.open) {
      if (text_) text_->state = text_->recognizer().start();
      enter(Phase::kThoughts);
      if (!rest.empty()) read(rest, -1);
      return true;
    }
    if (text_ || !calls_) continue;
    const std::vector<std::string>& marks = marks_.at_beginning;
    if (std::find(marks.begin(), marks.end(), beginning_) == marks.end()) continue;
    const std::string mark = beginning_;
    begin_calls(mark, rest);
    return true;
  }
  const auto may_become = [&](std::string_view mark) { return mark.starts_with(beginning_); };
  begins_ = beginning_.empty() || may_become(thinking_.open) || may_become(kPythonTag) ||
            std::any_of(marks_.at_beginning.begin(), marks_.at_beginning.end(), may_become);
  return false;
}

// Looks for what ends a part that is free.
void GrammarFollower::watch(std::string_view bytes) {
  seen_ += bytes;
  Found found;
  if (phase_ == Phase::kThoughts) {
    find_first(seen_, thinking_.close, found);
  } else {
    find_first(seen_, begin_after_, found);
    if (thinking_.may_come_anywhere) find_first(seen_, thinking_.open, found);
    if (calls_) {
      for (const std::string& mark : marks_.anywhere) find_first(seen_, mark, found);
    }
  }
  if (found.mark.empty()) {
    constexpr std::size_t kKept = 256;  // more than any mark has
    if (seen_.size() > 2 * kKept) seen_.erase(0, seen_.size() - kKept);
    return;
  }
  const std::string mark(found.mark), rest = seen_.substr(found.at + mark.size());
  if (phase_ == Phase::kThoughts) {
    enter(Phase::kText);
  } else if (mark == begin_after_) {
    begin_after_.clear();
    enter(Phase::kText);
  } else if (mark == thinking_.open) {
    enter(Phase::kThoughts);
  } else {
    return begin_calls(mark, rest);
  }
  // What the token has beyond the mark belongs to what follows; white space between them does not.
  const std::string_view more = without_space_before(rest);
  if (!more.empty()) read(more, -1);
}

void GrammarFollower::begin_calls(std::string_view mark, std::string_view rest) {
  phase_ = Phase::kCalls;
  Recognizer& recognizer = calls_->recognizer();
  calls_->state = recognizer.advance(recognizer.start(), mark);
  follow_calls(rest);
}

void GrammarFollower::follow_text(std::string_view bytes) {
  follow(*text_, bytes);
  over_ = text_->recognizer().is_over(text_->state);
}

void GrammarFollower::follow_calls(std::string_view bytes) {
  follow(*calls_, bytes);
  const bool is_over = calls_->recognizer().is_over(calls_->state);
  // Something that only began like a call: the text goes on, as it is.
  if (!is_over && calls_->state != kDeadState) return;
  has_called_ = has_called_ || is_over;
  over_ = is_over && ends_with_call_;
  enter(Phase::kText);
}

}  // namespace hearth
