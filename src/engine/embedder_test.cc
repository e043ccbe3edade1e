// Encoders, whole: a tiny BERT against its paper, and law 2: a text's states are the same bits alone, in company, and
// by any number of threads.
#include "engine/embedder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "device/cpu/cpu_device.h"
#include "engine/testing/engine_run.h"
#include "engine/testing/tiny_bert.h"
#include "kernels/cpu/cpu_kernels.h"

namespace hearth::engine_testing {
namespace {

TEST(Embedder, IsWhatThePaperSays) {
  const TinyBert model;
  CpuDevice device(2);
  for (const int length : {1, 9, 40}) {
    const Tokens text = some_text(length, length);
    const std::vector<float> states = states_of(model.path(), device, {text}).at(0);
    const std::vector<double> expected = model.states(text);
    ASSERT_EQ(states.size(), expected.size());
    for (std::size_t i = 0; i < states.size(); ++i) EXPECT_NEAR(states[i], expected[i], 3e-5) << i;
  }
}

TEST(Embedder, CompanyAndThreadsChangeNoBit) {
  const TinyBert model;
  std::vector<Tokens> texts;
  for (const int length : {5, 33, 1, 20, 64, 2, 31, 32}) texts.push_back(some_text(length, length));
  std::vector<std::vector<float>> alone;
  CpuDevice one_thread(1), three_threads(3);
  for (const Tokens& text : texts) alone.push_back(states_of(model.path(), one_thread, {text}).at(0));
  EXPECT_EQ(states_of(model.path(), one_thread, texts), alone);
  EXPECT_EQ(states_of(model.path(), three_threads, texts, {.step_texts = 2}), alone);
}

// A pair's second text has the second type of tokens, in company of single texts too.
TEST(Embedder, PairsHaveTwoTypesOfTokens) {
  const TinyBert model;
  CpuDevice device(2);
  const std::vector<Tokens> texts{some_text(3, 12), some_text(4, 33), some_text(5, 7)};
  const std::vector<std::int64_t> second_begins{5, 0, 6};
  const auto together = states_of(model.path(), device, texts, {}, second_begins);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(states_of(model.path(), device, {texts[i]}, {}, {second_begins[i]}).at(0), together[i]);
    const auto expected = model.states(texts[i], static_cast<std::size_t>(second_begins[i]));
    for (std::size_t e = 0; e < expected.size(); ++e) EXPECT_NEAR(together[i][e], expected[e], 3e-5) << e;
  }
}

TEST(Embedder, RefusesWhatHasNoStates) {
  const TinyBert model;
  CpuDevice device(1);
  for (const Tokens& text :
       {Tokens{}, some_text(1, 65), Tokens{1, static_cast<std::int32_t>(kVocabulary)}, Tokens{-1}}) {
    EXPECT_THROW(states_of(model.path(), device, {{1, 2}, text}), InvalidInput);
  }
}

// The engine's requests share steps, each whole: a step's room is what some of them wait for.
TEST(Embedder, AnEngineGivesTheSameVectors) {
  const TinyBert model;
  const auto source = ModelSource::open(model.path());
  CpuDevice device(2);
  const auto stream = device.open_stream();
  ForwardPass pass(*source, {device, cpu_kernels(device.instruction_set())},
                   {.compute = ComputeMode::kF32,
                    .context = 48,
                    .sequences_max = 4,
                    .cache_tokens = 64 + 4 * kKvBlockTokens,
                    .step_tokens_max = 64,
                    .logit_rows_max = 64,
                    .sampling = true});
  pass.load(*stream);
  const auto tokenizer = EngineRun::byte_tokenizer();
  EngineOptions options;
  options.embedding.pooling = Pooling::kMean;
  Engine engine(pass, *stream, *tokenizer, options);
  std::vector<Tokens> texts;
  for (const int length : {40, 30, 48, 1, 2, 33, 7, 30}) texts.push_back(some_text(length, length));
  texts.push_back(texts[2]);  // which no prefix cache may shorten
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (const Tokens& text : texts) {
    Request request;
    request.id = std::to_string(recorders.size());
    request.prompt = text;
    request.embed = true;
    engine.submit(std::move(request), recorders.emplace_back(std::make_shared<Recorder>()));
  }
  Request writing;
  writing.id = "w";
  writing.prompt = {1, 2};
  EXPECT_THROW(engine.prepare(writing), InvalidInput);
  engine.drain();
  engine.run();
  const auto states = states_of(model.path(), device, texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Pooler pooler(Pooling::kMean, kWidth);
    pooler.add(states[i]);
    EXPECT_EQ(recorders[i]->answer().end.embedding, pooler.result()) << i;
  }
}

// What sees all of a text cannot read it in pieces.
TEST(Embedder, AnEncoderRefusesStepsThatAreShorterThanItsContext) {
  const TinyBert model;
  const auto source = ModelSource::open(model.path());
  CpuDevice device(1);
  EXPECT_THROW(
      ForwardPass(*source, {device, cpu_kernels(device.instruction_set())}, {.context = 64, .step_tokens_max = 63}),
      InvalidInput);
}

}  // namespace
}  // namespace hearth::engine_testing
