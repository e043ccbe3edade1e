// Sets are sorted ranges; a union sorts and joins them, everything else follows from union and complement.
#include "text/unicode/code_point_set.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string>

#include "text/unicode/unicode_data.h"

namespace hearth {
namespace {

using Range = CodePointSet::Range;

constexpr std::size_t kBlock = 256;

// The code points whose value in the table satisfies the test.
template <typename Test>
CodePointSet from_runs(std::span<const std::uint32_t> runs, Test test) {
  std::vector<Range> ranges;
  char32_t at = 0;
  for (const std::uint32_t run : runs) {
    const char32_t length = run >> 8;
    if (test(run & 0xff)) ranges.push_back({at, at + length - 1});
    at += length;
  }
  return CodePointSet(std::move(ranges));
}

CodePointSet categories(std::initializer_list<Category> members) {
  return from_runs(category_runs(), [&](std::uint32_t value) {
    return std::find(members.begin(), members.end(), static_cast<Category>(value)) != members.end();
  });
}

// "L" or "Lu".
CodePointSet categories(std::string_view prefix) {
  return from_runs(category_runs(),
                   [&](std::uint32_t value) { return kCategoryNames.substr(2 * value, 2).starts_with(prefix); });
}

CodePointSet property(std::string_view name) {
  std::vector<Range> ranges;
  for (const PropertyEdges& row : property_edges()) {
    if (row.name != name) continue;
    for (std::size_t i = 0; i < row.edges.size(); i += 2) ranges.push_back({row.edges[i], row.edges[i + 1] - 1});
  }
  return CodePointSet(std::move(ranges));
}

CodePointSet alphabetic() {
  return categories("L").united(categories("Nl")).united(property("Other_Alphabetic"));
}

CodePointSet graphic() {
  return white_space_set().united(categories({Category::kCc, Category::kCn, Category::kCs})).complement();
}

CodePointSet blank() {
  return categories("Zs").united(CodePointSet::of('\t'));
}

struct Named {
  std::string_view name;  // in the form of `simplified`
  CodePointSet (*make)();
};

constexpr Named kSets[] = {
    {"any", [] { return CodePointSet::all(); }},
    {"ascii",
     [] {
       return CodePointSet({{0, 0x7f}});
     }},
    {"assigned", [] { return categories("Cn").complement(); }},
    {"alphabetic", alphabetic},
    {"alpha", alphabetic},
    {"uppercase", [] { return categories("Lu").united(property("Other_Uppercase")); }},
    {"upper", [] { return categories("Lu").united(property("Other_Uppercase")); }},
    {"lowercase", [] { return categories("Ll").united(property("Other_Lowercase")); }},
    {"lower", [] { return categories("Ll").united(property("Other_Lowercase")); }},
    {"whitespace", white_space_set},
    {"space", white_space_set},
    {"digit", [] { return categories("Nd"); }},
    {"alnum", [] { return alphabetic().united(categories("Nd")); }},
    {"word", word_set},
    {"punct", [] { return categories("P"); }},
    {"cntrl", [] { return categories("Cc"); }},
    {"blank", blank},
    {"graph", graphic},
    {"print", [] { return graphic().united(categories("Zs")); }},
    {"xdigit",
     [] {
       return CodePointSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
     }},
    {"asciihexdigit",
     [] {
       return CodePointSet({{'0', '9'}, {'A', 'F'}, {'a', 'f'}});
     }},
    {"lc",
     [] {
       return categories({Category::kLu, Category::kLl, Category::kLt});
     }},
    {"casedletter",
     [] {
       return categories({Category::kLu, Category::kLl, Category::kLt});
     }},
};

struct LongName {
  std::string_view name, prefix;
};
constexpr LongName kLongNames[] = {
    {"letter", "L"},
    {"uppercaseletter", "Lu"},
    {"lowercaseletter", "Ll"},
    {"titlecaseletter", "Lt"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"mark", "M"},
    {"combiningmark", "M"},
    {"nonspacingmark", "Mn"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"connectorpunctuation", "Pc"},
    {"dashpunctuation", "Pd"},
    {"openpunctuation", "Ps"},
    {"closepunctuation", "Pe"},
    {"initialpunctuation", "Pi"},
    {"finalpunctuation", "Pf"},
    {"otherpunctuation", "Po"},
    {"symbol", "S"},
    {"mathsymbol", "Sm"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"spaceseparator", "Zs"},
    {"lineseparator", "Zl"},
    {"paragraphseparator", "Zp"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"surrogate", "Cs"},
    {"privateuse", "Co"},
    {"unassigned", "Cn"},
};

std::string simplified(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != ' ' && c != '_' && c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// "l", "lu": the category names, whose second letter is lower case; empty if it is none.
std::string_view category_prefix(std::string_view simple) {
  for (const LongName& row : kLongNames) {
    if (row.name == simple || simplified(row.prefix) == simple) return row.prefix;
  }
  return {};
}

// Every case folding that is not the code point itself.
std::map<char32_t, char32_t> foldings() {
  std::map<char32_t, char32_t> folds;
  for (const CaseRun& run : fold_runs()) {
    for (std::uint32_t c = run.first; c <= run.last; c += run.stride) {
      folds[c] = static_cast<char32_t>(static_cast<std::int64_t>(c) + run.difference);
    }
  }
  return folds;
}

}  // namespace

CodePointSet::CodePointSet(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  for (const Range& range : ranges) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

bool CodePointSet::contains(char32_t code_point) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), code_point,
                                      [](char32_t c, const Range& range) { return c < range.first; });
  return after != ranges_.begin() && code_point <= std::prev(after)->last;
}

CodePointSet CodePointSet::united(const CodePointSet& other) const {
  std::vector<Range> ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return CodePointSet(std::move(ranges));
}

CodePointSet CodePointSet::complement() const {
  CodePointSet result;
  char32_t at = 0;
  for (const Range& range : ranges_) {
    if (range.first > at) result.ranges_.push_back({at, range.first - 1});
    at = range.last + 1;
  }
  if (at <= kCodePointMax) result.ranges_.push_back({at, kCodePointMax});
  return result;
}

CodePointSet CodePointSet::intersected(const CodePointSet& other) const {
  return complement().united(other.complement()).complement();
}

CodePointSet CodePointSet::closed_under_case() const {
  static const std::map<char32_t, char32_t> folds = foldings();
  std::vector<Range> folded;
  for (const auto& [from, to] : folds) {
    if (contains(from)) folded.push_back({to, to});
  }
  const CodePointSet targets = united(CodePointSet(std::move(folded)));
  std::vector<Range> sources;
  for (const auto& [from, to] : folds) {
    if (targets.contains(to)) sources.push_back({from, from});
  }
  return targets.united(CodePointSet(std::move(sources)));
}

CodePointMap::CodePointMap(const std::vector<CodePointSet>& sets, const std::vector<std::uint8_t>& values) {
  std::vector<std::uint8_t> all(kCodePointMax + 1);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (const CodePointSet::Range& range : sets[i].ranges()) {
      std::fill(all.begin() + range.first, all.begin() + range.last + 1, values[i]);
    }
  }
  std::map<std::string_view, std::uint16_t> known;
  for (std::size_t i = 0; i < index_.size(); ++i) {
    const std::string_view block(reinterpret_cast<const char*>(all.data()) + i * kBlock, kBlock);
    const auto [found, is_new] = known.emplace(block, static_cast<std::uint16_t>(known.size()));
    if (is_new) blocks_.insert(blocks_.end(), block.begin(), block.end());
    index_[i] = found->second;
  }
}

std::optional<CodePointSet> named_set(std::string_view name) {
  const std::string simple = simplified(name);
  for (const Named& row : kSets) {
    if (row.name == simple) return row.make();
  }
  if (const std::string_view prefix = category_prefix(simple); !prefix.empty()) return categories(prefix);
  const auto scripts = script_names();
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    if (simplified(scripts[i]) == simple)
      return from_runs(script_runs(), [i](std::uint32_t value) { return value == i; });
  }
  for (const PropertyEdges& row : property_edges()) {
    if (simplified(row.name) == simple) return property(row.name);
  }
  return std::nullopt;
}

CodePointSet white_space_set() {
  return categories("Z").united(CodePointSet({{'\t', '\r'}, {0x85, 0x85}}));
}

CodePointSet word_set() {
  return alphabetic().united(categories("M")).united(categories("Nd")).united(categories("Pc"));
}

}  // namespace hearth
