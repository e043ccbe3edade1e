// The steps. A step that only cuts replaces the spans; one that rewrites builds a new text piece by piece.
#include "text/tokenizers/pre_tokenizer.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/unicode/unicode.h"

namespace hearth {
namespace {

struct Segment {
  Span span;
  bool is_delimiter;
};

// Applies `cut(piece, offset, add)` to every well-formed piece; others stay as they are.
template <typename Cut>
void cut_pieces(Pieces& pieces, Cut&& cut) {
  std::vector<Span> spans = std::move(pieces.spans);
  std::vector<bool> well_formed = std::move(pieces.well_formed);
  pieces.spans.clear();
  pieces.well_formed.clear();
  pieces.spans.reserve(spans.size());
  pieces.well_formed.reserve(spans.size());
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (well_formed[i]) {
      cut(pieces.piece(spans[i]), spans[i].begin);
    } else {
      pieces.add(spans[i], false);
    }
  }
}

// Appends what `behavior` makes of the segments, which cover a piece from left to right.
void merge_segments(const std::vector<Segment>& segments, SplitBehavior behavior, std::vector<Span>& out) {
  bool previous_is_delimiter = false;
  switch (behavior) {
    case SplitBehavior::kIsolated:
      for (const Segment& segment : segments) out.push_back(segment.span);
      return;
    case SplitBehavior::kRemoved:
      for (const Segment& segment : segments) {
        if (!segment.is_delimiter) out.push_back(segment.span);
      }
      return;
    case SplitBehavior::kContiguous:
      for (std::size_t i = 0; i < segments.size(); ++i) {
        if (i > 0 && segments[i].is_delimiter == segments[i - 1].is_delimiter) {
          out.back().end = segments[i].span.end;
        } else {
          out.push_back(segments[i].span);
        }
      }
      return;
    case SplitBehavior::kMergedWithPrevious:
      for (std::size_t i = 0; i < segments.size(); ++i) {
        if (segments[i].is_delimiter && !previous_is_delimiter && i > 0) {
          out.back().end = segments[i].span.end;
        } else {
          out.push_back(segments[i].span);
        }
        previous_is_delimiter = segments[i].is_delimiter;
      }
      return;
    case SplitBehavior::kMergedWithNext: {
      const std::size_t first = out.size();
      for (std::size_t i = segments.size(); i-- > 0;) {
        if (segments[i].is_delimiter && !previous_is_delimiter && i + 1 < segments.size()) {
          out.back().begin = segments[i].span.begin;
        } else {
          out.push_back(segments[i].span);
        }
        previous_is_delimiter = segments[i].is_delimiter;
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
      return;
    }
  }
}

}  // namespace

Pieces Pieces::of(std::string text, bool at_start) {
  Pieces pieces;
  pieces.text = std::move(text);
  pieces.at_start = at_start;
  std::size_t offset = 0;
  for_each_utf8_run(pieces.text, [&](std::string_view run, bool valid) {
    pieces.add({offset, offset + run.size()}, valid);
    offset += run.size();
  });
  return pieces;
}

void SplitStep::apply(Pieces& pieces) const {
  RegexMatcher matcher(pattern_);
  std::vector<Segment> segments;
  std::vector<Span> merged;
  cut_pieces(pieces, [&](std::string_view piece, std::size_t offset) {
    segments.clear();
    merged.clear();
    std::size_t end = 0;
    const auto add = [&](Span span, bool matches) {
      if (span.begin != span.end) segments.push_back({{offset + span.begin, offset + span.end}, matches != invert_});
    };
    matcher.for_each(piece, [&](Span match) {
      add({end, match.begin}, false);
      add(match, true);
      end = match.end;
    });
    add({end, piece.size()}, false);
    merge_segments(segments, behavior_, merged);
    for (const Span span : merged) pieces.add(span, true);
  });
}

void DigitGroupStep::apply(Pieces& pieces) const {
  const auto counts = [&](char32_t code_point) {
    return rule_ == Rule::kAfterGroups ? is_number(code_point) : code_point >= '0' && code_point <= '9';
  };
  std::vector<std::size_t> digits;  // where the digits of the current run begin
  cut_pieces(pieces, [&](std::string_view piece, std::size_t offset) {
    std::size_t begin = 0;  // of the piece to be added next
    const auto cut_at = [&](std::size_t end) {
      pieces.add({offset + begin, offset + end}, true);
      begin = end;
    };
    const auto finish_run = [&](std::size_t run_end) {
      for (std::size_t i = 0; i < digits.size(); ++i) {
        const bool whole_groups_follow = (digits.size() - i) % 3 == 0;
        if (whole_groups_follow && (i > 0 || rule_ == Rule::kBeforeGroups)) cut_at(digits[i]);
      }
      if (!digits.empty() && rule_ == Rule::kAfterGroups) cut_at(run_end);
      digits.clear();
    };
    std::size_t position = 0;
    for_each_character(piece, [&](char32_t code_point, std::string_view bytes, bool) {
      if (counts(code_point)) {
        digits.push_back(position);
      } else {
        finish_run(position);
      }
      position += bytes.size();
    });
    finish_run(position);
    cut_at(piece.size());
  });
}

void ByteLevelStep::apply(Pieces& pieces) const {
  Pieces result;
  result.at_start = pieces.at_start;
  result.text.reserve(pieces.text.size() + pieces.text.size() / 2);
  result.spans.reserve(pieces.spans.size());
  for (std::size_t i = 0; i < pieces.spans.size(); ++i) {
    const std::string_view piece = pieces.piece(i);
    const std::size_t begin = result.text.size();
    append_in_byte_alphabet(piece, result.text);
    result.add({begin, result.text.size()}, true);
  }
  pieces = std::move(result);
}

void PrefixSpaceStep::apply(Pieces& pieces) const {
  Pieces result;
  result.at_start = pieces.at_start;
  result.text.reserve(pieces.text.size() + pieces.spans.size());
  for (std::size_t i = 0; i < pieces.spans.size(); ++i) {
    const std::string_view piece = pieces.piece(i);
    const std::size_t begin = result.text.size();
    if (!piece.starts_with(' ')) result.text += ' ';
    result.text += piece;
    result.add({begin, result.text.size()}, pieces.well_formed[i]);
  }
  pieces = std::move(result);
}

MetaspaceStep::MetaspaceStep(std::string replacement, Prepend prepend, bool split)
    : replacement_(std::move(replacement)), prepend_(prepend) {
  if (split) {
    split_ = std::make_unique<SplitStep>(Regex(escape_pattern(replacement_)), SplitBehavior::kMergedWithNext);
  }
}

void MetaspaceStep::apply(Pieces& pieces) const {
  Pieces result;
  result.at_start = pieces.at_start;
  result.text.reserve(pieces.text.size() + pieces.text.size() / 2);
  for (std::size_t i = 0; i < pieces.spans.size(); ++i) {
    const std::string_view piece = pieces.piece(i);
    const std::size_t begin = result.text.size();
    const bool wanted =
        prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && pieces.at_start && pieces.spans[i].begin == 0);
    if (wanted && !piece.starts_with(' ') && !piece.starts_with(replacement_)) result.text += replacement_;
    for (const char c : piece) {
      if (c == ' ') {
        result.text += replacement_;
      } else {
        result.text += c;
      }
    }
    result.add({begin, result.text.size()}, pieces.well_formed[i]);
  }
  pieces = std::move(result);
  if (split_) split_->apply(pieces);
}

std::string escape_pattern(std::string_view text) {
  constexpr std::string_view kMeta = R"(\.+*?()|[]{}^$#&-~/)";
  std::string pattern;
  for (const char c : text) {
    if (kMeta.find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace hearth
