#include "grammar/token_mask.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "grammar/char_reader.h"

namespace hearth {
namespace {

constexpr std::size_t kMasksMax = 1024;
constexpr std::int64_t kLongBytes = 16;
constexpr std::size_t kLengthsMax = std::size_t{1} << 20;  // of all states together
constexpr std::size_t kMemoryMax = std::size_t{32} << 20;

void set_bit(TokenMask& mask, std::uint32_t token) {
  mask[token / 32] |= 1u << token % 32;
}

// Behind a token as much more than before it.
std::int32_t longer(std::uint32_t after, std::uint32_t before) {
  return static_cast<std::int32_t>(after) - static_cast<std::int32_t>(before);
}

void unite(TokenMask& mask, const TokenMask& other) {
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] |= other[i];
}

}  // namespace

GrammarVocabulary::GrammarVocabulary(std::vector<std::string> tokens, std::vector<std::uint32_t> end_tokens)
    : tokens_(std::move(tokens)), end_tokens_(std::move(end_tokens)) {
  std::vector<std::pair<std::string_view, std::uint32_t>> texts;
  std::array<std::vector<std::pair<std::string_view, std::uint32_t>>, kTiers> by_tier;
  std::map<std::string, std::uint32_t> endings;
  without_quote_.resize(mask_words());
  long_.resize(mask_words());
  for (std::uint32_t token = 0; token < tokens_.size(); ++token) {
    if (tokens_[token].find('"') == std::string::npos) set_bit(without_quote_, token);
    if (tokens_[token].empty()) continue;
    texts.emplace_back(tokens_[token], token);
    const auto bytes = static_cast<std::uint32_t>(tokens_[token].size());
    bytes_max_ = std::max(bytes_max_, bytes);
    if (bytes >= kLongBytes) set_bit(long_, token);
    const auto tier = std::lower_bound(kTierBytes.begin(), kTierBytes.end(), bytes) - kTierBytes.begin();
    by_tier[static_cast<std::size_t>(tier)].emplace_back(tokens_[token], token);
    classify(token, endings);
  }
  all_ = TokenTrie(std::move(texts));
  for (std::size_t tier = 0; tier < kTiers; ++tier) tiers_[tier] = TokenTrie(std::move(by_tier[tier]));
  endings_.resize(endings.size());
  for (const auto& [text, index] : endings) endings_[index] = text;
  std::vector<std::pair<std::string_view, std::uint32_t>> suffixes;
  for (std::uint32_t i = 0; i < endings_.size(); ++i) suffixes.emplace_back(endings_[i], i);
  ending_trie_ = TokenTrie(std::move(suffixes));
  std::stable_sort(inside_.begin(), inside_.end(),
                   [](const Inside& a, const Inside& b) { return a.characters < b.characters; });
  inside_masks_.assign(kShort + 1, TokenMask(mask_words()));
  inside_mask_.resize(mask_words());
  for (const Inside& each : inside_) {
    set_bit(inside_mask_, each.token);
    for (std::size_t room = each.characters; room <= kShort; ++room) set_bit(inside_masks_[room], each.token);
  }
}

void GrammarVocabulary::classify(std::uint32_t token, std::map<std::string, std::uint32_t>& endings) {
  const std::string& bytes = tokens_[token];
  std::uint32_t partial = 0;
  std::u32string characters;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] == '"' && partial == 0) {
      characters_max_ = std::max(characters_max_, static_cast<std::uint32_t>(characters.size()));
      const auto index = static_cast<std::uint32_t>(endings.size());
      const auto ending = endings.try_emplace(bytes.substr(at + 1), index).first;
      closers_.push_back({token, ending->second, std::move(characters)});
      return;
    }
    const CharReading reading = read_json_char(partial, static_cast<std::uint8_t>(bytes[at]));
    if (reading.kind == CharReading::Kind::kInvalid) return;
    partial = reading.partial;
    if (reading.kind == CharReading::Kind::kCharacter) characters.push_back(reading.character);
  }
  const auto count = static_cast<std::uint32_t>(characters.size() + (partial != 0 ? 1 : 0));
  characters_max_ = std::max(characters_max_, count);
  inside_.push_back({token, count});
}

TokenMasks::TokenMasks(std::shared_ptr<const GrammarVocabulary> vocabulary, std::shared_ptr<const Grammar> grammar)
    : vocabulary_(std::move(vocabulary)), recognizer_(std::move(grammar)) {}

GrammarState TokenMasks::after(GrammarState state, std::uint32_t token) {
  const std::string& bytes = vocabulary_->token(token);
  return bytes.empty() ? kDeadState : recognizer_.advance(state, bytes);
}

ShortestTexts& TokenMasks::shortest() {
  if (!shortest_) shortest_.emplace(recognizer_);
  return *shortest_;
}

std::optional<std::string> TokenMasks::closing(GrammarState state, std::size_t bytes_max) {
  return closing_bytes(recognizer_, shortest(), closing_steps_, state, bytes_max);
}

// The state, or one that has the same masks.
GrammarState TokenMasks::merged(GrammarState state) {
  return recognizer_.changed_tops(state, [&](GrammarFrame& frame) { frame = representative(frame, kTiers - 1); });
}

std::uint32_t TokenMasks::first_like(std::uint32_t dfa, std::uint32_t state, std::size_t tier) {
  auto known = classes_.find(dfa);
  if (known == classes_.end()) {
    // A token that ends within a character, or at the terminal's end, asks for what one more could be.
    std::array<std::uint32_t, kTiers> depths;
    for (std::size_t i = 0; i + 1 < kTiers; ++i) depths[i] = GrammarVocabulary::kTierBytes[i] + 1;
    depths.back() = std::max(vocabulary_->bytes_max_, GrammarVocabulary::kTierBytes.back()) + 1;
    known = classes_.try_emplace(dfa, recognizer_.grammar().dfas[dfa], depths).first;
  }
  return known->second.first_like(tier, state);
}

// A frame in whose place the tier's tokens could not tell that it stands.
GrammarFrame TokenMasks::representative(GrammarFrame frame, std::size_t tier) {
  if (frame.kind == GrammarFrame::Kind::kTerminal && has_parts(frame)) frame.a = first_like(frame.index, frame.a, tier);
  if (frame.kind != GrammarFrame::Kind::kText) return frame;
  const Grammar::Text& text = recognizer_.grammar().texts[frame.index];
  const CharDfa& dfa = recognizer_.grammar().dfas[text.dfa];
  const std::uint32_t first = has_parts(frame) ? first_like(text.dfa, frame.a, tier) : frame.a;
  const std::uint32_t reach = 1 + (tier + 1 < kTiers ? GrammarVocabulary::kTierBytes[tier] : vocabulary_->bytes_max_);
  // No token reaches a bound of the string's characters from here, nor so near to one that it matters how many more the
  // automaton wants.
  const std::uint32_t shortest = std::max(dfa.shortest[frame.a], dfa.shortest[first]);
  const std::uint32_t longest = std::min(dfa.longest[frame.a], dfa.longest[first]);
  if (text.max != kUnbounded && (shortest >= text.max - frame.b || text.max - frame.b - shortest <= reach))
    return frame;
  if (frame.b < text.min && (text.min - frame.b <= reach || longest != kUnbounded)) return frame;
  frame.a = first;
  frame.b = frame.b < text.min ? 0 : text.min;
  return frame;
}

std::shared_ptr<const TokenMask> TokenMasks::mask(GrammarState state) {
  const GrammarState same = merged(state);
  if (const auto known = masks_.find(same); known != masks_.end()) return known->second;
  if (masks_.size() >= kMasksMax) masks_.clear();
  return masks_[same] = std::make_shared<const TokenMask>(made(same));
}

std::shared_ptr<const TokenMask> TokenMasks::mask(GrammarState state, std::int64_t tokens_left) {
  constexpr std::int64_t kNear = 256;  // no token takes a text so much further from its end
  auto all = mask(state);
  if (tokens_left < 0) return all;
  std::int64_t room = tokens_left - 1 - shortest().of(state);
  if (room >= kNear) return all;
  const std::vector<std::uint32_t>& stacks = recognizer_.stacks(state);
  const GrammarFrame frame = recognizer_.frame(stacks.back());
  const bool is_alone = stacks.size() == (recognizer_.can_end(state) ? 2 : 1);  // the empty stack is where it can end
  const bool in_parts = is_alone && has_parts(frame);
  if (in_parts) room = tokens_left - 1 - shortest().of_top(frame);
  // Too far beyond the limit for any token: it brings the end nearer by no more than its own bytes.
  const auto fits = [&](const Lengths& found) { return !found.empty() && found.back().first <= room; };
  if (in_parts && room <= -static_cast<std::int64_t>(GrammarVocabulary::kTierBytes[0])) {
    bool any = false;
    for (std::size_t tier = 1; tier < kTiers && !any; ++tier) any = fits(part_lengths(frame, tier));
    if (!any) return all;
  } else if (!in_parts && room <= -kLongBytes && !fits(lengths(state, Bytes::kMany))) {
    return all;
  }
  std::shared_ptr<TokenMask> mask;
  const auto leave_out = [&](const Lengths& found) {
    for (auto each = found.begin(); each != found.end() && each->first > room; ++each) {
      if (!mask) mask = std::make_shared<TokenMask>(*all);
      (*mask)[each->second / 32] &= ~(1u << each->second % 32);
    }
  };
  if (in_parts) {
    for (std::size_t tier = 0; tier < kTiers; ++tier) leave_out(part_lengths(frame, tier));
  } else {
    leave_out(lengths(state, Bytes::kAny));
  }
  if (!mask) return all;
  const bool any = std::any_of(mask->begin(), mask->end(), [](std::uint32_t word) { return word != 0; });
  return any ? mask : all;
}

void TokenMasks::count(const Lengths& lengths) {
  length_count_ += lengths.size() + 1;
  if (length_count_ < kLengthsMax) return;
  for (auto& kept : lengths_) kept.clear();
  for (auto& parts : parts_) parts.clear();
  length_count_ = 0;
}

// Of the tokens that may come. Within a string those without a quote change nothing, and nor do they within a key that
// may be any; they are left out.
const TokenMasks::Lengths& TokenMasks::lengths(GrammarState state, Bytes bytes) {
  constexpr int kKeyTokensMax = 4096;
  // How many characters a string of any has does not matter where it has enough: those that may not come any more are
  // as long as before.
  const GrammarState same = recognizer_.changed_tops(state, [&](GrammarFrame& frame) {
    if (frame.kind != GrammarFrame::Kind::kText) return;
    const std::uint32_t enough = recognizer_.grammar().texts[frame.index].min;
    if (frame.b <= enough) return;
    if (is_followed(frame)) {
      frame = representative(frame, kTiers - 1);
    } else {
      frame.b = enough;
    }
  });
  auto& kept = lengths_[static_cast<std::size_t>(bytes)];
  if (const auto known = kept.find(same); known != kept.end()) return known->second;
  bool is_string = true, is_text = true;
  for (const std::uint32_t stack : recognizer_.stacks(same)) {
    const GrammarFrame::Kind kind = recognizer_.frame(stack).kind;
    is_text = is_text && kind == GrammarFrame::Kind::kText;
    is_string = is_string && (kind == GrammarFrame::Kind::kText || kind == GrammarFrame::Kind::kKey);
  }
  const auto all = mask(same);
  int token_count = 0;
  for (const std::uint32_t word : *all) token_count += std::popcount(word);
  const bool quotes_alone = is_text || (is_string && token_count > kKeyTokensMax);
  const std::uint32_t before = shortest().of(same);
  Lengths found;
  for (std::size_t word = 0; word < all->size(); ++word) {
    std::uint32_t bits = (*all)[word] & (quotes_alone ? ~vocabulary_->without_quote_[word] : ~0u);
    if (bytes == Bytes::kMany) bits &= vocabulary_->long_[word];
    for (; bits != 0; bits &= bits - 1) {
      const auto token = static_cast<std::uint32_t>(32 * word + static_cast<std::size_t>(std::countr_zero(bits)));
      if (vocabulary_->token(token).empty()) continue;  // the end
      found.emplace_back(longer(shortest().of(after(same, token)), before), token);
    }
  }
  std::sort(found.begin(), found.end(), std::greater());
  count(found);
  return kept[same] = std::move(found);
}

// Calls visit(token, left) for those of the tokens that may come: left() is how many bytes complete the text behind it.
template <typename Visit>
void TokenMasks::walk(const GrammarFrame& frame, const TokenTrie& tokens, Visit&& visit) {
  if (frame.kind == GrammarFrame::Kind::kTerminal) return walk_terminal(frame, tokens, visit);
  walk_pattern(frame, tokens, visit);
}

// Within a string whose characters matter: without storing a state for every prefix of every token.
template <typename Visit>
void TokenMasks::walk_pattern(const GrammarFrame& frame, const TokenTrie& tokens, Visit&& visit) {
  struct Within {
    GrammarFrame frame;
    GrammarState after;  // the string, once it has ended
  };
  const Grammar& grammar = recognizer_.grammar();
  const GrammarState closed = recognizer_.below(frame);
  const auto step = [&](Within& within, std::uint8_t byte) {
    if (within.after != kDeadState) {
      within.after = recognizer_.advance(within.after, byte);
      return within.after != kDeadState;
    }
    if (byte != '"' || within.frame.c != 0) return step_in_text(grammar, within.frame, byte);
    if (text_may_end(grammar, within.frame)) within.after = closed;
    return within.after != kDeadState;
  };
  tokens.walk_with(Within{frame, kDeadState}, step, [&](std::uint32_t token, const Within& within) {
    visit(token,
          [&] { return within.after != kDeadState ? shortest().of(within.after) : shortest().of_top(within.frame); });
  });
}

// Within a terminal, which most often goes on through a whole token. It may end wherever its automaton accepts.
template <typename Visit>
void TokenMasks::walk_terminal(const GrammarFrame& frame, const TokenTrie& tokens, Visit&& visit) {
  struct Within {
    GrammarFrame frame;
    bool is_inside;
    GrammarState after;  // where it has ended
  };
  const Grammar& grammar = recognizer_.grammar();
  const GrammarState below = recognizer_.below(frame);
  const std::vector<std::uint32_t>& rest = recognizer_.stacks(below);
  const bool is_last = rest.size() == 1 && rest[0] == 0;  // nothing may follow
  const auto step = [&](Within& within, std::uint8_t byte) {
    if (within.after != kDeadState) within.after = recognizer_.advance(within.after, byte);
    within.is_inside = within.is_inside && step_in_terminal(grammar, within.frame, byte);
    if (within.is_inside && !is_last && terminal_may_end(grammar, within.frame)) {
      std::vector<std::uint32_t> both = recognizer_.stacks(within.after);
      const std::vector<std::uint32_t>& more = recognizer_.stacks(below);
      both.insert(both.end(), more.begin(), more.end());
      within.after = recognizer_.together(std::move(both));
    }
    return within.is_inside || within.after != kDeadState;
  };
  tokens.walk_with(Within{frame, true, kDeadState}, step, [&](std::uint32_t token, const Within& within) {
    visit(token, [&] {
      const std::uint32_t inside = within.is_inside ? shortest().of_top(within.frame) : ShortestTexts::kNever;
      return std::min(inside, shortest().of(within.after));
    });
  });
}

// A terminal, or a string whose characters matter.
bool TokenMasks::is_followed(const GrammarFrame& frame) const {
  if (frame.kind == GrammarFrame::Kind::kTerminal) return true;
  if (frame.kind != GrammarFrame::Kind::kText) return false;
  const Grammar& grammar = recognizer_.grammar();
  return frame.c != 0 || !grammar.dfas[grammar.texts[frame.index].dfa].takes_everything(frame.a);
}

// Such a one with so many states that its tokens are looked at tier by tier: most of the states are like others.
bool TokenMasks::has_parts(const GrammarFrame& frame) const {
  constexpr std::uint32_t kFewStates = 64;
  if (!is_followed(frame)) return false;
  const Grammar& grammar = recognizer_.grammar();
  if (frame.kind == GrammarFrame::Kind::kTerminal) return grammar.dfas[frame.index].states() > kFewStates;
  const Grammar::Text& text = grammar.texts[frame.index];
  const std::uint32_t counted = text.max == kUnbounded ? text.min : text.max;
  return counted > kFewStates || grammar.dfas[text.dfa].states() > kFewStates;
}

TokenMasks::Part& TokenMasks::part(const GrammarFrame& frame, std::size_t tier) {
  const GrammarFrame same = representative(frame, tier);
  const GrammarState state = recognizer_.alone(same);
  auto& parts = parts_[tier];
  if (const auto known = parts.find(state); known != parts.end()) return known->second;
  if (parts.size() >= kMasksMax) parts.clear();
  Part made{TokenMask(vocabulary_->mask_words()), std::nullopt};
  walk(same, vocabulary_->tiers_[tier], [&](std::uint32_t token, const auto&) { set_bit(made.tokens, token); });
  return parts.emplace(state, std::move(made)).first->second;
}

const TokenMasks::Lengths& TokenMasks::part_lengths(const GrammarFrame& frame, std::size_t tier) {
  if (const Part& known = part(frame, tier); known.lengths) return *known.lengths;
  const GrammarFrame same = representative(frame, tier);
  const std::uint32_t before = shortest().of_top(same);
  Lengths found;
  walk(same, vocabulary_->tiers_[tier],
       [&](std::uint32_t token, const auto& left) { found.emplace_back(longer(left(), before), token); });
  std::sort(found.begin(), found.end(), std::greater());
  count(found);
  Part& own = part(frame, tier);
  own.lengths = std::move(found);
  return *own.lengths;
}

TokenMask TokenMasks::made(GrammarState state) {
  TokenMask mask(vocabulary_->mask_words());
  if (recognizer_.can_end(state)) {
    for (const std::uint32_t token : vocabulary_->end_tokens()) set_bit(mask, token);
  }
  const std::vector<std::uint32_t> stacks = recognizer_.stacks(state);
  std::vector<std::uint32_t> others;
  for (const std::uint32_t stack : stacks) {
    const GrammarFrame frame = recognizer_.frame(stack);
    if (frame.kind == GrammarFrame::Kind::kText) {
      add_string(frame, mask);
    } else if (frame.kind == GrammarFrame::Kind::kKey) {
      add_key(frame, mask);
    } else if (frame.kind == GrammarFrame::Kind::kTerminal) {
      add_followed(frame, mask);
    } else {
      others.push_back(stack);
    }
  }
  const GrammarState rest = others.size() == stacks.size() ? state : recognizer_.together(others);
  if (!others.empty()) {
    vocabulary_->all_.walk(recognizer_, rest, [&](std::uint32_t token, const auto&) { set_bit(mask, token); });
  }
  return mask;
}

void TokenMasks::add_inside(std::uint32_t room, TokenMask& mask) const {
  if (room <= GrammarVocabulary::kShort) return unite(mask, vocabulary_->inside_masks_[room]);
  const auto& inside = vocabulary_->inside_;
  if (inside.empty() || inside.back().characters <= room) return unite(mask, vocabulary_->inside_mask_);
  unite(mask, vocabulary_->inside_masks_[GrammarVocabulary::kShort]);
  for (auto each = inside.rbegin(); each != inside.rend() && each->characters > GrammarVocabulary::kShort; ++each) {
    if (each->characters <= room) set_bit(mask, each->token);
  }
}

// Which endings may follow a quote.
std::vector<bool> TokenMasks::endings_from(GrammarState closed) {
  std::vector<bool> possible(vocabulary_->endings_.size());
  if (closed == kDeadState) return possible;
  for (std::size_t i = 0; i < possible.size(); ++i) possible[i] = vocabulary_->endings_[i].empty();
  vocabulary_->ending_trie_.walk(recognizer_, closed,
                                 [&](std::uint32_t ending, GrammarState) { possible[ending] = true; });
  return possible;
}

void TokenMasks::add_followed(const GrammarFrame& frame, TokenMask& mask) {
  if (has_parts(frame)) {
    for (std::size_t tier = 0; tier < kTiers; ++tier) unite(mask, part(frame, tier).tokens);
  } else {
    walk(frame, vocabulary_->all_, [&](std::uint32_t token, const auto&) { set_bit(mask, token); });
  }
}

void TokenMasks::add_string(const GrammarFrame& frame, TokenMask& mask) {
  if (is_followed(frame)) return add_followed(frame, mask);
  // One of any characters is the common case.
  const Grammar::Text& text = recognizer_.grammar().texts[frame.index];
  const std::uint32_t room = text.max == kUnbounded ? kUnbounded : text.max - frame.b;
  add_inside(room, mask);
  const std::vector<bool> possible = endings_from(recognizer_.below(frame));
  for (const GrammarVocabulary::Closer& closer : vocabulary_->closers_) {
    const std::size_t count = closer.characters.size();
    if (possible[closer.ending] && count <= room && frame.b + count >= text.min) set_bit(mask, closer.token);
  }
}

// What may follow the quote after a key.
const std::vector<bool>& TokenMasks::endings_after_key(const GrammarFrame& key) {
  const GrammarState closed = recognizer_.advance(recognizer_.alone(key), std::uint8_t{'"'});
  auto known = endings_.find(closed);
  if (known == endings_.end()) known = endings_.emplace(closed, endings_from(closed)).first;
  return known->second;
}

// Within a key. Where every key may become one that nothing is said of, every text may go on.
void TokenMasks::add_key(const GrammarFrame& frame, TokenMask& mask) {
  const Grammar& grammar = recognizer_.grammar();
  const Grammar::Object& object = grammar.objects[frame.index];
  if (frame.c != 0) return add_partial_key(frame, mask);
  const BitSet allowed = recognizer_.bits(frame.b);
  if (object.sink != Grammar::kNone && allowed.test(object.keys.kind_of[object.sink])) {
    unite(mask, vocabulary_->inside_mask_);
  } else {
    const auto step = [&](GrammarFrame& key, std::uint8_t byte) {
      return (byte != '"' || key.c != 0) && step_in_key(grammar, allowed, key, byte);
    };
    vocabulary_->all_.walk_with(frame, step, [&](std::uint32_t token, const auto&) { set_bit(mask, token); });
  }
  add_key_ends(frame, mask);
}

// Tokens that end a key. Which key it was matters to what follows only where another key follows in the same token.
void TokenMasks::add_key_ends(const GrammarFrame& frame, TokenMask& mask) {
  const Grammar::Object& object = recognizer_.grammar().objects[frame.index];
  const BitSet allowed = recognizer_.bits(frame.b);
  endings_.clear();
  std::map<std::uint32_t, std::vector<bool>> possible;  // by the key's state
  for (const GrammarVocabulary::Closer& closer : vocabulary_->closers_) {
    GrammarFrame key = frame;
    for (const char32_t character : closer.characters) {
      if (!object.remembers_keys && key.a == object.sink) break;
      step_over(object, key, character);
    }
    if (!allowed.test(object.keys.kind_of[key.a]) || recognizer_.is_used(key)) continue;
    const std::string& ending = vocabulary_->endings_[closer.ending];
    if (object.remembers_keys && ending.find('"') != std::string::npos) {
      const GrammarState closed = recognizer_.advance(recognizer_.alone(key), std::uint8_t{'"'});
      if (recognizer_.advance(closed, ending) != kDeadState) set_bit(mask, closer.token);
      continue;
    }
    auto known = possible.find(key.a);
    if (known == possible.end()) known = possible.emplace(key.a, endings_after_key(key)).first;
    if (known->second[closer.ending]) set_bit(mask, closer.token);
  }
}

// Within a character of a key: few tokens complete it.
void TokenMasks::add_partial_key(const GrammarFrame& frame, TokenMask& mask) {
  struct Within {
    GrammarFrame key;
    GrammarState after;  // the key, once it has ended
  };
  const BitSet allowed = recognizer_.bits(frame.b);
  const auto step = [&](Within& within, std::uint8_t byte) {
    if (within.after != kDeadState) {
      within.after = recognizer_.advance(within.after, byte);
      return within.after != kDeadState;
    }
    if (byte != '"' || within.key.c != 0) return step_in_key(recognizer_.grammar(), allowed, within.key, byte);
    within.after = recognizer_.advance(recognizer_.alone(within.key), byte);
    return within.after != kDeadState;
  };
  vocabulary_->all_.walk_with(Within{frame, kDeadState}, step,
                              [&](std::uint32_t token, const auto&) { set_bit(mask, token); });
}

bool TokenMasks::is_full() const {
  return recognizer_.memory_bytes() >= kMemoryMax;
}

std::shared_ptr<TokenMasks> TokenMaskPool::masks(const std::shared_ptr<const GrammarVocabulary>& vocabulary,
                                                 const std::shared_ptr<const Grammar>& grammar) {
  const auto known = std::find_if(recent_.begin(), recent_.end(), [&](const auto& masks) {
    return &masks->recognizer().grammar() == grammar.get() && &masks->vocabulary() == vocabulary.get();
  });
  if (known != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, known);
    if (!recent_.front()->is_full()) return recent_.front();
    recent_.pop_front();
  }
  recent_.push_front(std::make_shared<TokenMasks>(vocabulary, grammar));
  if (recent_.size() > kKept) recent_.pop_back();
  return recent_.front();
}

}  // namespace hearth
