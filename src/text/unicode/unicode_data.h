// Tables of one Unicode version, the newest when they were made (tools/unicode_data.mjs): libraries of the system know
// older ones, and vocabularies are made with newer ones. As runs; unicode.h and code_point_set.h answer questions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hearth {

// General categories in the order of the tables.
enum class Category : std::uint8_t {
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCs,
  kCo,
  kCn,
};
inline constexpr int kCategoryCount = 30;
// Two letters each, in the same order.
inline constexpr std::string_view kCategoryNames = "LuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCoCn";

std::string_view unicode_version();  // "17.0.0"

// Length << 8 | value, from U+0000 to the last code point. The value is a category; an index of script_names().
std::span<const std::uint32_t> category_runs();
std::span<const std::uint32_t> script_runs();
std::span<const std::string_view> script_names();  // "Old_Italic"

// A property's code points: from an edge of even index to before the next.
struct PropertyEdges {
  std::string_view name;  // "Other_Alphabetic"
  std::span<const std::uint32_t> edges;
};
std::span<const PropertyEdges> property_edges();

// first, first + stride, …, last become themselves plus `difference`.
struct CaseRun {
  std::uint32_t first, last, stride;
  std::int32_t difference;
};
std::span<const CaseRun> fold_runs();   // simple case folding
std::span<const CaseRun> lower_runs();  // simple lower case

}  // namespace hearth
