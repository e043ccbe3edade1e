// A client of a Hugging Face compatible endpoint: follows redirects, sends the token to the endpoint and to nobody
// else, and tries again what may succeed later. Each thread has its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "hub/hub_options.h"
#include "hub/retry.h"
#include "hub/web_client.h"

namespace hearth {

struct HubClientOptions {
  HubOptions hub;
  int tries_max = 8;  // after the first one, without a byte in between
  std::function<bool()> stopped;
};

// What the endpoint says of a file before it sends the client elsewhere for the bytes.
struct HubFileFacts {
  std::string commit;  // X-Repo-Commit
  std::string etag;    // X-Linked-ETag or ETag, without quotes
};

class HubClient {
 public:
  explicit HubClient(HubClientOptions options);

  // An address below the endpoint: "/api/models/…", "/ORG/REPO/resolve/…".
  WebAddress address(std::string_view path) const;
  bool is_endpoint(const WebAddress& address) const;

  // One try: the answer that is no redirect, with `address` where it came from. `facts` (may be null) gets what the
  // endpoint said on the way. Throws ConnectionFailed and Stopped, and InvalidInput for redirects that go in circles or
  // from https to http.
  WebReply follow(WebAddress& address, WebHeaders headers, std::uint64_t body_bytes_max, HubFileFacts* facts,
                  std::string method = "GET");
  // The answer's body, tried again as the options say. Throws InvalidInput for a status that is none of success, in
  // words that say what to do; `what` is the subject: "ORG/REPO".
  std::string text(const WebAddress& address, std::uint64_t body_bytes_max, const std::string& what,
                   WebReply* reply = nullptr);
  // The same for the facts of a file (HEAD).
  HubFileFacts facts(const WebAddress& address, const std::string& what);

  WebClient& web() { return web_; }
  Retry retry() const { return Retry(options_.tries_max, options_.stopped); }

  // Whether the same request may succeed later.
  static bool is_passing(unsigned status);
  // A status that is none of success, as a sentence.
  InvalidInput refusal(const WebReply& reply, const std::string& what) const;

 private:
  // Calls `once` until it returns no answer that is to be refused.
  void repeat(const std::string& what, const std::function<std::optional<WebReply>()>& once);

  HubClientOptions options_;
  WebAddress endpoint_;
  std::string base_;  // the endpoint's own path
  WebClient web_;
};

}  // namespace hearth
