#include "server/event_mailbox.h"

#include <boost/asio/post.hpp>

namespace hearth {

void EventMailbox::push(std::shared_ptr<GenerationStream::Shared> receiver, GenerationStream::Event event) {
  {
    const std::lock_guard lock(mutex_);
    items_.emplace_back(std::move(receiver), std::move(event));
    if (std::exchange(delivery_posted_, true)) return;
  }
  boost::asio::post(executor_, [self = shared_from_this()] { self->deliver(); });
}

void EventMailbox::deliver() {
  std::vector<Item> items;
  {
    const std::lock_guard lock(mutex_);
    items.swap(items_);
    delivery_posted_ = false;
  }
  for (Item& item : items) item.first->receive(std::move(item.second));
}

void GenerationStream::Shared::record(const Event& event) {
  if (const auto* token = std::get_if<GeneratedToken>(&event)) {
    metrics.record_token(*token, submitted, std::exchange(previous_token, token->time));
    log.token(id, *token);
    return;
  }
  const auto& end = std::get<GenerationEnd>(event);
  log.ended(id, end);
  metrics.record_end(end, is_complete);
}

void GenerationStream::Shared::receive(Event event) {
  record(event);
  const bool is_end = std::holds_alternative<GenerationEnd>(event);
  ended = ended || is_end;
  if (reader_is_gone) return;
  if (unread.size() >= kUnreadMax && !is_end) {
    drop_slow_reader();
  } else {
    unread.push_back(std::move(event));
  }
  if (waiting != nullptr) waiting->cancel();
}

void GenerationStream::Shared::drop_slow_reader() {
  metrics.record_slow_reader();
  engine.cancel(id);
  reader_is_gone = true;
  unread.clear();
  GenerationEnd end;
  end.reason = FinishReason::kCancelled;
  end.error = "the client reads more slowly than the model writes";
  unread.push_back(std::move(end));
}

}  // namespace hearth
