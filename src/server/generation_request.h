// What the APIs' requests have in common: how a generation's own fields are read from JSON. Every function throws
// HttpError 400, naming the field, where a value has the wrong type or is out of range.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "sampling/sampler_options.h"
#include "server/fields.h"

namespace hearth {

// Sets what the fields name: the options of sampler_option_table(), `samplers` (the stages' names, as an array or as
// "top_k;temperature"), `dry_sequence_breakers`, `logit_bias` ({"token id": number}) and `seed` (a whole number of 64
// bits, with or without a sign; -1 leaves the one that was drawn).
void read_sampling(const Fields& fields, SamplerOptions& options);

// A text, or an array of texts; an empty text is refused.
std::vector<std::string> read_stop(const Fields& fields, std::string_view name);

// How many tokens an answer may have; below 0: as many as the context takes, for -1, null and where the field is left
// out. More than fit are no mistake either.
std::int64_t read_token_limit(const Fields& fields, std::string_view name, std::int64_t lowest = 1);

// What OpenAI's API does not have: `priority`, `cache_prompt`, `ignore_eos`, `timeout`, in seconds from now, and how
// many tokens may be thought, by three names.
void read_scheduling(const Fields& fields, Request& request);

// Is it one that read_sampling() or read_scheduling() reads?
bool is_generation_field(std::string_view name);

// The first field that is neither in `known` nor, unless `generation_fields` is false, a generation's.
std::optional<std::string_view> unknown_field(const Fields& fields,
                                              std::initializer_list<std::span<const std::string_view>> known,
                                              bool generation_fields);
// Refuses it, in OpenAI's words.
void refuse_unknown_fields(const Fields& fields, std::initializer_list<std::span<const std::string_view>> known,
                           bool generation_fields = true);

}  // namespace hearth
