// One table of names for each of the two; a name's function reads the step's settings and makes it.
#include "text/tokenizers/hugging_face_steps.h"

#include <functional>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/unicode/base64.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kAsciiOrUnicodePunctuation = R"([\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e\p{P}])";

using NormalizerPointer = std::unique_ptr<const Normalizer>;
using PreTokenizerPointer = std::unique_ptr<const PreTokenizer>;

template <typename Result>
struct StepKind {
  std::string_view name;
  Result (*make)(const json::object& step);
};

template <typename Result, std::size_t count>
Result make_step(const StepKind<Result> (&kinds)[count], const json::object& step, std::string_view what) {
  const std::string_view type = required_string(step, "type");
  for (const StepKind<Result>& kind : kinds) {
    if (kind.name == type) return kind.make(step);
  }
  throw Unsupported(fmt::format("tokenizer.json: the {} \"{}\" is unknown.", what, type));
}

NormalizerPointer function_step(std::function<std::string(std::string_view)> function) {
  return std::make_unique<FunctionNormalizer>(std::move(function));
}

template <NormalForm form>
NormalizerPointer unicode_form(const json::object&) {
  return function_step([](std::string_view text) { return normalize(text, form); });
}

NormalizerPointer normalizer_sequence(const json::object& step) {
  std::vector<NormalizerPointer> steps;
  for (const json::value& value : required_array(step, "normalizers")) {
    steps.push_back(normalizer_from_json(as_object(value, "normalizers")));
  }
  return std::make_unique<NormalizerSequence>(std::move(steps));
}

NormalizerPointer prepend(const json::object& step) {
  return function_step([prefix = std::string(required_string(step, "prepend"))](std::string_view text) {
    return text.empty() ? std::string() : prefix + std::string(text);
  });
}

NormalizerPointer replace(const json::object& step) {
  const json::object& pattern = required_object(step, "pattern");
  std::string content(required_string(step, "content"));
  const auto text = string_field(pattern, "String");
  if (text && !text->empty()) {  // by far the most frequent, and no work for a pattern
    return function_step([from = std::string(*text), to = std::move(content)](std::string_view input) {
      return replace_all(input, from, to);
    });
  }
  return std::make_unique<ReplaceNormalizer>(pattern_from_json(pattern), std::move(content));
}

NormalizerPointer bert_normalizer(const json::object& step) {
  BertNormalizerOptions options;
  options.clean_text = bool_field(step, "clean_text").value_or(true);
  options.handle_chinese_characters = bool_field(step, "handle_chinese_chars").value_or(true);
  options.lowercase = bool_field(step, "lowercase").value_or(true);
  options.strip_accents = bool_field(step, "strip_accents").value_or(options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

NormalizerPointer precompiled(const json::object& step) {
  const auto data = base64_decode(required_string(step, "precompiled_charsmap"));
  if (!data) throw InvalidInput("tokenizer.json: \"precompiled_charsmap\" is not Base64.");
  return std::make_unique<PrecompiledNormalizer>(Charsmap(*data));
}

// The clean-up of NMT systems: control characters go, and everything that is like a space becomes one.
std::string nmt_clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view bytes, bool valid) {
    const bool dropped =
        (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
    const bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                       c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == kReplacementCharacter;
    if (valid && dropped) return;
    if (valid && space) {
      out += ' ';
    } else {
      out += bytes;
    }
  });
  return out;
}

constexpr StepKind<NormalizerPointer> kNormalizers[] = {
    {"Sequence", normalizer_sequence},
    {"Prepend", prepend},
    {"Replace", replace},
    {"NFC", unicode_form<NormalForm::kNfc>},
    {"NFD", unicode_form<NormalForm::kNfd>},
    {"NFKC", unicode_form<NormalForm::kNfkc>},
    {"NFKD", unicode_form<NormalForm::kNfkd>},
    {"Lowercase",
     [](const json::object&) { return function_step([](std::string_view text) { return to_lower(text); }); }},
    {"Strip",
     [](const json::object& step) {
       return function_step([left = bool_field(step, "strip_left").value_or(true),
                             right = bool_field(step, "strip_right").value_or(true)](std::string_view text) {
         return strip(text, left, right);
       });
     }},
    {"StripAccents",
     [](const json::object&) {
       return function_step([](std::string_view text) { return remove_characters(text, is_mark); });
     }},
    {"BertNormalizer", bert_normalizer},
    {"Precompiled", precompiled},
    {"Nmt", [](const json::object&) { return function_step(nmt_clean); }},
    {"ByteLevel",
     [](const json::object&) {
       return function_step([](std::string_view text) {
         std::string out;
         append_in_byte_alphabet(text, out);
         return out;
       });
     }},
};

PreTokenizerPointer split_step(std::string_view pattern, SplitBehavior behavior) {
  return std::make_unique<SplitStep>(Regex(pattern), behavior);
}

PreTokenizerPointer pre_tokenizer_sequence(std::vector<PreTokenizerPointer> steps) {
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

SplitBehavior behavior_field(const json::object& step, std::string_view otherwise) {
  const std::string_view name = string_field(step, "behavior").value_or(otherwise);
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  throw InvalidInput(fmt::format("tokenizer.json: the behavior \"{}\" is unknown.", name));
}

PreTokenizerPointer sequence(const json::object& step) {
  std::vector<PreTokenizerPointer> steps;
  for (const json::value& value : required_array(step, "pretokenizers")) {
    steps.push_back(pre_tokenizer_from_json(as_object(value, "pretokenizers")));
  }
  return pre_tokenizer_sequence(std::move(steps));
}

PreTokenizerPointer split(const json::object& step) {
  required_string(step, "behavior");
  return std::make_unique<SplitStep>(pattern_from_json(required_object(step, "pattern")), behavior_field(step, ""),
                                     bool_field(step, "invert").value_or(false));
}

PreTokenizerPointer byte_level(const json::object& step) {
  std::vector<PreTokenizerPointer> steps;
  if (bool_field(step, "add_prefix_space").value_or(true)) steps.push_back(std::make_unique<PrefixSpaceStep>());
  if (bool_field(step, "use_regex").value_or(true)) steps.push_back(split_step(kGpt2Pattern, SplitBehavior::kIsolated));
  steps.push_back(std::make_unique<ByteLevelStep>());
  return pre_tokenizer_sequence(std::move(steps));
}

PreTokenizerPointer metaspace(const json::object& step) {
  MetaspaceStep::Prepend prepend = MetaspaceStep::Prepend::kAlways;
  if (const auto scheme = string_field(step, "prepend_scheme")) {
    if (*scheme == "first") {
      prepend = MetaspaceStep::Prepend::kFirst;
    } else if (*scheme == "never") {
      prepend = MetaspaceStep::Prepend::kNever;
    } else if (*scheme != "always") {
      throw InvalidInput(fmt::format("tokenizer.json: the prepend_scheme \"{}\" is unknown.", *scheme));
    }
  } else if (!bool_field(step, "add_prefix_space").value_or(true)) {
    prepend = MetaspaceStep::Prepend::kNever;
  }
  return std::make_unique<MetaspaceStep>(std::string(string_field(step, "replacement").value_or(kVisibleSpace)),
                                         prepend, bool_field(step, "split").value_or(true));
}

PreTokenizerPointer bert_pre_tokenizer(const json::object&) {
  std::vector<PreTokenizerPointer> steps;
  steps.push_back(split_step(R"(\s)", SplitBehavior::kRemoved));
  steps.push_back(split_step(kAsciiOrUnicodePunctuation, SplitBehavior::kIsolated));
  return pre_tokenizer_sequence(std::move(steps));
}

constexpr StepKind<PreTokenizerPointer> kPreTokenizers[] = {
    {"Sequence", sequence},
    {"Split", split},
    {"ByteLevel", byte_level},
    {"Metaspace", metaspace},
    {"Whitespace",
     [](const json::object&) -> PreTokenizerPointer {
       // Rust's \w, which has the joiners besides.
       constexpr std::string_view kWords = R"([\w\x{200c}\x{200d}]+|[^\w\s\x{200c}\x{200d}]+)";
       return std::make_unique<SplitStep>(Regex(kWords), SplitBehavior::kRemoved, true);
     }},
    {"WhitespaceSplit", [](const json::object&) { return split_step(R"(\s)", SplitBehavior::kRemoved); }},
    {"Digits",
     [](const json::object& step) {
       const bool individual = bool_field(step, "individual_digits").value_or(false);
       return split_step(R"(\p{N})", individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
     }},
    {"Punctuation",
     [](const json::object& step) { return split_step(kAsciiOrUnicodePunctuation, behavior_field(step, "Isolated")); }},
    {"BertPreTokenizer", bert_pre_tokenizer},
    {"CharDelimiterSplit",
     [](const json::object& step) {
       return split_step(escape_pattern(required_string(step, "delimiter")), SplitBehavior::kRemoved);
     }},
};

}  // namespace

Regex pattern_from_json(const json::object& pattern) {
  if (const auto text = string_field(pattern, "String")) return Regex(escape_pattern(*text));
  return Regex(required_string(pattern, "Regex"));
}

NormalizerPointer normalizer_from_json(const json::object& step) {
  return make_step(kNormalizers, step, "normalizer");
}

PreTokenizerPointer pre_tokenizer_from_json(const json::object& step) {
  return make_step(kPreTokenizers, step, "pre-tokenizer");
}

}  // namespace hearth
