// A model of `hearth serve` without MODEL: a `hearth serve MODEL` of its own on a port of this machine, so that
// unloading it gives back every byte, and a fault of its device is its own. Lives on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

class ModelProcess {
 public:
  // Starts this program with `arguments` behind "serve", a free port and a key that nobody else knows. `on_line` hears
  // what it logs. Throws DeviceError where the system refuses.
  ModelProcess(boost::asio::any_io_executor executor, const std::vector<std::string>& arguments,
               std::function<void(std::string_view line)> on_line);
  // Kills it where it still runs.
  ~ModelProcess();
  ModelProcess(const ModelProcess&) = delete;
  ModelProcess& operator=(const ModelProcess&) = delete;

  std::uint16_t port() const;  // 0: it does not listen yet
  const std::string& key() const;
  bool ended() const;
  // The sentence with which it ended, if it was one.
  const std::string& failure() const;
  // Asks it to end; ended() says when it has.
  void end();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace hearth
