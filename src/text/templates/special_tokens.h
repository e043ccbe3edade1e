// The special tokens that a model's files name, as transformers hands them to a template: bos_token, eos_token,
// unk_token, sep_token, pad_token, cls_token, mask_token, additional_special_tokens, and what a tokenizer has of its
// own kind (image_token).
#pragma once

#include <boost/json/object.hpp>

namespace hearth {

class ModelSource;

// Of a folder, what tokenizer_config.json names, then special_tokens_map.json; of a GGUF file, the tokens whose ids the
// metadata has. Null: the files say that there is none, and a template must not see the name at all.
boost::json::object special_tokens(const ModelSource& model);

}  // namespace hearth
