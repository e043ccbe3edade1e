// Thin wrappers: utf8proc has the tables, this file gives them the names that the tokenizers use.
#include "text/unicode/unicode.h"

#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "text/unicode/utf8.h"

namespace hearth {
namespace {

utf8proc_category_t category(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

bool in_categories(char32_t code_point, utf8proc_category_t first, utf8proc_category_t last) {
  const utf8proc_category_t value = category(code_point);
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
  return code_point == 0x85 || in_categories(code_point, UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZP);
}
bool is_letter(char32_t code_point) {
  return in_categories(code_point, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO);
}
bool is_number(char32_t code_point) {
  return in_categories(code_point, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}
bool is_mark(char32_t code_point) {
  return in_categories(code_point, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME);
}
bool is_nonspacing_mark(char32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_MN;
}
bool is_punctuation(char32_t code_point) {
  return in_categories(code_point, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO);
}
bool is_symbol(char32_t code_point) {
  return in_categories(code_point, UTF8PROC_CATEGORY_SM, UTF8PROC_CATEGORY_SO);
}
bool is_control(char32_t code_point) {
  return in_categories(code_point, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO);
}

bool is_word_character(char32_t code_point) {
  const utf8proc_category_t value = category(code_point);
  if (value >= UTF8PROC_CATEGORY_LU && value <= UTF8PROC_CATEGORY_NL) return true;  // L, M, Nd, Nl
  if (value == UTF8PROC_CATEGORY_PC || code_point == 0x200C || code_point == 0x200D) return true;
  // Alphabetic symbols: letters in circles and squares.
  return (code_point >= 0x24B6 && code_point <= 0x24E9) || (code_point >= 0x1F130 && code_point <= 0x1F149) ||
         (code_point >= 0x1F150 && code_point <= 0x1F169) || (code_point >= 0x1F170 && code_point <= 0x1F189);
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
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)));
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
