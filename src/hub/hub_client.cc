#include "hub/hub_client.h"

#include <fmt/format.h>

#include <utility>

#include "base/escape.h"

namespace hearth {
namespace {

constexpr int kRedirectsMax = 10;

WebClientOptions web_options(const HubClientOptions& options) {
  WebClientOptions web;
  web.http_proxy = options.hub.http_proxy;
  web.https_proxy = options.hub.https_proxy;
  web.no_proxy = options.hub.no_proxy;
  web.stopped = options.stopped;
  return web;
}

// `"abc"`, `W/"abc"`
std::string without_quotes(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

void add_facts(HubFileFacts& facts, const WebReply& reply) {
  if (facts.commit.empty()) facts.commit = reply.header("X-Repo-Commit");
  if (facts.etag.empty()) {
    const std::string_view linked = reply.header("X-Linked-ETag");
    facts.etag = without_quotes(linked.empty() ? reply.header("ETag") : linked);
  }
}

}  // namespace

HubClient::HubClient(HubClientOptions options)
    : options_(std::move(options)), endpoint_(parse_web_address(options_.hub.endpoint)), web_(web_options(options_)) {
  base_ = endpoint_.target == "/" ? "" : endpoint_.target;
}

WebAddress HubClient::address(std::string_view path) const {
  WebAddress address = endpoint_;
  address.target = base_ + std::string(path);
  return address;
}

bool HubClient::is_endpoint(const WebAddress& address) const {
  return address.origin() == endpoint_.origin();
}

WebReply HubClient::follow(WebAddress& address, WebHeaders headers, std::uint64_t body_bytes_max, HubFileFacts* facts,
                           std::string method) {
  for (int redirects = 0;; ++redirects) {
    WebRequest request{
        .method = method, .address = address, .headers = headers, .body = {}, .body_bytes_max = body_bytes_max};
    const bool is_ours = is_endpoint(address);
    if (is_ours && !options_.hub.token.empty()) {
      request.headers.emplace_back("Authorization", "Bearer " + options_.hub.token);
    }
    WebReply reply = web_.send(request);
    if (facts != nullptr && is_ours && reply.status < 400) add_facts(*facts, reply);
    const bool is_redirect =
        reply.status == 301 || reply.status == 302 || reply.status == 303 || reply.status == 307 || reply.status == 308;
    if (!is_redirect) return reply;
    const std::string_view location = reply.header("Location");
    if (location.empty()) throw ConnectionFailed(fmt::format("{}: a redirect that leads nowhere", address.origin()));
    if (redirects >= kRedirectsMax) {
      throw InvalidInput(fmt::format("{}: more than {} redirects", address.origin(), kRedirectsMax));
    }
    WebAddress next = resolved_address(address, location);
    if (address.server.tls && !next.server.tls) {
      throw InvalidInput(fmt::format("{} leads to {}, which is not encrypted", address.origin(), next.origin()));
    }
    address = std::move(next);
  }
}

bool HubClient::is_passing(unsigned status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

InvalidInput HubClient::refusal(const WebReply& reply, const std::string& what) const {
  const std::string& endpoint = options_.hub.endpoint;
  const bool has_token = !options_.hub.token.empty();
  switch (reply.status) {
    case 401:
      // The hub answers so for what does not exist, too.
      return InvalidInput(
          has_token ? fmt::format("{}: {} does not know it, or the token in HF_TOKEN may not read it", what, endpoint)
                    : fmt::format("{}: {} does not know it, or it is only for those who have a token: set HF_TOKEN",
                                  what, endpoint));
    case 403:
      return InvalidInput(fmt::format("{}: access must be granted first: ask for it at {}/{}{}", what, endpoint, what,
                                      has_token ? "" : ", and set HF_TOKEN"));
    case 404:
      return InvalidInput(fmt::format("{}: {} does not know it", what, endpoint));
    default: {
      const std::string_view message = reply.header("X-Error-Message");
      return InvalidInput(fmt::format("{}: {} answers {}{}{}", what, endpoint, reply.status,
                                      message.empty() ? "" : ": ", escape_text(message.substr(0, 200))));
    }
  }
}

void HubClient::repeat(const std::string& what, const std::function<std::optional<WebReply>()>& once) {
  Retry retry = this->retry();
  for (;;) {
    std::optional<std::chrono::milliseconds> asked_for;
    std::string trouble;
    try {
      const std::optional<WebReply> refused = once();
      if (!refused) return;
      if (!is_passing(refused->status)) throw refusal(*refused, what);
      asked_for = parse_retry_after(refused->header("Retry-After"), std::chrono::system_clock::now());
      trouble = refusal(*refused, what).what();
    } catch (const ConnectionFailed& error) {
      trouble = error.what();
    }
    if (!retry.wait(asked_for)) throw InvalidInput(fmt::format("{}; tried {} times", trouble, options_.tries_max + 1));
  }
}

std::string HubClient::text(const WebAddress& wanted, std::uint64_t body_bytes_max, const std::string& what,
                            WebReply* reply) {
  std::string body;
  repeat(what, [&]() -> std::optional<WebReply> {
    WebAddress address = wanted;
    WebReply answer = follow(address, {}, body_bytes_max, nullptr);
    if (answer.status != 200) return answer;
    body = web_.read_all();
    if (reply != nullptr) *reply = std::move(answer);
    return std::nullopt;
  });
  return body;
}

HubFileFacts HubClient::facts(const WebAddress& wanted, const std::string& what) {
  HubFileFacts facts;
  repeat(what, [&]() -> std::optional<WebReply> {
    WebAddress address = wanted;
    facts = {};
    WebReply answer = follow(address, {}, 0, &facts, "HEAD");
    // Where the bytes are may not know HEAD; what the endpoint said is enough.
    if (answer.status < 400 || !facts.commit.empty()) return std::nullopt;
    return answer;
  });
  return facts;
}

}  // namespace hearth
