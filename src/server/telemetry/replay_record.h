// One line of the replay file: a request with all that its answer depends on, and the answer. The server writes them,
// `hearth replay` reads them.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"

namespace hearth {

struct ReplayRecord {
  std::string time;  // of the request's end, RFC 3339
  std::string api;   // "/v1/chat/completions"
  std::string fingerprint;
  Request request;  // without its deadline
  std::vector<TokenId> ids;
  std::string text;
  std::string finish_reason;  // finish_reason_name()
  std::string stop_text, error;
};

boost::json::object replay_json(const ReplayRecord& record);

// Throws InvalidInput in one sentence without the line's number: no JSON, or a field that is missing, of another type
// or out of range.
ReplayRecord parse_replay_record(std::string_view line);

}  // namespace hearth
