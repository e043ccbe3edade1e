// The text in the arguments of a call, {"input": "…"}, while they are written: what a tool that takes a text is called
// with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

class CustomInput {
 public:
  // More of the arguments: what is certain of the text now.
  std::string add(std::string_view arguments);
  // They have ended: the rest. Arguments of another form are the text themselves.
  std::string finish();

 private:
  // How far the arguments have been read: before the text, within it, behind it; or they have another form.
  enum class Place { kBefore, kInside, kBehind, kElsewhere };

  void find_start();
  std::string unescaped();

  Place place_ = Place::kBefore;
  std::string arguments_;  // of the text, what is not shown yet; before and elsewhere, all
};

}  // namespace hearth
