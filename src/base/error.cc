#include "base/error.h"

#include "base/escape.h"

namespace hearth {

Error::Error(const std::string& message) : std::runtime_error(printable_text(message)) {}

}  // namespace hearth
