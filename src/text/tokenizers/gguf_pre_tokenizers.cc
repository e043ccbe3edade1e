// A table of names, and one of recipes. The patterns are those that the models were trained with, in the form in which
// llama.cpp applies them: several in a row, each within the pieces that the one before it left; what a pattern does not
// match is a piece too. Where llama.cpp's own engine deviates from the model's pattern, this table follows llama.cpp,
// since the files are made for it.
#include "text/tokenizers/gguf_pre_tokenizers.h"

#include <array>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace hearth {
namespace {

// In place of a pattern: DigitGroupStep.
constexpr std::string_view kAfterDigitGroups = "@after-digit-groups";
constexpr std::string_view kBeforeDigitGroups = "@before-digit-groups";

constexpr std::string_view kPunctuationAndSigns = R"([\p{P}\$\+<=>\^~\|]+)";
constexpr std::string_view kLlama3 =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35 =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|)"
    R"( ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kUfakzeka =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kJais2 =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|)"
    R"(\s{4}(?!\S)|\s{1,2}(?!\S)|\s)";
constexpr std::string_view kBailing =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kMiniCpm5 =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kExaoneMoe =
    R"('(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)";

// Letters, the ASCII ones by case: [^\P{L}a-z] is any letter but a-z.
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]*[^\P{L}A-Z]+|[^\r\n\p{L}\p{N}]?[^\P{L}a-z]+[^\P{L}A-Z]*|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]*[^\P{L}A-Z]+(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|)"
    R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]+[^\P{L}A-Z]*(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGraniteMultilingual =
    R"([^\r\n\p{L}\p{N}]?(?:[^\P{L}a-z]|\p{M})*(?:[^\P{L}A-Z]|\p{M})+(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|)"
    R"([^\r\n\p{L}\p{N}]?(?:[^\P{L}a-z]|\p{M})+(?:[^\P{L}A-Z]|\p{M})*(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTinyAya =
    R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kYoutuWords =
    R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kYoutuScripts =
    R"([\x{ac00}-\x{d7a3}\x{3131}-\x{318e}]+|)"
    R"([\x{ff01}\x{2026}\x{201c}\x{201d}\x{2018}\x{2019}\x{2014}\x{ff1a})"
    R"(\x{ff1b}\x{ff0c}\x{3001}-\x{303f}\x{fe30}-\x{fe4f}]+|)"
    R"([\x{3105}-\x{312f}]+|[\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+)";

// Chinese characters apart from other letters.
constexpr std::string_view kKimiK2 = R"([\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{20000}-\x{2a6df})"
                                     R"(\x{2a700}-\x{2ebef}\x{f900}-\x{faff}\x{2f800}-\x{2fa1f}]+|)"
                                     R"([^\r\n\p{L}\p{N}]?)"
                                     R"([^\P{L}\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{20000}-\x{2a6df})"
                                     R"(\x{2a700}-\x{2ebef}\x{f900}-\x{faff}\x{2f800}-\x{2fa1f}]+)"
                                     R"((?:'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE]))?|)"
                                     R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// DeepSeek's cased letters, as listed in its first tokenizer.
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-z\x{b5}\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{1ba}\x{1bc}-\x{1bf}\x{1c4}-\x{293}\x{295}-\x{2af})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37b}-\x{37d}\x{37f}\x{386}\x{388}-\x{38a}\x{38c}\x{38e}-\x{3a1}\x{3a3}-\x{3f5})"
    R"(\x{3f7}-\x{481}\x{48a}-\x{52f}\x{531}-\x{556}\x{10a0}-\x{10c5})"
    R"(\x{13a0}-\x{13f5}\x{13f8}-\x{13fd}\x{1c90}-\x{1cba})"
    R"(\x{1cbd}-\x{1cbf}\x{1d00}-\x{1d2b}\x{1d6b}-\x{1d77}\x{1d79}-\x{1d9a}\x{1e00}-\x{1f15}\x{1f18}-\x{1f1d})"
    R"(\x{1f20}-\x{1f45}\x{1f48}-\x{1f4d}\x{1f50}-\x{1f57}\x{1f59}\x{1f5b}\x{1f5d}\x{1f5f}-\x{1f7d}\x{1f80}-\x{1fb4})"
    R"(\x{1fb6}-\x{1fbc}\x{1fbe}\x{1fc2}-\x{1fc4}\x{1fc6}-\x{1fcc}\x{1fd0}-\x{1fd3}\x{1fd6}-\x{1fdb}\x{1fe0}-\x{1fec})"
    R"(\x{1ff2}-\x{1ff4}\x{1ff6}-\x{1ffc}\x{2102}\x{2107}\x{210a}-\x{2113}\x{2115}\x{2119}-\x{211d}\x{2124}\x{2126})"
    R"(\x{2128}\x{212a}-\x{212d}\x{212f}-\x{2134}\x{2139}\x{213c}-\x{213f}\x{2145}-\x{2149}\x{214e}\x{2183}\x{2184})"
    R"(\x{2c00}-\x{2c7b}\x{2c7e}-\x{2ce4}\x{2ceb}-\x{2cee}\x{2cf2}\x{2cf3}\x{a640}-\x{a66d}\x{a680}-\x{a69b})"
    R"(\x{a722}-\x{a76f}\x{a771}-\x{a787}\x{a78b}-\x{a78e}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17})"
    R"(\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{10400}-\x{1044f}\x{104b0}-\x{104d3}\x{104d8}-\x{104fb}\x{10c80}-\x{10cb2})"
    R"(\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}\x{1e900}-\x{1e943}]+)";
// The files' ranges hold white space too, which llama.cpp never takes for a member: the gaps here.
constexpr std::string_view kDeepseekPunctuation =
    R"(\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3001}\x{3002}]+)";
constexpr std::string_view kDeepseekAsian =
    R"([\x{800}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff})"
    R"(\x{3001}-\x{9fa5}\x{ac00}-\x{d7ff}]+)";
// White space at the very end; the lookbehind keeps a long run elsewhere from being tried at each of its characters.
constexpr std::string_view kTrailingSpace = R"((?<!\s)\s++\z)";
constexpr std::string_view kDeepseek3Asian = R"([\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+)";
constexpr std::string_view kDeepseek3 =
    R"([!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSpark =
    R"([!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kAfmoeAsian =
    R"([\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{f900}-\x{faff}\x{3040}-\x{309f}\x{30a0}-\x{30ff}\x{ff65}-\x{ff9f})"
    R"(\x{2f00}-\x{2fdf}\x{e40}-\x{e7f}\x{e80}-\x{eff}\x{1780}-\x{17ff})"
    R"(\x{1000}-\x{109f}\x{aa60}-\x{aa7f}\x{a9e0}-\x{a9ff})"
    R"(\x{ac00}-\x{d7af}\x{1100}-\x{11ff}]+)";
constexpr std::string_view kBloom = R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{ff0c}\x{3001}\x{964}\x{6d4}\x{60c})]+)";

enum Flags : unsigned {
  kPlain = 0,
  kAddsBos = 1,
  kIgnoreMerges = 2,
  kCharacters = 4,  // not byte-level
  kMayLackMerges = 8,
  kGemma4 = 16,
};

struct Recipe {
  unsigned flags;
  std::array<std::string_view, 14> names;
  std::array<std::string_view, 6> steps;
};

constexpr std::string_view kLines = R"([^\n]+|[\n]+)";
constexpr std::string_view kThreeDigits = "[0-9][0-9][0-9]";

constexpr Recipe kRecipes[] = {
    {kPlain, {"default"}, {kPunctuationAndSigns, kGpt2Pattern, R"(\p{N}+)", kThreeDigits}},
    {kPlain,
     {"gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0", "mellum",
      "modern-bert", "jina-v1-en", "jina-v2-code", "roberta-bpe", "exaone4"},
     {kGpt2Pattern}},
    {kPlain, {"mpt", "olmo", "jais", "trillion", "granite-docling"}, {kGpt2Pattern}},
    {kAddsBos | kIgnoreMerges,
     {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"},
     {kLlama3}},
    {kPlain, {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"}, {kLlama3}},
    {kPlain, {"jais-2"}, {kJais2}},
    {kPlain,
     {"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "hunyuan", "megrez", "solar-open", "grok-2"},
     {kQwen2}},
    {kPlain, {"qwen35"}, {kQwen35}},
    {kPlain, {"ufakzeka"}, {kUfakzeka}},
    {kPlain, {"laguna"}, {kLines, kQwen2}},
    {kIgnoreMerges, {"minicpm5"}, {R"(\p{N}{1,3})", kMiniCpm5}},
    {kPlain,
     {"deepseek-llm"},
     {R"([\r\n])", kDeepseekLetters, kDeepseekPunctuation, kTrailingSpace, kDeepseekAsian, R"(\p{N}+)"}},
    {kPlain, {"deepseek-coder"}, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepseekAsian, R"(\p{N})"}},
    {kPlain, {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, {R"(\p{N}{1,3})", kDeepseek3Asian, kDeepseek3}},
    {kPlain, {"spark2_5"}, {R"(\p{N}{1,3})", kDeepseek3Asian, kSpark, R"(\p{N})"}},
    {kIgnoreMerges, {"youtu"}, {kYoutuScripts, kYoutuWords}},
    {kPlain, {"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Pattern, kThreeDigits}},
    {kPlain,
     {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"},
     {R"(\p{N})", kGpt2Pattern}},
    {kPlain, {"exaone-moe"}, {kExaoneMoe}},
    {kPlain, {"poro-chat", "bloom", "gpt3-finnish"}, {kBloom}},
    {kPlain, {"viking"}, {kBloom, R"(\p{N})"}},
    {kAddsBos | kIgnoreMerges, {"tekken"}, {kTekken}},
    {kAddsBos,
     {"chameleon"},
     {R"(<sentinel:[0-9]+>)", R"(IMGIMG[A-I]{1,4}Z)", R"([\t\n]|    |  )", R"(\p{N})", R"([\p{P}!-/:-@\[-`{-~])",
      kGpt2Pattern}},
    {kPlain, {"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {kGpt4o}},
    {kIgnoreMerges, {"granite-embed-multi-97m"}, {kGraniteMultilingual}},
    {kPlain, {"tiny_aya", "cohere2moe"}, {kAfterDigitGroups, kTinyAya}},
    {kPlain, {"superbpe"}, {R"(\p{N}+)", kBeforeDigitGroups}},
    {kPlain, {"bailingmoe", "bailingmoe2", "llada-moe"}, {kBailing}},
    {kPlain, {"seed-coder"}, {kSeedCoder}},
    {kMayLackMerges, {"kimi-k2"}, {kKimiK2}},
    {kPlain, {"afmoe"}, {kAfterDigitGroups, kAfmoeAsian, kDeepseek3}},
    {kCharacters | kGemma4, {"gemma4", "granite-embed-multi-311m"}, {kLines}},
    {kCharacters, {"sarvam-moe"}, {kLines}},
};

std::unique_ptr<const PreTokenizer> make_steps(const Recipe& recipe) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (const std::string_view step : recipe.steps) {
    if (step.empty()) break;
    if (step == kAfterDigitGroups) {
      steps.push_back(std::make_unique<DigitGroupStep>(DigitGroupStep::Rule::kAfterGroups));
    } else if (step == kBeforeDigitGroups) {
      steps.push_back(std::make_unique<DigitGroupStep>(DigitGroupStep::Rule::kBeforeGroups));
    } else {
      steps.push_back(std::make_unique<SplitStep>(Regex(step), SplitBehavior::kIsolated));
    }
  }
  if ((recipe.flags & kCharacters) == 0) steps.push_back(std::make_unique<ByteLevelStep>());
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

}  // namespace

GgufPreTokenizer gguf_pre_tokenizer(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Recipe& recipe : kRecipes) {
    for (const std::string_view known_name : recipe.names) {
      if (known_name.empty()) break;
      known.push_back(known_name);
      if (known_name != name) continue;
      const bool gemma4 = (recipe.flags & kGemma4) != 0;
      return {.steps = make_steps(recipe),
              .adds_bos = gemma4 || (recipe.flags & kAddsBos) != 0,
              .ignore_merges = (recipe.flags & kIgnoreMerges) != 0,
              .byte_level = (recipe.flags & kCharacters) == 0,
              .needs_merges = (recipe.flags & kMayLackMerges) == 0,
              .whole_newline_runs = gemma4,
              .forces_bos = gemma4};
    }
  }
  throw Unsupported(fmt::format("The pre-tokenizer \"{}\" (tokenizer.ggml.pre) is unknown; the known ones are: {}.",
                                name, fmt::join(known, ", ")));
}

}  // namespace hearth
