// `hearth pull`: fetches a model, and shows how far it is.
#pragma once

#include <string>

#include "hub/pull.h"

namespace hearth {

struct PullCommandOptions {
  std::string name;
  std::string device = "auto";  // whose memory the model is to fit
  int connections = 8;
  int tries_max = 8;
  bool dry_run = false;
};

// Prints the path of what was fetched. Returns the exit status.
int pull_model(const PullCommandOptions& options);

// With the memory of the device that `device` stands for.
PullOptions pull_options(const HubOptions& hub, const std::string& device);
// The bytes that a model may take on the device that `device` stands for.
std::int64_t model_memory_bytes(const std::string& device);

// Fetches, with a line on standard error about how far it is: one that changes, on a terminal. Ctrl-C throws Stopped.
CachedModel pull_and_show(PullOptions options, const PullPlan& plan);

}  // namespace hearth
