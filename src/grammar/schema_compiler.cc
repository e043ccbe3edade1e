#include "grammar/schema_compiler.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "base/error.h"
#include "grammar/completion.h"
#include "grammar/schema_expander.h"

namespace hearth {
namespace {

constexpr std::size_t kValuesMax = 20000;
constexpr std::uint32_t kItemsMax = 10000;
constexpr std::size_t kDemandsMax = 6;
constexpr std::size_t kListedKeysMax = 64;

class SchemaCompiler {
 public:
  SchemaCompiler(const boost::json::value& schema, const SchemaOptions& options)
      : limit_(kGrammarWorkMax), expressions_(limit_), expander_(expressions_, limit_, schema, options) {
    grammar_->line_breaks = options.line_breaks;
  }

  std::shared_ptr<const Grammar> compile() {
    grammar_->root_value = value({expander_.root()});
    while (!open_.empty()) {
      const std::uint32_t next = open_.front();
      open_.pop_front();
      fill(next);
    }
    prune(*grammar_);
    return grammar_;
  }

 private:
  // The value that meets all of some claims.
  std::uint32_t value(std::vector<Claim> claims) {
    std::sort(claims.begin(), claims.end());
    claims.erase(std::unique(claims.begin(), claims.end()), claims.end());
    std::erase(claims, kAnything);
    if (std::find(claims.begin(), claims.end(), kNothing) != claims.end()) claims = {kNothing};
    const auto [found, is_new] = values_.try_emplace(claims, static_cast<std::uint32_t>(grammar_->values.size()));
    if (is_new) {
      if (grammar_->values.size() >= kValuesMax) {
        throw Unsupported("the schema has more than " + std::to_string(kValuesMax) + " combinations of its parts");
      }
      grammar_->values.emplace_back();
      open_.push_back(found->second);
      claims_.push_back(std::move(claims));
    }
    return found->second;
  }

  void fill(std::uint32_t index) {
    const std::vector<Claim> claims = claims_[index];
    const NormalForm form = expander_.form(claims);
    Grammar::Value value;
    value.null = form.null;
    value.yes = form.yes;
    value.no = form.no;
    for (const TextForm& each : form.texts) push(value.texts, text(each));
    for (const NumberSet& each : form.numbers) push(value.numbers, number(each));
    for (const ArrayForm& each : form.arrays) push(value.arrays, array(each));
    for (const ObjectForm& each : form.objects) push(value.objects, object(each));
    grammar_->values[index] = std::move(value);
  }

  static void push(std::vector<std::uint32_t>& list, std::uint32_t index) {
    if (index != Grammar::kNone) list.push_back(index);
  }

  std::uint32_t dfa(Expression language) {
    const auto known = dfas_.find(language);
    if (known != dfas_.end()) return known->second;
    CharDfa made = make_dfa(expressions_, language, kGrammarStatesMax);
    const auto index = made.states() == 0 ? Grammar::kNone : static_cast<std::uint32_t>(grammar_->dfas.size());
    if (index != Grammar::kNone) grammar_->dfas.push_back(std::move(made));
    dfas_[language] = index;
    return index;
  }

  // A count on either side is kept beside the automaton; on both sides only where every length is possible.
  std::uint32_t text(TextForm form) {
    std::uint32_t index = dfa(form.language);
    if (index == Grammar::kNone) return Grammar::kNone;
    const CharDfa* automaton = &grammar_->dfas[index];
    if (automaton->longest[0] <= form.max) form.max = kUnbounded;
    if (automaton->shortest[0] >= form.min) form.min = 0;
    if (form.min > 0 && form.max != kUnbounded && form.language != kAnyText) {
      const Expression length = expressions_.length(form.min, form.max);
      return text({expressions_.intersection({form.language, length})});
    }
    if (automaton->shortest[0] > form.max || automaton->longest[0] < form.min) return Grammar::kNone;
    const auto [found, is_new] =
        texts_.try_emplace({index, form.min, form.max}, static_cast<std::uint32_t>(grammar_->texts.size()));
    if (is_new) grammar_->texts.push_back({index, form.min, form.max});
    return found->second;
  }

  std::uint32_t number(const NumberSet& set) {
    for (const auto& [known, index] : numbers_) {
      if (known == set) return index;
    }
    ByteDfa made = make_number_dfa(set, kGrammarStatesMax);
    const auto index = made.empty() ? Grammar::kNone : static_cast<std::uint32_t>(grammar_->numbers.size());
    if (index != Grammar::kNone) grammar_->numbers.push_back(std::move(made));
    numbers_.emplace_back(set, index);
    return index;
  }

  std::uint32_t array(const ArrayForm& form);
  std::uint32_t item_value(const ArrayForm& form, std::uint32_t at, std::uint32_t meets);

  std::uint32_t object(const ObjectForm& form);
  void add_kinds(const ObjectForm& form, Grammar::Object& object, const std::vector<Expression>& languages);
  bool selects(const KeySelector& keys, const KeyClassifier::Kind& kind, const std::vector<std::string>& names,
               const std::vector<Expression>& languages) const;

  WorkLimit limit_;
  Expressions expressions_;
  SchemaExpander expander_;
  std::shared_ptr<Grammar> grammar_ = std::make_shared<Grammar>();
  std::map<std::vector<Claim>, std::uint32_t> values_;
  std::vector<std::vector<Claim>> claims_;  // [values]
  std::deque<std::uint32_t> open_;
  std::map<Expression, std::uint32_t> dfas_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::uint32_t> texts_;
  std::vector<std::pair<NumberSet, std::uint32_t>> numbers_;
  std::vector<std::string> names_;  // of the object that is being made
};

// What stands at an index where the demands in `meets` are met by it; one with a limit is otherwise not met.
std::uint32_t SchemaCompiler::item_value(const ArrayForm& form, std::uint32_t at, std::uint32_t meets) {
  std::vector<Claim> claims;
  for (const ArrayForm::Items& items : form.items) {
    if (items.from <= at && at < items.to) claims.push_back(items.claim);
  }
  for (std::size_t i = 0; i < form.contains.size(); ++i) {
    const ArrayForm::Contains& contains = form.contains[i];
    if (at < contains.from || at >= contains.to) continue;
    if ((meets >> i & 1) != 0) {
      claims.push_back(contains.claim);
    } else if (contains.max != kUnbounded) {
      claims.push_back(expander_.negation(contains.claim));
    }
  }
  return value(std::move(claims));
}

std::uint32_t SchemaCompiler::array(const ArrayForm& form) {
  if (form.unique && form.max > 1) expander_.refuse_unique();
  if (form.contains.size() > kDemandsMax) throw Unsupported("the schema asks for too many kinds of items at once");
  // From `settled` on, an index does not matter beyond how it compares with the bounds.
  std::uint32_t settled = form.min;
  for (const ArrayForm::Items& items : form.items)
    settled = std::max({settled, items.from, items.to + 1 ? items.to : 0});
  for (const ArrayForm::Contains& each : form.contains) {
    settled = std::max({settled, each.from, each.to + 1 ? each.to : 0, each.min});
  }
  if (settled > kItemsMax) throw Unsupported("the schema counts more than " + std::to_string(kItemsMax) + " items");
  const std::uint32_t max = std::min(form.max, kItemsMax);
  const bool counts = form.max != kUnbounded;
  using Key = std::pair<std::uint32_t, std::vector<std::uint32_t>>;  // index, how many meet each demand
  std::map<Key, std::uint32_t> index;
  std::vector<Key> keys;
  const auto intern = [&](Key key) {
    if (!counts) key.first = std::min(key.first, settled);
    const auto [found, is_new] = index.try_emplace(key, static_cast<std::uint32_t>(keys.size()));
    if (is_new) {
      if (keys.size() >= kGrammarStatesMax) throw Unsupported("the schema counts items in too many ways");
      keys.push_back(std::move(key));
    }
    return found->second;
  };
  intern({0, std::vector<std::uint32_t>(form.contains.size())});
  Grammar::Array array;
  for (std::size_t state = 0; state < keys.size(); ++state) {
    const Key key = keys[state];
    limit_.spend(10);
    bool may_end = key.first >= form.min;
    std::uint32_t choosable = 0;
    for (std::size_t i = 0; i < form.contains.size(); ++i) {
      const ArrayForm::Contains& contains = form.contains[i];
      may_end = may_end && key.second[i] >= contains.min;
      const bool here = key.first >= contains.from && key.first < contains.to;
      const std::uint32_t most = contains.max != kUnbounded ? contains.max : contains.min;
      if (here && key.second[i] < most) choosable |= 1u << i;
    }
    Grammar::Array::State made{may_end, {}};
    for (std::uint32_t meets = choosable; key.first < max; meets = (meets - 1) & choosable) {
      Key next{key.first + 1, key.second};
      for (std::size_t i = 0; i < form.contains.size(); ++i) next.second[i] += meets >> i & 1;
      made.items.push_back({item_value(form, key.first, meets), intern(std::move(next))});
      if (meets == 0) break;
    }
    array.states.push_back(std::move(made));
  }
  grammar_->arrays.push_back(std::move(array));
  return static_cast<std::uint32_t>(grammar_->arrays.size() - 1);
}

// Whether the keys of a kind are selected.
bool SchemaCompiler::selects(const KeySelector& keys, const KeyClassifier::Kind& kind,
                             const std::vector<std::string>& names, const std::vector<Expression>& languages) const {
  bool found = false;
  if (kind.name >= 0) {
    const std::string& name = names[static_cast<std::size_t>(kind.name)];
    found = std::find(keys.names.begin(), keys.names.end(), name) != keys.names.end();
  }
  for (const Expression language : keys.languages) {
    const auto at = std::lower_bound(languages.begin(), languages.end(), language) - languages.begin();
    found = found || kind.matches[static_cast<std::size_t>(at)];
  }
  return found != keys.others;
}

std::uint32_t SchemaCompiler::object(const ObjectForm& form) {
  std::vector<std::string> names;
  std::vector<Expression> languages;
  for (const auto* list : {&form.all, &form.exists}) {
    for (const ObjectForm::Property& property : *list) {
      names.insert(names.end(), property.keys.names.begin(), property.keys.names.end());
      languages.insert(languages.end(), property.keys.languages.begin(), property.keys.languages.end());
    }
  }
  std::sort(languages.begin(), languages.end());
  languages.erase(std::unique(languages.begin(), languages.end()), languages.end());
  for (const Expression language : languages) {
    for (std::string& key : listed_texts(make_dfa(expressions_, language, kGrammarStatesMax), kListedKeysMax)) {
      names.push_back(std::move(key));
    }
    const Expression others = expressions_.complement(language);
    for (std::string& key : listed_texts(make_dfa(expressions_, others, kGrammarStatesMax), kListedKeysMax)) {
      names.push_back(std::move(key));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  Grammar::Object object;
  object.min = form.min;
  object.max = form.max;
  object.keys = make_classifier(expressions_, names, languages, kGrammarStatesMax);
  names_ = std::move(names);
  add_kinds(form, object, languages);
  finish_keys(object);
  grammar_->objects.push_back(std::move(object));
  return static_cast<std::uint32_t>(grammar_->objects.size() - 1);
}

void SchemaCompiler::add_kinds(const ObjectForm& form, Grammar::Object& object,
                               const std::vector<Expression>& languages) {
  std::vector<const ObjectForm::Property*> demands;
  for (const ObjectForm::Property& exists : form.exists) {
    const bool one = exists.keys.names.size() == 1 && exists.keys.languages.empty() && !exists.keys.others;
    if (!one || exists.claim != kAnything) demands.push_back(&exists);
  }
  if (demands.size() > kDemandsMax) throw Unsupported("the schema asks for too many kinds of properties at once");
  object.demands = (1u << demands.size()) - 1;
  object.remembers_keys = form.min > 0 || form.max != kUnbounded || !demands.empty();
  for (const KeyClassifier::Kind& key : object.keys.kinds) {
    Grammar::Object::Kind kind;
    kind.named = key.name >= 0;
    std::vector<Claim> claims;
    for (const ObjectForm::Property& all : form.all) {
      if (selects(all.keys, key, names_, languages)) claims.push_back(all.claim);
    }
    for (const ObjectForm::Property& exists : form.exists) {
      const bool one = exists.keys.names.size() == 1 && exists.keys.languages.empty() && !exists.keys.others;
      if (one && exists.claim == kAnything && selects(exists.keys, key, names_, languages)) kind.required = true;
    }
    for (std::size_t i = 0; i < demands.size(); ++i) {
      if (selects(demands[i]->keys, key, names_, languages)) kind.matches |= 1u << i;
    }
    const bool never = std::find(claims.begin(), claims.end(), kNothing) != claims.end();
    for (std::uint32_t meets = kind.matches; !never; meets = (meets - 1) & kind.matches) {
      std::vector<Claim> all = claims;
      for (std::size_t i = 0; i < demands.size(); ++i) {
        if ((meets >> i & 1) != 0) all.push_back(demands[i]->claim);
      }
      kind.choices.push_back({meets, value(std::move(all))});
      if (meets == 0) break;
    }
    if (kind.required) object.required.set(object.kinds.size());
    object.kinds.push_back(std::move(kind));
  }
}

}  // namespace

std::shared_ptr<const Grammar> compile_schema(const boost::json::value& schema, const SchemaOptions& options) {
  return SchemaCompiler(schema, options).compile();
}

std::shared_ptr<const Grammar> compile_json(bool any_value, const SchemaOptions& options) {
  if (any_value) return compile_schema(boost::json::value(true), options);
  return compile_schema(boost::json::value(boost::json::object{{"type", "object"}}), options);
}

}  // namespace hearth
