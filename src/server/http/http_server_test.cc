// The HTTP server on real sockets of this machine, with handlers made for the tests.
#include "server/http/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <future>
#include <optional>
#include <thread>

#include "base/error.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kPatience = 20s;  // for what takes milliseconds on an idle machine

// What handlers tell the tests.
struct Witness {
  std::atomic<int> started = 0, ended = 0, slow_readers = 0;
};

template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

struct CountsEnd {
  explicit CountsEnd(Witness& w) : witness(w) { ++witness.started; }
  ~CountsEnd() { ++witness.ended; }
  Witness& witness;
};

asio::awaitable<void> sleep_for(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> echo(Exchange& exchange) {
  std::string body = exchange.request().method + " " + exchange.request().path + " " + exchange.request().query + " " +
                     exchange.request().body;
  std::string type = "text/plain";
  HttpHeaders headers{{"x-own", "1"}};
  co_await exchange.reply(200, std::move(body), std::move(type), std::move(headers));
}

asio::awaitable<void> wait_for_ever(Exchange&, Witness& witness) {
  const CountsEnd counts(witness);
  co_await sleep_for(1h);
}

asio::awaitable<void> wait_a_little(Exchange& exchange) {
  co_await sleep_for(200ms);
  co_await echo(exchange);
}

// Two pieces, and then nothing until the client goes.
asio::awaitable<void> stream_and_wait(Exchange& exchange, Witness& witness) {
  const CountsEnd counts(witness);
  std::string type = "text/event-stream", one = "one", two = "two";
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  co_await exchange.write(std::move(one));
  co_await exchange.write(std::move(two));
  co_await sleep_for(1h);
}

asio::awaitable<void> stream_to_the_end(Exchange& exchange) {
  std::string type = "text/plain", one = "one", two = "two";
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  co_await exchange.write(std::move(one));
  if (exchange.request().path == "/slow") co_await sleep_for(300ms);
  co_await exchange.write(std::move(two));
  co_await exchange.end_stream();
}

asio::awaitable<void> break_in_stream(Exchange& exchange) {
  std::string type = "text/plain", one = "one";
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  co_await exchange.write(std::move(one));
  throw std::runtime_error("secret");
}

asio::awaitable<void> flood(Exchange& exchange, Witness& witness) {
  const CountsEnd counts(witness);
  std::string type = "text/plain";
  HttpHeaders headers;
  co_await exchange.begin_stream(std::move(type), std::move(headers));
  for (;;) {
    std::string piece(64 << 10, 'x');
    co_await exchange.write(std::move(piece));
  }
}

asio::awaitable<void> fail(Exchange& exchange) {
  const std::string& how = exchange.request().path_arguments.at(0);
  if (how == "told") {
    Router::Failure failure;
    failure.status = 429;
    failure.message = "later";
    failure.headers = {{"retry-after", "7"}};
    throw HttpError(std::move(failure));
  }
  if (how == "error") throw InvalidInput("our own words");
  if (how == "other") throw std::runtime_error("secret");
  co_return;  // no answer at all
}

std::string error_body(const Router::Failure& failure) {
  return "error: " + failure.message;
}

// A client that waits at most kPatience for anything.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(context_) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    const timeval patience{.tv_sec = std::chrono::seconds(kPatience).count(), .tv_usec = 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  // Requests get the header that they must have and that most tests are not about.
  void send(std::string_view text) {
    constexpr std::string_view kLine = " HTTP/1.1\r\n", kHost = "host: x\r\n";
    std::string sent(text);
    for (std::size_t at = 0; (at = sent.find(kLine, at)) != std::string::npos; at += kLine.size() + kHost.size()) {
      sent.insert(at + kLine.size(), kHost);
    }
    send_as_it_is(sent);
  }
  void send_as_it_is(std::string_view text) { asio::write(socket_, asio::buffer(text)); }
  // Up to and with `end`; what came before a timeout or the connection's end otherwise.
  std::string read_until(std::string_view end) {
    while (received_.find(end) == std::string::npos && receive()) {
    }
    const std::size_t found = received_.find(end);
    return take(found == std::string::npos ? received_.size() : found + end.size());
  }
  std::string read(std::size_t bytes) {
    while (received_.size() < bytes && receive()) {
    }
    return take(std::min(bytes, received_.size()));
  }
  std::string read_all() {
    while (receive()) {
    }
    return take(received_.size());
  }
  // A head, and a body of the length that it tells.
  std::string answer() {
    std::string text = read_until("\r\n\r\n");
    constexpr std::string_view kLength = "content-length: ";
    const std::size_t at = text.find(kLength);
    return at == std::string::npos ? text : text + read(std::stoul(text.substr(at + kLength.size())));
  }
  std::string ask(std::string_view request) {
    send(request);
    return answer();
  }
  std::string ask_as_it_is(std::string_view request) {
    send_as_it_is(request);
    return answer();
  }
  void half_close() { socket_.shutdown(tcp::socket::shutdown_send); }
  void reset() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }

 private:
  bool receive() {
    char buffer[4096];
    const ssize_t count = ::recv(socket_.native_handle(), buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t bytes) {
    std::string taken = received_.substr(0, bytes);
    received_.erase(0, bytes);
    return taken;
  }

  asio::io_context context_;
  tcp::socket socket_;
  std::string received_;
};

class HttpServerTest : public testing::Test {
 protected:
  HttpServerTest() {
    const auto add = [this](std::string_view method, std::string_view pattern, Handler handler) {
      router_.add(method, pattern, error_body, std::move(handler));
    };
    const auto add_watched = [&](std::string_view pattern, asio::awaitable<void> (*handler)(Exchange&, Witness&)) {
      add("GET", pattern, [this, handler](Exchange& exchange) { return handler(exchange, witness_); });
    };
    add("GET", "/echo", echo);
    add("POST", "/echo", echo);
    add("GET", "/health", echo);
    add("POST", "/little", wait_a_little);
    add("GET", "/whole", stream_to_the_end);
    add("GET", "/slow", stream_to_the_end);
    add("GET", "/broken", break_in_stream);
    add("GET", "/fail/{how}", fail);
    add_watched("/wait", wait_for_ever);
    add_watched("/stream", stream_and_wait);
    add_watched("/flood", flood);
    options_.port = 0;
    options_.body_bytes_max = 1 << 20;
    options_.on_slow_reader = [this] { ++witness_.slow_readers; };
  }
  ~HttpServerTest() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      server_->stop();
      io_.stop();
    });
    thread_.join();
  }
  void start() {
    server_.emplace(io_.get_executor(), router_, options_, [this](std::string_view route, unsigned status) {
      const std::lock_guard lock(mutex_);
      responses_.push_back(std::string(route) + " " + std::to_string(status));
    });
    server_->start();
    thread_ = std::thread([this] { io_.run(); });
  }
  std::uint16_t port() const { return server_->port(); }
  std::int64_t connection_count() {
    std::promise<std::int64_t> count;
    asio::post(io_, [&] { count.set_value(server_->connection_count()); });
    return count.get_future().get();
  }
  std::vector<std::string> responses() {
    const std::lock_guard lock(mutex_);
    return responses_;
  }

  Witness witness_;
  Router router_{error_body};
  HttpServerOptions options_;
  asio::io_context io_;
  std::optional<HttpServer> server_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<std::string> responses_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\n\r\n";

TEST_F(HttpServerTest, AnswersOneAfterTheOtherOnOneConnection) {
  start();
  Client client(port());
  const std::string first = client.ask("POST /echo?a=%20b HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\nserver: hearth\r\n")) << first;
  EXPECT_TRUE(has(first, "x-request-id: req-") && has(first, "x-own: 1\r\n") && has(first, "\r\ndate: ")) << first;
  EXPECT_TRUE(first.ends_with("\r\n\r\nPOST /echo a=%20b body")) << first;
  const std::string second = client.ask(
      "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n");
  EXPECT_TRUE(second.ends_with("\r\n\r\nPOST /echo  abcde")) << second;
  const std::string head = client.ask("HEAD /echo HTTP/1.1\r\n\r\nGET /fail/told HTTP/1.1\r\n\r\n").substr(0, 15);
  EXPECT_EQ(head, "HTTP/1.1 200 OK");
  EXPECT_TRUE(client.ask("GET http://host/ec%68o?q HTTP/1.1\r\nConnection: close\r\n\r\n") != "");
  EXPECT_TRUE(has(client.read_all(), "connection: close"));
}

TEST_F(HttpServerTest, TakesRequestsAheadOfTheirTime) {
  start();
  Client client(port());
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += "GET /echo?" + std::to_string(i) + " HTTP/1.1\r\n\r\n";
  client.send(requests);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(client.answer().ends_with("GET /echo " + std::to_string(i) + " "));
  // What arrives while a handler runs is no disconnect.
  client.send("POST /little HTTP/1.1\r\nContent-Length: 3\r\n\r\none");
  std::this_thread::sleep_for(50ms);
  client.send("POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\ntwo");
  EXPECT_TRUE(client.answer().ends_with("one"));
  EXPECT_TRUE(client.answer().ends_with("two"));
}

TEST_F(HttpServerTest, ABodyInManyPieces) {
  start();
  Client client(port());
  const std::string body(300'000, 'b');
  const std::string request =
      "POST /echo HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (std::size_t at = 0; at < request.size(); at += 7919) client.send(std::string_view(request).substr(at, 7919));
  EXPECT_TRUE(client.answer().ends_with(" " + body));
}

TEST_F(HttpServerTest, StreamedPiecesArriveAtOnce) {
  start();
  Client client(port());
  client.send("GET /stream HTTP/1.1\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_TRUE(has(head, "transfer-encoding: chunked") && has(head, "content-type: text/event-stream")) << head;
  EXPECT_EQ(client.read(16), "3\r\none\r\n3\r\ntwo\r\n");
  EXPECT_EQ(witness_.ended, 0);
  Client whole(port());
  whole.send("GET /whole HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(whole.read_until("0\r\n\r\n").ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
  EXPECT_TRUE(has(whole.ask(kGet), "200 OK"));
}

TEST_F(HttpServerTest, TheOlderProtocol) {
  start();
  Client client(port());
  const std::string answer = client.ask("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(has(answer, "connection: keep-alive\r\n")) << answer;
  client.send("GET /whole HTTP/1.0\r\n\r\n");
  const std::string stream = client.read_all();
  EXPECT_FALSE(has(stream, "chunked"));
  EXPECT_TRUE(stream.ends_with("\r\n\r\nonetwo")) << stream;
}

TEST_F(HttpServerTest, AClientThatGoesEndsTheHandler) {
  options_.half_close_time = 0ms;  // whoever ends their side has left
  start();
  int expected = 0;
  for (const char* path : {"/wait", "/stream"}) {
    for (int way = 0; way < 3; ++way) {
      std::optional<Client> client(std::in_place, port());
      client->send(std::string("GET ") + path + " HTTP/1.1\r\n\r\n");
      ++expected;
      ASSERT_TRUE(eventually([&] { return witness_.started == expected; }));
      EXPECT_EQ(witness_.ended, expected - 1);
      const auto start = std::chrono::steady_clock::now();
      if (way == 0) client->half_close();
      if (way == 1) client->reset();
      if (way == 2) client.reset();
      ASSERT_TRUE(eventually([&] { return witness_.ended == expected; }));
      EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    }
  }
  EXPECT_TRUE(eventually([&] { return connection_count() == 0; }));
  for (const std::string& response : responses()) EXPECT_TRUE(has(response, " 499")) << response;
}

// One that leaves right after its request is found out by asking.
TEST_F(HttpServerTest, AClientThatGoesAtOnceIsFoundOut) {
  options_.half_close_time = 1h;
  start();
  std::optional<Client> client(std::in_place, port());
  client->send("GET /wait HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return witness_.started == 1; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return witness_.ended == 1; }));
  EXPECT_TRUE(eventually([&] { return connection_count() == 0; }));
}

TEST_F(HttpServerTest, ErrorsOfHandlers) {
  start();
  Client client(port());
  const std::string told = client.ask("GET /fail/told HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(told.starts_with("HTTP/1.1 429 ") && has(told, "retry-after: 7") && told.ends_with("error: later"));
  const std::string own = client.ask("GET /fail/error HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(own.starts_with("HTTP/1.1 500 ") && own.ends_with("error: our own words")) << own;
  const std::string other = client.ask("GET /fail/other HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(other.starts_with("HTTP/1.1 500 ") && !has(other, "secret")) << other;
  EXPECT_TRUE(client.ask("GET /fail/silent HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 500 "));
  client.send("GET /broken HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("3\r\none\r\n"));  // no last chunk, and the connection's end
}

TEST_F(HttpServerTest, UnknownPathsAndMethods) {
  start();
  Client client(port());
  EXPECT_TRUE(client.ask("GET /nothing%ff HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  const std::string method = client.ask("DELETE /echo HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(method.starts_with("HTTP/1.1 405 ") && has(method, "allow: GET, HEAD, POST\r\n")) << method;
  EXPECT_TRUE(client.ask("GET /a%2 HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
  const std::vector<std::string> expected{"other 404", "/echo 405", "other 400"};
  EXPECT_TRUE(eventually([&] { return responses() == expected; }));
}

TEST_F(HttpServerTest, RequestsThatAreTooLargeOrWrong) {
  start();
  const auto status = [&](std::string_view request) { return Client(port()).ask(request).substr(9, 3); };
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nContent-Length: 104857600\r\n\r\n"), "413");
  EXPECT_EQ(status("GET /echo HTTP/1.1\r\nx: " + std::string(100'000, 'x') + "\r\n\r\n"), "431");
  EXPECT_EQ(status("GET /" + std::string(100'000, 'x')), "431");
  EXPECT_EQ(status("nonsense\r\n\r\n"), "400");
  EXPECT_EQ(status("GET /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "400");
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), "400");
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"), "501");
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n"), "415");
  Client chunked(port());
  chunked.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "20000\r\n" + std::string(0x20000, 'x') + "\r\n";
  for (int i = 0; i < 9; ++i) chunked.send(chunk);  // half of them would do
  EXPECT_TRUE(chunked.answer().starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, AClientThatAsksBeforeItSends) {
  start();
  Client client(port());
  client.send("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(client.ask("ab").ends_with("ab"));
  EXPECT_TRUE(client.ask("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n")
                  .starts_with("HTTP/1.1 413 "));
  // Nobody is asked for a body that would not be read.
  EXPECT_TRUE(Client(port())
                  .ask("POST /nothing HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
                  .starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Client(port())
                  .ask("PUT /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
                  .starts_with("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, Keys) {
  options_.api_keys = {"first", "second"};
  start();
  const auto status = [&](const std::string& header) {
    return Client(port()).ask("GET /echo HTTP/1.1\r\n" + header + "\r\n").substr(9, 3);
  };
  EXPECT_EQ(status("Authorization: Bearer first\r\n"), "200");
  EXPECT_EQ(status("authorization: bearer second\r\n"), "200");
  EXPECT_EQ(status("X-API-Key: second\r\n"), "200");
  for (const char* wrong :
       {"", "Authorization: Bearer \r\n", "Authorization: Bearer firs\r\n", "x-api-key: firstx\r\n",
        "Authorization: Basic first\r\n", "Authorization: first\r\n", "x-api-key: secondsecond\r\n"}) {
    EXPECT_EQ(status(wrong), "401") << wrong;
  }
  Client client(port());
  EXPECT_TRUE(has(client.ask(kGet), "www-authenticate: Bearer\r\n"));
  EXPECT_TRUE(Client(port()).ask("GET /health HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, PagesInBrowsers) {
  options_.api_keys = {"key"};
  options_.allowed_origins = {"*"};
  start();
  Client client(port());
  const std::string asked = client.ask(
      "OPTIONS /echo HTTP/1.1\r\nOrigin: http://page\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization\r\n\r\n");
  EXPECT_TRUE(asked.starts_with("HTTP/1.1 204 ") && has(asked, "access-control-allow-origin: *\r\n") &&
              has(asked, "access-control-allow-headers: authorization\r\n") &&
              has(asked, "access-control-allow-methods: GET, HEAD, POST, OPTIONS\r\n"))
      << asked;
  const std::string answer = client.ask("GET /echo HTTP/1.1\r\nOrigin: http://page\r\nx-api-key: key\r\n\r\n");
  EXPECT_TRUE(has(answer, "access-control-allow-origin: *\r\n")) << answer;
}

TEST_F(HttpServerTest, OnlyAllowedOrigins) {
  options_.allowed_origins = {"http://good"};
  start();
  const auto ask = [&](std::string_view host, std::string_view origin) {
    return Client(port()).ask_as_it_is("GET /echo HTTP/1.1\r\nHost: " + std::string(host) +
                                       "\r\nOrigin: " + std::string(origin) + "\r\n\r\n");
  };
  for (const char* origin : {"http://good", "http://localhost:3000", "https://127.0.0.1", "http://[::1]:5",
                             "http://app.localhost", "http://box:8080"}) {
    EXPECT_TRUE(has(ask("box:8080", origin), "allow-origin: " + std::string(origin) + "\r\n")) << origin;
  }
  for (const char* origin :
       {"http://bad", "https://good.example", "null", "http://localhost.bad.example", "http://box:9090"}) {
    const std::string answer = ask("box:8080", origin);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ") && !has(answer, "allow-origin")) << answer;
  }
  // A program that shows pages of its own, and no browser at all.
  EXPECT_TRUE(ask("box:8080", "app://obsidian.md").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(Client(port()).ask(kGet).starts_with("HTTP/1.1 200 "));
}

// A page that leads its own name here would otherwise be of the server's own origin.
TEST_F(HttpServerTest, OnlyNamesThatItCanHave) {
  options_.allowed_hosts = {"models.example"};
  start();
  const auto status = [&](std::string_view host) {
    return Client(port()).ask_as_it_is("GET /echo HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").substr(9, 3);
  };
  for (const char* host : {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "192.168.1.5", "[fe80::1]:80", "gpu-box:8080",
                           "printer.local", "models.example:443", ""}) {
    EXPECT_EQ(status(host), "200") << host;
  }
  for (const char* host : {"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example."}) {
    EXPECT_EQ(status(host), "403") << host;
  }
}

TEST_F(HttpServerTest, AKeyOpensEveryDoor) {
  options_.api_keys = {"key"};
  start();
  Client client(port());
  EXPECT_TRUE(
      client.ask_as_it_is("GET /echo HTTP/1.1\r\nHost: any.example\r\nOrigin: http://bad\r\nx-api-key: key\r\n\r\n")
          .starts_with("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, OneHostAndOneWayToReadTheBody) {
  start();
  const auto status = [&](std::string_view request) { return Client(port()).ask_as_it_is(request).substr(9, 3); };
  EXPECT_EQ(status("GET /echo HTTP/1.1\r\n\r\n"), "400");
  EXPECT_EQ(status("GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), "400");
  EXPECT_EQ(status("GET /echo HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), "400");
  EXPECT_EQ(status("GET /echo HTTP/1.0\r\n\r\n"), "200");
  for (const char* coding : {"gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked"}) {
    EXPECT_EQ(
        status("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + std::string(coding) + "\r\n\r\n0\r\n\r\n"),
        "501")
        << coding;
  }
}

// Bodies together have one limit.
TEST_F(HttpServerTest, TooManyLargeBodies) {
  options_.bodies_bytes_max = 1'500'000;
  start();
  Client first(port()), second(port()), third(port());
  const std::string head = "POST /echo HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n";
  const std::string question = "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n";
  first.send(head);
  first.send(std::string(999'000, 'x'));
  std::string refused;
  ASSERT_TRUE(eventually([&] {
    Client other(port());
    refused = other.ask(question);
    return refused.starts_with("HTTP/1.1 503 ");
  }));
  EXPECT_TRUE(has(refused, "retry-after: 1\r\n")) << refused;
  // One that does not tell its size beforehand, and one that is small enough.
  second.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n" + std::string(700'000, 'x'));
  EXPECT_TRUE(second.answer().starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(third.ask("POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\none").ends_with("one"));
  // What the first one held is free again when it was answered.
  first.send(std::string(1000, 'x'));
  EXPECT_TRUE(first.answer().starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(third.ask(head + std::string(1'000'000, 'y')).starts_with("HTTP/1.1 200 "));
}

// Scripts end their side of the connection with their request.
TEST_F(HttpServerTest, AClientThatHasSaidAllGetsItsAnswer) {
  start();
  for (const char* request : {"POST /little HTTP/1.1\r\nContent-Length: 3\r\n\r\nend", "GET /slow HTTP/1.1\r\n\r\n",
                              "GET /echo HTTP/1.0\r\n\r\n", "GET /fail/told HTTP/1.1\r\n\r\n"}) {
    Client client(port());
    client.send(request);
    client.half_close();
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.ends_with("end") || answer.ends_with("0\r\n\r\n") || answer.ends_with("GET /echo  ") ||
                answer.ends_with("error: later"))
        << answer;
  }
  EXPECT_TRUE(eventually([&] { return connection_count() == 0; }));
}

TEST_F(HttpServerTest, ASlowReaderIsDropped) {
  options_.write_timeout = 1s;
  start();
  Client client(port());
  client.send("GET /flood HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(has(Client(port()).ask(kGet), "200 OK"));
  ASSERT_TRUE(eventually([&] { return witness_.ended == 1; }));
  EXPECT_EQ(witness_.slow_readers, 1);
}

TEST_F(HttpServerTest, SilentClients) {
  options_.header_timeout = 1s;
  start();
  Client idle(port()), partial(port()), body(port());
  partial.send("GET /echo HT");
  body.send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(partial.answer().starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(body.answer().starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, HalfRequestsThatVanishChangeNothing) {
  start();
  Client steady(port());
  for (int i = 0; i < 200; ++i) {
    Client client(port());
    client.send(i % 2 == 0 ? "POST /echo HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf" : "GET /ec");
    if (i % 3 == 0) client.reset();
  }
  EXPECT_TRUE(has(steady.ask(kGet), "200 OK"));
  EXPECT_TRUE(eventually([&] { return connection_count() == 1; }));
}

TEST_F(HttpServerTest, MoreConnectionsThanAllowed) {
  options_.connections_max = 2;
  start();
  Client one(port()), two(port());
  EXPECT_TRUE(has(one.ask(kGet), "200 OK") && has(two.ask(kGet), "200 OK"));
  EXPECT_TRUE(Client(port()).read_all().starts_with("HTTP/1.1 503 "));
  one.reset();
  ASSERT_TRUE(eventually([&] { return connection_count() == 1; }));
  EXPECT_TRUE(has(Client(port()).ask(kGet), "200 OK"));
}

TEST_F(HttpServerTest, Drain) {
  start();
  Client idle(port()), busy(port()), streaming(port());
  EXPECT_TRUE(has(idle.ask(kGet), "200 OK"));
  streaming.send("GET /slow HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(has(streaming.read_until("one\r\n"), "chunked"));
  busy.send("POST /little HTTP/1.1\r\nContent-Length: 3\r\n\r\nend");
  ASSERT_TRUE(eventually([&] { return connection_count() == 3; }));
  std::this_thread::sleep_for(50ms);  // the request is under way
  std::promise<void> done;
  asio::post(io_, [&] { server_->drain([&] { done.set_value(); }); });
  EXPECT_EQ(idle.read_all(), "");
  const std::string answer = busy.read_all();
  EXPECT_TRUE(has(answer, "connection: close\r\n") && answer.ends_with("end")) << answer;
  EXPECT_TRUE(streaming.read_all().ends_with("two\r\n0\r\n\r\n"));
  EXPECT_EQ(done.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_THROW(Client{port()}, boost::system::system_error);
}

TEST_F(HttpServerTest, AddressesThatCannotBe) {
  start();
  HttpServerOptions same = options_;
  same.port = port();
  HttpServer second(io_.get_executor(), router_, same, {});
  EXPECT_THROW(second.start(), DeviceError);
  same.host = "no such host";
  HttpServer third(io_.get_executor(), router_, same, {});
  EXPECT_THROW(third.start(), DeviceError);
  same.tls_certificate = "/no/such/file";
  HttpServer fourth(io_.get_executor(), router_, same, {});
  EXPECT_THROW(fourth.start(), InvalidInput);
}

}  // namespace
}  // namespace hearth
