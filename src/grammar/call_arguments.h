// The arguments of one tool, as the syntaxes of calls write them that are no JSON object: each argument for itself, in
// any order, with values that are bare text, or JSON. Only a schema that says what each argument is, and which are
// required, can be followed so.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/rules.h"
#include "text/answers/tool_types.h"

namespace hearth {

// What one argument may be.
struct ArgumentValues {
  Expression texts = kNoText;            // as they are, without quotes
  std::shared_ptr<const Grammar> other;  // JSON of what is no text; null: nothing
  std::shared_ptr<const Grammar> json;   // JSON of all of it
  ValueTypes types = 0;                  // as who reads the call knows them
};

class CallArguments {
 public:
  struct Argument {
    std::string name;
    bool required = false;
    ArgumentValues values;
  };

  // Throws Unsupported, with the keyword, for a schema that cannot be followed argument by argument, and as
  // compile_schema() for what one of them is.
  CallArguments(Expressions& expressions, WorkLimit& limit, const boost::json::value& parameters);
  // Any arguments of any kind.
  static CallArguments free(Expressions& expressions, WorkLimit& limit);

  const std::vector<Argument>& named() const { return named_; }
  // What those may be that the schema does not name; nullopt: there are none.
  const std::optional<ArgumentValues>& others() const { return others_; }

 private:
  std::vector<Argument> named_;
  std::optional<ArgumentValues> others_;
};

}  // namespace hearth
