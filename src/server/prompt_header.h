// What agents write at the head of their system prompts and change with every request: no cached prefix would ever fit,
// and the whole prompt would be computed again each time.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

// The text without it. Only the first lines are looked at, as long as they are such headers: a line about billing
// ("x-anthropic-billing-header: cch=…") goes, and of a line that tells the date and the time of day ("Current time:
// 2026-11-29T20:11:05Z") the date stays. docs/how-to/serve.md has the rules.
std::string stable_system_text(std::string_view text);

}  // namespace hearth
