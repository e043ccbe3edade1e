// The conversation that templates are probed with: words that no template writes of itself, and that trimming or
// quoting leaves as they are.
#pragma once

#include <boost/json/fwd.hpp>
#include <string_view>

namespace hearth {

inline constexpr std::string_view kQuestion = "probequestion", kAnswerText = "probetext", kThought = "probethought",
                                  kFirstTool = "probefirst", kSecondTool = "probesecond", kFirstKey = "probekeyone",
                                  kSecondKey = "probekeytwo", kThirdKey = "probekeythree",
                                  kFirstValue = "probevalueone", kSecondValue = "probevaluetwo",
                                  kThirdValue = "probevaluethree", kNumberValue = "60321", kFirstId = "probe0001",
                                  kSecondId = "probe0002";

// How a call is handed to a template.
struct CallForms {
  bool as_text = false;        // its arguments are JSON in a string
  bool has_named_ids = false;  // its id is functions.NAME:INDEX
};

inline constexpr int kTypedCall = -1;  // one call, whose first value is a number

boost::json::array probe_tools(int call_count);
boost::json::array probe_calls(int count, const CallForms& form);

}  // namespace hearth
