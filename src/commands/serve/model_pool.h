// The models of `hearth serve` without MODEL: each in a process that is started when somebody asks for it and ended
// when nobody has for a while, or when another one needs its memory. One that is in use is never ended. On the I/O
// thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/serve/model_process.h"
#include "hub/local_models.h"

namespace hearth {

struct ModelPoolOptions {
  std::int64_t memory_bytes = 0;         // of all models together, as needed_memory() counts
  std::int64_t models_max = 0;           // 0: as many as the memory takes
  std::chrono::seconds keep_alive{300};  // how long a model that nobody asks for stays; below 0: for good
  std::vector<std::string> arguments;    // of each process, beside its model
  std::function<void(std::string_view level, std::string_view message)> log;
  std::function<void(std::string_view line)> on_line;  // what the processes log
};

class ModelPool {
  struct Hosted;

 public:
  using Clock = std::chrono::steady_clock;

  ModelPool(boost::asio::any_io_executor executor, ModelPoolOptions options);
  ~ModelPool();

  // While it lives, the model stays.
  class Lease {
   public:
    Lease(std::shared_ptr<Hosted> hosted, bool is_use);
    ~Lease();
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    std::uint16_t port() const;
    const std::string& key() const;

   private:
    std::shared_ptr<Hosted> hosted_;
    bool is_use_;
  };

  // The model, loaded; waits for that, and for memory where others are in use. `keep_alive`: from now on, of this
  // model; nullopt: as it is. Throws HttpError 500 with the reason where it cannot be loaded, 503 when everything ends.
  boost::asio::awaitable<Lease> acquire(LocalModel model, std::optional<std::chrono::seconds> keep_alive);
  // Ends it, when it is not in use any more; false: it is not loaded.
  bool unload(const LocalModel& model);

  struct Loaded {
    LocalModel model;
    bool is_ready = false;
    std::int64_t active = 0;                   // requests
    std::optional<std::chrono::seconds> left;  // until it is unloaded; nullopt: it stays
    std::int64_t bytes = 0;
  };
  // The one that was used last first.
  std::vector<Loaded> loaded() const;
  // The one that was used last, for looking at it: that is no use of it. nullopt: none is loaded.
  std::optional<Lease> look_at_latest();
  // The one that was used last; nullopt: none is loaded.
  std::optional<LocalModel> latest() const;

  // No more leases; ends all. `done` is called when they have ended.
  void drain(std::function<void()> done);

 private:
  std::shared_ptr<Hosted> find(const LocalModel& model) const;
  bool make_room(std::int64_t bytes);
  void start(const LocalModel& model);
  void end(Hosted& hosted, std::string_view why);
  void sweep();
  boost::asio::awaitable<void> wait_until_ready(std::shared_ptr<Hosted> hosted);

  boost::asio::any_io_executor executor_;
  ModelPoolOptions options_;
  std::vector<std::shared_ptr<Hosted>> hosted_;
  boost::asio::steady_timer sweep_timer_;
  std::function<void()> on_drained_;
  bool draining_ = false;
};

}  // namespace hearth
