// The kinds of failure that Hearth reports. Exceptions are for loading, configuration and requests; what is expected
// (cancelled, context full) is a value; a broken invariant is a CHECK (base/check.h).
#pragma once

#include <stdexcept>
#include <string>

namespace hearth {

// The root of the errors below: `what()` is one sentence for the user, with the file, entry and numbers it is about.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A file, an argument or a request is malformed or contradicts itself.
class InvalidInput : public Error {
 public:
  using Error::Error;
};

// Well-formed, and not something that this build, this device or this model can do.
class Unsupported : public Error {
 public:
  using Error::Error;
};

// The plan does not fit the memory that there is.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

// The operating system or a device's driver refused.
class DeviceError : public Error {
 public:
  using Error::Error;
};

}  // namespace hearth
