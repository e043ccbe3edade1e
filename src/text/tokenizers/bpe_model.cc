// Merges are keyed by the two tokens' ids, so that encoding compares numbers, never strings.
#include "text/tokenizers/bpe_model.h"

#include <algorithm>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"

namespace hearth {
namespace {

constexpr std::uint64_t kNoPair = std::numeric_limits<std::uint64_t>::max();
constexpr char32_t kSmallCharacters = 0x800;

std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t mix(std::uint64_t key) {
  key *= 0x9E3779B97F4A7C15ULL;
  return key ^ key >> 32;
}

}  // namespace

BpeModel::BpeModel(const Vocabulary& vocabulary, std::span<const MergePair> merges, BpeOptions options)
    : vocabulary_(vocabulary), options_(std::move(options)), rank_count_(merges.size()) {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(merges.size() * 2, 16)), Slot{kNoPair, {}});
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const bool is_empty = merges[rank].left.empty() || merges[rank].right.empty();
    if (is_empty && !options_.merges_name_tokens) continue;
    const auto [left, right, result] = merge_symbols_of(merges[rank]);
    add_merge(left, right, {static_cast<std::uint32_t>(rank), result});
  }
  if (!intermediates_.empty()) count_unreachable(merges);
  small_symbols_.resize(kSmallCharacters);
  for (char32_t character = 0; character < kSmallCharacters; ++character) {
    small_symbols_[character] = find_symbol(to_utf8(character));
  }
}

std::array<TokenId, 3> BpeModel::merge_symbols_of(const MergePair& merge) {
  const std::string& prefix = options_.continuing_subword_prefix;
  std::string result(merge.left);
  result += merge.right.starts_with(prefix) ? merge.right.substr(prefix.size()) : merge.right;
  const std::string_view texts[] = {merge.left, merge.right, result};
  std::array<TokenId, 3> symbols{};
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    symbols[i] = find_or_add_symbol(texts[i]);
    if (!options_.merges_name_tokens || is_token(symbols[i])) continue;
    throw InvalidInput(fmt::format("The merge \"{} {}\" {} \"{}\", which is no token of the vocabulary.", merge.left,
                                   merge.right, i < 2 ? "joins" : "makes", texts[i]));
  }
  return symbols;
}

void BpeModel::count_unreachable(std::span<const MergePair> merges) {
  std::vector<bool> reachable(intermediates_.size());
  const auto index = [&](TokenId symbol) { return static_cast<std::size_t>(symbol) - vocabulary_.size(); };
  for (const auto& [text, symbol] : intermediates_) {
    if (decode_utf8(text, 0).bytes == text.size()) reachable[index(symbol)] = true;
  }
  for (const Slot& slot : slots_) {
    if (slot.pair != kNoPair && !is_token(slot.merge.id)) reachable[index(slot.merge.id)] = true;
  }
  const auto is_reachable = [&](std::string_view text) {
    const TokenId symbol = find_symbol(text);
    return is_token(symbol) || (symbol != kNoToken && reachable[index(symbol)]);
  };
  joins_tokens_ = false;
  for (const MergePair& merge : merges) {
    if (!is_reachable(merge.left) || !is_reachable(merge.right)) ++unreachable_count_;
    if (is_token(find_symbol(merge.left)) && is_token(find_symbol(merge.right))) joins_tokens_ = true;
  }
}

TokenId BpeModel::find_symbol(std::string_view text) const {
  const TokenId token = vocabulary_.find(text);
  if (token != kNoToken || intermediates_.empty()) return token;
  const auto found = intermediates_.find(std::string(text));
  return found == intermediates_.end() ? kNoToken : found->second;
}

TokenId BpeModel::find_or_add_symbol(std::string_view text) {
  const TokenId token = vocabulary_.find(text);
  if (token != kNoToken || text.empty()) return token;
  const auto next = static_cast<TokenId>(vocabulary_.size() + intermediates_.size());
  return intermediates_.emplace(text, next).first->second;
}

void BpeModel::add_merge(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t key = pair_key(left, right);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = mix(key) & mask;
  while (slots_[slot].pair != kNoPair) {
    if (slots_[slot].pair == key) return;  // of two equal merges the first counts
    slot = (slot + 1) & mask;
  }
  slots_[slot] = {key, merge};
}

std::optional<Merge> BpeModel::find_merge(TokenId left, TokenId right) const {
  if (left == kNoToken || right == kNoToken) return std::nullopt;
  const std::uint64_t key = pair_key(left, right);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = mix(key) & mask; slots_[slot].pair != kNoPair; slot = (slot + 1) & mask) {
    if (slots_[slot].pair == key) return slots_[slot].merge;
  }
  return std::nullopt;
}

TokenId BpeModel::find_character(std::string_view character, char32_t code_point, bool first, bool last) const {
  const bool plain =
      (first || options_.continuing_subword_prefix.empty()) && (!last || options_.end_of_word_suffix.empty());
  if (plain && code_point < kSmallCharacters) return small_symbols_[code_point];
  if (plain) return find_symbol(character);
  std::string text = first ? "" : options_.continuing_subword_prefix;
  text += character;
  if (last) text += options_.end_of_word_suffix;
  return find_symbol(text);
}

void BpeModel::add_unknown(std::string_view text, std::uint32_t begin, std::vector<Symbol>& symbols) const {
  const UnknownRule& rule = options_.unknown;
  const auto has_byte = [&](char byte) { return vocabulary_.find_byte(static_cast<unsigned char>(byte)) != kNoToken; };
  if (rule.byte_fallback && std::all_of(text.begin(), text.end(), has_byte)) {
    for (std::uint32_t i = 0; i < text.size(); ++i) {
      symbols.push_back({begin + i, 1, vocabulary_.find_byte(static_cast<unsigned char>(text[i]))});
    }
    return;
  }
  if (rule.unknown == kNoToken) return;
  if (rule.fuse && !symbols.empty() && symbols.back().id == rule.unknown) {
    symbols.back().bytes += static_cast<std::uint32_t>(text.size());
  } else {
    symbols.push_back({begin, static_cast<std::uint32_t>(text.size()), rule.unknown});
  }
}

void BpeModel::read_symbols(std::string_view piece, std::vector<Symbol>& symbols) const {
  symbols.clear();
  for (std::size_t position = 0; position < piece.size();) {
    const Utf8Char character = decode_utf8(piece, position);
    const std::string_view text = piece.substr(position, character.bytes);
    const auto begin = static_cast<std::uint32_t>(position);
    position += character.bytes;
    const TokenId id =
        character.valid ? find_character(text, character.code_point, begin == 0, position == piece.size()) : kNoToken;
    if (id == kNoToken) {
      add_unknown(text, begin, symbols);
    } else {
      symbols.push_back({begin, static_cast<std::uint32_t>(text.size()), id});
    }
  }
}

// Characters as tokens of their own, without merging them.
void BpeModel::spell(std::string_view text, std::vector<TokenId>& out) const {
  std::vector<Symbol> symbols;
  for_each_character(text, [&](char32_t, std::string_view character, bool) {
    const TokenId token = vocabulary_.find(character);
    if (token == kNoToken) {
      add_unknown(character, 0, symbols);
    } else {
      symbols.push_back({0, 0, token});
    }
  });
  for (const Symbol& symbol : symbols) out.push_back(symbol.id);
}

TokenId BpeModel::whole_token(std::string_view piece) const {
  const bool asked = options_.ignore_merges ||
                     (options_.whole_newline_runs && piece.find_first_not_of('\n') == std::string_view::npos);
  return asked ? vocabulary_.find(piece) : kNoToken;
}

void BpeModel::encode(const Pieces& pieces, std::vector<TokenId>& out) const {
  std::vector<Symbol> symbols;
  MergeQueue queue(rank_count_);
  const auto rule = [this](const Symbol& left, const Symbol& right) { return find_merge(left.id, right.id); };
  for (const Span span : pieces.spans) {
    const std::string_view piece = pieces.piece(span);
    if (const TokenId whole = whole_token(piece); whole != kNoToken) {
      out.push_back(whole);
      continue;
    }
    read_symbols(piece, symbols);
    merge_symbols(symbols, queue, rule);
    for (const Symbol& symbol : symbols) {
      if (is_token(symbol.id)) {
        out.push_back(symbol.id);
      } else {
        spell(piece.substr(symbol.begin, symbol.bytes), out);
      }
    }
  }
}

}  // namespace hearth
