// The parts of the load generator: what it sends, how it reads streams, and what it makes of times.
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <set>

#include "base/error.h"
#include "commands/traffic/traffic_client.h"
#include "commands/traffic/traffic_plan.h"
#include "commands/traffic/traffic_report.h"

namespace hearth {
namespace {

using Clock = LoadOutcome::Clock;
using std::chrono::milliseconds;

LoadPlanOptions plan_options() {
  LoadPlanOptions options;
  options.model = "tiny";
  options.prompt = {20, 5};
  options.output = {10, 3};
  options.shared_prefix = 7;
  options.seed = 42;
  options.vocabulary = 400;
  return options;
}

std::vector<std::int64_t> prompt_of(const LoadPlan& plan, std::int64_t index) {
  std::vector<std::int64_t> ids;
  const boost::json::value body = boost::json::parse(plan.body(index));
  for (const boost::json::value& id : body.at("prompt").as_array()) ids.push_back(id.as_int64());
  return ids;
}

TEST(LoadPlan, ReadsLengths) {
  EXPECT_EQ(parse_load_length("128").value, 128);
  EXPECT_EQ(parse_load_length("128").spread, 0);
  EXPECT_EQ(parse_load_length("128:32").spread, 32);
  for (const char* text : {"", "0", "-1", "a", "1:", ":1", "1:2:3", "1:-2", "99999999999999999999"}) {
    EXPECT_THROW(parse_load_length(text), InvalidInput) << text;
  }
}

TEST(LoadPlan, IsAFunctionOfTheSeed) {
  const LoadPlan plan(plan_options()), again(plan_options());
  LoadPlanOptions other_seed = plan_options();
  other_seed.seed = 43;
  const LoadPlan other(other_seed);
  for (const std::int64_t index : {5, 0, 5}) {  // in any order
    EXPECT_EQ(plan.body(index), again.body(index));
    EXPECT_NE(plan.body(index), other.body(index));
  }
  EXPECT_NE(plan.body(0), plan.body(1));
}

TEST(LoadPlan, KeepsToLengthsAndVocabulary) {
  const LoadPlan plan(plan_options());
  const std::vector<std::int64_t> first = prompt_of(plan, 0);
  std::set<std::size_t> lengths;
  std::set<std::int64_t> outputs;
  for (std::int64_t index = 0; index < 300; ++index) {
    const std::vector<std::int64_t> ids = prompt_of(plan, index);
    lengths.insert(ids.size());
    outputs.insert(plan.output_tokens(index));
    EXPECT_TRUE(std::equal(first.begin(), first.begin() + 7, ids.begin()));
    for (const std::int64_t id : ids) {
      EXPECT_GE(id, 100);
      EXPECT_LT(id, 300);
    }
    const boost::json::value body = boost::json::parse(plan.body(index));
    EXPECT_EQ(body.at("max_tokens").as_int64(), plan.output_tokens(index));
    EXPECT_TRUE(body.at("ignore_eos").as_bool());
  }
  EXPECT_EQ(*lengths.begin(), 22u);
  EXPECT_EQ(*lengths.rbegin(), 32u);
  EXPECT_EQ(*outputs.begin(), 7);
  EXPECT_EQ(*outputs.rbegin(), 13);
}

TEST(LoadPlan, ChatsAreWords) {
  LoadPlanOptions options = plan_options();
  options.endpoint = LoadEndpoint::kChat;
  options.prompt = {3, 0};
  const boost::json::value body = boost::json::parse(LoadPlan(options).body(0));
  EXPECT_EQ(body.at_pointer("/messages/0/role"), "user");
  const std::string text(body.at_pointer("/messages/0/content").as_string());
  EXPECT_EQ(std::count(text.begin(), text.end(), ' '), 9);
  EXPECT_FALSE(body.as_object().contains("ignore_eos"));
}

TEST(LoadPlan, ArrivesAtTheRate) {
  LoadPlanOptions options = plan_options();
  options.rate = 50;
  LoadPlan plan(options);
  double previous = plan.next_arrival(), squares = 0;
  EXPECT_EQ(previous, 0);
  constexpr int kCount = 20'000;
  for (int i = 0; i < kCount; ++i) {
    const double at = plan.next_arrival();
    EXPECT_GE(at, previous);
    squares += (at - previous) * (at - previous);
    previous = at;
  }
  EXPECT_NEAR(previous / kCount, 1 / 50.0, 0.0005);
  // An exponential distribution's mean square is twice its squared mean.
  EXPECT_NEAR(squares / kCount * 2500, 2, 0.1);
}

TEST(SseReader, TakesEventsApartWhereverTheyAreCut) {
  const std::string stream =
      ": comment\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:two\ndata: lines\n\n\n\ndata: [DONE]\n\ndata: unfinished";
  const std::vector<std::string> expected = {"{\"a\":1}", "two\nlines", "[DONE]"};
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    SseReader reader;
    std::vector<std::string> events;
    for (std::size_t at = 0; at < stream.size(); at += size) {
      for (std::string& event : reader.feed(std::string_view(stream).substr(at, size))) {
        events.push_back(std::move(event));
      }
    }
    EXPECT_EQ(events, expected) << size;
  }
}

TEST(LoadOutcome, CollectsEvents) {
  LoadOutcome outcome;
  const Clock::time_point now = Clock::now();
  EXPECT_FALSE(add_load_event(outcome, R"({"choices":[{"text":"a","finish_reason":null}],"usage":null})", now));
  EXPECT_FALSE(add_load_event(outcome, R"({"choices":[{"delta":{"role":"assistant"}}]})", now));
  EXPECT_FALSE(add_load_event(outcome, R"({"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]})", now));
  EXPECT_FALSE(add_load_event(outcome,
                              R"({"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,
                                  "prompt_tokens_details":{"cached_tokens":4}}})",
                              now));
  EXPECT_TRUE(add_load_event(outcome, "[DONE]", now));
  EXPECT_EQ(outcome.text, "ab");
  EXPECT_EQ(outcome.pieces.size(), 2u);
  EXPECT_EQ(outcome.finish_reason, "stop");
  EXPECT_EQ(outcome.prompt_tokens, 5);
  EXPECT_EQ(outcome.output_tokens, 2);
  EXPECT_EQ(outcome.cached_tokens, 4);
  EXPECT_EQ(outcome.error, "");
  add_load_event(outcome, R"({"error":{"message":"broken"}})", now);
  EXPECT_EQ(outcome.error, "the stream ended with an error: broken");
  add_load_event(outcome, "{", now);
  EXPECT_EQ(outcome.error, "an event that is not JSON");
}

TEST(LoadReport, Percentiles) {
  EXPECT_EQ(percentiles({}).count, 0);
  std::vector<float> values;
  for (int i = 100; i >= 1; --i) values.push_back(static_cast<float>(i));
  const Percentiles found = percentiles(values);
  EXPECT_EQ(found.p50, 50);
  EXPECT_EQ(found.p90, 90);
  EXPECT_EQ(found.p99, 99);
  EXPECT_EQ(found.max, 100);
  EXPECT_EQ(found.mean, 50.5);
  EXPECT_EQ(percentiles({7}).p50, 7);
  EXPECT_EQ(percentiles({1, 2}).p50, 1);
  EXPECT_EQ(percentiles({1, 2}).p99, 2);
}

LoadOutcome outcome_of(std::initializer_list<int> pieces_ms, int end_ms) {
  LoadOutcome outcome;
  outcome.sent = Clock::now();
  for (const int ms : pieces_ms) outcome.pieces.push_back(outcome.sent + milliseconds(ms));
  outcome.ended = outcome.sent + milliseconds(end_ms);
  outcome.prompt_tokens = 30;
  outcome.cached_tokens = 10;
  outcome.output_tokens = 5;
  return outcome;
}

LoadReport sample_report() {
  LoadReport report;
  report.server = "http://h:1";
  report.plan = plan_options();
  report.concurrency = 2;
  report.add(outcome_of({10, 20, 50}, 60));
  report.add(outcome_of({30, 34}, 40));
  LoadOutcome failed;
  failed.error = "status 429: full of 12";
  report.add(failed);
  failed.error = "status 429: full of 13";
  report.add(failed);
  report.finish(2.0);
  return report;
}

TEST(LoadReport, AddsUp) {
  const LoadReport report = sample_report();
  EXPECT_EQ(report.requests, 4);
  EXPECT_EQ(report.completed, 2);
  EXPECT_EQ(report.failures.at("status 429").count, 2);
  EXPECT_EQ(report.failures.at("status 429").example, "status 429: full of 12");
  EXPECT_EQ(report.first_token.count, 2);
  EXPECT_NEAR(report.first_token.p50, 0.010, 1e-6);
  EXPECT_NEAR(report.first_token.max, 0.030, 1e-6);
  EXPECT_EQ(report.between_tokens.count, 3);
  EXPECT_NEAR(report.between_tokens.max, 0.030, 1e-6);
  EXPECT_NEAR(report.per_token.max, 0.010, 1e-6);  // 40 ms for the last four of five tokens
  EXPECT_NEAR(report.whole.p99, 0.060, 1e-6);
}

TEST(LoadReport, HasThreeForms) {
  LoadReport report = sample_report();
  report.comparison = LoadComparison{.identical = 1, .different = 1, .failed = 2, .first_different = {3}};
  const boost::json::value json = boost::json::parse(format_load_report(report, BenchOutput::kJson));
  EXPECT_EQ(json.at("completed").as_int64(), 2);
  EXPECT_EQ(json.at("output_tokens_per_second").as_double(), 5);
  EXPECT_EQ(json.at("prompt_tokens_per_second").as_double(), 30);
  EXPECT_EQ(json.at_pointer("/failures/status 429/count").as_int64(), 2);
  EXPECT_EQ(json.at_pointer("/verify/different").as_int64(), 1);
  EXPECT_NEAR(json.at_pointer("/time_to_first_token_seconds/max").as_double(), 0.03, 1e-6);
  const std::string table = format_load_report(report, BenchOutput::kTable);
  EXPECT_NE(table.find("2 completed in 2.00 s: 1.00 requests/s, 30.0 prompt tokens/s (20 of 60 from the cache), "
                       "5.0 output tokens/s"),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("one at a time: 1 texts identical, 1 different, 2 failed (requests 3)"), std::string::npos);
  EXPECT_NE(format_load_report(report, BenchOutput::kMarkdown).find("| ms | mean | p50 | p90 | p99 | max |\n| --- |"),
            std::string::npos);
  EXPECT_THROW(format_load_report(report, BenchOutput::kCsv), InvalidInput);
}

}  // namespace
}  // namespace hearth
