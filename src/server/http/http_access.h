// Who may use the server: API keys, and what browsers are told about pages of other origins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/exchange.h"

namespace hearth {

// Whether the request shows one of the keys, as "Authorization: Bearer KEY" or "x-api-key: KEY". How long it takes
// tells nothing about the keys but their number and lengths.
bool has_api_key(const HttpRequest& request, const std::vector<std::string>& keys);

// The headers that let a page of the request's origin read the answer; none where there is no origin or it is not
// allowed ("*" allows all). Protocol: Fetch (CORS).
HttpHeaders cors_headers(const HttpRequest& request, const std::vector<std::string>& allowed_origins);
// Whether a browser asks what it may send; and the answer's headers.
bool is_preflight(const HttpRequest& request);
HttpHeaders preflight_headers(const HttpRequest& request, std::string_view allowed_methods);

}  // namespace hearth
