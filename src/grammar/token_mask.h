// Which tokens of a vocabulary may come next. A vocabulary is prepared once: as a tree, and, for the inside of JSON's
// strings, by what each token is there (a part of the text, or its end and what follows), since there nearly every
// token may come. Masks are kept by state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "grammar/closing.h"
#include "grammar/dfa_classes.h"
#include "grammar/shortest_text.h"
#include "grammar/token_trie.h"

namespace hearth {

// Tokens as bits, 32 to a word: token t is bit t % 32 of word t / 32.
using TokenMask = std::vector<std::uint32_t>;

class GrammarVocabulary {
 public:
  // The bytes of every token; none for a token that no text has (control tokens). `end_tokens` may come where the
  // grammar can end, and nowhere else.
  GrammarVocabulary(std::vector<std::string> tokens, std::vector<std::uint32_t> end_tokens);

  std::size_t size() const { return tokens_.size(); }
  std::size_t mask_words() const { return (tokens_.size() + 31) / 32; }
  const std::string& token(std::uint32_t index) const { return tokens_[index]; }
  std::span<const std::uint32_t> end_tokens() const { return end_tokens_; }

  // Tokens by their length: most are short, and what may come next depends on few characters to come for them.
  static constexpr std::array<std::uint32_t, 3> kTierBytes{8, 20, 60};  // at most; a fourth tier has the others
  static constexpr std::size_t kTiers = kTierBytes.size() + 1;

 private:
  friend class TokenMasks;
  // Tokens that close a string, all with the same bytes from the quote on.
  struct Closer {
    std::uint32_t token;
    std::uint32_t ending;       // which bytes from the quote on
    std::u32string characters;  // before the quote
  };
  struct Inside {
    std::uint32_t token;
    std::uint32_t characters;  // that it needs room for
  };
  static constexpr std::size_t kShort = 32;

  void classify(std::uint32_t token, std::map<std::string, std::uint32_t>& endings);

  std::vector<std::string> tokens_;
  std::vector<std::uint32_t> end_tokens_;
  TokenTrie all_;
  std::array<TokenTrie, kTiers> tiers_;  // the same by length
  std::uint32_t bytes_max_ = 0;
  // Within a string of any characters.
  std::vector<Inside> inside_;           // by characters, ascending
  std::vector<TokenMask> inside_masks_;  // [kShort + 1]: of those with at most so many characters
  TokenMask inside_mask_;                // of all
  std::vector<Closer> closers_;
  std::vector<std::string> endings_;  // what follows the quote
  TokenTrie ending_trie_;
  std::uint32_t characters_max_ = 0;
  TokenMask without_quote_;  // the tokens that have none
  TokenMask long_;           // those that have many bytes
};

// The masks of one recognizer's states, kept by state. Several sequences of one thread may share them.
class TokenMasks {
 public:
  TokenMasks(std::shared_ptr<const GrammarVocabulary> vocabulary, std::shared_ptr<const Grammar> grammar);
  TokenMasks(const TokenMasks&) = delete;
  TokenMasks& operator=(const TokenMasks&) = delete;

  Recognizer& recognizer() { return recognizer_; }
  const GrammarVocabulary& vocabulary() const { return *vocabulary_; }
  // The state after a token; kDeadState where it may not come.
  GrammarState after(GrammarState state, std::uint32_t token);
  std::shared_ptr<const TokenMask> mask(GrammarState state);
  // The same without tokens behind which the text would take more bytes to complete than there are tokens left, which
  // may each be a byte. Where all are such, with all.
  std::shared_ptr<const TokenMask> mask(GrammarState state, std::int64_t tokens_left);
  ShortestTexts& shortest();
  // As closing_bytes().
  std::optional<std::string> closing(GrammarState state, std::size_t bytes_max);
  // There is so much memory in it that its users had better go over to another (Recognizer::adopt).
  bool is_full() const;

 private:
  static constexpr std::size_t kTiers = GrammarVocabulary::kTiers;

  // How much longer, in bytes, the shortest way to a complete text is behind a token than before it; the longest first.
  using Lengths = std::vector<std::pair<std::int32_t, std::uint32_t>>;
  enum class Bytes : std::uint8_t { kAny, kMany };
  // Of one tier's tokens, in a text or terminal whose characters matter.
  struct Part {
    TokenMask tokens;
    std::optional<Lengths> lengths;  // once they are asked for
  };

  TokenMask made(GrammarState state);
  GrammarState merged(GrammarState state);
  GrammarFrame representative(GrammarFrame frame, std::size_t tier);
  std::uint32_t first_like(std::uint32_t dfa, std::uint32_t state, std::size_t tier);
  bool is_followed(const GrammarFrame& frame) const;
  bool has_parts(const GrammarFrame& frame) const;
  Part& part(const GrammarFrame& frame, std::size_t tier);
  const Lengths& part_lengths(const GrammarFrame& frame, std::size_t tier);
  template <typename Visit>
  void walk(const GrammarFrame& frame, const TokenTrie& tokens, Visit&& visit);
  template <typename Visit>
  void walk_terminal(const GrammarFrame& frame, const TokenTrie& tokens, Visit&& visit);
  template <typename Visit>
  void walk_pattern(const GrammarFrame& frame, const TokenTrie& tokens, Visit&& visit);
  const Lengths& lengths(GrammarState state, Bytes bytes);
  void count(const Lengths& lengths);
  void add_string(const GrammarFrame& frame, TokenMask& mask);
  void add_followed(const GrammarFrame& frame, TokenMask& mask);
  void add_key(const GrammarFrame& frame, TokenMask& mask);
  void add_key_ends(const GrammarFrame& frame, TokenMask& mask);
  void add_partial_key(const GrammarFrame& frame, TokenMask& mask);
  const std::vector<bool>& endings_after_key(const GrammarFrame& key);
  void add_inside(std::uint32_t room, TokenMask& mask) const;
  std::vector<bool> endings_from(GrammarState closed);

  std::shared_ptr<const GrammarVocabulary> vocabulary_;
  Recognizer recognizer_;
  std::optional<ShortestTexts> shortest_;  // made when it is first asked for
  ClosingSteps closing_steps_;
  std::unordered_map<GrammarState, std::shared_ptr<const TokenMask>> masks_;
  std::array<std::unordered_map<GrammarState, Part>, kTiers> parts_;  // by the state of their stack alone
  std::unordered_map<std::uint32_t, DfaClasses> classes_;             // by automaton; a level for each tier
  std::array<std::unordered_map<GrammarState, Lengths>, 2> lengths_;  // by their tokens' bytes
  std::size_t length_count_ = 0;                                      // in all of them; a state counts as one more
  std::map<GrammarState, std::vector<bool>> endings_;                 // by the state of a finished key, within one mask
};

// The masks of grammars that sequences follow now or did lately. One thread's.
class TokenMaskPool {
 public:
  std::shared_ptr<TokenMasks> masks(const std::shared_ptr<const GrammarVocabulary>& vocabulary,
                                    const std::shared_ptr<const Grammar>& grammar);

 private:
  static constexpr std::size_t kKept = 16;

  std::list<std::shared_ptr<TokenMasks>> recent_;  // the last used first
};

}  // namespace hearth
