// The options that several verbs share: of what binds a model, and of what generates text.
#include "apps/hearth/verbs.h"
#include "commands/model_session.h"
#include "commands/sampling_flags.h"
#include "engine/drafter.h"

namespace hearth {

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("MODEL", options.path, kModelHelp);
  verb.add_option("--device", options.device, "auto, cpu, gpu, cuda:N or hip:N")->capture_default_str();
  verb.add_option("--threads", options.threads, "CPU threads; 0: one for each core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  verb.add_option("--ctx", options.context, "Positions of context; default: what is needed")
      ->check(CLI::PositiveNumber);
  verb.add_option("--compute", options.compute,
                  "auto, f32, bf16 or int8: how matrices are multiplied; auto: float32 files in f32, quantized ones "
                  "with int8 activations, others in bf16")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "f32", "bf16", "int8"}));
  add_experts_option(verb, options.experts_on_host);
}

void add_experts_option(CLI::App& verb, bool& on_host) {
  verb.add_option_function<std::string>(
          "--experts", [&on_host](const std::string& name) { on_host = name == "host"; },
          "device, or host: experts' weights stay in pinned host memory, for a GPU whose own is too small; slower, the "
          "same bits")
      ->default_str("device")
      ->check(CLI::IsMember({"device", "host"}));
}

void add_attention_option(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--attention", options.attention,
                  "fused, or steps: scores, mask, softmax and weighted sum as operators of their own, slower and with "
                  "memory for all scores, to check the fused kernel")
      ->capture_default_str()
      ->check(CLI::IsMember({"fused", "steps"}));
}

void add_chat_template_option(CLI::App& verb, std::string& chat_template) {
  verb.add_option("--chat-template", chat_template,
                  "A file with a Jinja template, or its text, in place of the model's own");
}

void add_speculation_options(CLI::App& verb, Speculation& speculation) {
  verb.add_option_function<std::string>(
          "--speculate", [&speculation](const std::string& name) { speculation.mode = parse_speculation(name); },
          "ngram: tokens that followed the last ones where they stood before are computed ahead, and kept where they "
          "are chosen; off. Changes no bit of an answer")
      ->default_str("ngram")
      ->check(CLI::IsMember({"off", "ngram"}));
  verb.add_option("--draft-max", speculation.draft_max, "Tokens of a request that are computed ahead, at most")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, Speculation::kDraftMax));
}

void add_sampling_options(CLI::App& verb, SamplingFlags& flags) {
  verb.add_option("--logit-bias", flags.logit_bias, "ID:VALUE, added to a token's logit; repeatable")
      ->group("Sampling");
  for (const SamplerOption& option : sampler_option_table()) {
    verb.add_option_function<double>(
            "--" + std::string(option.flag),
            [&flags, name = std::string(option.name)](double value) { flags.options[name] = value; },
            std::string(option.help))
        ->group("Sampling")
        ->type_name("NUMBER");
  }
  verb.add_option("--seed", flags.seed, "The same seed gives the same text; default: drawn, and reported")
      ->group("Sampling");
  verb.add_option("--samplers", flags.stages, "The stages and their order, as in 'penalties;top_k;temperature'")
      ->group("Sampling");
}

}  // namespace hearth
