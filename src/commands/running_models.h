// `hearth ps` and `hearth stop`: what a running `hearth serve` without MODEL has loaded, and unloading it.
#pragma once

#include <string>

namespace hearth {

struct RunningOptions {
  std::string server = "http://127.0.0.1:8080";
  std::string api_key;
  bool json = false;
};

// Throw InvalidInput where the server does not answer, or refuses.
void list_running(const RunningOptions& options);
void stop_running(const RunningOptions& options, const std::string& model);

}  // namespace hearth
