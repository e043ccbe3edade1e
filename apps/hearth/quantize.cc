// quantize and convert: a model's weights in another format, or in another kind of file.
#include "commands/quantize.h"

#include "apps/hearth/verbs.h"

namespace hearth {
namespace {

// What both verbs take behind MODEL.
void add_writing_options(CLI::App& verb, QuantizeOptions& options, const char* type_help, bool needs_type) {
  verb.add_option("OUT", options.out, "The GGUF file to write")->required();
  verb.add_option("--type", options.type, type_help)->required(needs_type);
  verb.add_option("--tensor-type", options.tensor_types,
                  "PATTERN=FORMAT: another format for matrices whose name a regular expression matches, as in "
                  "'ffn_down=q6_k'; repeatable, the first that matches counts")
      ->allow_extra_args(false);
  verb.add_option("--imatrix", options.importance,
                  "An importance matrix, in llama.cpp's GGUF form: errors count by what a column is multiplied with");
  verb.add_option(
      "--lora", options.lora,
      "A LoRA adapter to merge into the weights: a PEFT folder, for a Hugging Face folder, or a GGUF file of "
      "llama.cpp's");
  verb.add_option("--threads", options.threads, "CPU threads; 0: one for each core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  verb.add_flag("--dry-run", options.dry_run, "Show which tensor gets which format, and write nothing");
  verb.footer(
      "Types: F32, F16, BF16, Q8_0, Q6_K, Q5_K_M, Q5_K_S, Q4_K_M, Q4_K_S, Q3_K_L, Q3_K_M, Q3_K_S, Q2_K, Q2_K_S,\n"
      "Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, IQ4_XS, MXFP4, and MXFP4_MOE (experts alone in mxfp4, the rest in q8_0).");
}

}  // namespace

void add_quantize(CLI::App& app, Action& action) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App& verb = *app.add_subcommand("quantize", "Write a model's weights in another format");
  verb.add_option("MODEL", options->model, "A GGUF file, a Hugging Face folder, or the name of a model (`hearth list`)")
      ->required();
  add_writing_options(verb, *options, "What to make of it, by the name that people know: Q4_K_M, Q6_K, Q8_0, …", true);
  verb.callback([options, &action] { action = [options] { return quantize_model(*options); }; });
}

void add_convert(CLI::App& app, Action& action) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App& verb = *app.add_subcommand("convert", "Make a GGUF file of a Hugging Face folder");
  verb.add_option("FOLDER", options->model, "A Hugging Face folder, or the name of a model (`hearth list`)")
      ->required();
  add_writing_options(verb, *options, "What to make of matrices: Q4_K_M, F16, …; default: they stay as they are",
                      false);
  verb.callback([options, &action] { action = [options] { return quantize_model(*options); }; });
}

}  // namespace hearth
