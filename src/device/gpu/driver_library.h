// A vendor's driver library, found at run time: no build and no start of the program needs it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace hearth {

// Loads the first of several names that is there, and stays loaded: a driver's threads outlive its callers.
class DriverLibrary {
 public:
  explicit DriverLibrary(std::initializer_list<const char*> names);

  // Sets `function` to the library's function `name`; a name that is missing becomes the failure.
  template <class Function>
  void find(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(symbol(name));
  }
  // As `find`, for a function that some versions lack: null where it is missing.
  template <class Function>
  void find_if_there(Function*& function, const char* name) {
    const std::string before = failure_;
    find(function, name);
    failure_ = before;
  }
  // Why the library cannot be used, as a sentence; empty: all that was looked for was found.
  const std::string& failure() const { return failure_; }

 private:
  void* symbol(const char* name);

  void* handle_ = nullptr;
  const char* name_ = "";
  std::string failure_;
};

// A line of a file, without its end; empty where there is none: files of /sys hold one value each.
std::string first_line(const std::string& path);

}  // namespace hearth
