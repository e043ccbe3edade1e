// The named characters of HTML ("amp;", and those that also go without their semicolon: "amp").
#pragma once

#include <string_view>

namespace hearth::jinja {

// The text that the name stands for; empty if there is none of that name. Names have no "&", and their ";" if they need
// one.
std::string_view html_entity(std::string_view name);

}  // namespace hearth::jinja
