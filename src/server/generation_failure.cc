#include "server/generation_failure.h"

#include <fmt/format.h>

#include <utility>

namespace hearth {
namespace {

// "Client closed request": some proxies' status. The clients of the APIs know it, and none sends the request again.
constexpr unsigned kClientClosedRequest = 499;

Router::Failure failure(unsigned status, std::string message) {
  Router::Failure failure;
  failure.status = status;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

std::optional<Router::Failure> generation_failure(const GenerationEnd& end) {
  const std::string after = fmt::format("after {} tokens", end.usage.generated_tokens);
  switch (end.reason) {
    case FinishReason::kStop:
    case FinishReason::kLength:
    case FinishReason::kContext:
      return std::nullopt;
    case FinishReason::kCancelled:
      return failure(kClientClosedRequest,
                     end.error.empty() ? fmt::format("the request was cancelled {}", after) : end.error);
    case FinishReason::kDeadline:
      return failure(504, fmt::format("the request's time was over {}", after));
    case FinishReason::kFailed:
      return failure(500, end.error.empty() ? fmt::format("the model failed {}", after) : end.error);
  }
  return std::nullopt;
}

}  // namespace hearth
