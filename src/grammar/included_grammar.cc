#include "grammar/included_grammar.h"

#include <utility>

namespace hearth {
namespace {

// By how much the indices of each table move.
struct Moves {
  std::uint32_t dfas, texts, numbers, values, arrays, objects, places, any_orders;
};

template <typename List>
std::uint32_t size_of(const List& list) {
  return static_cast<std::uint32_t>(list.size());
}

void move_all(std::vector<std::uint32_t>& indices, std::uint32_t by) {
  for (std::uint32_t& index : indices) index += by;
}

void move_one(std::uint32_t& index, std::uint32_t by) {
  if (index != Grammar::kNone) index += by;
}

void include_values(const Grammar& part, const Moves& by, Grammar& whole) {
  for (Grammar::Text text : part.texts) {
    text.dfa += by.dfas;
    whole.texts.push_back(text);
  }
  for (Grammar::Value value : part.values) {
    move_all(value.texts, by.texts);
    move_all(value.numbers, by.numbers);
    move_all(value.arrays, by.arrays);
    move_all(value.objects, by.objects);
    whole.values.push_back(std::move(value));
  }
  for (Grammar::Array array : part.arrays) {
    for (Grammar::Array::State& state : array.states) {
      for (Grammar::Array::Item& item : state.items) item.value += by.values;
    }
    whole.arrays.push_back(std::move(array));
  }
  for (Grammar::Object object : part.objects) {
    for (Grammar::Object::Kind& kind : object.kinds) {
      for (Grammar::Object::Choice& choice : kind.choices) choice.value += by.values;
    }
    whole.objects.push_back(std::move(object));
  }
}

void include_places(const Grammar& part, const Moves& by, Grammar& whole) {
  for (Grammar::Place place : part.places) {
    for (Grammar::Place::Call& call : place.calls) {
      move_one(call.rule, by.places);
      move_one(call.target, by.places);
      move_one(call.terminal, by.dfas);
      move_one(call.value, by.values);
      move_one(call.any_order, by.any_orders);
    }
    whole.places.push_back(std::move(place));
  }
  for (Grammar::AnyOrder any_order : part.any_orders) {
    for (Grammar::AnyOrder::Part& each : any_order.parts) each.rule += by.places;
    move_one(any_order.separator, by.places);
    whole.any_orders.push_back(std::move(any_order));
  }
}

}  // namespace

GrammarRoot include(const Grammar& part, Grammar& whole) {
  const Moves by{size_of(whole.dfas),   size_of(whole.texts),   size_of(whole.numbers), size_of(whole.values),
                 size_of(whole.arrays), size_of(whole.objects), size_of(whole.places),  size_of(whole.any_orders)};
  whole.dfas.insert(whole.dfas.end(), part.dfas.begin(), part.dfas.end());
  whole.numbers.insert(whole.numbers.end(), part.numbers.begin(), part.numbers.end());
  include_values(part, by, whole);
  include_places(part, by, whole);
  whole.line_breaks = whole.line_breaks && part.line_breaks;
  GrammarRoot root{part.root_value, part.root_place};
  move_one(root.value, by.values);
  move_one(root.place, by.places);
  return root;
}

}  // namespace hearth
