// Categories and lower case are those of the newest Unicode version (unicode_data.h). Normalization and grapheme
// clusters are utf8proc's, which is older: tokenizers normalize with tables that are older still, and leave newer
// characters as they are.
#include "text/unicode/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/code_point_set.h"
#include "text/unicode/unicode_data.h"

namespace hearth {
namespace {

Category category(char32_t code_point) {
  static const CodePointMap map = [] {
    std::vector<CodePointSet> sets;
    std::vector<std::uint8_t> values;
    for (std::uint8_t i = 0; i < kCategoryCount; ++i) {
      sets.push_back(*named_set(kCategoryNames.substr(2 * std::size_t{i}, 2)));
      values.push_back(i);
    }
    return CodePointMap(sets, values);
  }();
  return static_cast<Category>(map[std::min(code_point, kCodePointMax)]);
}

bool in_categories(char32_t code_point, Category first, Category last) {
  const Category value = category(code_point);
  return value >= first && value <= last;
}

struct FreeDeleter {
  void operator()(utf8proc_uint8_t* pointer) const { std::free(pointer); }
};

int utf8proc_flags(NormalForm form) {
  switch (form) {
    case NormalForm::kNfc:
      return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    case NormalForm::kNfd:
      return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    case NormalForm::kNfkc:
      return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    case NormalForm::kNfkd:
      return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  }
  return 0;
}

}  // namespace

bool is_white_space(char32_t code_point) {
  if (code_point < 0x80) return code_point == ' ' || (code_point >= '\t' && code_point <= '\r');
  return code_point == 0x85 || in_categories(code_point, Category::kZs, Category::kZp);
}
bool is_letter(char32_t code_point) {
  return in_categories(code_point, Category::kLu, Category::kLo);
}
bool is_number(char32_t code_point) {
  return in_categories(code_point, Category::kNd, Category::kNo);
}
bool is_mark(char32_t code_point) {
  return in_categories(code_point, Category::kMn, Category::kMe);
}
bool is_nonspacing_mark(char32_t code_point) {
  return category(code_point) == Category::kMn;
}
bool is_punctuation(char32_t code_point) {
  return in_categories(code_point, Category::kPc, Category::kPo);
}
bool is_symbol(char32_t code_point) {
  return in_categories(code_point, Category::kSm, Category::kSo);
}
bool is_control(char32_t code_point) {
  return in_categories(code_point, Category::kCc, Category::kCo);
}

bool is_word_character(char32_t code_point) {
  static const CodePointSet set = word_set().united(*named_set("Join_Control"));
  return set.contains(code_point);
}

bool is_chinese_character(char32_t code_point) {
  constexpr std::array<std::array<char32_t, 2>, 8> kBlocks = {{{0x4E00, 0x9FFF},
                                                               {0x3400, 0x4DBF},
                                                               {0x20000, 0x2A6DF},
                                                               {0x2A700, 0x2B73F},
                                                               {0x2B740, 0x2B81F},
                                                               {0x2B920, 0x2CEAF},
                                                               {0xF900, 0xFAFF},
                                                               {0x2F800, 0x2FA1F}}};
  for (const auto& [first, last] : kBlocks) {
    if (code_point >= first && code_point <= last) return true;
  }
  return false;
}

char32_t to_lower(char32_t code_point) {
  const auto runs = lower_runs();
  const auto after = std::upper_bound(runs.begin(), runs.end(), code_point,
                                      [](char32_t c, const CaseRun& run) { return c < run.first; });
  if (after == runs.begin()) return code_point;
  const CaseRun& run = *std::prev(after);
  if (code_point > run.last || (code_point - run.first) % run.stride != 0) return code_point;
  return static_cast<char32_t>(static_cast<std::int64_t>(code_point) + run.difference);
}

std::string to_lower(std::string_view text) {
  constexpr char32_t kCapitalIWithDot = 0x130;
  constexpr char32_t kCombiningDotAbove = 0x307;
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t code_point, std::string_view bytes, bool valid) {
    if (!valid) {
      out += bytes;
    } else if (code_point == kCapitalIWithDot) {
      out += 'i';
      append_utf8(kCombiningDotAbove, out);
    } else {
      append_utf8(to_lower(code_point), out);
    }
  });
  return out;
}

std::string normalize(std::string_view text, NormalForm form) {
  std::string out;
  out.reserve(text.size());
  for_each_utf8_run(text, [&](std::string_view run, bool valid) {
    if (!valid) {
      out += run;
      return;
    }
    utf8proc_uint8_t* result = nullptr;
    const utf8proc_ssize_t bytes =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(run.data()), static_cast<utf8proc_ssize_t>(run.size()),
                     &result, static_cast<utf8proc_option_t>(utf8proc_flags(form)));
    const std::unique_ptr<utf8proc_uint8_t, FreeDeleter> owner(result);
    if (bytes < 0) throw OutOfMemory(std::string("Unicode normalization failed: ") + utf8proc_errmsg(bytes));
    out.append(reinterpret_cast<const char*>(result), static_cast<std::size_t>(bytes));
  });
  return out;
}

char32_t canonical_base(char32_t code_point) {
  std::array<utf8proc_int32_t, 32> decomposed{};
  int boundary_state = 0;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), decomposed.data(), decomposed.size(),
                              static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary_state);
  return count > 0 ? static_cast<char32_t>(decomposed[0]) : code_point;
}

bool is_grapheme_boundary(char32_t left, char32_t right, int& state) {
  return utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(left), static_cast<utf8proc_int32_t>(right),
                                          &state);
}

}  // namespace hearth
