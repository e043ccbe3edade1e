// Steps of a decoder become functions of one token's text.
#include "text/tokenizers/hugging_face_decoder.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "text/tokenizers/byte_alphabet.h"
#include "text/tokenizers/hugging_face_steps.h"
#include "text/tokenizers/normalizer.h"
#include "weights/json_fields.h"

namespace hearth {
namespace {

namespace json = boost::json;

std::string from_byte_level(std::string text) {
  if (auto bytes = bytes_from_alphabet(text)) return std::move(*bytes);
  return text;
}

std::string from_byte_fallback(std::string text) {
  const int byte = byte_of_token_text(text);
  return byte < 0 ? text : std::string(1, static_cast<char>(byte));
}

std::function<std::string(std::string)> replacing(std::string from, std::string to) {
  return [from = std::move(from), to = std::move(to)](std::string text) { return replace_all(text, from, to); };
}

std::size_t count_field(const json::object& step, std::string_view name) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, integer_field(step, name).value_or(0)));
}

}  // namespace

HuggingFaceDecoder::HuggingFaceDecoder(const json::object* decoder) {
  if (decoder != nullptr) {
    add(*decoder);
    return;
  }
  steps_.push_back([](std::string text) { return " " + text; });
  rules_.leading_count_max = 1;
}

std::string HuggingFaceDecoder::bytes(std::string_view token_text) const {
  std::string text(token_text);
  for (const auto& step : steps_) text = step(std::move(text));
  return text;
}

void HuggingFaceDecoder::add(const json::object& step) {
  const std::string_view type = required_string(step, "type");
  if (type == "Sequence") {
    for (const json::value& value : required_array(step, "decoders")) add(as_object(value, "decoders"));
  } else if (type == "ByteLevel") {
    steps_.push_back(from_byte_level);
  } else if (type == "ByteFallback") {
    steps_.push_back(from_byte_fallback);
  } else if (type == "Fuse") {
    fused_ = true;
  } else if (type == "Replace") {
    auto replace = std::make_shared<ReplaceNormalizer>(pattern_from_json(required_object(step, "pattern")),
                                                       std::string(required_string(step, "content")));
    steps_.push_back([replace](std::string text) { return replace->apply(std::move(text)); });
  } else if (type == "Metaspace") {
    steps_.push_back(replacing(std::string(string_field(step, "replacement").value_or(kVisibleSpace)), " "));
    const bool prepends = string_field(step, "prepend_scheme").value_or("always") != "never" &&
                          bool_field(step, "add_prefix_space").value_or(true);
    if (prepends) rules_.leading_count_max = 1;
  } else if (type == "Strip") {
    add_strip(step);
  } else if (type == "WordPiece") {
    add_word_piece(step);
  } else if (type == "BPEDecoder") {
    steps_.push_back(replacing(std::string(string_field(step, "suffix").value_or("</w>")), " "));
    rules_.drop_trailing_space = true;
  } else {
    throw Unsupported(fmt::format("tokenizer.json: the decoder \"{}\" is unknown.", type));
  }
}

void HuggingFaceDecoder::add_strip(const json::object& step) {
  std::string content(required_string(step, "content"));
  const std::size_t start = count_field(step, "start");
  const std::size_t stop = count_field(step, "stop");
  if (fused_) {  // then it is about the ends of the text; nothing is known to strip its end
    if (stop > 0) throw Unsupported("tokenizer.json: the decoder \"Strip\" strips the end of the text.");
    rules_.leading = std::move(content);
    rules_.leading_count_max = start;
    return;
  }
  steps_.push_back([content = std::move(content), start, stop](std::string text) {
    for (std::size_t i = 0; i < start && !content.empty() && text.starts_with(content); ++i)
      text.erase(0, content.size());
    for (std::size_t i = 0; i < stop && !content.empty() && text.ends_with(content); ++i) {
      text.resize(text.size() - content.size());
    }
    return text;
  });
}

void HuggingFaceDecoder::add_word_piece(const json::object& step) {
  std::string prefix(string_field(step, "prefix").value_or("##"));
  steps_.push_back([prefix = std::move(prefix)](std::string text) {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : " " + text;
  });
  rules_.leading_count_max = 1;
  rules_.clean_up_spaces = bool_field(step, "cleanup").value_or(true);
}

}  // namespace hearth
