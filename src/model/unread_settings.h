// What a model's files say that nobody has read. A setting that changes results and is passed over gives a wrong answer
// that nobody notices, so what is left over of certain kinds is refused by name, unless it is known to change nothing.
#pragma once

#include "model/model_spec.h"
#include "model/settings.h"

namespace hearth {

// Call when the family has read its settings; `spec` is what it made of them. Looked at are
// - in GGUF files: the architecture's own keys under `attention.` and `rope.`;
// - in config.json: keys with one of these in their names: alibi, attention, attn, causal, layer_types, layernorm of
//   queries and keys, multiplier, rope, rotary, scal(e, ing, ar), sliding_window, softcap; and within `rope_parameters`
//   and `rope_scaling` every key.
// Of these a value passes that means "off" (null, false, 0, an empty text or list, a list of nothing but these, 1 for
// what multiplies), and what the lists of unread_settings.cc say is without effect. Throws Unsupported, naming all
// others.
void refuse_unread(const Settings& settings, const ModelSpec& spec);

}  // namespace hearth
