// `hearth devices`: what this machine has, what this binary was built for, and why a device cannot be used.
#pragma once

namespace hearth {

// Opens every GPU that this program has kernels for: what is called usable has loaded them.
void devices(bool json);

}  // namespace hearth
