// `hearth list`, `show`, `cp` and `rm`: the models that this machine has by name.
#pragma once

#include <string>
#include <vector>

namespace hearth {

struct ListOptions {
  bool json = false;
  bool names = false;        // nothing but names, a line each
  bool short_names = false;  // those that may be fetched, instead
};
void list_models(const ListOptions& options);

// Where a model stands, and what it is.
void show_model(const std::string& name, bool json);
void copy_model(const std::string& source, const std::string& target);
void remove_models(const std::vector<std::string>& names);

}  // namespace hearth
