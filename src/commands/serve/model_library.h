// The models that a server without MODEL may load: those on this machine, the bundled one among them; what is in their
// files, read once; and pulls under way.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hub/local_models.h"
#include "hub/pull.h"
#include "server/model_service.h"

namespace hearth {

class ModelLibrary {
 public:
  // `device`: whose memory a pulled model is to fit, where its name says no quantization.
  ModelLibrary(HubOptions hub, std::string device);
  // Stops what is fetched.
  ~ModelLibrary();

  // What `compute` returns, which is computed on a thread of the library's and owns what it uses; what it throws is
  // thrown.
  template <typename Compute>
  boost::asio::awaitable<std::invoke_result_t<Compute>> off_thread(Compute compute) {
    using Result = std::invoke_result_t<Compute>;
    auto work = [compute = std::move(compute)]() -> boost::asio::awaitable<Result> { co_return compute(); };
    co_return co_await boost::asio::co_spawn(threads_, std::move(work), boost::asio::use_awaitable);
  }

  // The functions below may be called on any thread.

  std::vector<LocalModel> list() const;
  // Empty: the bundled one. Throws HttpError 404 with what to do.
  LocalModel find(const std::string& name) const;
  // What the APIs tell of a model; of one that does not open, what its files are.
  ServedModel describe(const LocalModel& model);
  const LocalModels& models() const { return models_; }

  // Fetches; ends early when `stopped` is set, or the library ends.
  void pull(const std::string& name, PullProgress& progress, std::shared_ptr<std::atomic<bool>> stopped);

 private:
  LocalModels models_;
  const std::string device_;
  std::mutex mutex_;
  std::map<std::string, ServedModel> described_;  // by path and time
  std::shared_ptr<std::atomic<bool>> ending_ = std::make_shared<std::atomic<bool>>(false);
  boost::asio::thread_pool threads_{4};  // last: it uses the others
};

// The format of most of a model's weights.
std::string main_format(const ModelSource& source);

}  // namespace hearth
