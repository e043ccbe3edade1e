#include "grammar/schema_expander.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "base/error.h"
#include "grammar/char_dfa.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kExpansionDepthMax = 300;
constexpr std::size_t kExpansionCost = 20;
constexpr int kLookDepth = 3;

bool asks_for_unevaluated(const json::object& object) {
  return object.contains("unevaluatedProperties") || object.contains("unevaluatedItems");
}

}  // namespace

SchemaExpander::SchemaExpander(Expressions& expressions, WorkLimit& limit, const json::value& schema,
                               const SchemaOptions& options)
    : expressions_(expressions), limit_(limit), options_(options), document_(schema, options.documents) {
  intern({Kind::kAll, false, 0, 0});
  intern({Kind::kNone, false, 0, 0});
  scopes_.emplace_back();
  scope_index_[{}] = 0;
}

Claim SchemaExpander::root() {
  return schema(document_.root(), 0);
}

Claim SchemaExpander::intern(Source source) {
  const auto [found, is_new] = index_.try_emplace(source, static_cast<Claim>(sources_.size()));
  if (is_new) sources_.push_back(source);
  return found->second;
}

// The outermost resource that a dynamic anchor was met in is what a dynamic reference means.
std::uint32_t SchemaExpander::entered(std::uint32_t scope, std::uint32_t node) {
  const auto& anchors = document_.dynamic_anchors(document_.resource(node));
  if (anchors.empty()) return scope;
  std::map<std::string, std::uint32_t> names = scopes_[scope];
  names.insert(anchors.begin(), anchors.end());
  const auto [found, is_new] = scope_index_.try_emplace(names, static_cast<std::uint32_t>(scopes_.size()));
  if (is_new) scopes_.push_back(std::move(names));
  return found->second;
}

Claim SchemaExpander::schema(std::uint32_t node, std::uint32_t scope) {
  const json::value& value = document_.value(node);
  if (value.is_bool()) return value.get_bool() ? kAnything : kNothing;
  if (value.get_object().empty()) return kAnything;
  return intern({Kind::kSchema, false, node, entered(scope, node)});
}

Claim SchemaExpander::constant(const json::value& value) {
  constants_.push_back(&value);
  return intern({Kind::kConstant, false, static_cast<std::uint32_t>(constants_.size() - 1), 0});
}

Claim SchemaExpander::any_of(std::vector<Claim> claims) {
  std::sort(claims.begin(), claims.end());
  claims.erase(std::unique(claims.begin(), claims.end()), claims.end());
  if (!claims.empty() && claims[0] == kAnything) return kAnything;
  std::erase(claims, kNothing);
  if (claims.empty()) return kNothing;
  if (claims.size() == 1) return claims[0];
  const auto [found, is_new] = list_index_.try_emplace(claims, static_cast<std::uint32_t>(lists_.size()));
  if (is_new) lists_.push_back(std::move(claims));
  return intern({Kind::kAnyOf, false, found->second, 0});
}

Claim SchemaExpander::negation(Claim claim) {
  if (claim == kAnything) return kNothing;
  if (claim == kNothing) return kAnything;
  Source source = sources_[claim];
  source.negated = !source.negated;
  return intern(source);
}

void SchemaExpander::refuse_unique() const {
  document_.refuse(unique_node_, "uniqueItems", "its items are not texts, numbers or constants");
}

NormalForm SchemaExpander::both(const NormalForm& a, const NormalForm& b) {
  return intersection(expressions_, a, b);
}

NormalForm SchemaExpander::form(const std::vector<Claim>& claims) {
  if (claims.empty()) return everything();
  NormalForm result = expand(claims[0], false);
  for (std::size_t i = 1; i < claims.size(); ++i) result = both(result, expand(claims[i], false));
  return result;
}

const NormalForm& SchemaExpander::expand(Claim claim, bool seen) {
  const std::pair<Claim, bool> key{claim, seen};
  if (const auto known = forms_.find(key); known != forms_.end()) return known->second;
  if (std::find(open_.begin(), open_.end(), key) != open_.end() || open_.size() > kExpansionDepthMax) {
    const Source& source = sources_[claim];
    const std::uint32_t node = source.kind == Kind::kSchema ? source.index : document_.root();
    document_.refuse(node, "$ref", "the schema refers to itself for the same value");
  }
  limit_.spend(kExpansionCost);
  open_.push_back(key);
  NormalForm form = expand_source(sources_[claim], seen);
  open_.pop_back();
  return forms_.emplace(key, std::move(form)).first->second;
}

NormalForm SchemaExpander::expand_source(const Source& source, bool seen) {
  const Source copy = source;  // expanding makes more of them
  switch (copy.kind) {
    case Kind::kAll:
      return everything();
    case Kind::kNone:
      return {};
    case Kind::kConstant:
      return copy.negated ? constant_fails(*constants_[copy.index]) : constant_holds(*constants_[copy.index]);
    case Kind::kAnyOf: {
      const std::vector<Claim> claims = lists_[copy.index];
      NormalForm result = copy.negated ? everything() : NormalForm{};
      for (const Claim claim : claims) {
        if (copy.negated) {
          result = both(result, expand(negation(claim), false));
        } else {
          unite(expressions_, result, expand(claim, false));
        }
      }
      return result;
    }
    case Kind::kSchema:
      break;
  }
  return expand_schema(copy.index, copy.scope, copy.negated, seen);
}

NormalForm SchemaExpander::expand_schema(std::uint32_t node, std::uint32_t scope, bool negated, bool seen) {
  const json::object& object = document_.value(node).get_object();
  const Here here{node, scope, &object, document_.dialect(node)};
  const std::vector<Part> all = parts(here);
  const bool unevaluated_here = asks_for_unevaluated(object) && here.dialect >= SchemaDialect::kDraft2019;
  if (negated) {
    NormalForm result;
    for (const Part& part : all) unite(expressions_, result, part.fails());
    if (!unevaluated_here) return result;
    NormalForm rest = everything();
    for (const Part& part : all) rest = both(rest, part.holds(true));
    unite(expressions_, result, unevaluated(here, std::move(rest), false, false));
    return result;
  }
  NormalForm result = everything();
  for (const Part& part : all) {
    result = both(result, part.holds(seen || unevaluated_here));
    if (result.empty()) return result;
  }
  return unevaluated_here ? unevaluated(here, std::move(result), true, seen) : result;
}

// `form`: what the rest of a schema allows, with what it looks at. With `holds` the parts left over meet what
// unevaluatedItems and unevaluatedProperties say; without, one of them does not.
NormalForm SchemaExpander::unevaluated(const Here& here, NormalForm form, bool holds, bool seen) {
  NormalForm failing;
  if (here.object->contains("unevaluatedItems")) {
    const Claim rest = schema(document_.child(here.node, "unevaluatedItems"), here.scope);
    for (ArrayForm& array : form.arrays) {
      std::vector<Claim> claims = array.seen_claims;
      claims.push_back(rest);
      const Claim claim = any_of(std::move(claims));
      if (array.seen != kUnbounded && claim != kAnything) {
        if (holds) {
          array.items.push_back({array.seen, kUnbounded, claim});
        } else {
          failing.arrays.push_back(array);
          failing.arrays.back().contains.push_back({array.seen, kUnbounded, negation(claim), 1, kUnbounded});
        }
      }
      array.seen = kUnbounded;
    }
  }
  if (here.object->contains("unevaluatedProperties")) {
    const Claim rest = schema(document_.child(here.node, "unevaluatedProperties"), here.scope);
    for (ObjectForm& object : form.objects) {
      if (!object.seen.others && rest != kAnything) {
        KeySelector keys = object.seen;
        keys.others = true;
        if (holds) {
          object.all.push_back({keys, rest});
        } else {
          failing.objects.push_back(object);
          failing.objects.back().exists.push_back({keys, negation(rest)});
        }
      }
      object.seen = all_keys();
    }
  }
  NormalForm result = holds ? std::move(form) : std::move(failing);
  if (!seen) forget_seen(result);
  // What contradicts itself by now is left out.
  return both(result, everything());
}

NormalForm SchemaExpander::constant_holds(const json::value& value) {
  NormalForm form;
  if (value.is_null()) form.null = true;
  if (value.is_bool()) (value.get_bool() ? form.yes : form.no) = true;
  if (value.is_string()) form.texts.push_back({expressions_.literal(std::string_view(value.get_string()))});
  if (const auto number = decimal_of(value)) {
    form.numbers.push_back(number_among({*number}));
    return form;
  }
  if (const json::array* array = value.if_array()) {
    ArrayForm items;
    items.min = items.max = static_cast<std::uint32_t>(array->size());
    std::uint32_t at = 0;
    for (const json::value& item : *array) {
      items.items.push_back({at, at + 1, constant(item)});
      ++at;
    }
    form.arrays.push_back(std::move(items));
  }
  if (const json::object* object = value.if_object()) {
    ObjectForm properties;
    KeySelector others = all_keys();
    for (const auto& member : *object) {
      const std::string name(member.key());
      properties.all.push_back({one_key(name), constant(member.value())});
      properties.exists.push_back({one_key(name), kAnything});
      others.names.push_back(name);
    }
    properties.all.push_back({others, kNothing});
    form.objects.push_back(std::move(properties));
  }
  return form;
}

NormalForm SchemaExpander::constant_fails(const json::value& value) {
  NormalForm form = everything();
  if (value.is_null()) form.null = false;
  if (value.is_bool()) (value.get_bool() ? form.yes : form.no) = false;
  if (value.is_string()) {
    const Expression text = expressions_.literal(std::string_view(value.get_string()));
    form.texts = {{expressions_.complement(text)}};
  }
  if (const auto number = decimal_of(value)) {
    form.numbers = {number_among({*number}).outside_intervals()};
    return form;
  }
  if (const json::array* array = value.if_array()) {
    const auto size = static_cast<std::uint32_t>(array->size());
    form.arrays.clear();
    if (size > 0) form.arrays.emplace_back().max = size - 1;
    form.arrays.emplace_back().min = size + 1;
    std::uint32_t at = 0;
    for (const json::value& item : *array) {
      form.arrays.emplace_back().contains.push_back({at, at + 1, negation(constant(item)), 1, kUnbounded});
      ++at;
    }
  }
  if (const json::object* object = value.if_object()) {
    form.objects.clear();
    KeySelector others = all_keys();
    for (const auto& member : *object) {
      const std::string name(member.key());
      form.objects.emplace_back().all.push_back({one_key(name), kNothing});
      form.objects.emplace_back().exists.push_back({one_key(name), negation(constant(member.value()))});
      others.names.push_back(name);
    }
    form.objects.emplace_back().exists.push_back({others, kAnything});
  }
  return form;
}

bool SchemaExpander::clearly_disjoint(Claim a, Claim b) {
  return clearly_empty(both(expand(a, false), expand(b, false)), kLookDepth);
}

// Looks at required properties, no deeper than `depth`, and never at what is being expanded.
bool SchemaExpander::clearly_empty(const NormalForm& form, int depth) {
  constexpr std::size_t kStates = 1000;
  if (form.null || form.yes || form.no || !form.arrays.empty()) return false;
  try {
    for (const TextForm& text : form.texts) {
      if (text.language == kAnyText || make_dfa(expressions_, text.language, kStates).states() > 0) return false;
    }
    for (const NumberSet& set : form.numbers) {
      if (set.multiples.empty() && set.intervals.size() > 1) return false;
      if (!make_number_dfa(set, kStates).empty()) return false;
    }
  } catch (const Unsupported&) {
    return false;
  }
  if (depth == 0) return form.objects.empty();
  return std::all_of(form.objects.begin(), form.objects.end(), [&](const ObjectForm& object) {
    return std::any_of(object.exists.begin(), object.exists.end(), [&](const ObjectForm::Property& exists) {
      if (exists.keys.others || exists.keys.names.size() != 1 || !exists.keys.languages.empty()) return false;
      NormalForm value = everything();
      for (const ObjectForm::Property& all : object.all) {
        const auto& names = all.keys.names;
        const bool named = std::find(names.begin(), names.end(), exists.keys.names[0]) != names.end();
        if (named == all.keys.others || !all.keys.languages.empty()) continue;
        if (std::find(open_.begin(), open_.end(), std::pair{all.claim, false}) != open_.end()) continue;
        value = both(value, expand(all.claim, false));
      }
      return clearly_empty(value, depth - 1);
    });
  });
}

}  // namespace hearth
