#include "device/gpu/driver_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <fstream>

#include "device/gpu/driver_api.h"

namespace hearth {

DriverLibrary::DriverLibrary(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    handle_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) {
      name_ = name;
      failure_.clear();
      return;
    }
    const char* error = ::dlerror();
    const std::string text = error == nullptr ? "" : error;
    // A library that is there and cannot be loaded says more than those that are not.
    const bool absent = text.starts_with(name) && text.ends_with("No such file or directory");
    if (failure_.empty()) failure_ = fmt::format("{} was not found", name);
    if (!absent) failure_ = fmt::format("{} cannot be loaded: {}", name, text);
  }
}

void* DriverLibrary::symbol(const char* name) {
  if (handle_ == nullptr) return nullptr;
  void* found = ::dlsym(handle_, name);
  if (found == nullptr && failure_.empty()) failure_ = fmt::format("{} is too old: it has no {}", name_, name);
  return found;
}

std::string describe_error(int error, const char* name, const char* text) {
  if (name == nullptr) return fmt::format("error {}", error);
  return text == nullptr ? name : fmt::format("{} ({})", name, text);
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace hearth
