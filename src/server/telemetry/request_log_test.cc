// What the request log knows and tells of a request's life, its lines, and its replay file.
#include "server/telemetry/request_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <limits>
#include <regex>
#include <sstream>

#include "base/error.h"
#include "server/telemetry/replay_record.h"

namespace hearth {
namespace {

using std::chrono::milliseconds;

std::filesystem::path temporary_file(std::string_view name) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("hearth-" + std::to_string(::getpid()) + "-" + std::string(name));
  std::filesystem::remove(path);
  return path;
}

Request request_of(std::string id) {
  Request request;
  request.id = std::move(id);
  request.prompt = {1, 2, 3};
  request.priority = 7;
  return request;
}

// A request that was submitted at `start`, waited 2 ms, and had its first token after 10 and the last after 30.
GenerationEnd end_of(FinishReason reason, EngineClock::time_point start) {
  GenerationEnd end;
  end.reason = reason;
  end.usage = {.prompt_tokens = 3, .cached_tokens = 2, .generated_tokens = 2};
  end.timeline = {.submitted = start,
                  .admitted = start + milliseconds(2),
                  .first_token = start + milliseconds(10),
                  .finished = start + milliseconds(30),
                  .prompt_chunks = {{start + milliseconds(5), 2}, {start + milliseconds(10), 1}},
                  .preemption_count = 1};
  return end;
}

void tell_tokens(RequestLog& log, std::string_view id, EngineClock::time_point start) {
  log.token(id, {.id = 11, .text = "a", .logprob = {}, .top_logprobs = {}, .time = start + milliseconds(10)});
  log.token(id, {.id = 12, .text = "b", .logprob = {}, .top_logprobs = {}, .time = start + milliseconds(30)});
}

std::string text_at(const boost::json::object& json, std::string_view name) {
  return std::string(json.at(name).as_string());
}

RequestLogOptions quiet() {
  RequestLogOptions options;
  options.quiet = true;
  return options;
}

TEST(RequestLog, FollowsARequestThroughItsStates) {
  RequestLog log(quiet());
  EXPECT_FALSE(log.find("r").has_value());
  const auto start = EngineClock::now();
  log.submitted(request_of("r"), "/v1/completions");
  boost::json::object found = log.find("r").value();
  EXPECT_EQ(text_at(found, "id"), "r");
  EXPECT_EQ(text_at(found, "state"), "queued");
  EXPECT_EQ(text_at(found, "api"), "/v1/completions");
  EXPECT_EQ(found.at("priority").to_number<int>(), 7);
  EXPECT_EQ(found.at("prompt_tokens").to_number<int>(), 3);
  EXPECT_TRUE(found.at("finish_reason").is_null());
  tell_tokens(log, "r", start);
  found = log.find("r").value();
  EXPECT_EQ(text_at(found, "state"), "running");
  EXPECT_EQ(found.at("generated_tokens").to_number<int>(), 2);
  log.ended("r", end_of(FinishReason::kLength, start));
  found = log.find("r").value();
  EXPECT_EQ(text_at(found, "state"), "finished");
  EXPECT_EQ(text_at(found, "finish_reason"), "length");
  EXPECT_EQ(found.at("cached_tokens").to_number<int>(), 2);
  const boost::json::object& timings = found.at("timings").as_object();
  EXPECT_EQ(timings.at("queue_ms").to_number<double>(), 2);
  EXPECT_EQ(timings.at("prefill_ms").to_number<double>(), 8);
  EXPECT_EQ(timings.at("first_token_ms").to_number<double>(), 10);
  EXPECT_EQ(timings.at("decode_ms").to_number<double>(), 20);
  EXPECT_EQ(timings.at("total_ms").to_number<double>(), 30);
}

TEST(RequestLog, TellsHowARequestEnded) {
  RequestLog log(quiet());
  const auto start = EngineClock::now();
  const auto state_after = [&](FinishReason reason) {
    log.submitted(request_of("r"), "api");
    GenerationEnd end = end_of(reason, start);
    if (reason == FinishReason::kFailed) end.error = "the device broke";
    log.ended("r", end);
    return text_at(log.find("r").value(), "state");
  };
  EXPECT_EQ(state_after(FinishReason::kStop), "finished");
  EXPECT_EQ(state_after(FinishReason::kContext), "finished");
  EXPECT_EQ(state_after(FinishReason::kCancelled), "cancelled");
  EXPECT_EQ(state_after(FinishReason::kDeadline), "cancelled");
  EXPECT_EQ(state_after(FinishReason::kFailed), "failed");
  EXPECT_EQ(text_at(log.find("r").value(), "error"), "the device broke");
  EXPECT_EQ(log.traces(100).size(), 1u);  // the id was the same
}

TEST(RequestLog, ForgetsTheOldestThatHaveEnded) {
  RequestLogOptions options = quiet();
  options.recent_max = 3;
  RequestLog log(options);
  const auto start = EngineClock::now();
  log.submitted(request_of("alive"), "api");
  for (int i = 0; i < 10; ++i) {
    log.submitted(request_of(std::to_string(i)), "api");
    log.ended(std::to_string(i), end_of(FinishReason::kStop, start));
  }
  EXPECT_TRUE(log.find("alive").has_value());
  EXPECT_FALSE(log.find("6").has_value());
  EXPECT_TRUE(log.find("7").has_value());
  const boost::json::array traces = log.traces(2);
  ASSERT_EQ(traces.size(), 2u);
  EXPECT_EQ(text_at(traces[0].as_object(), "id"), "9");
  EXPECT_EQ(text_at(traces[1].as_object(), "id"), "8");
}

TEST(RequestLog, IgnoresWhatItDoesNotKnow) {
  RequestLog log(quiet());
  log.token("none", {});
  log.ended("none", end_of(FinishReason::kStop, EngineClock::now()));
  EXPECT_TRUE(log.traces(10).empty());
  log.submitted(request_of("r"), "api");
  log.ended("r", end_of(FinishReason::kStop, EngineClock::now()));
  log.token("r", {});
  log.ended("r", end_of(FinishReason::kFailed, EngineClock::now()));
  EXPECT_EQ(text_at(log.find("r").value(), "state"), "finished");
}

TEST(RequestLog, TracesHaveEveryStep) {
  RequestLog log(quiet());
  const auto start = EngineClock::now();
  log.submitted(request_of("r"), "api");
  tell_tokens(log, "r", start);
  log.ended("r", end_of(FinishReason::kStop, start));
  const boost::json::object trace = log.traces(1).at(0).as_object();
  const boost::json::value expected = boost::json::parse(R"({
    "queue": {"from_ms": 0.0, "to_ms": 2.0},
    "prefill": {"from_ms": 2.0, "to_ms": 10.0,
                "chunks": [{"at_ms": 5.0, "tokens": 2}, {"at_ms": 10.0, "tokens": 1}]},
    "decode": {"from_ms": 10.0, "to_ms": 30.0, "steps_ms": [10.0, 30.0], "steps_left_out": 0}})");
  for (const auto& [name, value] : expected.as_object()) EXPECT_EQ(trace.at(name), value) << name;
  EXPECT_EQ(trace.at("preemptions").to_number<int>(), 1);
}

TEST(RequestLog, TracesOfLongAnswersAreBounded) {
  RequestLog log(quiet());
  const auto start = EngineClock::now();
  log.submitted(request_of("r"), "api");
  for (int i = 0; i < 5000; ++i) {
    log.token("r", {.id = 1, .text = "", .logprob = {}, .top_logprobs = {}, .time = start + milliseconds(i)});
  }
  log.ended("r", end_of(FinishReason::kStop, start));
  const boost::json::object decode = log.traces(1).at(0).as_object().at("decode").as_object();
  EXPECT_EQ(decode.at("steps_ms").as_array().size(), 512u);
  EXPECT_EQ(decode.at("steps_left_out").to_number<int>(), 5000 - 512);
}

TEST(RequestLog, TracesOfRequestsThatNeverRan) {
  RequestLog log(quiet());
  log.submitted(request_of("r"), "api");
  GenerationEnd end = end_of(FinishReason::kCancelled, EngineClock::now());
  end.timeline.admitted = end.timeline.first_token = {};
  log.ended("r", end);
  const boost::json::object trace = log.traces(1).at(0).as_object();
  EXPECT_FALSE(trace.contains("prefill"));
  EXPECT_EQ(trace.at("queue").at("to_ms").to_number<double>(), 30);
}

std::string lines_of(bool json) {
  testing::internal::CaptureStderr();
  RequestLogOptions options;
  options.json = json;
  RequestLog log(options);
  const auto start = EngineClock::now();
  log.line("info", "listening", {{"port", 8080}, {"host", "a b\n2"}});
  log.submitted(request_of("r"), "/v1/completions");
  tell_tokens(log, "r", start);
  log.ended("r", end_of(FinishReason::kStop, start));
  log.submitted(request_of("bad"), "/v1/completions");
  GenerationEnd failed = end_of(FinishReason::kFailed, start);
  failed.error = "it \"broke\"";
  log.ended("bad", failed);
  return testing::internal::GetCapturedStderr();
}

TEST(RequestLog, WritesALineForEachRequest) {
  const std::string text = lines_of(false);
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z )";
  const std::regex expected(
      time + R"(info  listening port=8080 host="a b\\n2"\n)" + time +
      R"(info  request id=r api=/v1/completions finish_reason=stop prompt_tokens=3 cached_tokens=2 )" +
      R"(generated_tokens=2 queue_ms=2 prefill_ms=8 first_token_ms=10 decode_ms=20 total_ms=30 tokens_per_second=50 preemptions=1\n)" +
      time + R"(error request id=bad [^\n]* error="it \\"broke\\""\n)");
  EXPECT_TRUE(std::regex_match(text, expected)) << text;
}

TEST(RequestLog, WritesJsonLines) {
  std::istringstream text(lines_of(true));
  std::vector<boost::json::object> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(boost::json::parse(line).as_object());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(text_at(lines[0], "message"), "listening");
  EXPECT_EQ(text_at(lines[0], "host"), "a b\n2");
  EXPECT_EQ(text_at(lines[1], "level"), "info");
  EXPECT_EQ(text_at(lines[1], "id"), "r");
  EXPECT_EQ(lines[1].at("total_ms").to_number<double>(), 30);
  EXPECT_EQ(text_at(lines[2], "level"), "error");
  EXPECT_EQ(text_at(lines[2], "error"), "it \"broke\"");
}

Request unusual_request() {
  Request request = request_of("odd \"id\"");
  request.sampling.temperature = 0.1f;
  request.sampling.top_k = -1;
  request.sampling.top_p = 0.9f;
  request.sampling.dry_multiplier = 0.8f;
  request.sampling.dry_sequence_breakers = {"\n", "\"", "ä"};
  request.sampling.logit_bias = {{5, -std::numeric_limits<float>::infinity()}, {70000, 2.7f}};
  request.sampling.seed = 0xfedcba9876543210u;
  request.sampling.stages = {SamplerStage::kTemperature, SamplerStage::kTopK};
  request.choice_index = 3;
  request.token_count_max = 99;
  request.stop = {"\n\n", "END"};
  request.ignore_end = true;
  request.logprob_count = 4;
  request.use_prefix_cache = false;
  GrammarSource schema{GrammarSource::Kind::kSchema, R"({"enum": ["\u00e9", 3]})"};
  auto compiled = compile_grammar(schema);
  request.grammar = GrammarRequest{std::move(schema), std::move(compiled), "</think>"};
  CallGrammar calls;
  calls.one_call = true;
  calls.syntaxes.emplace_back();
  calls.syntaxes.back().form = CallForm::kTagged;
  calls.syntaxes.back().call_open = "<f ";
  calls.syntaxes.back().argument_open = "<a ";
  calls.syntaxes.back().key_end = "=";
  calls.syntaxes.back().argument_close = ">";
  calls.syntaxes.back().name_end = {"!", "?"};
  calls.tools = {{{"g", "h"}, boost::json::object{{"type", "object"}}, true}};
  request.calls = CallGrammarRequest{source_of(calls), compile_calls(calls), call_marks(calls), "<f g", true};
  request.thinking = {.open = "<t>", .close = "</t>", .is_open = true, .end = "!", .token_count_max = 12};
  return request;
}

TEST(ReplayRecord, SurvivesItsLine) {
  const ReplayRecord record{.time = "2026-01-01T00:00:00.000Z",
                            .api = "/v1/completions",
                            .fingerprint = "build=1",
                            .request = unusual_request(),
                            .ids = {4, 5},
                            .text = "x\ny",
                            .finish_reason = "stop",
                            .stop_text = "END",
                            .error = ""};
  const std::string line = boost::json::serialize(replay_json(record));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const ReplayRecord read = parse_replay_record(line);
  EXPECT_EQ(boost::json::serialize(replay_json(read)), line);
  EXPECT_EQ(read.request.sampling.temperature, 0.1f);
  EXPECT_EQ(read.request.sampling.top_k, -1);
  EXPECT_EQ(read.request.sampling.logit_bias, record.request.sampling.logit_bias);
  EXPECT_EQ(read.request.sampling.dry_sequence_breakers, record.request.sampling.dry_sequence_breakers);
  EXPECT_EQ(read.request.sampling.seed, 0xfedcba9876543210u);
  EXPECT_EQ(read.request.sampling.stages, record.request.sampling.stages);
  EXPECT_EQ(read.request.prompt, record.request.prompt);
  EXPECT_EQ(read.request.stop, record.request.stop);
  EXPECT_EQ(read.request.choice_index, 3u);
  EXPECT_EQ(read.request.token_count_max, 99);
  EXPECT_TRUE(read.request.ignore_end);
  EXPECT_FALSE(read.request.use_prefix_cache);
  EXPECT_EQ(read.request.logprob_count, 4);
  ASSERT_TRUE(read.request.grammar && read.request.grammar->grammar);
  EXPECT_EQ(read.request.grammar->source.text, record.request.grammar->source.text);
  EXPECT_EQ(read.request.grammar->begin_after, "</think>");
  ASSERT_TRUE(read.request.calls && read.request.calls->grammar);
  EXPECT_EQ(read.request.calls->marks.anywhere, std::vector<std::string>{"<f "});
  EXPECT_EQ(read.request.calls->begun, "<f g");
  EXPECT_TRUE(read.request.calls->ends_with_call);
  EXPECT_EQ(read.request.thinking.token_count_max, 12);
  EXPECT_EQ(read.ids, record.ids);
  EXPECT_EQ(read.stop_text, "END");
}

TEST(ReplayRecord, RefusesWhatIsNone) {
  const auto error_of = [](const std::string& line) {
    try {
      parse_replay_record(line);
      return std::string("nothing");
    } catch (const InvalidInput& error) {
      return std::string(error.what());
    }
  };
  EXPECT_TRUE(error_of("{").starts_with("it is not JSON"));
  EXPECT_EQ(error_of("[]"), "it is not a JSON object");
  EXPECT_EQ(error_of("{}"), "the field 'answer' is no object");
  boost::json::object json = replay_json({.time = "t",
                                          .api = "a",
                                          .fingerprint = "f",
                                          .request = unusual_request(),
                                          .ids = {},
                                          .text = "",
                                          .finish_reason = "stop",
                                          .stop_text = "",
                                          .error = ""});
  json["request"].as_object()["prompt"] = "text";
  EXPECT_EQ(error_of(boost::json::serialize(json)), "the field 'prompt' has another type or range than it must have");
  json["request"].as_object().erase("prompt");
  EXPECT_EQ(error_of(boost::json::serialize(json)), "the field 'prompt' is missing");
}

TEST(RequestLog, WritesTheReplayFileLineByLine) {
  RequestLogOptions options = quiet();
  options.replay_file = temporary_file("replay.jsonl");
  options.fingerprint = "first";
  RequestLog log(options);
  log.set_fingerprint("build=x");
  const auto start = EngineClock::now();
  log.submitted(unusual_request(), "/v1/completions");
  tell_tokens(log, "odd \"id\"", start);
  GenerationEnd end = end_of(FinishReason::kStop, start);
  end.text = "c";
  end.stop_text = "END";
  log.ended("odd \"id\"", end);
  std::ifstream file(options.replay_file);  // while the log still has it open
  std::string line, more;
  ASSERT_TRUE(std::getline(file, line));
  const ReplayRecord record = parse_replay_record(line);
  EXPECT_EQ(record.fingerprint, "build=x");
  EXPECT_EQ(record.ids, (std::vector<TokenId>{11, 12}));
  EXPECT_EQ(record.text, "abc");
  EXPECT_EQ(record.finish_reason, "stop");
  EXPECT_EQ(record.stop_text, "END");
  EXPECT_EQ(record.request.sampling.seed, 0xfedcba9876543210u);
  EXPECT_FALSE(std::getline(file, more));
  std::filesystem::remove(options.replay_file);
}

TEST(RequestLog, RefusesAReplayFileThatCannotBe) {
  RequestLogOptions options = quiet();
  options.replay_file = "/nowhere/at/all/replay.jsonl";
  EXPECT_THROW(RequestLog log(options), DeviceError);
}

TEST(RequestLog, GoesOnWhenTheDiskIsFull) {
  RequestLogOptions options = quiet();
  options.replay_file = "/dev/full";
  RequestLog log(options);
  testing::internal::CaptureStderr();
  const auto start = EngineClock::now();
  for (const char* id : {"a", "b", "c"}) {
    log.submitted(request_of(id), "api");
    tell_tokens(log, id, start);
    log.ended(id, end_of(FinishReason::kStop, start));
  }
  const std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_NE(errors.find("/dev/full: writing failed (No space left on device)"), std::string::npos) << errors;
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
  EXPECT_EQ(text_at(log.find("c").value(), "state"), "finished");
}

}  // namespace
}  // namespace hearth
