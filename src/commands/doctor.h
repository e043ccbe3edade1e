// `hearth doctor`: what this machine has, what Hearth makes of it, and whether its devices compute what they should.
#pragma once

namespace hearth {

// Returns the exit status: 0, or 1 where a device computes something else than the CPU.
int doctor();

}  // namespace hearth
