// Finds out how a template wants its conversations, by rendering short ones in several ways and looking for their texts
// in what comes out.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <vector>

#include "text/templates/conversation.h"

namespace hearth {

struct TemplateProbe {
  TemplateAbilities abilities;
  // What the template does with conversations that its user should know of: sentences for a log.
  std::vector<std::string> findings;
  std::string system_finding;  // the same, of conversations with a system message; empty: none
};

// `render` renders a context, or throws jinja::TemplateError.
TemplateProbe probe_template(const std::function<std::string(const boost::json::object& context)>& render);

}  // namespace hearth
