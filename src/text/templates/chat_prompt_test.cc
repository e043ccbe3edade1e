// From a conversation to a prompt: what a template sees besides the messages, and what it does not.
#include "text/templates/chat_prompt.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "weights/gguf_writer.h"
#include "weights/model_source.h"
#include "weights/weights_test_support.h"

namespace hearth {
namespace {

constexpr std::string_view kTokenizer =
    R"({"model": {"type": "WordLevel", "vocab": {"a": 0, "<s>": 1, "</s>": 2, "<unk>": 3}, "unk_token": "<unk>"},
        "pre_tokenizer": null, "added_tokens": []})";

class ChatPrompt : public testing::Test {
 protected:
  std::string render(std::string_view source, std::string_view context = R"({"messages": []})") {
    folder_.write("config.json", "{}");
    folder_.write("tokenizer.json", kTokenizer);
    const auto model = ModelSource::open(folder_.path());
    const auto chat = ChatTemplate::from_source(*model, std::string(source)).value();
    return render_chat(chat, *Tokenizer::open(*model), boost::json::parse(context).as_object());
  }

  const TemporaryDirectory folder_;
};

TEST_F(ChatPrompt, ToolsAndDocumentsAreNoneWhereThereAreNone) {
  constexpr std::string_view kSource = "{{ tools is none }}{{ documents is none }}{{ tools is defined }}";
  EXPECT_EQ(render(kSource), "TrueTrueTrue");
  EXPECT_EQ(render(kSource, R"({"messages": [], "tools": null, "documents": []})"), "TrueTrueTrue");
  EXPECT_EQ(render(kSource, R"({"messages": [], "tools": [], "documents": [{"text": "d"}]})"), "TrueFalseTrue");
  EXPECT_EQ(render("{{ tools[0] }}{{ add_generation_prompt }}",
                   R"({"messages": [], "tools": ["t"], "add_generation_prompt": false})"),
            "tFalse");
}

TEST_F(ChatPrompt, SpecialTokensAreThoseThatTheFolderNames) {
  folder_.write("tokenizer_config.json",
                R"({"unk_token": "<unk>", "pad_token": {"content": "<pad>", "special": true}, "eos_token": null,
                    "additional_special_tokens": ["<x>", {"content": "<y>"}],
                    "extra_special_tokens": {"image_token": "<image>"}, "bos_token": "<s>"})");
  folder_.write("special_tokens_map.json", R"({"unk_token": "other", "sep_token": "<sep>", "cls_token": ""})");
  EXPECT_EQ(render("{{ bos_token }}{{ unk_token }}{{ pad_token + 'x' }}{{ sep_token }}{{ image_token }}"
                   "{{ additional_special_tokens|join }}"),
            "<s><unk><pad>x<sep><image><x><y>");
  EXPECT_EQ(render("{{ eos_token is defined }}{{ cls_token is defined }}{{ mask_token is defined }}"),
            "FalseFalseFalse");
}

TEST_F(ChatPrompt, TheVocabularysEndsStandWhereNoFileNamesThem) {
  folder_.write("generation_config.json", R"({"bos_token_id": 1, "eos_token_id": 2})");
  EXPECT_EQ(render("{{ bos_token }}{{ eos_token }}"), "<s></s>");
}

TEST_F(ChatPrompt, NothingIsNoPrompt) {
  expect_error<InvalidInput>([&] { render("{% if false %}x{% endif %}"); },
                             "the model's chat template renders nothing for this conversation");
}

TEST_F(ChatPrompt, AnotherTemplateIsAFileOrAText) {
  folder_.write("other.jinja", "from a file\n");
  EXPECT_EQ(render((folder_ / "other.jinja").string()), "from a file");
  EXPECT_EQ(render("{{ 'from a text' }}"), "from a text");
  expect_error<InvalidInput>([&] { render("chatml"); },
                             "the chat template 'chatml' is neither a file nor a template's text");
}

TEST_F(ChatPrompt, GgufMetadataNamesTokensByTheirIds) {
  GgufWriter writer;
  writer.add("general.architecture", "llama");
  writer.add("tokenizer.chat_template", "{{ unk_token }}{{ pad_token }}{{ cls_token is defined }}");
  writer.add("tokenizer.ggml.model", "gpt2");
  writer.add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "<unk>", "<pad>"});
  writer.add("tokenizer.ggml.merges", std::vector<std::string>{});
  writer.add("tokenizer.ggml.unknown_token_id", std::uint32_t{1});
  writer.add("tokenizer.ggml.padding_token_id", std::uint32_t{2});
  writer.add("tokenizer.ggml.cls_token_id", std::uint32_t{99});
  writer.write(folder_ / "m.gguf");
  const auto model = ModelSource::open(folder_ / "m.gguf");
  const auto chat = ChatTemplate::from_source(*model).value();
  boost::json::object context = chat.special_tokens();
  EXPECT_EQ(chat.render(context), "<unk><pad>False");
}

}  // namespace
}  // namespace hearth
