#include "commands/measure/questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <initializer_list>

#include "base/error.h"
#include "base/json_value.h"
#include "base/read_file.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";
constexpr std::size_t kDepthMax = 32;

class QuestionReader {
 public:
  explicit QuestionReader(const std::filesystem::path& file) : file_(file) {}

  Question read(std::string_view text, std::int64_t line) {
    line_ = line;
    const ParsedJson parsed = parse_json(text, kDepthMax, BigIntegers::kAsDouble);
    if (parsed.error || !parsed.value.is_object()) refuse("this is no JSON object");
    const json::object& object = parsed.value.as_object();
    const json::value& context = member(object, {"context", "query"});
    if (!context.is_string()) refuse("the context is no text");
    Question question;
    question.line = line;
    question.context = context.as_string();
    const json::value& choices = member(object, {"choices"});
    if (!choices.is_array()) refuse("\"choices\" is no list");
    for (const json::value& choice : choices.as_array()) {
      if (!choice.is_string() || choice.as_string().empty()) refuse("a choice is no text, or an empty one");
      question.choices.emplace_back(choice.as_string());
    }
    if (question.choices.size() < 2) refuse("there is no choice");
    question.gold = gold_of(member(object, {"gold", "answer"}), question.choices);
    return question;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw InvalidInput(fmt::format("{}, line {}: {}", file_.string(), line_, what));
  }

  const json::value& member(const json::object& object, std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      if (const json::value* found = object.if_contains(name)) return *found;
    }
    refuse(fmt::format("it has no \"{}\"", *names.begin()));
  }

  // A place in the list, or the choice itself.
  std::size_t gold_of(const json::value& gold, const std::vector<std::string>& choices) const {
    if (gold.is_int64()) {
      if (gold.as_int64() < 0 || gold.as_int64() >= std::ssize(choices)) {
        refuse(
            fmt::format("the right choice is number {}, and there are {}, from 0 on", gold.as_int64(), choices.size()));
      }
      return static_cast<std::size_t>(gold.as_int64());
    }
    if (!gold.is_string()) refuse("the right choice is neither a number nor a text");
    const auto found = std::find(choices.begin(), choices.end(), std::string_view(gold.as_string()));
    if (found == choices.end()) refuse("the right choice is not among the choices");
    return static_cast<std::size_t>(found - choices.begin());
  }

  const std::filesystem::path& file_;
  std::int64_t line_ = 0;
};

}  // namespace

std::vector<Question> read_questions(const std::filesystem::path& file) {
  std::vector<Question> questions;
  QuestionReader reader(file);
  std::int64_t number = 0;
  for (const std::string& line : text_lines(read_file(file))) {
    ++number;
    if (line.find_first_not_of(kWhiteSpace) != std::string::npos) questions.push_back(reader.read(line, number));
  }
  if (questions.empty()) throw InvalidInput(fmt::format("{}: there is no question", file.string()));
  return questions;
}

Continuation encode_continuation(const Tokenizer& tokenizer, std::string context, std::string continuation,
                                 bool add_special) {
  const std::size_t end = context.find_last_not_of(kWhiteSpace) + 1;  // npos + 1 is 0
  continuation.insert(0, context, end);
  context.resize(end);
  const auto encode = [&](const std::string& text, bool special) {
    return tokenizer.encode(text, {.add_special = special});
  };
  std::vector<std::int32_t> before, whole;
  if (context.empty()) {
    const std::optional<TokenId> opening = tokenizer.bos() ? tokenizer.bos() : tokenizer.eos();
    if (!opening) throw InvalidInput("the context is empty, and the vocabulary has no token that opens a text");
    before = {*opening};
    whole = encode(continuation, false);
    whole.insert(whole.begin(), *opening);
  } else {
    before = encode(context, add_special);
    whole = encode(context + continuation, add_special);
  }
  if (before.empty() || whole.size() <= before.size()) throw InvalidInput("a choice adds no token to its context");
  Continuation result;
  result.tokens.assign(whole.begin() + std::ssize(before), whole.end());
  whole.pop_back();
  result.scored = {std::move(whole), std::ssize(before) - 1};
  return result;
}

}  // namespace hearth
