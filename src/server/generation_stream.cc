// A generation as a coroutine sees it.
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "server/event_mailbox.h"

namespace hearth {

namespace asio = boost::asio;

GenerationStream::GenerationStream(std::shared_ptr<Shared> shared, Engine& engine, std::string id,
                                   std::int64_t prompt_tokens)
    : shared_(std::move(shared)), engine_(engine), id_(std::move(id)), prompt_tokens_(prompt_tokens) {}

GenerationStream::~GenerationStream() {
  shared_->reader_is_gone = true;
  shared_->unread.clear();
  if (!shared_->ended) engine_.cancel(id_);
}

void GenerationStream::stop() {
  shared_->is_complete = true;
  if (!shared_->ended) engine_.cancel(id_);
}

bool GenerationStream::has_more() const {
  return !shared_->unread.empty();
}

namespace {

// Until there is something to read, or until `deadline`.
asio::awaitable<void> wait_until(std::shared_ptr<GenerationStream::Shared> shared,
                                 asio::steady_timer::time_point deadline) {
  asio::steady_timer timer(shared->mailbox->executor(), deadline);
  while (shared->unread.empty()) {
    struct Waiting {
      Waiting(GenerationStream::Shared& of, asio::steady_timer& on) : shared(of) { shared.waiting = &on; }
      ~Waiting() { shared.waiting = nullptr; }
      GenerationStream::Shared& shared;
    } const waiting(*shared, timer);
    boost::system::error_code error;  // the timer is cancelled by an event, or by who cancels the coroutine
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (!error) co_return;
  }
}

}  // namespace

asio::awaitable<bool> GenerationStream::wait_for(std::chrono::milliseconds patience) {
  const std::shared_ptr<Shared> shared = shared_;
  const auto deadline = asio::steady_timer::clock_type::now() + patience;
  co_await wait_until(shared, deadline);
  co_return !shared->unread.empty();
}

asio::awaitable<GenerationStream::Event> GenerationStream::next() {
  const std::shared_ptr<Shared> shared = shared_;
  co_await wait_until(shared, asio::steady_timer::time_point::max());
  Event event = std::move(shared->unread.front());
  shared->unread.pop_front();
  co_return event;
}

}  // namespace hearth
