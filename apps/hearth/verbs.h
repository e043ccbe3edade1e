// The verbs of the command line: each adds its subcommand, and sets `action` when it was chosen.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace hearth {

using Action = std::function<int()>;  // returns the exit status

void add_run(CLI::App& app, Action& action);
void add_chat(CLI::App& app, Action& action);
void add_serve(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_tokenize(CLI::App& app, Action& action);
void add_embed(CLI::App& app, Action& action);
void add_rerank(CLI::App& app, Action& action);
void add_quantize(CLI::App& app, Action& action);
void add_convert(CLI::App& app, Action& action);
void add_split(CLI::App& app, Action& action);
void add_join(CLI::App& app, Action& action);
void add_logits(CLI::App& app, Action& action);
void add_perplexity(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_imatrix(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_devices(CLI::App& app, Action& action);
void add_verify(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_render_template(CLI::App& app, Action& action);
// pull, list, show, cp, rm, ps, stop.
void add_model_verbs(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);  // of the verbs that are there
void add_man(CLI::App& app, Action& action);         // the same

// What MODEL may be, for a verb's help.
inline constexpr const char* kModelHelp =
    "A GGUF file, a Hugging Face folder, or the name of a model (`hearth list`); default: the bundled model";

struct ModelOptions;
// MODEL, --device, --threads, --ctx, --compute and --experts, as every computing verb takes them.
void add_model_options(CLI::App& verb, ModelOptions& options);
struct WindowOptions;
// The same where the context is a window of a text, which --file, --text or --tokens are; and --windows and --chunk.
void add_window_options(CLI::App& verb, ModelOptions& model, WindowOptions& windows, std::int64_t& chunk);
// --attention, of the verbs that show what a model computes.
void add_attention_option(CLI::App& verb, ModelOptions& options);
// --experts, which is one of add_model_options' as well.
void add_experts_option(CLI::App& verb, bool& on_host);
// --chat-template, of the verbs that hold a conversation.
void add_chat_template_option(CLI::App& verb, std::string& chat_template);
struct Speculation;
// --speculate and --draft-max, of the verbs that generate text or plan for it.
void add_speculation_options(CLI::App& verb, Speculation& speculation);
struct SamplingFlags;
// --temp and the others, --seed, --samplers, --logit-bias, as every generating verb takes them.
void add_sampling_options(CLI::App& verb, SamplingFlags& flags);

}  // namespace hearth
