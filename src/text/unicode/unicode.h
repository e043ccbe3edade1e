// The Unicode properties, case mappings and normalization forms that tokenizers are defined with.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

bool is_white_space(char32_t code_point);        // the property White_Space
bool is_letter(char32_t code_point);             // category L
bool is_number(char32_t code_point);             // category N
bool is_mark(char32_t code_point);               // category M
bool is_nonspacing_mark(char32_t code_point);    // category Mn
bool is_punctuation(char32_t code_point);        // category P
bool is_symbol(char32_t code_point);             // category S
bool is_word_character(char32_t code_point);     // \w of Unicode's regular expressions (UTS #18), as Rust has it
bool is_control(char32_t code_point);            // categories Cc, Cf, Co and Cs
bool is_chinese_character(char32_t code_point);  // the blocks that BERT's reference tokenizer isolates

// Lower case, one character to one.
char32_t to_lower(char32_t code_point);
// Lower case of every character, where U+0130 becomes two; ill-formed parts stay as they are.
std::string to_lower(std::string_view text);

// Ill-formed parts stay as they are.
std::string normalize(std::string_view text, NormalForm form);
// The first character of the code point's canonical decomposition.
char32_t canonical_base(char32_t code_point);

// True when an extended grapheme cluster ends between two characters. `state` starts at 0 and carries over.
bool is_grapheme_boundary(char32_t left, char32_t right, int& state);

}  // namespace hearth
