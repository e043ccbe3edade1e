// From a conversation to the tokens that a model continues: the model's template renders it, its vocabulary encodes the
// text. Every part of Hearth that talks to a model comes through here, so that all send the same tokens.
//
// A template writes its special tokens as text, between the messages, so special tokens are recognized everywhere in
// what it rendered: a message that spells one out gets that token. Who takes messages from strangers has to know that.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/templates/chat_template.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

// The conversation as text. `context` holds messages, and tools and whatever else the template may name. Added is what
// transformers' apply_chat_template() passes, unless it is there: the special tokens, tools and documents that are
// none, add_generation_prompt (true). Messages come to the template in the form that it takes (conversation.h). Throws
// InvalidInput, with the template's own words, where the template refuses the conversation, and where it writes
// nothing.
std::string render_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer, boost::json::object context);

// The same as tokens. They begin with the beginning token where the vocabulary asks for one, and never with two because
// the template wrote one as well. Throws InvalidInput as render_chat(), and where nothing is left to start from.
std::vector<TokenId> encode_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                                 boost::json::object context);

// What encode_chat() does with the text, for who has changed it after rendering.
std::vector<TokenId> encode_rendered(const Tokenizer& tokenizer, std::string_view text);

// A plain prompt's tokens: special tokens' spellings in it are those tokens, and those that the vocabulary asks for are
// put around it. Throws InvalidInput where it is empty and the vocabulary has no beginning token to start from.
std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view text);

}  // namespace hearth
