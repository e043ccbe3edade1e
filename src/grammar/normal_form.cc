#include "grammar/normal_form.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::size_t kAlternativesMax = 512;

template <typename Value>
void append_new(std::vector<Value>& list, const std::vector<Value>& more) {
  for (const Value& value : more) {
    if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
  }
}

template <typename Form>
void push_new(std::vector<Form>& list, Form form) {
  if (std::find(list.begin(), list.end(), form) != list.end()) return;
  if (list.size() >= kAlternativesMax) {
    throw Unsupported("the schema allows more than " + std::to_string(kAlternativesMax) +
                      " combinations of its alternatives in one place");
  }
  list.push_back(std::move(form));
}

// Unites the languages of texts that have the same bounds.
void push_text(Expressions& expressions, std::vector<TextForm>& texts, const TextForm& text) {
  if (text.language == kNoText || text.min > text.max) return;
  for (TextForm& known : texts) {
    if (known.min != text.min || known.max != text.max) continue;
    known.language = expressions.alternation({known.language, text.language});
    return;
  }
  push_new(texts, text);
}

ArrayForm both(const ArrayForm& a, const ArrayForm& b) {
  ArrayForm result = a;
  append_new(result.items, b.items);
  append_new(result.contains, b.contains);
  result.min = std::max(a.min, b.min);
  result.max = std::min(a.max, b.max);
  result.unique = a.unique || b.unique;
  result.seen = std::max(a.seen, b.seen);
  append_new(result.seen_claims, b.seen_claims);
  return result;
}

ObjectForm both(const ObjectForm& a, const ObjectForm& b) {
  ObjectForm result = a;
  append_new(result.all, b.all);
  append_new(result.exists, b.exists);
  result.min = std::max(a.min, b.min);
  result.max = std::min(a.max, b.max);
  result.seen.others = a.seen.others || b.seen.others;
  append_new(result.seen.names, b.seen.names);
  append_new(result.seen.languages, b.seen.languages);
  return result;
}

// An object that must lack a property and have it, or a value that must meet nothing.
bool contradicts(const ObjectForm& form) {
  if (form.min > form.max) return true;
  return std::any_of(form.exists.begin(), form.exists.end(), [&](const ObjectForm::Property& exists) {
    if (exists.claim == kNothing) return true;
    if (exists.keys.others || exists.keys.names.size() != 1 || !exists.keys.languages.empty()) return false;
    return std::any_of(form.all.begin(), form.all.end(), [&](const ObjectForm::Property& all) {
      return all.claim == kNothing && all.keys == exists.keys;
    });
  });
}

bool contradicts(const ArrayForm& form) {
  if (form.min > form.max) return true;
  return std::any_of(form.contains.begin(), form.contains.end(), [&](const ArrayForm::Contains& contains) {
    return contains.min > contains.max || (contains.min > 0 && contains.claim == kNothing) ||
           contains.min > contains.to - contains.from || (contains.min > 0 && contains.from >= form.max);
  });
}

template <typename Form>
std::vector<Form> pairs(const std::vector<Form>& a, const std::vector<Form>& b) {
  std::vector<Form> result;
  for (const Form& first : a) {
    for (const Form& second : b) {
      Form form = both(first, second);
      if (!contradicts(form)) push_new(result, std::move(form));
    }
  }
  return result;
}

}  // namespace

KeySelector one_key(std::string name) {
  KeySelector keys;
  keys.names.push_back(std::move(name));
  return keys;
}

KeySelector keys_in(Expression language) {
  KeySelector keys;
  keys.languages.push_back(language);
  return keys;
}

KeySelector all_keys() {
  KeySelector keys;
  keys.others = true;
  return keys;
}

NormalForm everything() {
  NormalForm form;
  form.null = form.yes = form.no = true;
  form.texts.emplace_back();
  form.numbers.emplace_back();
  form.arrays.emplace_back();
  form.objects.emplace_back();
  return form;
}

NormalForm intersection(Expressions& expressions, const NormalForm& a, const NormalForm& b) {
  NormalForm result;
  result.null = a.null && b.null;
  result.yes = a.yes && b.yes;
  result.no = a.no && b.no;
  for (const TextForm& first : a.texts) {
    for (const TextForm& second : b.texts) {
      push_text(expressions, result.texts,
                {expressions.intersection({first.language, second.language}), std::max(first.min, second.min),
                 std::min(first.max, second.max)});
    }
  }
  for (const NumberSet& first : a.numbers) {
    for (const NumberSet& second : b.numbers) {
      NumberSet set = first.intersected(second);
      if (!set.clearly_empty()) push_new(result.numbers, std::move(set));
    }
  }
  result.arrays = pairs(a.arrays, b.arrays);
  result.objects = pairs(a.objects, b.objects);
  return result;
}

void unite(Expressions& expressions, NormalForm& form, NormalForm other) {
  form.null = form.null || other.null;
  form.yes = form.yes || other.yes;
  form.no = form.no || other.no;
  for (const TextForm& text : other.texts) push_text(expressions, form.texts, text);
  for (NumberSet& set : other.numbers) {
    if (!set.clearly_empty()) push_new(form.numbers, std::move(set));
  }
  for (ArrayForm& array : other.arrays) push_new(form.arrays, std::move(array));
  for (ObjectForm& object : other.objects) push_new(form.objects, std::move(object));
}

void forget_seen(NormalForm& form) {
  std::vector<ArrayForm> arrays;
  for (ArrayForm& array : form.arrays) {
    array.seen = 0;
    array.seen_claims.clear();
    push_new(arrays, std::move(array));
  }
  std::vector<ObjectForm> objects;
  for (ObjectForm& object : form.objects) {
    object.seen = {};
    push_new(objects, std::move(object));
  }
  form.arrays = std::move(arrays);
  form.objects = std::move(objects);
}

}  // namespace hearth
