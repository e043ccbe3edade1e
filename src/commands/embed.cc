#include "commands/embed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/read_file.h"
#include "commands/load_for_texts.h"
#include "commands/numpy_file.h"
#include "engine/embedder.h"
#include "model/embedding.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {
namespace {

std::string prompt_text(const EmbeddingSpec& spec, const EmbedOptions& options) {
  if (!options.prompt) return spec.default_prompt;
  if (const EmbeddingSpec::Prompt* found = spec.find_prompt(*options.prompt)) return found->text;
  std::vector<std::string> names;
  for (const EmbeddingSpec::Prompt& prompt : spec.prompts) names.push_back(prompt.name);
  throw InvalidInput(
      names.empty() ? fmt::format("the model has no prompts, and none called '{}'", *options.prompt)
                    : fmt::format("the model has no prompt '{}'; it has {}", *options.prompt, fmt::join(names, ", ")));
}

std::vector<std::vector<std::int32_t>> read_texts(const ModelSource& source, const EmbeddingSpec& spec,
                                                  const EmbedOptions& options) {
  if (!options.tokens.empty()) return {options.tokens};
  std::vector<std::string> texts = options.texts;
  if (options.file) {
    for (std::string& line : text_lines(read_file(*options.file))) texts.push_back(std::move(line));
  }
  if (texts.empty() && !options.file) texts = text_lines(read_standard_input());
  if (texts.empty()) throw InvalidInput("there is no text");
  const auto tokenizer = Tokenizer::open(source);
  print_notes(tokenizer->notes());
  const std::string prompt = prompt_text(spec, options);
  std::vector<std::vector<std::int32_t>> tokens;
  for (const std::string& text : texts) {
    tokens.push_back(tokenizer->encode(prompt + text, {.add_special = true, .parse_special = true}));
  }
  return tokens;
}

// Where vectors go as they come.
class VectorWriter {
 public:
  VectorWriter(const std::filesystem::path& path, std::size_t rows, std::int64_t columns) : path_(path) {
    if (path_.empty()) return;
    file_.open(path_, std::ios::binary | std::ios::trunc);
    file_ << npy_header(rows, columns);
  }
  void write(std::span<const float> row) {
    if (path_.empty()) {
      fmt::print("[{}]\n", fmt::join(row, ","));
      return;
    }
    file_.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(row.size_bytes()));
  }
  void close() {
    if (path_.empty()) return;
    file_.close();
    if (!file_) throw InvalidInput(fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno)));
  }

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace

void embed(const EmbedOptions& options) {
  ModelSession session(options.model);
  const ModelSpec model = read_model_spec(Settings(session.source()));
  EmbeddingSpec spec = read_embedding_spec(session.source(), model);
  if (options.pooling) {
    const auto pooling = parse_pooling(*options.pooling);
    if (!pooling) throw InvalidInput(fmt::format("pooling '{}' is not one of mean, cls, last, none", *options.pooling));
    spec.pooling = *pooling;
  }
  const bool pools = spec.pooling != Pooling::kNone;
  const std::int64_t width = pools ? spec.width : model.width;
  const std::int64_t dimensions = options.dimensions > 0 ? options.dimensions : width;
  if (dimensions > width || (!pools && dimensions != width)) {
    throw InvalidInput(fmt::format("{} dimensions were asked for; the model has {}", dimensions, width));
  }
  const auto texts = read_texts(session.source(), spec, options);
  load_for_texts(session, options.model.context, texts);

  std::size_t rows = texts.size();
  if (!pools) {
    rows = 0;
    for (const auto& text : texts) rows += text.size();
  }
  VectorWriter writer(options.out, rows, dimensions);
  Embedder(session.pass(), session.stream()).run(texts, [&](std::size_t, std::span<const float> states) {
    if (!pools) {
      const auto row = static_cast<std::size_t>(width);
      for (std::size_t at = 0; at < states.size(); at += row) writer.write(states.subspan(at, row));
      return;
    }
    Pooler pooler(spec.pooling, model.width);
    pooler.add(states);
    std::vector<float> vector = through_dense(spec.dense, pooler.result());
    vector.resize(static_cast<std::size_t>(dimensions));
    writer.write(spec.normalize ? normalized(std::move(vector), static_cast<std::size_t>(dimensions)) : vector);
  });
  writer.close();
}

}  // namespace hearth
