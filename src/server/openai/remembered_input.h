// What a request to /v1/responses leaves to the server's memory, put into its place: the items of the responses before,
// or of a conversation, and those that are referred to.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "server/response_store.h"

namespace hearth {

struct RememberedInput {
  boost::json::object body;  // the request with all of its conversation as `input`
  bool is_kept = true;       // the answer is to be remembered, with:
  StoredResponse stored;     // all but the answer
};

// Throws HttpError where something is not there.
RememberedInput remembered_input(const boost::json::object& body, const std::string& response_id, ResponseStore& store);

// A list of items as the API has it: each with an id.
boost::json::array identified(const boost::json::array& items, const std::string& name);

}  // namespace hearth
