// The hearth program: parses the command line, runs one verb, and turns errors into one sentence and an exit status:
// 0, 1 for a failure, 2 for wrong usage, 130 when interrupted.
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "apps/hearth/numbers.h"
#include "apps/hearth/verbs.h"
#include "apps/hearth/version.h"
#include "base/error.h"
#include "base/escape.h"
#include "kernels/gpu/gpu_code.h"

namespace {

// The commit, and what there are kernels for.
std::string version_text() {
  std::string targets;
  for (const std::string_view target : hearth::embedded_gpu_code().targets()) {
    targets += targets.empty() ? "" : ", ";
    targets += target;
  }
  return std::string(hearth::kVersionText) + "; gpu: " + (targets.empty() ? "none" : targets);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Hearth runs large language models on the hardware you own."};
  app.name("hearth");
  app.set_version_flag("--version", version_text);
  app.require_subcommand(1);
  hearth::Action action;
  hearth::add_run(app, action);
  hearth::add_chat(app, action);
  hearth::add_serve(app, action);
  hearth::add_model_verbs(app, action);
  hearth::add_inspect(app, action);
  hearth::add_plan(app, action);
  hearth::add_tokenize(app, action);
  hearth::add_render_template(app, action);
  hearth::add_logits(app, action);
  hearth::add_embed(app, action);
  hearth::add_rerank(app, action);
  hearth::add_perplexity(app, action);
  hearth::add_imatrix(app, action);
  hearth::add_eval(app, action);
  hearth::add_quantize(app, action);
  hearth::add_convert(app, action);
  hearth::add_split(app, action);
  hearth::add_join(app, action);
  hearth::add_bench(app, action);
  hearth::add_devices(app, action);
  hearth::add_doctor(app, action);
  hearth::add_verify(app, action);
  hearth::add_replay(app, action);
  hearth::add_completion(app, action);
  hearth::add_man(app, action);
  hearth::read_numbers_in_base_ten(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int kExitUsage = 2;
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  try {
    const int status = action();
    // A full disk or a closed pipe shows here at the latest.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      throw hearth::DeviceError("standard output: write failed");
    return status;
  } catch (const std::bad_alloc&) {
    std::fputs("hearth: out of memory\n", stderr);
  } catch (const std::exception& error) {
    // Names and texts of untrusted files stand in it.
    std::fprintf(stderr, "hearth: %s\n", hearth::printable_text(error.what()).c_str());
  }
  return 1;
}
