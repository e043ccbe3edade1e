// `hearth devices`: what this machine has, what this binary was built for, and why a device cannot be used.
#pragma once

namespace hearth {

void devices(bool json);

}  // namespace hearth
