// Schemas with texts that they allow and texts that they do not: those of this folder, and the official test suite
// where it is there.
#include "grammar/schema_compiler.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json_value.h"
#include "base/read_file.h"
#include "grammar/recognizer.h"

namespace hearth {
namespace {

namespace json = boost::json;

json::value parsed(std::string_view text) {
  ParsedJson result = parse_json(text, 200, BigIntegers::kKeepDigits);
  EXPECT_FALSE(result.error) << text;
  return std::move(result.value);
}

json::value parsed_file(const std::filesystem::path& path) {
  return parsed(read_file(path.string()));
}

std::string refusal(std::string_view schema) {
  try {
    compile_schema(parsed(schema));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// As Python writes it: `gap` after ':' and ','.
void write(const json::value& value, std::string_view gap, std::string& out) {
  if (const auto digits = big_integer_digits(value)) {
    out += *digits;
  } else if (const json::object* object = value.if_object()) {
    std::string_view before;
    out += '{';
    for (const auto& member : *object) {
      (out += before) += json::serialize(json::value(member.key()));
      (out += ':') += gap;
      write(member.value(), gap, out);
      before = gap.empty() ? "," : ", ";
    }
    out += '}';
  } else if (const json::array* array = value.if_array()) {
    std::string_view before;
    out += '[';
    for (const json::value& item : *array) {
      out += before;
      write(item, gap, out);
      before = gap.empty() ? "," : ", ";
    }
    out += ']';
  } else if (value.is_double()) {
    std::array<char, 64> buffer;
    char* const end = buffer.data() + buffer.size();
    std::string_view number(buffer.data(), std::to_chars(buffer.data(), end, value.get_double()).ptr);
    (out += number) += number.find_first_of(".e") == number.npos ? ".0" : "";
  } else {
    out += json::serialize(value);
  }
}

TEST(SchemaCompiler, AllowsWhatIsValidAndNothingElse) {
  const json::value cases = parsed_file(std::filesystem::path(HEARTH_SOURCE_DIR) / "src/grammar/schema_cases.json");
  for (const json::value& each : cases.as_array()) {
    const std::string schema = json::serialize(each.at("schema"));
    Recognizer recognizer(compile_schema(each.at("schema")));
    for (const json::value& text : each.at("valid").as_array()) {
      EXPECT_TRUE(recognizer.accepts(std::string_view(text.as_string()))) << schema << ": " << text;
    }
    for (const json::value& text : each.at("invalid").as_array()) {
      EXPECT_FALSE(recognizer.accepts(std::string_view(text.as_string()))) << schema << ": " << text;
    }
  }
}

TEST(SchemaCompiler, RefusesByNameAndPlace) {
  EXPECT_NE(refusal(R"({"properties":{"a/b":{"type":"array","uniqueItems":true}}})")
                .find("'uniqueItems' at '/properties/a~1b/uniqueItems'"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"items":{"pattern":"(a)\\1"}})").find("'/items/pattern'"), std::string::npos);
  EXPECT_NE(refusal(R"({"$ref":"http://elsewhere/x"})").find("'http://elsewhere/x'"), std::string::npos);
  EXPECT_NE(refusal(R"({"$ref":"#/$defs/none"})").find("nothing at '/$defs/none'"), std::string::npos);
  EXPECT_NE(refusal(R"({"minLength":"2"})").find("'minLength' at '/minLength': it is no number"), std::string::npos);
  EXPECT_NE(refusal(R"({"type":"text"})").find("'type'"), std::string::npos);
  EXPECT_NE(refusal(R"({"anyOf":[{"$ref":"#"}]})").find("refers to itself"), std::string::npos);
  EXPECT_NE(refusal("3").find("a JSON Schema is"), std::string::npos);
}

// Each would need more states or combinations than there can be; none may take long.
TEST(SchemaCompiler, RefusesWhatWouldNeedTooMuch) {
  EXPECT_NE(refusal(R"({"pattern":"^((a|b)*a(a|b){1,9}){40}$"})"), "");
  EXPECT_NE(refusal(R"({"pattern":"^.*a.{30}$"})"), "");
  EXPECT_NE(refusal(R"({"minItems":1000000000})"), "");
  EXPECT_NE(refusal(R"({"multipleOf":1234567.891})"), "");
  std::string all, deep(500, '(');
  for (int i = 0; i < 12; ++i) {
    const std::string n = std::to_string(i);
    all += (i > 0 ? "," : "") + (R"({"anyOf":[{"required":["a)" + n) + R"("]},{"required":["b)" + n + R"("]}]})";
  }
  EXPECT_NE(refusal(R"({"allOf":[)" + all + "]}"), "");
  EXPECT_NE(refusal(R"({"pattern":")" + deep + R"("})"), "");
}

// A reader is never led where nothing goes on.
TEST(SchemaCompiler, HasNoDeadEnds) {
  Recognizer object(compile_schema(parsed(
      R"({"required":["b"],"maxProperties":1,"type":"object","properties":{"b":{"enum":["x"]},"c":{"not":{}}}})")));
  EXPECT_EQ(object.forced_bytes(object.start()), "{");
  EXPECT_EQ(object.advance(object.start(), R"({"a)"), kDeadState);
  Recognizer text(compile_schema(parsed(R"({"pattern":"^(ab|cd)+$","maxLength":3,"type":"string"})")));
  EXPECT_EQ(text.advance(text.start(), R"("aba)"), kDeadState);
  EXPECT_NE(text.advance(text.start(), R"("ab")"), kDeadState);
  EXPECT_EQ(text.advance(text.start(), R"("\u00e)"), kDeadState);
  Recognizer loop(compile_schema(parsed(R"({"type":"object","required":["a"],"properties":{"a":{"$ref":"#"}}})")));
  EXPECT_EQ(loop.start() == kDeadState ? kDeadState : loop.advance(loop.start(), "{"), kDeadState);
}

TEST(SchemaCompiler, FormatsCanBeNotes) {
  SchemaOptions notes;
  notes.formats = false;
  EXPECT_TRUE(Recognizer(compile_schema(parsed(R"({"format":"ipv4"})"), notes)).accepts("\"x\""));
  EXPECT_FALSE(Recognizer(compile_schema(parsed(R"({"format":"ipv4"})"))).accepts("\"x\""));
}

struct SuiteCount {
  int groups = 0, enforced = 0, wrong = 0;
};

void run_suite_file(const std::filesystem::path& path, const SchemaOptions& options, SuiteCount& count) {
  const json::value groups = parsed_file(path);
  for (const json::value& group : groups.as_array()) {
    ++count.groups;
    std::shared_ptr<const Grammar> grammar;
    try {
      grammar = compile_schema(group.at("schema"), options);
    } catch (const Error& error) {
      continue;
    }
    ++count.enforced;
    Recognizer recognizer(grammar);
    for (const json::value& test : group.at("tests").as_array()) {
      for (const std::string_view gap : {"", " "}) {
        std::string text;
        write(test.at("data"), gap, text);
        if (recognizer.accepts(text) == test.at("valid").as_bool()) continue;
        ++count.wrong;
        ADD_FAILURE() << path.filename() << ", " << group.at("description") << ": " << test.at("description");
      }
    }
  }
}

TEST(SchemaSuite, EveryEnforcedSchemaIsExact) {
  const std::filesystem::path folder = std::filesystem::path(HEARTH_SHARED_DIR) / "json-schema";
  if (!std::filesystem::exists(folder)) {
    std::cout << "the official suite is not there; schema_cases.json stands for it\n";
    return;
  }
  SchemaOptions options;
  options.formats = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "remotes")) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = std::filesystem::relative(entry.path(), folder / "remotes").string();
    options.documents["http://localhost:1234/" + name] = parsed_file(entry.path());
  }
  SuiteCount count;
  for (const char* part : {"", "optional"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder / "suite-draft2020-12" / part)) {
      if (entry.path().extension() == ".json") run_suite_file(entry.path(), options, count);
    }
  }
  std::cout << count.enforced << " of " << count.groups << " schemas enforced\n";
  EXPECT_GE(count.enforced * 100, count.groups * 97);
  EXPECT_EQ(count.wrong, 0);
}

}  // namespace
}  // namespace hearth
