#include "commands/logits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "commands/numpy_file.h"

namespace hearth {
namespace {

constexpr std::int64_t kChunkDefault = 512;

}  // namespace

void write_logits(const LogitsOptions& options) {
  if (options.tokens.empty()) throw InvalidInput("--tokens is empty");
  ModelSession session(options.model);
  const auto count = static_cast<std::int64_t>(options.tokens.size());
  const std::int64_t chunk = std::min(options.chunk > 0 ? options.chunk : kChunkDefault, count);
  const std::int64_t context = options.model.context > 0 ? options.model.context : count;
  if (context < count) throw InvalidInput(fmt::format("{} tokens do not fit the context of {}", count, context));
  session.bind({.context = context, .step_tokens_max = chunk, .logit_rows_max = chunk});
  print_notes(session.pass().notes());
  SequenceRunner& runner = session.load();

  std::ofstream file(options.out, std::ios::binary | std::ios::trunc);
  file << npy_header(options.tokens.size(), session.pass().spec().vocabulary);
  runner.feed(options.tokens, [&](std::span<const float> logits) {
    file.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size_bytes()));
  });
  file.close();
  if (!file) throw InvalidInput(fmt::format("{}: cannot be written: {}", options.out.string(), std::strerror(errno)));
}

}  // namespace hearth
