#include "commands/serve/model_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>

#include "commands/serve/forwarded_request.h"
#include "server/http/exchange.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kPoll{25}, kSweep{200};

asio::awaitable<void> pause() {
  asio::steady_timer timer(co_await asio::this_coro::executor, kPoll);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

struct ModelPool::Hosted {
  LocalModel model;
  std::unique_ptr<ModelProcess> process;
  std::int64_t bytes = 0, active = 0;
  bool is_ready = false, is_ending = false;
  seconds keep_alive{0};
  Clock::time_point last_used = Clock::now();

  bool is_idle() const { return is_ready && !is_ending && active == 0; }
};

ModelPool::Lease::Lease(std::shared_ptr<Hosted> hosted, bool is_use) : hosted_(std::move(hosted)), is_use_(is_use) {
  if (!is_use_) return;
  ++hosted_->active;
  hosted_->last_used = Clock::now();
}

ModelPool::Lease::~Lease() {
  if (!hosted_ || !is_use_) return;
  --hosted_->active;
  hosted_->last_used = Clock::now();
}

std::uint16_t ModelPool::Lease::port() const {
  return hosted_->process->port();
}

const std::string& ModelPool::Lease::key() const {
  return hosted_->process->key();
}

ModelPool::ModelPool(asio::any_io_executor executor, ModelPoolOptions options)
    : executor_(executor), options_(std::move(options)), sweep_timer_(executor) {
  sweep();
}

ModelPool::~ModelPool() = default;

std::shared_ptr<ModelPool::Hosted> ModelPool::find(const LocalModel& model) const {
  for (const auto& hosted : hosted_) {
    if (hosted->model.path == model.path && !hosted->is_ending && !hosted->process->ended()) return hosted;
  }
  return nullptr;
}

asio::awaitable<ModelPool::Lease> ModelPool::acquire(LocalModel model, std::optional<seconds> keep_alive) {
  for (;;) {
    if (draining_) throw HttpError(503, "the server is ending");
    if (std::shared_ptr<Hosted> hosted = find(model)) {
      if (keep_alive) hosted->keep_alive = *keep_alive;
      Lease lease(hosted, true);
      co_await wait_until_ready(hosted);
      co_return lease;
    }
    if (make_room(needed_memory(model.bytes))) {
      start(model);
    } else {
      co_await pause();
    }
  }
}

asio::awaitable<void> ModelPool::wait_until_ready(std::shared_ptr<Hosted> hosted) {
  while (!hosted->is_ready) {
    if (hosted->process->ended()) {
      throw HttpError(500, fmt::format("{} cannot be loaded: {}", hosted->model.name, hosted->process->failure()));
    }
    if (hosted->process->port() != 0) {
      std::string key = hosted->process->key();
      const unsigned status = co_await status_of(hosted->process->port(), std::move(key), "/ready");
      if (status == 200) {
        if (!hosted->is_ready) options_.log("info", fmt::format("loaded {}", hosted->model.name));
        hosted->is_ready = true;
        hosted->last_used = Clock::now();
        break;
      }
    }
    co_await pause();
  }
}

// Whether a model of this size can be started now. Where not, what is idle makes room for it, the longest unused first.
bool ModelPool::make_room(std::int64_t bytes) {
  std::int64_t taken = 0;
  const auto count = static_cast<std::int64_t>(hosted_.size());
  for (const auto& hosted : hosted_) taken += hosted->bytes;
  const bool has_place = options_.models_max <= 0 || count < options_.models_max;
  // One that is alone is tried at any size: its own plan says whether it fits.
  if (count == 0 || (has_place && taken + bytes <= options_.memory_bytes)) return true;
  std::shared_ptr<Hosted> oldest;
  for (const auto& hosted : hosted_) {
    // What ends already is waited for.
    if (hosted->is_ending) return false;
    if (hosted->is_idle() && (!oldest || hosted->last_used < oldest->last_used)) oldest = hosted;
  }
  if (oldest) end(*oldest, "to make room");
  return false;
}

void ModelPool::start(const LocalModel& model) {
  auto hosted = std::make_shared<Hosted>();
  hosted->model = model;
  hosted->bytes = needed_memory(model.bytes);
  hosted->keep_alive = options_.keep_alive;
  std::vector<std::string> arguments{model.path.string(), "--alias", model.name};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  options_.log("info", fmt::format("loading {}", model.name));
  hosted->process = std::make_unique<ModelProcess>(executor_, arguments, options_.on_line);
  hosted_.push_back(std::move(hosted));
}

void ModelPool::end(Hosted& hosted, std::string_view why) {
  if (hosted.is_ending) return;
  hosted.is_ending = true;
  options_.log("info", fmt::format("unloading {}: {}", hosted.model.name, why));
  hosted.process->end();
}

bool ModelPool::unload(const LocalModel& model) {
  const std::shared_ptr<Hosted> hosted = find(model);
  if (!hosted) return false;
  hosted->keep_alive = seconds(0);
  if (hosted->is_idle()) end(*hosted, "as asked for");
  return true;
}

// Several times a second: ends what was idle too long, and forgets what has ended.
void ModelPool::sweep() {
  const auto now = Clock::now();
  for (const auto& hosted : hosted_) {
    const bool is_over = hosted->keep_alive.count() >= 0 && now - hosted->last_used >= hosted->keep_alive;
    if (hosted->is_idle() && (is_over || draining_)) end(*hosted, draining_ ? "the server ends" : "unused");
  }
  std::erase_if(hosted_, [&](const std::shared_ptr<Hosted>& hosted) {
    if (!hosted->process->ended()) return false;
    if (hosted->is_ready && !hosted->is_ending) {
      options_.log("error", fmt::format("{} ended: {}", hosted->model.name, hosted->process->failure()));
    }
    return true;
  });
  if (draining_ && hosted_.empty()) return on_drained_();
  sweep_timer_.expires_after(kSweep);
  sweep_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) sweep();
  });
}

std::vector<ModelPool::Loaded> ModelPool::loaded() const {
  std::vector<std::shared_ptr<Hosted>> sorted;
  for (const auto& hosted : hosted_) {
    if (!hosted->is_ending && !hosted->process->ended()) sorted.push_back(hosted);
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a->last_used > b->last_used; });
  std::vector<Loaded> all;
  for (const auto& hosted : sorted) {
    Loaded loaded{hosted->model, hosted->is_ready, hosted->active, std::nullopt, hosted->bytes};
    if (hosted->keep_alive.count() >= 0) {
      const auto since = std::chrono::duration_cast<seconds>(Clock::now() - hosted->last_used);
      loaded.left = std::max(seconds(0), hosted->active > 0 ? hosted->keep_alive : hosted->keep_alive - since);
    }
    all.push_back(std::move(loaded));
  }
  return all;
}

std::optional<ModelPool::Lease> ModelPool::look_at_latest() {
  const std::optional<LocalModel> model = latest();
  const std::shared_ptr<Hosted> hosted = model ? find(*model) : nullptr;
  if (!hosted || !hosted->is_ready) return std::nullopt;
  return Lease(hosted, false);
}

std::optional<LocalModel> ModelPool::latest() const {
  const std::vector<Loaded> all = loaded();
  return all.empty() ? std::nullopt : std::optional(all.front().model);
}

void ModelPool::drain(std::function<void()> done) {
  draining_ = true;
  on_drained_ = std::move(done);
  for (const auto& hosted : hosted_) end(*hosted, "the server ends");
}

}  // namespace hearth
