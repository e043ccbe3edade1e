// `hearth serve` without MODEL: the models of this machine, each loaded when a request names it, in a process of its
// own.
#pragma once

#include "commands/serve/serve.h"
#include "server/http/http_server.h"

namespace hearth {

// As serve(), for options that name no model. `http`: where to listen, and for whom.
int serve_by_name(const ServeOptions& options, HttpServerOptions http);

}  // namespace hearth
