// How a generation's events get from the engine's thread to the I/O thread: into one mailbox for all generations, which
// wakes the I/O thread once for what a step brings. There they are counted, logged, and handed to whoever awaits them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/model_service.h"

namespace hearth {

class EventMailbox : public std::enable_shared_from_this<EventMailbox> {
 public:
  explicit EventMailbox(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  // From any thread; the events of one generation arrive in their order.
  void push(std::shared_ptr<GenerationStream::Shared> receiver, GenerationStream::Event event);
  const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  using Item = std::pair<std::shared_ptr<GenerationStream::Shared>, GenerationStream::Event>;
  void deliver();

  boost::asio::any_io_executor executor_;
  std::mutex mutex_;
  std::vector<Item> items_;       // guarded by mutex_
  bool delivery_posted_ = false;  // guarded by mutex_
};

// One generation, from its submission to its end, whether or not anybody still listens. All but the sink's functions
// is of the I/O thread.
struct GenerationStream::Shared final : EventSink, std::enable_shared_from_this<GenerationStream::Shared> {
  Shared(std::shared_ptr<EventMailbox> to, Engine& of, Metrics& counted_by, RequestLog& logged_by, std::string name)
      : mailbox(std::move(to)), engine(of), metrics(counted_by), log(logged_by), id(std::move(name)) {}

  void on_token(GeneratedToken token) override { mailbox->push(shared_from_this(), std::move(token)); }
  void on_end(GenerationEnd end) override { mailbox->push(shared_from_this(), std::move(end)); }

  void receive(Event event);

  // What a reader may leave unread.
  static constexpr std::size_t kUnreadMax = 16384;

  const std::shared_ptr<EventMailbox> mailbox;
  Engine& engine;
  Metrics& metrics;
  RequestLog& log;
  const std::string id;
  EngineClock::time_point submitted{}, previous_token{};
  std::deque<Event> unread;
  bool reader_is_gone = false, ended = false;
  bool is_complete = false;                      // who reads has what was asked for
  boost::asio::steady_timer* waiting = nullptr;  // cancelled when there is something to read

 private:
  void record(const Event& event);
  void drop_slow_reader();
};

}  // namespace hearth
