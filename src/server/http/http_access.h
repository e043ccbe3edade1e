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

// Whether a browser sends the request for a page that may not use this server: of another site, neither this server's
// own nor one on this machine, nor allowed ("*" allows all).
bool is_foreign_page(const HttpRequest& request, const std::vector<std::string>& allowed_origins);

// Whether the request calls the server by a name that it can have: an address, this machine's names, a name without a
// domain, one that only exists on local networks, `own` (what the server listens on) or an allowed one ("*": any). A
// page whose name was made to lead here ("DNS rebinding") calls it by that name.
bool is_known_host(const HttpRequest& request, const std::vector<std::string>& allowed_hosts, std::string_view own);

// The headers that let a page of the request's origin read the answer; none where there is no origin or it is not
// allowed. Protocol: Fetch (CORS).
HttpHeaders cors_headers(const HttpRequest& request, const std::vector<std::string>& allowed_origins);
// Whether a browser asks what it may send; and the answer's headers.
bool is_preflight(const HttpRequest& request);
HttpHeaders preflight_headers(const HttpRequest& request, std::string_view allowed_methods);

}  // namespace hearth
