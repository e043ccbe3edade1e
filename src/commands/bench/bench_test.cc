// What is measured, what it is compared with, and how it is written down. Speeds themselves are not tested.
#include "commands/bench/bench.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <sstream>

#include "base/error.h"
#include "commands/bench/bench_report.h"
#include "commands/bench/synthetic_model.h"
#include "device/cpu/cpu_device.h"

namespace hearth {
namespace {

using Kind = BenchCase::Kind;

TEST(BenchCases, EveryCombinationOnce) {
  BenchOptions options;
  options.prompts = {512, 0, 512};
  options.decodes = {128};
  options.depths = {0, 16384};
  options.batches = {1, 8};
  const std::vector<BenchCase> expected = {{Kind::kPrefill, 512, 0, 1},    {Kind::kPrefill, 512, 16384, 1},
                                           {Kind::kDecode, 128, 0, 1},     {Kind::kDecode, 128, 0, 8},
                                           {Kind::kDecode, 128, 16384, 1}, {Kind::kDecode, 128, 16384, 8}};
  EXPECT_EQ(bench_cases(options), expected);
  options.prompts = options.decodes = {0};
  EXPECT_THROW(bench_cases(options), InvalidInput);
}

TEST(BenchCases, BlocksOfTheCache) {
  EXPECT_EQ(bench_block_count({Kind::kPrefill, 33, 0, 1}, false), 2);
  EXPECT_EQ(bench_block_count({Kind::kDecode, 1, 64, 4}, false), 12);
  EXPECT_EQ(bench_block_count({Kind::kDecode, 1, 64, 4}, true), 2 + 4);
  // A block that is half full is each sequence's own.
  EXPECT_EQ(bench_block_count({Kind::kDecode, 1, 70, 4}, true), 2 + 4);
  EXPECT_EQ(bench_block_count({Kind::kDecode, 1, 64, 1}, true), 3);
}

TEST(Statistics, MeanAndSpread) {
  const std::vector<double> values = {2, 4, 4, 4, 5, 5, 7, 9};
  const Statistics s = statistics(values);
  EXPECT_EQ(s.mean, 5);
  EXPECT_DOUBLE_EQ(s.deviation, std::sqrt(32.0 / 7));
  EXPECT_EQ(s.min, 2);
  EXPECT_EQ(s.max, 9);
  EXPECT_EQ(statistics(std::vector<double>{3}).deviation, 0);
}

ModelSpec llama_8b() {
  ModelSpec spec;
  spec.vocabulary = 128256;
  spec.width = 4096;
  LayerSpec layer;
  AttentionSpec attention;
  attention.head_count = 32;
  attention.kv_head_count = 8;
  attention.head_dim = 128;
  layer.mixer = attention;
  layer.mlp().width = 14336;
  spec.layers.assign(32, layer);
  return spec;
}

TEST(Needs, OperationsOfAPrompt) {
  const double layer_weights = 4096.0 * (4096 + 2 * 1024) + 4096.0 * 4096 + 3 * 4096.0 * 14336;
  const double output = 2 * 4096.0 * 128256;
  EXPECT_DOUBLE_EQ(prefill_flops(llama_8b(), {Kind::kPrefill, 1, 0, 1}),
                   32 * (2 * layer_weights + 4 * 4096.0) + output);
  // Ten tokens after a hundred see 101 to 110 keys.
  EXPECT_DOUBLE_EQ(prefill_flops(llama_8b(), {Kind::kPrefill, 10, 100, 1}),
                   32 * (10 * 2 * layer_weights + 4 * 4096.0 * 1055) + output);
  ModelSpec sliding = llama_8b();
  for (LayerSpec& layer : sliding.layers) layer.attention().mask = {.kind = MaskKind::kSlidingWindow, .window = 50};
  EXPECT_DOUBLE_EQ(prefill_flops(sliding, {Kind::kPrefill, 10, 100, 1}),
                   32 * (10 * 2 * layer_weights + 4 * 4096.0 * 500) + output);
}

TEST(Needs, BytesOfTheCache) {
  const double key_bytes = 32 * 2 * 1024 * 2;  // keys and values of a position in bf16
  const BenchCase c{Kind::kDecode, 3, 64, 4};
  EXPECT_DOUBLE_EQ(decode_cache_bytes(llama_8b(), Format::kBf16, c, false), 4 * 66 * key_bytes);
  EXPECT_DOUBLE_EQ(decode_cache_bytes(llama_8b(), Format::kBf16, c, true), (64 + 4 * 2) * key_bytes);
  EXPECT_DOUBLE_EQ(decode_cache_bytes(llama_8b(), Format::kF32, {Kind::kDecode, 1, 0, 1}, false), 2 * key_bytes);
}

TEST(BenchRunner, RunsWhatItPlanned) {
  const SyntheticModel model(model_shape("tiny"), "q4_k_m");
  CpuDevice device(2);
  const auto stream = device.open_stream();
  const std::vector<BenchCase> cases = {
      {Kind::kPrefill, 40, 0, 1}, {Kind::kPrefill, 7, 65, 1}, {Kind::kDecode, 3, 0, 1}, {Kind::kDecode, 2, 100, 5}};
  for (const bool share : {false, true}) {
    BenchRunner runner(model.source(), device, *stream, {ComputeMode::kAuto, 16, share}, cases);
    EXPECT_EQ(runner.compute(), Compute::kInt8);
    const std::int64_t before = device.ledger().allocated_bytes;
    runner.load();
    EXPECT_EQ(device.ledger().allocated_bytes - before, runner.pass().memory_plan().total_bytes());
    const std::int64_t allocations = device.ledger().allocation_count;
    for (const BenchCase& c : cases) {
      const std::vector<double> seconds = runner.run(c, 2);
      ASSERT_EQ(seconds.size(), 2u);
      for (const double s : seconds) EXPECT_GT(s, 0);
    }
    EXPECT_EQ(device.ledger().allocation_count, allocations);
    // Every matrix in the file's format, a row of the embedding among them, the norms, and 65 rows of the cache.
    const double step = runner.needed_bytes({Kind::kDecode, 1, 64, 1});
    const auto weights = static_cast<double>(total_bytes(synthetic_tensors(model_shape("tiny"), "q4_k_m")));
    EXPECT_NEAR(step, weights + 65 * 4 * 2 * 128 * 2, 0.01 * weights);
  }
}

TEST(BenchRunner, ReadsInPlaceWhatNoKernelPacks) {
  const SyntheticModel model(model_shape("tiny"), "bf16");
  CpuDevice device(1);
  const auto stream = device.open_stream();
  const std::vector<BenchCase> cases = {{Kind::kDecode, 1, 0, 1}};
  BenchRunner runner(model.source(), device, *stream, {}, cases);
  EXPECT_EQ(runner.compute(), Compute::kBf16);
  const std::vector<Format> formats = runner.formats_read_in_place();
  EXPECT_NE(std::find(formats.begin(), formats.end(), Format::kBf16), formats.end());
  EXPECT_EQ(std::find(formats.begin(), formats.end(), Format::kF16), formats.end());
}

TEST(DeviceLimits, AreThoseOfTheCpu) {
  CpuDevice device(1);
  const auto stream = device.open_stream();
  for (const Compute compute : {Compute::kF32, Compute::kInt8}) {
    const DeviceLimits limits = measure_limits(device, *stream, compute);
    EXPECT_GT(limits.bytes_per_second, 1e7);
    EXPECT_LT(limits.bytes_per_second, 1e13);
    EXPECT_GT(limits.flops_per_second, 1e7);
    EXPECT_LT(limits.flops_per_second, 1e13);
  }
}

BenchReport two_devices() {
  BenchReport report;
  report.version = "hearth 1";
  report.model = "tiny, \"q8_0\"";
  report.parameter_count = 3'000'000;
  report.weight_bytes = 4'000'000;
  report.devices = {{"cpu", "A Processor, 2 threads", "int8", 512, {1e10, 2e11}},
                    {"cuda:0", "A Card", "bf16", 2048, {}}};
  const BenchCase prefill{Kind::kPrefill, 1024, 0, 1}, decode{Kind::kDecode, 10, 5, 2};
  report.results = {{0, prefill, {2, 2}, 1e11}, {0, decode, {0.5, 0.25}, 1e9}, {1, prefill, {1}, 1e11}};
  return report;
}

TEST(BenchReport, ComparesWithLimitsAndTheFirstDevice) {
  const BenchReport report = two_devices();
  EXPECT_DOUBLE_EQ(report.results[0].tokens_per_second().mean, 512);
  EXPECT_DOUBLE_EQ(report.results[1].tokens_per_second().mean, 60);
  EXPECT_DOUBLE_EQ(report.limit_percent(report.results[0]).value(), 25);
  EXPECT_DOUBLE_EQ(report.limit_percent(report.results[1]).value(), 30);
  EXPECT_FALSE(report.limit_percent(report.results[2]).has_value());
  EXPECT_FALSE(report.times_first_device(report.results[0]).has_value());
  EXPECT_DOUBLE_EQ(report.times_first_device(report.results[2]).value(), 2);
}

TEST(BenchReport, Table) {
  EXPECT_EQ(format_report(two_devices(), BenchOutput::kTable),
            "tiny, \"q8_0\": 3.00 million parameters, 4.00 MB\n"
            "cpu: A Processor, 2 threads; int8, 512 prompt tokens a step; limits: 10.0 GB/s, 200.0 Gop/s\n"
            "cuda:0: A Card; bf16, 2048 prompt tokens a step; limits: - GB/s, - Gop/s\n"
            "test     tokens  depth  batch  device  tokens/s   spread   ms/step   limit  vs cpu\n"
            "prefill    1024      0      1  cpu       512.00   ± 0.00  1000.000  25.0 %\n"
            "prefill    1024      0      1  cuda:0   1024.00   ± 0.00  1000.000       -  2.00 x\n"
            "decode       10      5      2  cpu        60.00  ± 28.28    37.500  30.0 %\n");
}

TEST(BenchReport, Markdown) {
  const std::string text = format_report(two_devices(), BenchOutput::kMarkdown);
  EXPECT_NE(text.find("\n| test | tokens | depth | batch | device | tokens/s | spread | ms/step | limit | vs cpu |\n"
                      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
                      "| prefill | 1024 | 0 | 1 | cpu | 512.00 | ± 0.00 | 1000.000 | 25.0 % |  |\n"),
            std::string::npos)
      << text;
}

TEST(BenchReport, Csv) {
  std::istringstream lines(format_report(two_devices(), BenchOutput::kCsv));
  std::string head, first, second;
  std::getline(lines, head);
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_TRUE(head.starts_with("model,device,device_description,compute,"));
  EXPECT_EQ(first,
            "\"tiny, \"\"q8_0\"\"\",cpu,\"A Processor, 2 threads\",int8,512,prefill,1024,0,1,2,512,0,512,512,2,25,,"
            "10000000000,200000000000");
  EXPECT_NE(second.find(",1,,2,0,0"), std::string::npos) << second;
}

TEST(BenchReport, Json) {
  const boost::json::value json = boost::json::parse(format_report(two_devices(), BenchOutput::kJson));
  EXPECT_EQ(json.at("version").as_string(), "hearth 1");
  EXPECT_EQ(json.at("devices").as_array().size(), 2u);
  EXPECT_EQ(json.at("devices").at(0).at("limit_bytes_per_second").as_double(), 1e10);
  ASSERT_EQ(json.at("results").as_array().size(), 3u);
  const boost::json::value& second = json.at("results").at(1);
  EXPECT_EQ(second.at("device").as_string(), "cuda:0");
  EXPECT_EQ(second.at("times_first_device").as_double(), 2);
  EXPECT_TRUE(second.at("limit_percent").is_null());
  EXPECT_EQ(second.at("needed_flops").as_double(), 1e11);
  EXPECT_EQ(json.at("results").at(2).at("seconds").as_array().size(), 2u);
}

TEST(BenchReport, OutputsByName) {
  EXPECT_EQ(parse_bench_output("md"), BenchOutput::kMarkdown);
  EXPECT_THROW(parse_bench_output("xml"), InvalidInput);
}

}  // namespace
}  // namespace hearth
