// What happens between normalized text and the model that turns it into tokens: the text is cut into pieces that no
// token crosses, and sometimes rewritten (into the alphabet of bytes, or with a visible character for the space).
// The steps, their names and their meaning are those of Hugging Face's tokenizer.json.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode/regex.h"

namespace hearth {

// Parts of one text, in order. What lies between two of them is dropped.
struct Pieces {
  std::string text;
  std::vector<Span> spans;        // not empty, none overlapping another
  std::vector<bool> well_formed;  // by span: valid UTF-8, so that patterns may read it
  bool at_start = true;           // the text begins where the user's text does

  // The whole of a text: one piece, or more where ill-formed UTF-8 lies in it.
  static Pieces of(std::string text, bool at_start);
  std::string_view piece(std::size_t i) const { return piece(spans[i]); }
  std::string_view piece(Span span) const { return std::string_view(text).substr(span.begin, span.end - span.begin); }
  void add(Span span, bool is_well_formed) {
    if (span.begin == span.end) return;
    spans.push_back(span);
    well_formed.push_back(is_well_formed);
  }
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

// What becomes of the matches of a delimiter, and of what lies between them.
enum class SplitBehavior {
  kIsolated,            // both are pieces
  kRemoved,             // matches are dropped
  kMergedWithPrevious,  // a match ends the piece before it
  kMergedWithNext,      // a match begins the piece after it
  kContiguous,          // adjacent matches are one piece
};

class SplitStep : public PreTokenizer {
 public:
  // `invert`: what the pattern matches is text, what it does not match is the delimiter.
  SplitStep(Regex pattern, SplitBehavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces) const override;

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Every run of digits is cut into groups of three, counted from its end.
class DigitGroupStep : public PreTokenizer {
 public:
  enum class Rule {
    kAfterGroups,   // any number character counts; the first group stays with what precedes it
    kBeforeGroups,  // only 0-9 count; a group of one or two stays with what precedes it
  };
  explicit DigitGroupStep(Rule rule) : rule_(rule) {}
  void apply(Pieces& pieces) const override;

 private:
  Rule rule_;
};

// Bytes become characters of the byte alphabet.
class ByteLevelStep : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override;
};

// Puts a space in front of every piece that does not begin with one.
class PrefixSpaceStep : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override;
};

// The space becomes a visible character, which may also be put in front.
class MetaspaceStep : public PreTokenizer {
 public:
  enum class Prepend { kAlways, kFirst, kNever };
  MetaspaceStep(std::string replacement, Prepend prepend, bool split);
  void apply(Pieces& pieces) const override;

 private:
  std::string replacement_;
  Prepend prepend_;
  std::unique_ptr<SplitStep> split_;  // null: pieces stay whole
};

class PreTokenizerSequence : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<const PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(Pieces& pieces) const override {
    for (const auto& step : steps_) step->apply(pieces);
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

// GPT-2's pattern, which ByteLevel splits with unless told otherwise.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// The pattern that matches exactly this text.
std::string escape_pattern(std::string_view text);

}  // namespace hearth
