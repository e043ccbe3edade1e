#include "commands/measure/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/json_value.h"
#include "base/thread_pool.h"
#include "base/utf8.h"
#include "commands/interrupt.h"
#include "commands/measure/log_probability.h"
#include "commands/measure/questions.h"
#include "commands/measure/scored_windows.h"
#include "commands/measure/statistics.h"
#include "commands/terminal_line.h"
#include "device/cpu/machine_limits.h"

namespace hearth {
namespace {

// All choices of all questions, one after the other.
struct Choices {
  std::vector<ScoredText> texts;
  std::vector<std::vector<std::int32_t>> continuations;
  std::vector<double> log_likelihoods;
};

Choices encode_choices(const Tokenizer& tokenizer, const std::vector<Question>& questions, const EvalOptions& options) {
  Choices result;
  for (const Question& question : questions) {
    for (const std::string& choice : question.choices) {
      try {
        Continuation continuation =
            encode_continuation(tokenizer, question.context, options.delimiter + choice, !options.no_special);
        result.texts.push_back(std::move(continuation.scored));
        result.continuations.push_back(std::move(continuation.tokens));
      } catch (const InvalidInput& error) {
        throw InvalidInput(fmt::format("{}, line {}: {}", options.file.string(), question.line, error.what()));
      }
      const std::int64_t count = std::ssize(result.texts.back().tokens), context = options.model.context;
      if (context > 0 && count > context) {
        throw InvalidInput(fmt::format("{}, line {}: {} tokens do not fit the context of {}", options.file.string(),
                                       question.line, count, context));
      }
    }
  }
  result.log_likelihoods.resize(result.texts.size());
  return result;
}

// A continuation's tokens in their order, whatever steps they come in.
void add_rows(Choices& choices, std::span<const TextScorer::Row> rows, ThreadPool& pool) {
  std::vector<double> log_probabilities(rows.size());
  pool.run_ranges(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const TextScorer::Row& row = rows[i];
      const auto place = static_cast<std::size_t>(row.position - choices.texts[row.text].scored_from);
      const auto token = static_cast<std::size_t>(choices.continuations[row.text][place]);
      log_probabilities[i] = static_cast<double>(row.logits[token]) - log_normalizer(row.logits);
    }
  });
  for (std::size_t i = 0; i < rows.size(); ++i) choices.log_likelihoods[rows[i].text] += log_probabilities[i];
}

std::size_t greatest(std::span<const double> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

// The choice with the greatest log-likelihood, as it is and for each character or byte of the choice.
struct Picks {
  std::size_t plain, by_characters, by_bytes;
};

Picks picks_of(const Question& question, std::span<const double> log_likelihoods) {
  std::vector<double> by_characters, by_bytes;
  for (std::size_t i = 0; i < log_likelihoods.size(); ++i) {
    const std::string& choice = question.choices[i];
    by_characters.push_back(log_likelihoods[i] / static_cast<double>(count_code_points(choice)));
    by_bytes.push_back(log_likelihoods[i] / static_cast<double>(choice.size()));
  }
  return {greatest(log_likelihoods), greatest(by_characters), greatest(by_bytes)};
}

struct Totals {
  double plain = 0, by_characters = 0, by_bytes = 0;
};

std::string question_line(const Question& question, std::span<const double> log_likelihoods, const Picks& picks) {
  return serialized_json(
      boost::json::object{{"line", question.line},
                          {"gold", question.gold},
                          {"log_likelihoods", boost::json::array(log_likelihoods.begin(), log_likelihoods.end())},
                          {"pick", picks.plain},
                          {"pick_norm", picks.by_characters},
                          {"pick_bytes", picks.by_bytes}});
}

// Counts what was right, and writes a line for each question.
Totals grade(const std::vector<Question>& questions, const Choices& choices, const std::filesystem::path& out) {
  std::ofstream file;
  if (!out.empty()) file.open(out, std::ios::binary | std::ios::trunc);
  Totals totals;
  std::span<const double> left = choices.log_likelihoods;
  for (const Question& question : questions) {
    const std::span<const double> own = left.first(question.choices.size());
    left = left.subspan(own.size());
    for (const double value : own) {
      if (std::isnan(value))
        throw InvalidInput(fmt::format("line {}: the model's logits are not numbers", question.line));
    }
    const Picks picks = picks_of(question, own);
    totals.plain += picks.plain == question.gold ? 1 : 0;
    totals.by_characters += picks.by_characters == question.gold ? 1 : 0;
    totals.by_bytes += picks.by_bytes == question.gold ? 1 : 0;
    if (!out.empty()) file << question_line(question, own, picks) << '\n';
  }
  if (!out.empty()) {
    file.close();
    if (!file) throw InvalidInput(fmt::format("{}: cannot be written: {}", out.string(), std::strerror(errno)));
  }
  return totals;
}

void print_totals(const Totals& totals, std::size_t question_count, std::int64_t shared_tokens, bool as_json) {
  const auto count = static_cast<double>(question_count);
  const Estimate plain = share_of(totals.plain, count), by_characters = share_of(totals.by_characters, count),
                 by_bytes = share_of(totals.by_bytes, count);
  if (as_json) {
    std::puts(serialized_json(boost::json::object{{"questions", question_count},
                                                  {"acc", plain.value},
                                                  {"acc_stderr", plain.error},
                                                  {"acc_norm", by_characters.value},
                                                  {"acc_norm_stderr", by_characters.error},
                                                  {"acc_bytes", by_bytes.value},
                                                  {"acc_bytes_stderr", by_bytes.error},
                                                  {"shared_tokens", shared_tokens}})
                  .c_str());
    return;
  }
  for (const auto& [name, share] : {std::pair{"acc", plain}, {"acc_norm", by_characters}, {"acc_bytes", by_bytes}}) {
    fmt::print("{:<10}{:.4f} +/- {:.4f}\n", name, share.value, share.error);
  }
  fmt::print("{} questions\n", question_count);
}

}  // namespace

int evaluate(const EvalOptions& options) {
  std::vector<Question> questions = read_questions(options.file);
  if (options.question_max > 0 && options.question_max < std::ssize(questions)) {
    questions.resize(static_cast<std::size_t>(options.question_max));
  }
  ModelSession session(options.model);
  const auto tokenizer = Tokenizer::open(session.source());
  print_notes(tokenizer->notes());
  Choices choices = encode_choices(*tokenizer, questions, options);
  ScorerShape shape{.context = options.model.context,
                    .rows_of_text = 1,
                    .text_count = std::ssize(choices.texts),
                    .step_tokens = options.chunk,
                    .share_prefixes = true};
  for (std::size_t i = 0; i < choices.texts.size(); ++i) {
    if (options.model.context <= 0) shape.context = std::max(shape.context, std::ssize(choices.texts[i].tokens));
    shape.rows_of_text = std::max(shape.rows_of_text, std::ssize(choices.continuations[i]));
  }
  bind_for_scoring(session, shape);
  for (const auto& tokens : choices.continuations) check_in_vocabulary(tokens, session.pass().spec().vocabulary);
  session.load_pass();

  const InterruptGuard guard;
  ThreadPool pool(options.model.threads > 0 ? options.model.threads : usable_core_count());
  TextScorer scorer(session.pass(), session.stream(), shape.share_prefixes);
  TerminalLine line;
  const bool is_whole = scorer.run(choices.texts, [&](std::span<const TextScorer::Row> rows) {
    add_rows(choices, rows, pool);
    if (!rows.empty()) line.show(fmt::format("choice {} of {}", rows.back().text + 1, choices.texts.size()));
    return !guard.interrupted();
  });
  if (!is_whole) {
    std::fputs("stopped; nothing was measured\n", stderr);
    return kExitInterrupted;
  }
  print_totals(grade(questions, choices, options.out), questions.size(), scorer.shared_tokens(), options.json);
  return 0;
}

}  // namespace hearth
