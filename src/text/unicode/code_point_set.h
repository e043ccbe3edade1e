// Sets of code points, and those that have names in regular expressions: categories, scripts, properties, POSIX
// classes. Their meaning is Oniguruma's, their members those of the newest Unicode version (unicode_data.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hearth {

inline constexpr char32_t kCodePointMax = 0x10FFFF;

class CodePointSet {
 public:
  struct Range {
    char32_t first, last;
    bool operator==(const Range&) const = default;
  };

  CodePointSet() = default;
  explicit CodePointSet(std::vector<Range> ranges);  // in any order
  static CodePointSet of(char32_t code_point) { return CodePointSet({{code_point, code_point}}); }
  static CodePointSet all() { return CodePointSet({{0, kCodePointMax}}); }

  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t code_point) const;
  std::span<const Range> ranges() const { return ranges_; }  // ascending, none touching another

  CodePointSet united(const CodePointSet& other) const;
  CodePointSet complement() const;
  CodePointSet intersected(const CodePointSet& other) const;
  CodePointSet without(const CodePointSet& other) const { return intersected(other.complement()); }
  // With every code point that has the same simple case folding as a member.
  CodePointSet closed_under_case() const;

  bool operator==(const CodePointSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

// A byte for every code point.
class CodePointMap {
 public:
  CodePointMap() = default;
  // `values`: one for each set; the sets are disjoint and cover everything.
  CodePointMap(const std::vector<CodePointSet>& sets, const std::vector<std::uint8_t>& values);

  std::uint8_t operator[](char32_t code_point) const {  // up to kCodePointMax
    return blocks_[static_cast<std::size_t>(index_[code_point >> 8]) << 8 | (code_point & 0xff)];
  }

 private:
  std::array<std::uint16_t, (kCodePointMax + 1) / 256> index_{};
  std::vector<std::uint8_t> blocks_;  // [blocks, 256], equal ones once
};

// What \p{name} means: "L", "Uppercase_Letter", "Han", "Alphabetic", "Alnum", …; case, spaces, '-' and '_' do not
// count. nullopt for an unknown name.
std::optional<CodePointSet> named_set(std::string_view name);

// White_Space; and \w: letters, marks, decimal digits, connectors and what else is Alphabetic.
CodePointSet white_space_set();
CodePointSet word_set();

}  // namespace hearth
