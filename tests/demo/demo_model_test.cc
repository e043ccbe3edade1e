// The bundled model end to end: its held-out accuracies through Hearth are those that PyTorch measured on the same
// weights (models/scores.json), its logits are PyTorch's, and every format that Hearth can encode keeps its abilities.
//
// An item is right if each token of the expected answer is the likeliest one after those before it, which is when
// greedy decoding gives exactly that answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <fstream>
#include <list>
#include <map>
#include <sstream>

#include "device/cpu/cpu_device.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kv/block_pool.h"
#include "model/forward_pass.h"
#include "model/testing/fixture.h"
#include "text/templates/chat_prompt.h"
#include "text/tokenizers/tokenizer.h"
#include "text/unicode/base64.h"
#include "weights/gguf_writer.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using model_testing::read_file;

const fs::path kModels = fs::path(HEARTH_SOURCE_DIR) / "models";
const fs::path kFile = kModels / "hearth-tales-9m-q8_0.gguf";

// Under a sanitizer a part of the items must do.
#if defined(HEARTH_ASAN) || defined(HEARTH_TSAN)
constexpr int kItemsPerTask = 5, kItemsPerTaskAndFormat = 3;
#else
constexpr int kItemsPerTask = 100, kItemsPerTaskAndFormat = 30;
#endif

struct Item {
  std::string task;
  std::vector<TokenId> prompt, answer;
};

// The first items of each task, as tokens.
std::vector<Item> read_items(const ModelSource& source, int per_task) {
  const auto tokenizer = Tokenizer::open(source);
  const auto chat_template = ChatTemplate::from_source(source).value();
  std::vector<Item> items;
  std::map<std::string, int> counts;
  std::ifstream file(kModels / "heldout.jsonl");
  for (std::string line; std::getline(file, line);) {
    const json::value value = json::parse(line);
    Item item;
    item.task = value.at("task").as_string();
    if (counts[item.task]++ >= per_task) continue;
    json::object context{{"messages", value.at("messages")}};
    if (const json::value* tools = value.as_object().if_contains("tools")) context["tools"] = *tools;
    item.prompt = encode_chat(chat_template, *tokenizer, std::move(context));
    item.answer = tokenizer->encode(std::string(value.at("expected").as_string()));
    item.answer.push_back(tokenizer->eos().value());
    items.push_back(std::move(item));
  }
  EXPECT_FALSE(items.empty());
  return items;
}

class LoadedModel {
 public:
  static constexpr std::int64_t kContext = 1024;

  LoadedModel(const ModelSource& source, ComputeMode compute)
      : device_(2, usable_instruction_sets().back()),
        stream_(device_.open_stream()),
        pass_(source, {device_, cpu_kernels(usable_instruction_sets().back())},
              {.compute = compute, .context = kContext, .step_tokens_max = kContext, .logit_rows_max = kContext}) {
    pass_.load(*stream_);
    memory_.emplace(pass_.arena(), pass_.sequence_memory_shape());
    pool_.emplace(pass_.sequence_memory_shape().kv.block_count);
    table_.emplace(*pool_);
    EXPECT_TRUE(table_->reserve(kContext));
  }

  // [tokens after `prompt`, vocabulary]: what follows the prompt's last token and each of `more`.
  std::span<const float> logits(std::span<const TokenId> prompt, std::span<const TokenId> more) {
    if (prompt.size() > 1) run(prompt.first(prompt.size() - 1), 0, Batch::Logits::kNone);
    std::vector<TokenId> last{prompt.back()};
    last.insert(last.end(), more.begin(), more.end());
    const float* rows = run(last, std::ssize(prompt) - 1, Batch::Logits::kAll);
    return {rows, last.size() * static_cast<std::size_t>(pass_.spec().vocabulary)};
  }

  bool is_right(const Item& item) {
    const auto rows = logits(item.prompt, std::span(item.answer).first(item.answer.size() - 1));
    const auto vocabulary = static_cast<std::size_t>(pass_.spec().vocabulary);
    for (std::size_t i = 0; i < item.answer.size(); ++i) {
      const auto row = rows.subspan(i * vocabulary, vocabulary);
      if (std::max_element(row.begin(), row.end()) - row.begin() != item.answer[i]) return false;
    }
    return true;
  }

 private:
  const float* run(std::span<const TokenId> tokens, std::int64_t position, Batch::Logits wanted) {
    batch_.clear();
    batch_.add(tokens, position, table_->blocks(), 0, wanted);
    return pass_.run(*stream_, batch_, *memory_);
  }

  CpuDevice device_;
  std::unique_ptr<Stream> stream_;
  ForwardPass pass_;
  std::optional<SequenceMemory> memory_;
  std::optional<BlockPool> pool_;
  std::optional<BlockTable> table_;
  Batch batch_;
};

struct Score {
  int right = 0, count = 0;
  double percent() const { return 100.0 * right / count; }
};

std::map<std::string, Score> score(const ModelSource& source, ComputeMode compute, const std::vector<Item>& items) {
  LoadedModel model(source, compute);
  std::map<std::string, Score> scores;
  for (const Item& item : items) {
    if (item.task == "story") continue;  // has no one answer
    Score& of_task = scores[item.task];
    ++of_task.count;
    of_task.right += model.is_right(item) ? 1 : 0;
  }
  return scores;
}

// PyTorch's, in percent, by task; of the weights as the bundled file has them.
std::map<std::string, double> pytorch_accuracies(const char* number_type) {
  const json::value scores = json::parse(read_file(kModels / "scores.json"));
  std::map<std::string, double> accuracies;
  for (const auto& [task, values] : scores.at("scores").at("q8_0").at(number_type).as_object()) {
    if (const json::value* accuracy = values.as_object().if_contains("accuracy")) {
      accuracies[std::string(task)] = accuracy->to_number<double>();
    }
  }
  EXPECT_GE(accuracies.size(), 5u);
  return accuracies;
}

// Within `points` of PyTorch's; of a part of the items, one of them more may be wrong.
void expect_scores(const std::map<std::string, Score>& actual, const std::map<std::string, double>& expected,
                   double points) {
  for (const auto& [task, accuracy] : expected) {
    ASSERT_TRUE(actual.contains(task)) << task;
    const Score& of_task = actual.at(task);
    const double one = of_task.count < 50 ? 100.0 / of_task.count : 0;
    EXPECT_GE(of_task.percent(), accuracy - points - one) << task;
    std::printf("%-14s %3d of %3d, PyTorch %.1f %%\n", task.c_str(), of_task.right, of_task.count, accuracy);
  }
}

TEST(DemoModel, AnswersAsInPyTorch) {
  const auto source = ModelSource::open(kFile);
  const auto items = read_items(*source, kItemsPerTask);
  expect_scores(score(*source, ComputeMode::kF32, items), pytorch_accuracies("float32"), 1);
  expect_scores(score(*source, ComputeMode::kBf16, items), pytorch_accuracies("bfloat16"), 1);
}

TEST(DemoModel, LogitsAreThoseOfPyTorch) {
  const auto source = ModelSource::open(kFile);
  LoadedModel model(*source, ComputeMode::kF32);
  const json::value fixture = json::parse(read_file(kModels / "logits.json"));
  for (const json::value& prompt : fixture.at("prompts").as_array()) {
    const auto ids = json::value_to<std::vector<TokenId>>(prompt.at("ids"));
    const auto first = static_cast<std::size_t>(prompt.at("first_position").as_int64());
    const auto actual = model.logits(std::span(ids).first(first + 1), std::span(ids).subspan(first + 1));
    const auto bytes = base64_decode(std::string_view(prompt.at("logits_base64").as_string()));
    ASSERT_TRUE(bytes.has_value());
    EXPECT_LT(model_testing::relative_error(actual, model_testing::floats_of(*bytes)), 1e-4);
  }
}

// The bundled file's weights in another format; norms stay float32.
class Recoded {
 public:
  Recoded(const ModelSource& from, Format format) {
    GgufWriter writer;
    for (const Metadata::Entry& entry : from.metadata().entries()) writer.add(entry);
    std::ostringstream head;
    writer.write(head);
    head_ = head.str();
    std::vector<WeightEntry> tensors;
    for (const WeightEntry& tensor : from.tensors()) tensors.push_back(recode(tensor, format));
    source_ = ModelSource::in_memory("recoded", std::as_bytes(std::span(head_)), std::move(tensors));
  }
  const ModelSource& source() const { return *source_; }

 private:
  WeightEntry recode(const WeightEntry& tensor, Format format) {
    if (tensor.shape.rank() != 2) return tensor;
    const std::int64_t count = tensor.shape.element_count();
    std::vector<float> values(static_cast<std::size_t>(count));
    traits(tensor.format).decode_f32(tensor.bytes.data(), values.data(), count);
    std::vector<std::byte>& bytes = data_.emplace_back(static_cast<std::size_t>(format_bytes(format, count)));
    traits(format).encode(values.data(), bytes.data(), count);
    WeightEntry recoded = tensor;
    recoded.format = format;
    recoded.bytes = bytes;
    return recoded;
  }

  std::string head_;
  std::list<std::vector<std::byte>> data_;
  std::unique_ptr<ModelSource> source_;
};

// How many points below PyTorch's float32 on the q8_0 weights a format may be, in Hearth's default mode: as measured,
// with some room.
struct FormatCase {
  const char* name;
  double points;
};
class DemoModelFormat : public testing::TestWithParam<FormatCase> {};

TEST_P(DemoModelFormat, KeepsItsAbilities) {
  const auto source = ModelSource::open(kFile);
  const Format format = format_by_name(GetParam().name).value();
  ASSERT_NE(traits(format).encode, nullptr);
  const Recoded recoded(*source, format);
  expect_scores(score(recoded.source(), ComputeMode::kAuto, read_items(*source, kItemsPerTaskAndFormat)),
                pytorch_accuracies("float32"), GetParam().points);
}

INSTANTIATE_TEST_SUITE_P(Formats, DemoModelFormat,
                         testing::Values(FormatCase{"f32", 1}, FormatCase{"f16", 1}, FormatCase{"bf16", 1},
                                         FormatCase{"q8_0", 1}, FormatCase{"q6_k", 2}, FormatCase{"q4_k", 3},
                                         FormatCase{"q4_0", 5}, FormatCase{"mxfp4", 5}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace hearth
