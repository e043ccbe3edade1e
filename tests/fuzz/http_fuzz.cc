// Fuzzes what reads a client's bytes: a request that comes in pieces, its target's escapes, and addresses. However
// the bytes are cut, the same request comes of them.
#include <tuple>

#include "fuzz_target.h"
#include "server/http/http_url.h"
#include "server/http/request_parser.h"

namespace hearth {
namespace {

struct Parsed {
  std::size_t taken = 0;
  bool headers_are_done = false, is_done = false, has_failed = false;
  std::string target, body;
  bool operator==(const Parsed&) const = default;
};

// Offers `piece` bytes more each time nothing more can be taken of those on offer.
Parsed parse(std::string_view bytes, std::size_t piece) {
  RequestParser parser(1 << 10);
  Parsed parsed;
  for (std::size_t offered = 0; offered < bytes.size() && !parser.is_done() && !parser.failure();) {
    offered = std::min(bytes.size(), offered + piece);
    for (std::size_t taken = 1; taken > 0 && parsed.taken < offered && !parser.is_done() && !parser.failure();) {
      taken = parser.parse(bytes.substr(parsed.taken, offered - parsed.taken));
      CHECK(taken <= offered - parsed.taken);
      parsed.taken += taken;
    }
  }
  parsed.headers_are_done = parser.headers_are_done();
  parsed.is_done = parser.is_done();
  parsed.has_failed = parser.failure().has_value();
  if (parsed.headers_are_done) parsed.target = parser.target();
  if (parsed.is_done) parsed.body = parser.request().body;
  return parsed;
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(bytes, size + 1);
  Parsed pieces = parse(bytes, 7);
  // How far the bytes before a fault, or of headers without an end, were taken may differ.
  if (whole.has_failed || !whole.headers_are_done) pieces.taken = whole.taken;
  // Beast looks at headers that came in pieces when their end is there, and may wait for it where a fault is plain.
  const bool waits = whole.has_failed && !pieces.headers_are_done && !pieces.has_failed;
  CHECK(waits || whole == pieces);
  decode_percent(whole.target);
  fuzz::accept_error([&] { parse_http_url(bytes, "the address", "80"); });
  return 0;
}
