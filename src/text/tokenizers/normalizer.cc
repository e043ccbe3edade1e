// The normalizers that are more than one function of another file.
#include "text/tokenizers/normalizer.h"

#include "base/utf8.h"

namespace hearth {

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t position = 0;;) {
    const std::size_t found = text.find(from, position);
    out += text.substr(position, found - position);
    if (found == std::string_view::npos) return out;
    out += to;
    position = found + from.size();
  }
}

std::string remove_characters(std::string_view text, bool (*drop)(char32_t)) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t code_point, std::string_view bytes, bool valid) {
    if (!valid || !drop(code_point)) out += bytes;
  });
  return out;
}

std::string strip(std::string_view text, bool left, bool right) {
  std::size_t begin = text.size();
  std::size_t end = 0;
  std::size_t position = 0;
  for_each_character(text, [&](char32_t code_point, std::string_view bytes, bool) {
    const std::size_t start = position;
    position += bytes.size();
    if (is_white_space(code_point)) return;
    if (begin == text.size()) begin = start;
    end = position;
  });
  if (!left) begin = 0;
  if (!right) end = text.size();
  return begin < end ? std::string(text.substr(begin, end - begin)) : std::string();
}

std::string ReplaceNormalizer::apply(std::string text) const {
  RegexMatcher matcher(pattern_);
  std::string out;
  out.reserve(text.size());
  for_each_utf8_run(text, [&](std::string_view run, bool valid) {
    std::size_t end = 0;
    if (valid) {
      matcher.for_each(run, [&](Span match) {
        out += run.substr(end, match.begin - end);
        out += content_;
        end = match.end;
      });
    }
    out += run.substr(end);
  });
  return out;
}

std::string BertNormalizer::apply(std::string text) const {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t code_point, std::string_view bytes, bool valid) {
    const bool line_space = code_point == '\t' || code_point == '\n' || code_point == '\r';
    if (options_.clean_text) {
      if (!valid || code_point == 0 || code_point == kReplacementCharacter) return;
      if (!line_space && is_control(code_point)) return;
      if (line_space || is_white_space(code_point)) {
        out += ' ';
        return;
      }
    }
    const bool apart = options_.handle_chinese_characters && is_chinese_character(code_point);
    if (apart) out += ' ';
    out += bytes;
    if (apart) out += ' ';
  });
  if (options_.strip_accents) out = remove_characters(normalize(out, NormalForm::kNfd), is_nonspacing_mark);
  if (options_.lowercase) out = to_lower(std::string_view(out));
  return out;
}

void PrecompiledNormalizer::append_grapheme(std::string_view grapheme, std::string& out) const {
  constexpr std::size_t kLongGraphemeBytes = 6;
  if (grapheme.size() < kLongGraphemeBytes) {
    if (const auto match = charsmap_.shortest_prefix(grapheme)) {
      out += match->replacement;
      return;
    }
  }
  for_each_character(grapheme, [&](char32_t, std::string_view bytes, bool) {
    const auto match = charsmap_.shortest_prefix(bytes);
    out += match ? match->replacement : bytes;
  });
}

std::string PrecompiledNormalizer::apply(std::string text) const {
  std::string out;
  out.reserve(text.size());
  std::size_t grapheme_begin = 0;
  std::size_t position = 0;
  char32_t previous = 0;
  int state = 0;
  for_each_character(text, [&](char32_t code_point, std::string_view bytes, bool) {
    if (position > 0 && is_grapheme_boundary(previous, code_point, state)) {
      append_grapheme(std::string_view(text).substr(grapheme_begin, position - grapheme_begin), out);
      grapheme_begin = position;
    }
    previous = code_point;
    position += bytes.size();
  });
  append_grapheme(std::string_view(text).substr(grapheme_begin), out);
  return out;
}

std::string SentencePieceNormalizer::apply(std::string text) const {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  bool space_added = false;
  bool within_word = false;
  const auto add = [&](std::string_view normalized) {
    for (const char c : normalized) {
      if (c == ' ') {
        within_word = false;
        if (!options_.remove_extra_spaces) out += kVisibleSpace;
        continue;
      }
      if (!within_word) {
        within_word = true;
        if ((options_.add_space_prefix && !space_added) || options_.remove_extra_spaces) {
          out += kVisibleSpace;
          space_added = true;
        }
      }
      out += c;
    }
  };
  for (std::size_t position = 0; position < text.size();) {
    const std::string_view rest = std::string_view(text).substr(position);
    if (const auto match = options_.verbatim.longest_prefix(rest)) {
      add(rest.substr(0, match->bytes));
      position += match->bytes;
      continue;
    }
    if (options_.charsmap != nullptr) {
      if (const auto match = options_.charsmap->longest_prefix(rest)) {
        add(match->replacement);
        position += match->bytes;
        continue;
      }
    }
    const Utf8Char character = decode_utf8(rest, 0);
    add(character.valid ? rest.substr(0, character.bytes) : std::string_view("\xEF\xBF\xBD"));
    position += character.bytes;
  }
  return out;
}

std::string GgufBertNormalizer::apply(std::string text) const {
  std::string out;
  out.reserve(text.size());
  bool within_word = false;
  for_each_character(text, [&](char32_t original, std::string_view, bool) {
    const char32_t base = strip_accents_ ? canonical_base(original) : original;
    if (is_white_space(base)) {
      within_word = false;
      return;
    }
    if (base == 0 || base == kReplacementCharacter || is_control(base)) return;
    if (strip_accents_ && is_mark(base)) return;
    const bool apart = is_punctuation(base) || (base < 0x7F && is_symbol(base)) || is_chinese_character(base);
    if ((apart || !within_word) && !out.empty()) out += ' ';
    append_utf8(lowercase_ ? to_lower(base) : base, out);
    within_word = !apart;
  });
  return out;
}

}  // namespace hearth
