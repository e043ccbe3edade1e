// How a JSON Schema is to be enforced.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <string>

namespace hearth {

// Of Hearth's own: a text that a Lark grammar describes, which must be a regular language.
inline constexpr const char* kLarkKeyword = "hearth:lark";

struct SchemaOptions {
  // `format` as a constraint; false: as a note, which is what JSON Schema 2020-12 says unless a dialect asks for more.
  bool formats = true;
  // Between the parts of a document: at most one space; or also a line break with spaces or tabs after it.
  bool line_breaks = true;
  // What references may lead to, by absolute URI without a fragment.
  std::map<std::string, boost::json::value> documents;
};

}  // namespace hearth
