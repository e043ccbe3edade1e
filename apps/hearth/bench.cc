#include "commands/bench.h"

#include "apps/hearth/verbs.h"
#include "apps/hearth/version.h"

namespace hearth {

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  options->version = kVersionText;
  CLI::App& verb = *app.add_subcommand("bench", "Measure prompt and decode speeds as a share of the devices' limits");
  // Lists are separated by commas; what stands after them is not theirs.
  const auto list = [&](const char* name, auto& values, const char* help) {
    return verb.add_option(name, values, help)->delimiter(',')->allow_extra_args(false)->capture_default_str();
  };
  const std::int64_t none = 0, one = 1, many = std::int64_t{1} << 24;
  CLI::Option* model = verb.add_option("MODEL", options->path, "A GGUF file, or a Hugging Face folder");
  CLI::Option* shape =
      verb.add_option("--shape", options->shape, "Instead of MODEL: a well-known shape with random weights");
  shape->excludes(model);
  verb.add_option("--format", options->format, "The weight format of --shape's matrices")
      ->capture_default_str()
      ->needs(shape);
  list("-p,--prompt", options->prompts, "Prompt lengths; 0: none")->check(CLI::Range(none, many));
  list("-n,--predict", options->decodes, "Tokens to decode; 0: none")->check(CLI::Range(none, many));
  list("-d,--depth", options->depths, "Tokens in the cache before")->check(CLI::Range(none, many));
  list("-b,--batch", options->batches, "Sequences that decode together")->check(CLI::Range(one, std::int64_t{4096}));
  verb.add_option("-r,--repetitions", options->repetitions, "How often each is measured")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  list("--device", options->devices, "auto, cpu, gpu, cuda:N, hip:N; several are compared with the first");
  verb.add_option("--threads", options->threads, "CPU threads; 0: one for each core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  verb.add_option("--compute", options->compute, "auto, f32, bf16 or int8: how matrices are multiplied")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "f32", "bf16", "int8"}));
  verb.add_option("--chunk", options->step_tokens, "Prompt tokens per step; default: 512 on the CPU, 2048 on a GPU")
      ->check(CLI::Range(1, 65536));
  verb.add_flag("--share-depth", options->share_depth, "The sequences of a batch share the cache of their depth");
  verb.add_option("-o,--output", options->output, "table, json, csv or md")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json", "csv", "md"}));
  verb.callback([options, model, shape, &action] {
    if (model->empty() && shape->empty()) throw CLI::RequiredError("MODEL or --shape");
    action = [options] {
      bench(*options);
      return 0;
    };
  });
}

}  // namespace hearth
