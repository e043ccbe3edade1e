// What the parsers of OpenAI's requests share. Every function throws HttpError 400, naming the field.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/fields.h"
#include "server/openai/openai_request.h"

namespace hearth {

// Fields of the request that have no effect on a model that runs here; docs/openai-api.md lists them.
std::span<const std::string_view> openai_fields_without_effect();
// They have the types that OpenAI gives them.
void check_fields_without_effect(const Fields& fields);

// A text, an array of texts, an array of tokens, or an array of such arrays; not empty.
std::vector<PromptText> read_prompts(const Fields& fields, std::string_view name);

// What the endpoints have in common: sampling, `stream`, and the fields that only Hearth has.
void read_common(const Fields& fields, OpenAiRequest& request, SamplerOptions defaults);
void read_choice_count(const Fields& fields, OpenAiRequest& request);  // `n`
// `stream_options`, which only a streamed request may have.
void read_stream_options(const Fields& fields, OpenAiRequest& request);
// `chat_template_kwargs`: variables for the model's template. Must come before the conversation itself is put there.
void read_template_variables(const Fields& fields, boost::json::object& context);

// A message's `content`, or what else is called so, a string or an array of parts, as templates have it: a string, or a
// list of text parts; nullopt: there is none. `types`: the parts that hold text.
std::optional<boost::json::value> template_content(const Fields& message, std::span<const std::string_view> types,
                                                   std::string_view name = "content");
// The same as one text, the parts on lines of their own.
std::optional<std::string> text_of_parts(const Fields& message, std::string_view name,
                                         std::span<const std::string_view> types);

inline constexpr int kTopLogprobsMax = 20;

}  // namespace hearth
