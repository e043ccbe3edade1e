// The traces that a collector is sent, and that one which is away or silent holds nobody up.
#include "server/telemetry/otlp_exporter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/system/system_error.hpp>
#include <future>
#include <memory>
#include <set>
#include <thread>

#include "base/error.h"
#include "server/telemetry/name_lookup.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;

RequestTrace trace_of(std::string id) {
  RequestTrace trace;
  trace.id = std::move(id);
  trace.api = "/v1/chat/completions";
  trace.model = "tiny";
  trace.started = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  const auto start = EngineClock::now();
  trace.timeline.submitted = start;
  trace.timeline.admitted = start + milliseconds(1);
  trace.timeline.first_token = start + milliseconds(5);
  trace.timeline.finished = start + milliseconds(9);
  trace.usage = {.prompt_tokens = 10, .cached_tokens = 4, .generated_tokens = 3};
  return trace;
}

boost::json::array spans_of(const std::string& body) {
  return boost::json::parse(body).at_pointer("/resourceSpans/0/scopeSpans/0/spans").as_array();
}

TEST(Otlp, RefusesEndpointsThatItCannotCall) {
  OtlpOptions options;
  options.endpoint = "https://localhost:4318";
  EXPECT_THROW(OtlpExporter exporter(options), InvalidInput);
}

TEST(Otlp, ARequestIsFourSpans) {
  const boost::json::array spans = spans_of(otlp_body({trace_of("r"), trace_of("s")}, 1));
  ASSERT_EQ(spans.size(), 8u);
  const boost::json::object& root = spans[0].as_object();
  EXPECT_EQ(root.at("name"), "chat tiny");
  EXPECT_EQ(root.at("startTimeUnixNano"), "1700000000000000000");
  EXPECT_EQ(root.at("endTimeUnixNano"), "1700000000009000000");
  EXPECT_FALSE(root.contains("parentSpanId"));
  EXPECT_FALSE(root.contains("status"));
  std::map<std::string, boost::json::value> attributes;
  for (const boost::json::value& attribute : root.at("attributes").as_array()) {
    attributes[std::string(attribute.at("key").as_string())] = attribute.at("value");
  }
  EXPECT_EQ(attributes.at("gen_ai.usage.input_tokens"), boost::json::parse(R"({"intValue": "10"})"));
  EXPECT_EQ(attributes.at("gen_ai.response.finish_reasons"),
            boost::json::parse(R"({"arrayValue": {"values": [{"stringValue": "stop"}]}})"));
  const char* names[] = {"queue", "prefill", "decode"};
  for (std::size_t i = 0; i < 3; ++i) {
    const boost::json::object& child = spans[i + 1].as_object();
    EXPECT_EQ(child.at("name"), names[i]);
    EXPECT_EQ(child.at("parentSpanId"), root.at("spanId"));
    EXPECT_EQ(child.at("traceId"), root.at("traceId"));
  }
  EXPECT_EQ(spans[2].at("startTimeUnixNano"), "1700000000001000000");
  EXPECT_EQ(spans[2].at("endTimeUnixNano"), "1700000000005000000");
  std::set<std::string> ids, traces;
  for (const boost::json::value& span : spans) {
    ids.insert(std::string(span.at("spanId").as_string()));
    traces.insert(std::string(span.at("traceId").as_string()));
    EXPECT_EQ(span.at("spanId").as_string().size(), 16u);
    EXPECT_EQ(span.at("traceId").as_string().size(), 32u);
  }
  EXPECT_EQ(ids.size(), 8u);
  EXPECT_EQ(traces.size(), 2u);
}

TEST(Otlp, TellsFailuresAndRequestsThatNeverRan) {
  RequestTrace trace = trace_of("r");
  trace.reason = FinishReason::kFailed;
  trace.error = "broken";
  trace.timeline.admitted = trace.timeline.first_token = {};
  const boost::json::array spans = spans_of(otlp_body({trace}, 1));
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].at("status"), boost::json::parse(R"({"code": 2, "message": "broken"})"));
  EXPECT_EQ(spans[1].at("name"), "queue");
  EXPECT_EQ(spans[1].at("endTimeUnixNano"), spans[0].at("endTimeUnixNano"));
}

OtlpOptions options_for(std::uint16_t port) {
  OtlpOptions options;
  options.endpoint = "http://127.0.0.1:" + std::to_string(port);
  options.interval = milliseconds(10);
  return options;
}

TEST(Otlp, PostsToTheCollector) {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  std::vector<std::string> bodies;
  std::string target, type;
  std::jthread collector([&] {
    std::size_t spans = 0;
    while (spans < 8) {
      asio::ip::tcp::socket socket = acceptor.accept();
      boost::beast::flat_buffer buffer;
      http::request<http::string_body> request;
      http::read(socket, buffer, request);
      target = std::string(request.target());
      type = std::string(request[http::field::content_type]);
      bodies.push_back(request.body());
      spans += spans_of(request.body()).size();
      http::response<http::string_body> response(http::status::ok, 11);
      response.body() = "{}";
      response.prepare_payload();
      http::write(socket, response);
    }
  });
  {
    OtlpExporter exporter(options_for(acceptor.local_endpoint().port()));
    exporter.add(trace_of("a"));
    exporter.add(trace_of("b"));
    collector.join();
    for (int i = 0; i < 500 && exporter.sent_count() < 2; ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_EQ(exporter.sent_count(), 2);
    EXPECT_EQ(exporter.dropped_count(), 0);
  }
  EXPECT_EQ(target, "/v1/traces");
  EXPECT_EQ(type, "application/json");
}

TEST(Otlp, DropsWhatNobodyTakes) {
  // A port that was free a moment ago, where nobody listens.
  asio::io_context context;
  std::uint16_t port = 0;
  {
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    port = acceptor.local_endpoint().port();
  }
  OtlpOptions options = options_for(port);
  std::atomic<int> failures{0};
  options.on_failure = [&](const std::string&) { ++failures; };
  OtlpExporter exporter(options);
  for (int i = 0; i < 3; ++i) {
    exporter.add(trace_of("r"));
    for (int wait = 0; wait < 500 && exporter.dropped_count() <= i; ++wait) {
      std::this_thread::sleep_for(milliseconds(10));
    }
  }
  EXPECT_EQ(exporter.dropped_count(), 3);
  EXPECT_EQ(exporter.sent_count(), 0);
  EXPECT_EQ(failures, 1);
}

TEST(Otlp, ASilentCollectorHoldsNobodyUp) {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});  // never accepts
  OtlpOptions options = options_for(acceptor.local_endpoint().port());
  options.queue_max = 100;
  options.batch_max = 10;
  options.timeout = milliseconds(200);
  const auto start = std::chrono::steady_clock::now();
  {
    OtlpExporter exporter(options);
    for (int i = 0; i < 10'000; ++i) exporter.add(trace_of("r"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    EXPECT_GE(exporter.dropped_count(), 10'000 - 100 - 20);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

// A name server that is away must not keep the program from ending.
TEST(NameLookup, HasATime) {
  using namespace std::chrono_literals;
  std::promise<void> answer;
  const std::shared_future<void> answered = answer.get_future().share();
  auto calls = std::make_shared<std::atomic<int>>(0);
  NameLookup lookup([answered, calls](const HttpUrl& target) {
    ++*calls;
    answered.wait();
    return NameLookup::resolve_now(target);
  });
  const HttpUrl target = parse_http_url("http://127.0.0.1:4318", "the endpoint", "4318");
  EXPECT_THROW(lookup.find(target, 20ms), boost::system::system_error);
  EXPECT_THROW(lookup.find(target, 20ms), boost::system::system_error);
  EXPECT_EQ(*calls, 1);  // the one that is under way is waited for
  answer.set_value();
  EXPECT_FALSE(lookup.find(target, 60s).empty());
  EXPECT_FALSE(lookup.find(target, 60s).empty());
  EXPECT_EQ(*calls, 2);
}

}  // namespace
}  // namespace hearth
