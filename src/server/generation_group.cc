#include "server/generation_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "base/check.h"

namespace hearth {

namespace asio = boost::asio;

// Outlives the group until the coroutines that wait for a member's next event have ended.
struct GenerationGroup::State {
  struct Member {
    std::unique_ptr<GenerationStream> stream;
    bool ended = false;
    bool fetching = false;  // a coroutine waits for its next event
    asio::cancellation_signal cancel_fetch;
  };
  std::vector<std::unique_ptr<Member>> members;
  std::size_t running_count = 0;
  std::vector<Item> arrived;
  asio::steady_timer* waiting = nullptr;  // cancelled when something has arrived

  void take(std::size_t index, GenerationStream::Event event) {
    if (std::holds_alternative<GenerationEnd>(event)) {
      members[index]->ended = true;
      --running_count;
    }
    arrived.push_back({index, std::move(event)});
  }
};

GenerationGroup::GenerationGroup() : state_(std::make_shared<State>()) {}

GenerationGroup::~GenerationGroup() {
  for (const auto& member : state_->members) {
    if (member->fetching) member->cancel_fetch.emit(asio::cancellation_type::terminal);
  }
}

void GenerationGroup::add(std::unique_ptr<GenerationStream> stream) {
  state_->members.push_back(std::make_unique<State::Member>());
  state_->members.back()->stream = std::move(stream);
  ++state_->running_count;
}

std::size_t GenerationGroup::size() const {
  return state_->members.size();
}

bool GenerationGroup::running() const {
  return state_->running_count > 0;
}

asio::awaitable<void> GenerationGroup::fetch(std::shared_ptr<State> state, std::size_t index) {
  State::Member& member = *state->members[index];
  GenerationStream::Event event = co_await member.stream->next();
  member.fetching = false;
  state->take(index, std::move(event));
  if (state->waiting != nullptr) state->waiting->cancel();
}

void GenerationGroup::start_fetches(const asio::any_io_executor& executor) {
  for (std::size_t i = 0; i < state_->members.size(); ++i) {
    State::Member& member = *state_->members[i];
    if (member.ended || member.fetching) continue;
    member.fetching = true;
    // The handler holds the state, and with it the signal, until asio has let go of the slot. What is thrown is that
    // the group is gone.
    auto on_end = [state = state_](const std::exception_ptr&) {};
    asio::co_spawn(executor, fetch(state_, i),
                   asio::bind_cancellation_slot(member.cancel_fetch.slot(), std::move(on_end)));
  }
}

asio::awaitable<std::vector<GenerationGroup::Item>> GenerationGroup::next() {
  std::vector<Item> items;
  while (items.empty()) items = co_await next_for(std::chrono::hours(1));
  co_return items;
}

asio::awaitable<std::vector<GenerationGroup::Item>> GenerationGroup::next_for(std::chrono::milliseconds patience) {
  CHECK(running());
  const auto executor = co_await asio::this_coro::executor;
  const std::shared_ptr<State> state = state_;
  const bool only_one = state->members.size() == 1;
  if (only_one) {  // the usual case needs no coroutine beside this one
    const bool is_something_there = co_await state->members[0]->stream->wait_for(patience);
    if (!is_something_there) co_return std::vector<Item>();
    GenerationStream::Event event = co_await state->members[0]->stream->next();
    state->take(0, std::move(event));
  }
  asio::steady_timer timer(executor, patience);
  while (state->arrived.empty()) {
    start_fetches(executor);
    state->waiting = &timer;
    boost::system::error_code error;  // cancelled by what arrives, or by who cancels the handler
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    state->waiting = nullptr;
    const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (!error) break;
  }
  for (std::size_t i = 0; i < state->members.size(); ++i) {
    State::Member& member = *state->members[i];
    while (!member.ended && !member.fetching && member.stream->has_more()) {
      GenerationStream::Event event = co_await member.stream->next();
      state->take(i, std::move(event));
    }
  }
  std::vector<Item> items = std::move(state->arrived);
  state->arrived.clear();
  co_return items;
}

void GenerationGroup::stop(std::size_t index) {
  state_->members[index]->stream->stop();
}

std::vector<std::int64_t> GenerationGroup::prompt_tokens(std::size_t choice_count) const {
  std::vector<std::int64_t> counts;
  for (std::size_t i = 0; i < state_->members.size(); i += choice_count) {
    counts.push_back(state_->members[i]->stream->prompt_tokens());
  }
  return counts;
}

}  // namespace hearth
