// Generations as streams, over a real engine; and the server's own endpoints while there is no model yet.
#include "server/model_service.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <functional>
#include <future>
#include <thread>

#include "device/cpu/cpu_device.h"
#include "engine/testing/engine_run.h"
#include "server/event_mailbox.h"
#include "server/fields.h"
#include "server/openai/openai_routes.h"
#include "server/own/load_progress.h"
#include "server/own/own_api.h"

namespace hearth {
namespace {

namespace asio = boost::asio;
using engine_testing::EngineRun;

// Keeps the answer.
class RecordingExchange final : public Exchange {
 public:
  explicit RecordingExchange(HttpRequest request) : request_(std::move(request)) {}
  const HttpRequest& request() const override { return request_; }
  const std::string& id() const override { return id_; }
  asio::awaitable<void> reply(unsigned status, std::string body, std::string, HttpHeaders) override {
    answer = std::to_string(status) + " " + body;
    co_return;
  }
  asio::awaitable<void> begin_stream(std::string, HttpHeaders) override { co_return; }
  asio::awaitable<void> write(std::string) override { co_return; }
  asio::awaitable<void> end_stream() override { co_return; }
  bool streaming() const override { return false; }

  std::string answer;

 private:
  HttpRequest request_;
  std::string id_ = "req-1";
};

struct Received {
  std::vector<TokenId> ids;
  std::optional<GenerationEnd> end;
  std::string error;  // what the awaiting coroutine threw
};

asio::awaitable<void> read_to_the_end(GenerationStream& stream, Received& received) {
  try {
    while (!received.end) {
      GenerationStream::Event event = co_await stream.next();
      if (auto* token = std::get_if<GeneratedToken>(&event)) received.ids.push_back(token->id);
      if (auto* end = std::get_if<GenerationEnd>(&event)) received.end = std::move(*end);
    }
  } catch (const boost::system::system_error& error) {
    received.error = error.what();
  }
}

class ModelServiceTest : public testing::Test {
 protected:
  explicit ModelServiceTest(std::int64_t queue = 64)
      : run_(device_, {.queue = queue}), service_(io_.get_executor(), metrics_, log_) {}
  ~ModelServiceTest() override {
    run_.engine().stop();
    if (thread_.joinable()) thread_.join();
  }

  void set_ready() {
    ModelService::Parts parts;
    parts.model.name = "tiny";
    parts.engine = &run_.engine();
    parts.tokenizer = &run_.tokenizer();
    service_.set_ready(std::move(parts));
  }
  void start_engine() {
    thread_ = std::thread([this] { run_.engine().run(); });
  }
  // Runs the I/O thread's work until the condition holds, or for a long time.
  template <typename Condition>
  bool eventually(Condition condition) {
    const auto deadline = EngineClock::now() + std::chrono::seconds(60);
    while (!condition() && EngineClock::now() < deadline) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(5));
    }
    return condition();
  }
  Request request(std::string id, std::int64_t token_count) {
    Request made = engine_testing::sampled_request(std::move(id), {1, 2, 3, 4}, token_count, 5);
    made.ignore_end = true;
    return made;
  }
  Received read(GenerationStream& stream) {
    Received received;
    asio::co_spawn(io_, read_to_the_end(stream, received), asio::detached);
    EXPECT_TRUE(eventually([&] { return received.end.has_value(); }));
    return received;
  }
  std::string state(std::string_view id) {
    const auto found = log_.find(id);
    return found ? std::string(found->at("state").get_string()) : "unknown";
  }
  Router::Failure refusal(Request made) {
    try {
      service_.start(std::move(made), "/v1/completions");
    } catch (const HttpError& error) {
      return error.failure();
    }
    ADD_FAILURE() << "it was taken";
    return {};
  }

  CpuDevice device_{2};
  EngineRun run_;
  Metrics metrics_{MetricsOptions{}};
  RequestLog log_{[] {
    RequestLogOptions options;
    options.quiet = true;
    return options;
  }()};
  asio::io_context io_;
  ModelService service_;
  std::thread thread_;
};

TEST_F(ModelServiceTest, AStreamHasTheEnginesTokens) {
  set_ready();
  start_engine();
  const auto direct = run_.submit(request("direct", 40));
  const auto stream = service_.start(request("", 40), "/v1/completions");
  EXPECT_TRUE(stream->id().starts_with("gen-"));
  const Received received = read(*stream);
  ASSERT_TRUE(eventually([&] { return direct->answer().ended; }));
  EXPECT_EQ(received.ids.size(), 40U);
  EXPECT_EQ(received.ids, direct->answer().ids);
  EXPECT_EQ(received.end->reason, FinishReason::kLength);
  EXPECT_EQ(state(stream->id()), "finished");
}

TEST_F(ModelServiceTest, ADestroyedStreamCancelsAndTheEndIsRecorded) {
  set_ready();
  start_engine();
  auto stream = service_.start(request("a", -1), "/v1/completions");
  ASSERT_TRUE(eventually([&] { return stream->has_more(); }));
  stream.reset();
  ASSERT_TRUE(eventually([&] { return state("a") != "running"; }));
  EXPECT_EQ(state("a"), "cancelled");
  run_.expect_idle();
}

TEST_F(ModelServiceTest, WhoeverWaitsCanBeCancelled) {
  set_ready();  // the engine does not run: there is nothing to hear
  const auto stream = service_.start(request("a", 4), "/v1/completions");
  asio::cancellation_signal signal;
  Received received;
  asio::co_spawn(io_, read_to_the_end(*stream, received), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  io_.run_for(std::chrono::milliseconds(20));
  EXPECT_EQ(received.error, "");
  signal.emit(asio::cancellation_type::terminal);
  EXPECT_TRUE(eventually([&] { return !received.error.empty(); }));
}

TEST_F(ModelServiceTest, AReaderThatStaysBehindIsGivenUp) {
  const auto mailbox = std::make_shared<EventMailbox>(io_.get_executor());
  const auto shared = std::make_shared<GenerationStream::Shared>(mailbox, run_.engine(), metrics_, log_, "a");
  GenerationStream stream(shared, run_.engine(), "a", 0);
  for (std::size_t i = 0; i < GenerationStream::Shared::kUnreadMax; ++i) shared->on_token({});
  io_.run_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(eventually([&] { return shared->unread.size() == GenerationStream::Shared::kUnreadMax; }));
  shared->on_token({});
  ASSERT_TRUE(eventually([&] { return shared->unread.size() == 1; }));
  const Received received = read(stream);
  EXPECT_TRUE(received.ids.empty());
  EXPECT_EQ(received.end->reason, FinishReason::kCancelled);
  EXPECT_NE(metrics_.exposition({}, {}, 0).find("slow_readers_dropped_total{model_name=\"\"} 1\n"), std::string::npos);
}

TEST_F(ModelServiceTest, WhatIsRefused) {
  EXPECT_EQ(refusal(request("a", 4)).status, 503U);  // while the model is loading
  EXPECT_THROW(service_.model(), HttpError);
  set_ready();
  Request long_one = request("a", 4);
  long_one.prompt.assign(1000, 1);
  const Router::Failure overrun = refusal(std::move(long_one));
  EXPECT_EQ(overrun.status, 400U);
  EXPECT_EQ(overrun.code, "context_length_exceeded");
  EXPECT_NE(overrun.message.find("1000"), std::string::npos);
  EXPECT_NE(overrun.message.find("256"), std::string::npos);
  Request wrong = request("a", 4);
  wrong.prompt = {1 << 20};
  EXPECT_EQ(refusal(std::move(wrong)).status, 400U);
  service_.set_draining();
  EXPECT_EQ(refusal(request("a", 4)).status, 503U);
}

class FullQueueTest : public ModelServiceTest {
 protected:
  FullQueueTest() : ModelServiceTest(2) {}
};

TEST_F(FullQueueTest, IsToldWith429) {
  set_ready();
  const auto first = service_.start(request("a", 4), "/v1/completions");
  const auto second = service_.start(request("b", 4), "/v1/completions");
  const Router::Failure full = refusal(request("c", 4));
  EXPECT_EQ(full.status, 429U);
  EXPECT_EQ(full.headers, (HttpHeaders{{"retry-after", "1"}}));
}

TEST_F(ModelServiceTest, OwnEndpointsWhileTheModelIsLoading) {
  LoadProgress progress;
  Router router(openai_error_body);
  add_own_routes(router, service_, progress);
  const auto ask = [&](std::string_view path) {
    HttpRequest asked;
    asked.method = "GET";
    asked.path = path;
    const Router::Match match = router.match(asked.method, asked.path);
    RecordingExchange exchange(std::move(asked));
    asio::co_spawn(io_, (*match.handler)(exchange), [&](const std::exception_ptr& error) {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const HttpError& told) {
        exchange.answer = std::to_string(told.failure().status);
      }
    });
    EXPECT_TRUE(eventually([&] { return !exchange.answer.empty(); }));
    return exchange.answer;
  };
  EXPECT_EQ(ask("/health"), "200 {\"status\":\"ok\"}");
  EXPECT_EQ(ask("/ready"), "503 {\"status\":\"loading\",\"progress\":0E0}");
  progress.set_total_bytes(1000);
  progress.add_bytes(250);
  EXPECT_EQ(ask("/ready"), "503 {\"status\":\"loading\",\"progress\":2.5E-1}");
  EXPECT_TRUE(ask("/metrics").starts_with("200 # HELP"));
  EXPECT_EQ(ask("/props"), "503");
  set_ready();
  EXPECT_EQ(ask("/ready"), "200 {\"status\":\"ready\"}");
  EXPECT_TRUE(ask("/props").starts_with("200 {\"model\":\"tiny\""));
  service_.set_draining();
  EXPECT_EQ(ask("/ready"), "503 {\"status\":\"draining\"}");
}

asio::awaitable<void> work_and_note(ModelService& service, std::function<void()> work, std::string& outcome) {
  try {
    co_await service.run_in_pool(std::move(work));
    outcome = "done";
  } catch (const HttpError& error) {
    outcome = error.failure().message;
  } catch (const boost::system::system_error&) {
    outcome = "cancelled";
  }
}

// Handlers wait for it; the I/O thread does not.
TEST_F(ModelServiceTest, LongWorkKeepsNobodyWaiting) {
  std::promise<void> finish;
  std::string outcome, failed;
  std::thread::id worked_on{};
  std::function<void()> work = [&] {
    finish.get_future().wait();
    worked_on = std::this_thread::get_id();
  };
  asio::co_spawn(io_, work_and_note(service_, std::move(work), outcome), asio::detached);
  asio::co_spawn(io_,
                 work_and_note(
                     service_, [] { throw bad_request("no"); }, failed),
                 asio::detached);
  EXPECT_TRUE(eventually([&] { return !failed.empty(); }));
  EXPECT_EQ(failed, "no");
  EXPECT_EQ(outcome, "");
  finish.set_value();
  EXPECT_TRUE(eventually([&] { return !outcome.empty(); }));
  EXPECT_EQ(outcome, "done");
  EXPECT_NE(worked_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace hearth
