// The options that every verb takes which binds a model.
#include "apps/hearth/verbs.h"
#include "commands/model_session.h"

namespace hearth {

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("MODEL", options.path, "A GGUF file, or a Hugging Face folder")->required();
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
}

}  // namespace hearth
