#include "engine/request.h"

#include <fmt/format.h>

namespace hearth {

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kDeadline:
      return "deadline";
    case FinishReason::kFailed:
      return "failed";
  }
  return "";
}

ContextExceeded::ContextExceeded(std::int64_t prompt_tokens, std::int64_t context)
    : InvalidInput(fmt::format("the prompt has {} tokens; the context has {}", prompt_tokens, context)),
      prompt_tokens_(prompt_tokens),
      context_(context) {}

}  // namespace hearth
