// Tools that a model may call in `hearth chat`: commands of the user's own, described in a file. Each call is shown,
// and runs only where the user says so.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/offered_tools.h"

namespace hearth {

class ChatTools {
 public:
  ChatTools() = default;
  // A JSON list of {"name", "description", "parameters" (JSON Schema), "command" (a list of texts)}, or {"tools": …}
  // with one. Throws InvalidInput for what is none.
  explicit ChatTools(const std::filesystem::path& file);

  bool empty() const { return tools_.empty(); }
  OfferedTools offered() const;
  // What would be run, as it is shown.
  std::string described(std::string_view name, std::string_view arguments) const;
  // Runs the tool's command with the arguments on its standard input: what it wrote, and how it ended where that was
  // not well. Ctrl-C ends it.
  std::string run(std::string_view name, std::string_view arguments) const;

 private:
  struct Tool {
    std::string name, description;
    boost::json::value parameters;
    std::vector<std::string> command;
  };
  const Tool* find(std::string_view name) const;

  std::vector<Tool> tools_;
};

}  // namespace hearth
