// Several generations awaited as one: the choices of an answer, whose tokens come in any order.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/model_service.h"

namespace hearth {

class GenerationGroup {
 public:
  struct Item {
    std::size_t index;  // of the generation, in the order of add()
    GenerationStream::Event event;
  };

  GenerationGroup();
  ~GenerationGroup();  // cancels those that have not ended
  GenerationGroup(const GenerationGroup&) = delete;
  GenerationGroup& operator=(const GenerationGroup&) = delete;

  // Before the first call of next().
  void add(std::unique_ptr<GenerationStream> stream);
  std::size_t size() const;
  // Some generation's end was not returned yet.
  bool running() const;
  // All the events that are there, those of one generation in their order; waits while there is none, and no longer
  // than `patience`: then there are none. Only while running().
  boost::asio::awaitable<std::vector<Item>> next_for(std::chrono::milliseconds patience);
  boost::asio::awaitable<std::vector<Item>> next();
  // Nothing more is wanted of that generation: its end comes soon.
  void stop(std::size_t index);
  // Of the prompts, each of which has so many generations.
  std::vector<std::int64_t> prompt_tokens(std::size_t choice_count) const;

 private:
  struct State;
  static boost::asio::awaitable<void> fetch(std::shared_ptr<State> state, std::size_t index);
  void start_fetches(const boost::asio::any_io_executor& executor);

  std::shared_ptr<State> state_;
};

}  // namespace hearth
