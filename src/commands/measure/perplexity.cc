#include "commands/measure/perplexity.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/json_value.h"
#include "base/thread_pool.h"
#include "commands/interrupt.h"
#include "commands/measure/log_probability.h"
#include "commands/measure/statistics.h"
#include "commands/terminal_line.h"
#include "device/cpu/machine_limits.h"

namespace hearth {
namespace {

using Clock = std::chrono::steady_clock;

// What is less likely in the base run adds nothing to the divergence: its file does not tell such tokens apart.
constexpr double kLogProbabilityMin = -16;

// One number for each scored token, in the order of the text, whatever order they come in.
struct TokenScores {
  std::vector<double> surprisal;  // -ln p of the token that follows
  // With a base run:
  std::vector<double> base_surprisal, divergence,
      difference;  // difference: of the token's probability, less the base's
  std::vector<char> same_top;
};

class WindowScorer {
 public:
  WindowScorer(const TextWindows& windows, const BaseFile* base, BaseWriter* writer, int threads)
      : windows_(windows), base_(base), writer_(writer), pool_(threads) {
    const auto count = static_cast<std::size_t>(windows.count() * windows.scored_count());
    scores_.surprisal.resize(count);
    if (base == nullptr) return;
    for (auto* list : {&scores_.base_surprisal, &scores_.divergence, &scores_.difference}) list->resize(count);
    scores_.same_top.resize(count);
  }

  void add(std::span<const TextScorer::Row> rows) {
    encoded_.resize(writer_ == nullptr ? 0 : rows.size());
    pool_.run_ranges(std::ssize(rows), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) score(rows[i], i);
    });
    for (std::size_t i = 0; i < encoded_.size(); ++i) {
      if (encoded_[i].empty()) continue;  // of logits that are no numbers, which is said at the end
      writer_->write(static_cast<std::int64_t>(rows[i].text), index_of(rows[i]), encoded_[i]);
    }
    scored_ += std::ssize(rows);
  }

  const TokenScores& scores() const { return scores_; }
  std::int64_t scored() const { return scored_; }

 private:
  std::int64_t index_of(const TextScorer::Row& row) const { return row.position - windows_.first_scored(); }

  void score(const TextScorer::Row& row, std::size_t i) {
    const auto window = static_cast<std::int64_t>(row.text);
    const auto place = static_cast<std::size_t>(window * windows_.scored_count() + index_of(row));
    const auto next = static_cast<std::size_t>(windows_.window(window)[static_cast<std::size_t>(row.position) + 1]);
    const double normalizer = log_normalizer(row.logits);
    const double log_p = static_cast<double>(row.logits[next]) - normalizer;
    scores_.surprisal[place] = -log_p;
    if (writer_ != nullptr && std::isfinite(normalizer)) encoded_[i] = BaseWriter::encode(row.logits, normalizer);
    if (base_ != nullptr) compare(row, normalizer, next, place);
  }

  void compare(const TextScorer::Row& row, double normalizer, std::size_t next, std::size_t place) {
    std::vector<double> base(row.logits.size());
    base_->read(static_cast<std::int64_t>(row.text), index_of(row), base);
    double divergence = 0;
    for (std::size_t i = 0; i < base.size(); ++i) {
      if (base[i] <= kLogProbabilityMin) continue;
      divergence += std::exp(base[i]) * (base[i] - static_cast<double>(row.logits[i]) + normalizer);
    }
    scores_.divergence[place] = divergence;
    scores_.base_surprisal[place] = -base[next];
    scores_.difference[place] = std::exp(-scores_.surprisal[place]) - std::exp(base[next]);
    const auto base_top = static_cast<std::size_t>(std::max_element(base.begin(), base.end()) - base.begin());
    scores_.same_top[place] = base_top == likeliest(row.logits) ? 1 : 0;
  }

  const TextWindows& windows_;
  const BaseFile* base_;
  BaseWriter* writer_;
  ThreadPool pool_;
  TokenScores scores_;
  std::vector<std::vector<std::uint16_t>> encoded_;  // of a step's rows
  std::int64_t scored_ = 0;
};

Estimate exponential(Estimate logarithm) {
  const double value = std::exp(logarithm.value);
  return {value, value * logarithm.error};
}

// All that is reported, in the order in which it is.
struct Line {
  const char *key, *label;
  double value;
  std::optional<double> error;
  bool is_share = false;  // printed in hundredths
};

Line line_of(const char* key, const char* label, const Estimate& estimate, bool is_share = false) {
  return {key, label, estimate.value, estimate.error, is_share};
}

std::vector<Line> lines_of(const TokenScores& scores, bool has_base) {
  const Estimate surprisal = mean_of(scores.surprisal);
  std::vector<Line> lines{line_of("perplexity", "perplexity", exponential(surprisal))};
  if (!has_base) return lines;
  const Estimate base = mean_of(scores.base_surprisal);
  const double covariance = covariance_of_means(scores.surprisal, scores.base_surprisal);
  const double variance = surprisal.error * surprisal.error + base.error * base.error - 2 * covariance;
  const Estimate log_ratio{surprisal.value - base.value, std::sqrt(std::max(0.0, variance))};
  lines.push_back(line_of("base_perplexity", "of the base run", exponential(base)));
  lines.push_back(line_of("ratio", "ratio", exponential(log_ratio)));
  lines.push_back(line_of("kl_divergence", "KL divergence", mean_of(scores.divergence)));
  const std::vector<double> sorted = sorted_copy(scores.divergence);
  struct Quantile {
    const char *key, *label;
    double fraction;
  };
  for (const Quantile& quantile : {Quantile{"kl_median", "  median", 0.5},
                                   {"kl_90", "  90 %", 0.9},
                                   {"kl_99", "  99 %", 0.99},
                                   {"kl_99_9", "  99.9 %", 0.999},
                                   {"kl_max", "  maximum", 1}}) {
    lines.push_back({quantile.key, quantile.label, percentile(sorted, quantile.fraction), {}, false});
  }
  const double same = static_cast<double>(std::count(scores.same_top.begin(), scores.same_top.end(), 1));
  const auto count = static_cast<double>(scores.same_top.size());
  lines.push_back(line_of("same_top", "same likeliest token", share_of(same, count), true));
  lines.push_back(line_of("mean_difference", "change of p, mean", mean_of(scores.difference), true));
  lines.push_back(line_of("rms_difference", "change of p, RMS", root_mean_square(scores.difference), true));
  return lines;
}

void print_lines(const std::vector<Line>& lines, const TextWindows& windows) {
  for (const Line& line : lines) {
    const double scale = line.is_share ? 100 : 1;
    std::string text = fmt::format("{:<22}{:>12.6f}", line.label, scale * line.value);
    if (line.error) text += fmt::format(" +/- {:.6f}", scale * *line.error);
    fmt::print("{}{}\n", text, line.is_share ? " %" : "");
  }
  fmt::print("{} windows of {} tokens, {} tokens scored\n", windows.count(), windows.window_tokens,
             windows.count() * windows.scored_count());
}

void print_json(const std::vector<Line>& lines, const TextWindows& windows) {
  boost::json::object object{{"windows", windows.count()},
                             {"window_tokens", windows.window_tokens},
                             {"scored_tokens", windows.count() * windows.scored_count()}};
  for (const Line& line : lines) {
    object[line.key] = line.value;
    if (line.error) object[std::string(line.key) + "_error"] = *line.error;
  }
  std::puts(serialized_json(object).c_str());
}

void show_progress(TerminalLine& line, const WindowScorer& scorer, const TextWindows& windows,
                   Clock::time_point begin) {
  if (!line.is_terminal()) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto done = static_cast<double>(scorer.scored());
  const auto all = static_cast<double>(windows.count() * windows.scored_count());
  if (done == 0) return;
  line.show(fmt::format("{:.0f} of {} tokens scored, {:.0f} s left", done, all, seconds * (all - done) / done));
}

TextWindows windows_of(const PerplexityOptions& options, const Tokenizer& tokenizer, const BaseFile* base) {
  const std::int64_t context = options.model.context;
  if (base == nullptr) return read_windows(tokenizer, options.windows, context > 0 ? context : kWindowTokens);
  if (context > 0 && context != base->windows().window_tokens) {
    throw InvalidInput(fmt::format("{}: its windows have {} tokens, and --ctx is {}", options.base.string(),
                                   base->windows().window_tokens, context));
  }
  TextWindows windows = base->windows();
  if (options.windows.window_max > 0 && options.windows.window_max < windows.count()) {
    windows.tokens.resize(static_cast<std::size_t>(options.windows.window_max * windows.window_tokens));
  }
  return windows;
}

// Of each window, all but the last token: what would follow it belongs to another.
std::vector<ScoredText> texts_of(const Tokenizer& tokenizer, const TextWindows& windows) {
  std::vector<ScoredText> texts;
  for (std::int64_t i = 0; i < windows.count(); ++i) {
    texts.push_back({window_tokens(tokenizer, windows, i), windows.first_scored()});
    texts.back().tokens.pop_back();
  }
  return texts;
}

void check_finite(const TokenScores& scores, const ModelSource& source) {
  for (const double surprisal : scores.surprisal) {
    if (std::isnan(surprisal)) {
      throw InvalidInput(fmt::format("{}: the model's logits are not numbers", source.path().string()));
    }
    if (std::isinf(surprisal)) {
      throw InvalidInput(fmt::format("{}: the model finds a token of the text impossible: its perplexity is infinite",
                                     source.path().string()));
    }
  }
  for (const double divergence : scores.divergence) {
    if (std::isfinite(divergence)) continue;
    throw InvalidInput(
        fmt::format("{}: the model finds a token impossible that the base run does not: the KL divergence "
                    "is infinite",
                    source.path().string()));
  }
}

}  // namespace

int perplexity(const PerplexityOptions& options) {
  ModelSession session(options.model);
  const auto tokenizer = Tokenizer::open(session.source());
  print_notes(tokenizer->notes());
  std::optional<BaseFile> base;
  if (!options.base.empty()) base.emplace(options.base);
  const TextWindows windows = windows_of(options, *tokenizer, base ? &*base : nullptr);
  bind_for_scoring(session, {.context = windows.window_tokens - 1,
                             .rows_of_text = windows.scored_count(),
                             .text_count = windows.count(),
                             .step_tokens = options.chunk});
  const std::int64_t vocabulary = session.pass().spec().vocabulary;
  if (base && base->vocabulary() != vocabulary) {
    throw InvalidInput(fmt::format("{}: a run of another model: its vocabulary has {} tokens, this one's {}",
                                   options.base.string(), base->vocabulary(), vocabulary));
  }
  check_in_vocabulary(windows.tokens, vocabulary);
  session.load_pass();
  std::optional<BaseWriter> writer;
  if (!options.save_base.empty()) writer.emplace(options.save_base, windows, vocabulary);

  const InterruptGuard guard;
  const Clock::time_point begin = Clock::now();
  const int threads = options.model.threads > 0 ? options.model.threads : usable_core_count();
  WindowScorer scorer(windows, base ? &*base : nullptr, writer ? &*writer : nullptr, threads);
  bool is_whole = false;
  {
    TerminalLine line;
    TextScorer text_scorer(session.pass(), session.stream(), /*share_prefixes=*/false);
    is_whole = text_scorer.run(texts_of(*tokenizer, windows), [&](std::span<const TextScorer::Row> rows) {
      scorer.add(rows);
      show_progress(line, scorer, windows, begin);
      return !guard.interrupted();
    });
  }
  if (!is_whole) {
    std::fputs("stopped; nothing was measured\n", stderr);
    return kExitInterrupted;
  }
  check_finite(scorer.scores(), session.source());
  if (writer) writer->close();
  const std::vector<Line> lines = lines_of(scorer.scores(), base.has_value());
  options.json ? print_json(lines, windows) : print_lines(lines, windows);
  return 0;
}

}  // namespace hearth
