// The keywords that apply other schemas to the same value: references, combinations, conditions, dependencies.
#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "grammar/schema_expander.h"

namespace hearth {
namespace {

namespace json = boost::json;

// Objects that lack a property, and everything that is no object.
NormalForm absent(const std::string& name) {
  NormalForm form = everything();
  form.objects[0].all.push_back({one_key(name), kNothing});
  return form;
}

NormalForm present(const std::string& name) {
  NormalForm form;
  form.objects.emplace_back().exists.push_back({one_key(name), kAnything});
  return form;
}

void take_scalars(NormalForm& to, const NormalForm& from) {
  to.null = from.null;
  to.yes = from.yes;
  to.no = from.no;
  to.texts = from.texts;
  to.numbers = from.numbers;
}

}  // namespace

std::vector<SchemaExpander::Part> SchemaExpander::parts(const Here& here) {
  std::vector<Part> result;
  const bool only_reference = here.dialect <= SchemaDialect::kDraft7 && here.object->contains("$ref");
  if (!only_reference) {
    add_types(here, result);
    add_texts(here, result);
    add_numbers(here, result);
    add_arrays(here, result);
    add_contains(here, result);
    add_objects(here, result);
    add_property_counts(here, result);
  }
  add_references(here, result);
  if (!only_reference) {
    add_combinations(here, result);
    add_conditions(here, result);
    add_dependencies(here, result);
  }
  return result;
}

void SchemaExpander::add_references(const Here& here, std::vector<Part>& parts) {
  const auto add = [&](Claim claim) {
    parts.push_back({[this, claim](bool seen) { return expand(claim, seen); },
                     [this, claim] { return expand(negation(claim), false); }});
  };
  for (const std::string_view keyword : {"$recursiveRef", "$recursiveAnchor"}) {
    if (here.object->contains(keyword)) document_.refuse(here.node, keyword, "it is a keyword of draft 2019-09 alone");
  }
  for (const std::string_view keyword : {"$ref", "$dynamicRef"}) {
    const json::value* value = here.object->if_contains(keyword);
    if (!value) continue;
    if (!value->is_string()) document_.invalid(here.node, keyword, "it is no text");
    const std::string reference(value->get_string());
    std::uint32_t target = document_.referred(here.node, keyword, reference);
    if (keyword == "$dynamicRef") {
      const std::string anchor = document_.dynamic_anchor(target, reference);
      const auto outermost = scopes_[here.scope].find(anchor);
      if (!anchor.empty() && outermost != scopes_[here.scope].end()) target = outermost->second;
    }
    add(schema(target, here.scope));
  }
}

std::vector<Claim> SchemaExpander::listed(const Here& here, std::string_view keyword) {
  const json::value& value = here.object->at(keyword);
  if (!value.is_array() || value.get_array().empty()) document_.invalid(here.node, keyword, "it is no list of schemas");
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < value.get_array().size(); ++i) {
    claims.push_back(schema(document_.child(here.node, keyword, i), here.scope));
  }
  return claims;
}

void SchemaExpander::add_combinations(const Here& here, std::vector<Part>& parts) {
  if (here.object->contains("allOf")) {
    for (const Claim claim : listed(here, "allOf")) {
      parts.push_back({[this, claim](bool seen) { return expand(claim, seen); },
                       [this, claim] { return expand(negation(claim), false); }});
    }
  }
  if (here.object->contains("anyOf")) {
    const std::vector<Claim> claims = listed(here, "anyOf");
    parts.push_back({[this, claims](bool seen) { return any_of_holds(claims, seen); },
                     [this, claims] {
                       NormalForm form = everything();
                       for (const Claim claim : claims) form = both(form, expand(negation(claim), false));
                       return form;
                     }});
  }
  if (here.object->contains("oneOf")) {
    const std::vector<Claim> claims = listed(here, "oneOf");
    parts.push_back({[this, claims](bool seen) { return one_of_holds(claims, seen); },
                     [this, claims] { return one_of_fails(claims); }});
  }
  if (here.object->contains("not")) {
    const Claim claim = schema(document_.child(here.node, "not"), here.scope);
    parts.push_back({[this, claim](bool) { return expand(negation(claim), false); },
                     [this, claim] { return expand(claim, false); }});
  }
}

// What was looked at depends on which of the schemas hold, so that with `seen` every combination is apart.
NormalForm SchemaExpander::any_of_holds(const std::vector<Claim>& claims, bool seen) {
  NormalForm any;
  for (const Claim claim : claims) unite(expressions_, any, expand(claim, false));
  if (!seen) return any;
  NormalForm none, some;
  none.arrays.emplace_back();
  none.objects.emplace_back();
  for (const Claim claim : claims) {
    const NormalForm holds = expand(claim, true);
    const NormalForm fails = expand(negation(claim), false);
    NormalForm next = both(some, holds);
    unite(expressions_, next, both(some, fails));
    unite(expressions_, next, both(none, holds));
    some = std::move(next);
    none = both(none, fails);
  }
  take_scalars(some, any);
  return some;
}

NormalForm SchemaExpander::one_of_holds(const std::vector<Claim>& claims, bool seen) {
  NormalForm result;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    NormalForm one = expand(claims[i], seen);
    for (std::size_t j = 0; j < claims.size(); ++j) {
      if (j == i || one.empty() || clearly_disjoint(claims[i], claims[j])) continue;
      one = both(one, expand(negation(claims[j]), false));
    }
    unite(expressions_, result, std::move(one));
  }
  return result;
}

NormalForm SchemaExpander::one_of_fails(const std::vector<Claim>& claims) {
  NormalForm result = everything();
  for (const Claim claim : claims) result = both(result, expand(negation(claim), false));
  for (std::size_t i = 0; i < claims.size(); ++i) {
    for (std::size_t j = i + 1; j < claims.size(); ++j) {
      unite(expressions_, result, both(expand(claims[i], false), expand(claims[j], false)));
    }
  }
  return result;
}

void SchemaExpander::add_conditions(const Here& here, std::vector<Part>& parts) {
  if (!here.object->contains("if")) return;
  const auto claim_at = [&](std::string_view keyword) {
    if (!here.object->contains(keyword)) return kAnything;
    return schema(document_.child(here.node, keyword), here.scope);
  };
  const Claim condition = claim_at("if"), then = claim_at("then"), otherwise = claim_at("else");
  const auto holds = [this, condition, then, otherwise](bool seen) {
    if (!seen && then == kAnything && otherwise == kAnything) return everything();
    NormalForm result = both(expand(condition, seen), expand(then, seen));
    unite(expressions_, result, both(expand(negation(condition), false), expand(otherwise, seen)));
    return result;
  };
  const auto fails = [this, condition, then, otherwise] {
    NormalForm result = both(expand(condition, false), expand(negation(then), false));
    unite(expressions_, result, both(expand(negation(condition), false), expand(negation(otherwise), false)));
    return result;
  };
  parts.push_back({holds, fails});
}

// Drafts up to 7 have both kinds under one name.
void SchemaExpander::add_dependencies(const Here& here, std::vector<Part>& parts) {
  for (const std::string_view keyword : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const json::value* value = here.object->if_contains(keyword);
    if (!value) continue;
    if (!value->is_object()) document_.invalid(here.node, keyword, "it is no object");
    for (const auto& member : value->get_object()) {
      const std::string name(member.key());
      if (const json::array* names = member.value().if_array()) {
        NormalForm required = present(name), missing;
        for (const json::value& each : *names) {
          if (!each.is_string()) document_.invalid(here.node, keyword, "a name is no text");
          const std::string needed(each.get_string());
          required = both(required, present(needed));
          unite(expressions_, missing, both(present(name), absent(needed)));
        }
        unite(expressions_, required, absent(name));
        parts.push_back({[required](bool) { return required; }, [missing] { return missing; }});
        continue;
      }
      const Claim claim = schema(document_.child(here.node, keyword, name), here.scope);
      const auto holds = [this, claim, name](bool seen) {
        NormalForm result = both(present(name), expand(claim, seen));
        unite(expressions_, result, absent(name));
        return result;
      };
      parts.push_back({holds, [this, claim, name] { return both(present(name), expand(negation(claim), false)); }});
    }
  }
}

}  // namespace hearth
