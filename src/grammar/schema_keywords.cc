// The keywords that say something of a value itself: its type, its characters, its size as a number, and how many and
// which parts it has.
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "grammar/char_dfa.h"
#include "grammar/formats.h"
#include "grammar/lark.h"
#include "grammar/regex_parser.h"
#include "grammar/schema_expander.h"

namespace hearth {
namespace {

namespace json = boost::json;

NormalForm with_numbers(NumberSet set) {
  NormalForm form = everything();
  form.numbers = {std::move(set)};
  return form;
}

NormalForm numbers_only(NumberSet set) {
  NormalForm form;
  form.numbers = {std::move(set)};
  return form;
}

NormalForm arrays_only(ArrayForm array) {
  NormalForm form;
  form.arrays.push_back(std::move(array));
  return form;
}

NormalForm objects_only(ObjectForm object) {
  NormalForm form;
  form.objects.push_back(std::move(object));
  return form;
}

void add_type(std::string_view name, SchemaDialect dialect, NormalForm& form) {
  NormalForm any = everything();
  if (name == "null") form.null = true;
  if (name == "boolean") form.yes = form.no = true;
  if (name == "string") form.texts = any.texts;
  if (name == "number") form.numbers = any.numbers;
  if (name == "array") form.arrays = any.arrays;
  if (name == "object") form.objects = any.objects;
  if (name == "integer" && form.numbers.empty()) {
    NumberSet& integers = form.numbers.emplace_back();
    integers.whole = NumberSet::Whole::kOnly;
    integers.digits_alone = dialect == SchemaDialect::kDraft4;
  }
}

NormalForm without(const NormalForm& types) {
  NormalForm form = everything();
  form.null = !types.null;
  form.yes = form.no = !types.yes;
  if (!types.texts.empty()) form.texts.clear();
  if (!types.arrays.empty()) form.arrays.clear();
  if (!types.objects.empty()) form.objects.clear();
  if (!types.numbers.empty()) {
    const bool integers = types.numbers[0].whole == NumberSet::Whole::kOnly;
    if (integers) form.numbers[0].whole = NumberSet::Whole::kNever;
    if (!integers) form.numbers.clear();
  }
  return form;
}

}  // namespace

void SchemaExpander::add_types(const Here& here, std::vector<Part>& parts) {
  if (const json::value* value = here.object->if_contains("type")) {
    static constexpr std::array<std::string_view, 7> kTypes{"array",  "boolean", "integer", "null",
                                                            "number", "object",  "string"};
    NormalForm types;
    const auto add = [&](const json::value& name) {
      const bool known = name.is_string() &&
                         std::find(kTypes.begin(), kTypes.end(), std::string_view(name.get_string())) != kTypes.end();
      if (!known) document_.invalid(here.node, "type", "a name is no type");
      add_type(std::string_view(name.get_string()), here.dialect, types);
    };
    if (const json::array* names = value->if_array()) {
      for (const json::value& name : *names) add(name);
    } else {
      add(*value);
    }
    parts.push_back({[types](bool) { return types; }, [types] { return without(types); }});
  }
  const auto add_constants = [&](std::vector<const json::value*> values) {
    const auto holds = [this, values](bool) {
      NormalForm form;
      std::vector<Decimal> numbers;
      for (const json::value* value : values) {
        if (auto number = decimal_of(*value)) {
          numbers.push_back(*std::move(number));
        } else {
          unite(expressions_, form, constant_holds(*value));
        }
      }
      if (!numbers.empty()) form.numbers.push_back(number_among(std::move(numbers)));
      return form;
    };
    const auto fails = [this, values] {
      NormalForm form = everything();
      for (const json::value* value : values) form = both(form, constant_fails(*value));
      return form;
    };
    parts.push_back({holds, fails});
  };
  if (const json::value* value = here.object->if_contains("const")) add_constants({value});
  if (const json::value* value = here.object->if_contains("enum")) {
    if (!value->is_array()) document_.invalid(here.node, "enum", "it is no list");
    std::vector<const json::value*> values;
    for (const json::value& each : value->get_array()) values.push_back(&each);
    add_constants(std::move(values));
  }
}

std::optional<std::uint32_t> SchemaExpander::count_at(const Here& here, std::string_view keyword) {
  const std::optional<Decimal> number = number_at(here, keyword);
  if (!number) return std::nullopt;
  if (number->negative || !number->is_integer()) document_.invalid(here.node, keyword, "it is no count");
  if (number->integer.size() > 9) return 1000000000;  // more than any text or list has
  return number->integer.empty() ? 0 : static_cast<std::uint32_t>(std::stoul(number->integer));
}

std::optional<Decimal> SchemaExpander::number_at(const Here& here, std::string_view keyword) {
  const json::value* value = here.object->if_contains(keyword);
  if (!value) return std::nullopt;
  std::optional<Decimal> number = decimal_of(*value);
  if (!number) document_.invalid(here.node, keyword, "it is no number");
  return number;
}

// A refusal names the keyword that holds the pattern.
Expression SchemaExpander::regex_at(const Here& here, std::string_view keyword, std::string_view pattern) {
  try {
    return parse_regex(expressions_, pattern, RegexScope::kSearch);
  } catch (const InvalidInput& error) {
    document_.invalid(here.node, keyword, error.what());
  } catch (const Unsupported& error) {
    document_.refuse(here.node, keyword, error.what());
  }
}

void SchemaExpander::add_texts(const Here& here, std::vector<Part>& parts) {
  const auto add = [&](TextForm text, std::vector<TextForm> others) {
    NormalForm form = everything();
    form.texts = {text};
    NormalForm rest;
    rest.texts = std::move(others);
    parts.push_back({[form](bool) { return form; }, [rest] { return rest; }});
  };
  if (const auto min = count_at(here, "minLength"); min && *min > 0) {
    add({kAnyText, *min, kUnbounded}, {{kAnyText, 0, *min - 1}});
  }
  if (const auto max = count_at(here, "maxLength")) add({kAnyText, 0, *max}, {{kAnyText, *max + 1, kUnbounded}});
  if (const json::value* pattern = here.object->if_contains("pattern")) {
    if (!pattern->is_string()) document_.invalid(here.node, "pattern", "it is no text");
    const Expression language = regex_at(here, "pattern", std::string_view(pattern->get_string()));
    add({language}, {{expressions_.complement(language)}});
  }
  if (const json::value* grammar = here.object->if_contains(kLarkKeyword)) {
    if (!grammar->is_string()) document_.invalid(here.node, kLarkKeyword, "it is no text");
    const Expression language = lark_language(expressions_, std::string_view(grammar->get_string()));
    add({language}, {{expressions_.complement(language)}});
  }
  const json::value* format = here.object->if_contains("format");
  if (!format || !options_.formats || !format->is_string()) return;
  const std::string_view name(format->get_string());
  if (format_kind(name) == FormatKind::kIrregular) {
    document_.refuse(here.node, "format", "the format " + quote_name(name) + " is no regular language");
  }
  if (format_kind(name) == FormatKind::kUnknown) return;
  const Expression language = format_language(expressions_, name);
  const std::uint32_t max = format_length_max(name);
  std::vector<TextForm> others{{expressions_.complement(language)}};
  if (max != kUnbounded) others.push_back({kAnyText, max + 1, kUnbounded});
  add({language, 0, max}, std::move(others));
}

void SchemaExpander::add_numbers(const Here& here, std::vector<Part>& parts) {
  const auto add = [&](const NumberSet& set) {
    parts.push_back(
        {[set](bool) { return with_numbers(set); }, [set] { return numbers_only(set.outside_intervals()); }});
  };
  // Draft 4 has the exclusive ones as true beside the others.
  const auto exclusive = [&](std::string_view keyword) {
    const json::value* value = here.object->if_contains(keyword);
    return value && value->is_bool() && value->get_bool();
  };
  const auto is_number = [&](std::string_view keyword) {
    const json::value* value = here.object->if_contains(keyword);
    return value && !value->is_bool();
  };
  if (const auto low = number_at(here, "minimum")) add(number_at_least(*low, exclusive("exclusiveMinimum")));
  if (const auto high = number_at(here, "maximum")) add(number_at_most(*high, exclusive("exclusiveMaximum")));
  if (is_number("exclusiveMinimum")) add(number_at_least(*number_at(here, "exclusiveMinimum"), true));
  if (is_number("exclusiveMaximum")) add(number_at_most(*number_at(here, "exclusiveMaximum"), true));
  if (const auto divisor = number_at(here, "multipleOf")) {
    if (divisor->negative || divisor->is_zero()) document_.invalid(here.node, "multipleOf", "it is not above zero");
    NumberSet multiples, others;
    multiples.multiples.push_back({*divisor, false});
    others.multiples.push_back({*divisor, true});
    parts.push_back({[multiples](bool) { return with_numbers(multiples); }, [others] { return numbers_only(others); }});
  }
}

void SchemaExpander::add_arrays(const Here& here, std::vector<Part>& parts) {
  ArrayForm array;
  std::vector<ArrayForm> failing;
  const auto add_items = [&](std::uint32_t from, std::uint32_t to, Claim claim) {
    array.seen = std::max(array.seen, to);
    if (claim == kAnything) return;
    array.items.push_back({from, to, claim});
    failing.emplace_back().contains.push_back({from, to, negation(claim), 1, kUnbounded});
  };
  const json::value* items = here.object->if_contains("items");
  const bool listed_items = items && items->is_array();
  const std::string_view first = listed_items ? "items" : "prefixItems",
                         rest = listed_items ? "additionalItems" : "items";
  std::uint32_t count = 0;
  if (here.object->contains(first) && (listed_items || here.dialect >= SchemaDialect::kDraft2020)) {
    if (!here.object->at(first).is_array()) document_.invalid(here.node, first, "it is no list");
    const auto size = static_cast<std::uint32_t>(here.object->at(first).get_array().size());
    for (; count < size; ++count) {
      add_items(count, count + 1, schema(document_.child(here.node, first, std::size_t{count}), here.scope));
    }
  }
  if (here.object->contains(rest)) add_items(count, kUnbounded, schema(document_.child(here.node, rest), here.scope));
  if (const auto min = count_at(here, "minItems"); min && *min > 0) {
    array.min = *min;
    failing.emplace_back().max = *min - 1;
  }
  if (const auto max = count_at(here, "maxItems")) {
    array.max = *max;
    failing.emplace_back().min = *max + 1;
  }
  const json::value* unique = here.object->if_contains("uniqueItems");
  array.unique = unique && unique->is_bool() && unique->get_bool();
  if (array.unique) unique_node_ = here.node;
  if (array == ArrayForm{}) return;
  const bool refused = array.unique;
  const std::uint32_t node = here.node;
  const auto holds = [array](bool seen) {
    NormalForm form = everything();
    form.arrays = {array};
    if (!seen) forget_seen(form);
    return form;
  };
  parts.push_back({holds, [this, failing, refused, node] {
                     if (refused) document_.refuse(node, "uniqueItems", "its negation is not");
                     NormalForm form;
                     for (const ArrayForm& each : failing) unite(expressions_, form, arrays_only(each));
                     return both(form, everything());
                   }});
}

void SchemaExpander::add_contains(const Here& here, std::vector<Part>& parts) {
  if (!here.object->contains("contains")) return;
  const Claim claim = schema(document_.child(here.node, "contains"), here.scope);
  const std::uint32_t min = count_at(here, "minContains").value_or(1);
  const std::uint32_t max = count_at(here, "maxContains").value_or(kUnbounded);
  const auto holds = [this, claim, min, max](bool seen) {
    NormalForm form = everything();
    ArrayForm& array = form.arrays[0];
    if (min > 0 || max != kUnbounded) array.contains.push_back({0, kUnbounded, claim, min, max});
    if (seen) array.seen_claims.push_back(claim);
    return both(form, everything());
  };
  const auto fails = [this, claim, min, max] {
    NormalForm form;
    if (min > 0) {
      ArrayForm few;
      few.contains.push_back({0, kUnbounded, claim, 0, min - 1});
      unite(expressions_, form, arrays_only(few));
    }
    if (max != kUnbounded) {
      ArrayForm many;
      many.contains.push_back({0, kUnbounded, claim, max + 1, kUnbounded});
      unite(expressions_, form, arrays_only(many));
    }
    return form;
  };
  parts.push_back({holds, fails});
}

void SchemaExpander::add_objects(const Here& here, std::vector<Part>& parts) {
  ObjectForm object;
  std::vector<ObjectForm> failing;
  const auto add = [&](const KeySelector& keys, Claim claim) {
    if (claim == kAnything) return;
    object.all.push_back({keys, claim});
    failing.emplace_back().exists.push_back({keys, negation(claim)});
  };
  for (const std::string_view keyword : {"properties", "patternProperties"}) {
    const json::value* value = here.object->if_contains(keyword);
    if (!value) continue;
    if (!value->is_object()) document_.invalid(here.node, keyword, "it is no object");
    for (const auto& member : value->get_object()) {
      const std::string name(member.key());
      const Claim claim = schema(document_.child(here.node, keyword, name), here.scope);
      if (keyword == "properties") {
        object.seen.names.push_back(name);
        add(one_key(name), claim);
      } else {
        object.seen.languages.push_back(regex_at(here, keyword, name));
        add(keys_in(object.seen.languages.back()), claim);
      }
    }
  }
  if (here.object->contains("additionalProperties")) {
    KeySelector others = object.seen;
    others.others = true;
    add(others, schema(document_.child(here.node, "additionalProperties"), here.scope));
    object.seen = all_keys();
  }
  if (object == ObjectForm{}) return;
  const auto holds = [object](bool seen) {
    NormalForm form = everything();
    form.objects = {object};
    if (!seen) forget_seen(form);
    return form;
  };
  parts.push_back({holds, [this, failing] {
                     NormalForm form;
                     for (const ObjectForm& each : failing) unite(expressions_, form, objects_only(each));
                     return form;
                   }});
}

void SchemaExpander::add_property_counts(const Here& here, std::vector<Part>& parts) {
  ObjectForm object;
  std::vector<ObjectForm> failing;
  if (const json::value* names = here.object->if_contains("required"); names && names->is_array()) {
    for (const json::value& each : names->get_array()) {
      if (!each.is_string()) document_.invalid(here.node, "required", "a name is no text");
      const std::string name(each.get_string());
      object.exists.push_back({one_key(name), kAnything});
      failing.emplace_back().all.push_back({one_key(name), kNothing});
    }
  } else if (names && !names->is_bool()) {  // draft 3 has it as true within a property
    document_.invalid(here.node, "required", "it is no list of names");
  }
  if (const auto min = count_at(here, "minProperties"); min && *min > 0) {
    object.min = *min;
    failing.emplace_back().max = *min - 1;
  }
  if (const auto max = count_at(here, "maxProperties")) {
    object.max = *max;
    failing.emplace_back().min = *max + 1;
  }
  if (object == ObjectForm{} && !here.object->contains("propertyNames")) return;
  std::optional<Claim> keys;
  if (here.object->contains("propertyNames")) {
    keys = schema(document_.child(here.node, "propertyNames"), here.scope);
  }
  const auto bad_keys = [this, keys] {
    return keys_in(expressions_.complement(language_of(expand(*keys, false).texts)));
  };
  const auto holds = [object, keys, bad_keys](bool) {
    NormalForm form = everything();
    form.objects = {object};
    if (keys && *keys != kAnything) form.objects[0].all.push_back({bad_keys(), kNothing});
    return form;
  };
  parts.push_back({holds, [this, failing, keys, bad_keys] {
                     NormalForm form;
                     for (const ObjectForm& each : failing) unite(expressions_, form, objects_only(each));
                     if (keys && *keys != kAnything) {
                       ObjectForm bad;
                       bad.exists.push_back({bad_keys(), kAnything});
                       unite(expressions_, form, objects_only(bad));
                     }
                     return form;
                   }});
}

Expression SchemaExpander::language_of(const std::vector<TextForm>& texts) {
  std::vector<Expression> parts;
  for (const TextForm& text : texts) {
    parts.push_back(expressions_.intersection({text.language, expressions_.length(text.min, text.max)}));
  }
  return expressions_.alternation(std::move(parts));
}

}  // namespace hearth
