// The page that `hearth serve` shows in a browser: its files, at / and below /page/. They say nothing of the model and
// need no key; what the page then asks of the APIs does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/exchange.h"

namespace hearth {

void add_page_routes(Router& router, const Router::ErrorBody& error_body);

// The paths of those files: HttpServerOptions::open_paths.
std::vector<std::string> page_paths();

// Which form of a file a browser gets, by the request's Accept-Encoding (RFC 9110): "br", "gzip", or "": as it is.
std::string_view chosen_encoding(std::string_view accept_encoding);

// Whether an If-None-Match names this entity tag, or any (RFC 9110; compared weakly).
bool names_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace hearth
