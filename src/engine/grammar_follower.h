// Follows one sequence's tokens through what its answer must obey, and says which may come next: a grammar for its
// text, a grammar for the calls of tools within a text that is free otherwise, and a bound on what is thought before.
// A text that has few tokens left is closed while it can be.
// A function of the sequence's own tokens, so that the answer is the same in any company.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/request.h"
#include "grammar/token_mask.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

// The tokens of a model as grammars need them; made once, which takes a fraction of a second. `rows`: how many logits
// the model has, which may be more than there are tokens.
std::shared_ptr<const GrammarVocabulary> grammar_vocabulary(const Tokenizer& tokenizer, std::int64_t rows);

class GrammarFollower {
 public:
  // Whether the request asks for anything that must be followed.
  static bool is_needed(const Request& request);

  // The tokenizer outlives it, and so does the pool, whose thread takes it over from whoever made it.
  GrammarFollower(const Request& request, const Tokenizer& tokenizer,
                  std::shared_ptr<const GrammarVocabulary> vocabulary);

  void join(TokenMaskPool& pool);

  // The tokens that may come now; empty: all of them. Throws Unsupported where the text is too ambiguous to be
  // followed. Valid until the next call.
  std::span<const std::uint32_t> mask();
  // A token was chosen.
  void accept(TokenId token);
  // Whether the text is complete and nothing may follow.
  bool is_over() const { return over_; }

 private:
  enum class Phase : std::uint8_t {
    kThoughts,  // until thinking.close
    kWaiting,   // free, until the text's grammar begins
    kText,      // by the text's grammar, or free
    kCalls,     // by the calls' grammar
  };

  // A grammar, and how far it has been followed.
  struct Followed {
    std::shared_ptr<const Grammar> grammar;
    std::shared_ptr<TokenMasks> masks;
    GrammarState state = kDeadState;

    Recognizer& recognizer() const { return masks->recognizer(); }
  };

  void follow(Followed& followed, std::string_view bytes);
  void change_masks(Followed& followed);
  void enter(Phase phase);
  void read(std::string_view bytes, TokenId token);
  void read_text(std::string_view bytes, TokenId token);
  bool read_beginning(std::string_view bytes);
  void watch(std::string_view bytes);
  void begin_calls(std::string_view mark, std::string_view rest);
  void follow_text(std::string_view bytes);
  void follow_calls(std::string_view bytes);
  bool may_end() const;
  std::span<const std::uint32_t> free_mask();
  void bound_thoughts();
  void close_in_time();
  bool mask_crossings(std::string_view mark);

  const Tokenizer& tokenizer_;
  ThinkingRequest thinking_;
  CallMarks marks_;
  std::string begin_after_;  // the text's grammar; empty: it has begun
  bool ends_with_call_ = false, has_called_ = false;
  std::shared_ptr<const GrammarVocabulary> vocabulary_;
  TokenMaskPool* pool_ = nullptr;
  std::optional<Followed> text_, calls_;
  std::shared_ptr<const TokenMask> kept_mask_;  // what mask() has returned
  Phase phase_ = Phase::kText;
  std::string seen_;       // the last bytes, in which a mark may have begun
  std::string beginning_;  // of a text, without white space
  bool begins_ = true;     // nothing but what may become a mark has come of the text
  std::int64_t thought_tokens_ = 0;
  std::int64_t tokens_left_;                             // of the answer; below 0: no bound
  std::int64_t closing_margin_;                          // tokens that may be left over where a text is closed in time
  std::int64_t closing_check_ = 0, closing_bytes_ = -1;  // looked for again then: at so many tokens left, above so many
  bool has_ended_thoughts_ = false;                      // those that are open
  std::deque<TokenId> forced_;
  TokenMask mask_;  // of what no grammar says
  bool over_ = false;
};

}  // namespace hearth
