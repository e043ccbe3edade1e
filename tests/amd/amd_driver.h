// A driver for imitated AMD GPUs that run the code objects of a release build (emulator.h): tests/simt's in everything
// but that. One device for each of AMD's targets.
#pragma once

#include <map>
#include <string>

#include "amd/emulator.h"
#include "device/gpu/driver_api.h"
#include "device/gpu/gpu_code.h"

namespace hearth::amd {

// Its device i is of kTargets[i].
const DriverApi& driver();

// What launches have run since they were last taken, by kernel.
std::map<std::string, Counts> take_counts();

// The code objects of build/release. Throws DeviceError where it has none.
GpuCode code();

}  // namespace hearth::amd
