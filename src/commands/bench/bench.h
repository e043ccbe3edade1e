// `hearth bench`: how fast a model reads prompts and decodes on one or several devices, as a share of what each device
// could do. The model is a file, or a well-known shape with random weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "commands/bench/bench_runner.h"
#include "engine/drafter.h"

namespace hearth {

struct BenchOptions {
  std::filesystem::path path;  // one of these two
  std::string shape;
  std::string format = "q4_k_m";              // of a shape's matrices
  std::vector<std::int64_t> prompts = {512};  // a zero means none, in both
  std::vector<std::int64_t> decodes = {128};
  std::vector<std::int64_t> depths = {0};
  std::vector<std::int64_t> batches = {1};
  int repetitions = 5;
  std::vector<std::string> devices = {"auto"};
  std::string compute = "auto";
  bool experts_on_host = false;
  int threads = 0;
  std::int64_t step_tokens = 0;  // 0: the device's own choice
  bool share_depth = false;
  std::string output = "table";
  std::string version;      // of the program, for the report
  bool speculates = false;  // bench_speculation() instead of bench(): texts to write; none: those that are built in.
  std::vector<std::filesystem::path> texts;
  Speculation speculation = kSpeculationDefault;
};

// Every prompt length at every depth, then every decode length at every depth and batch size. Throws InvalidInput where
// nothing is left.
std::vector<BenchCase> bench_cases(const BenchOptions& options);

void bench(const BenchOptions& options);

}  // namespace hearth
