// The requests that a load test sends: how long, when, and with which content. A function of the options and the seed
// alone, so that a test can be repeated, and each request made when it is needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// A length is drawn evenly from value - spread to value + spread, and is at least 1.
struct LoadLength {
  std::int64_t value = 1, spread = 0;
};
// "128" or "128:32". Throws InvalidInput.
LoadLength parse_load_length(std::string_view text);

enum class LoadEndpoint : std::uint8_t { kCompletions, kChat };

struct LoadPlanOptions {
  LoadEndpoint endpoint = LoadEndpoint::kCompletions;
  std::string model;  // as the server names it
  LoadLength prompt{256, 0}, output{64, 0};
  std::int64_t shared_prefix = 0;  // tokens (of a chat: words) before each prompt, the same for all
  std::uint64_t seed = 0;
  std::optional<double> rate;         // arrivals a second
  std::optional<double> temperature;  // unset: the server's
  std::int64_t vocabulary = 0;        // of the model; 0: not known
};

class LoadPlan {
 public:
  explicit LoadPlan(LoadPlanOptions options);

  // The request's JSON. A completion's prompt is token ids, and it ends only at its length; a chat has as many words,
  // and ends where the model ends it.
  std::string body(std::int64_t index) const;
  std::int64_t output_tokens(std::int64_t index) const;
  // Seconds from the start: a Poisson process. Call with 0, 1, 2, …; options.rate is there.
  double next_arrival();

  const LoadPlanOptions& options() const { return options_; }
  std::string_view path() const;  // "/v1/completions"

 private:
  LoadPlanOptions options_;
  std::uint64_t arrivals_state_;
  double arrival_ = 0;
};

}  // namespace hearth
