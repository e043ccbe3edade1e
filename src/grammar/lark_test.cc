#include "grammar/lark.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "grammar/recognizer.h"
#include "grammar/schema_compiler.h"

namespace hearth {
namespace {

// As agents describe the edits of files.
constexpr std::string_view kPatch = R"lark(
// What a patch is.
start: begin hunk+ end
begin: "*** Begin Patch" LF
end: "*** End Patch" LF?
hunk: add_hunk | delete_hunk
    | update_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
update_hunk: "*** Update File: " filename LF change?
filename: /(.+)/
add_line: "+" /(.*)/ LF -> line
change: (change_context | change_line)+
change_context: ("@@" | "@@ " /(.+)/) LF
change_line: ("+" | "-" | " ") /(.*)/ LF
%import common.LF
)lark";
constexpr std::string_view kEdit = "*** Begin Patch\n*** Update File: a.txt\n@@ f\n-x \"y\"\n+z\n*** End Patch";

bool lark_accepts(std::string_view grammar, std::string_view text) {
  return Recognizer(compile_lark(grammar)).accepts(text);
}

TEST(Lark, FollowsPatches) {
  EXPECT_TRUE(lark_accepts(kPatch, kEdit));
  EXPECT_TRUE(lark_accepts(kPatch, "*** Begin Patch\n*** Add File: b\n+\n+x\n*** Delete File: c\n*** End Patch\n"));
  EXPECT_FALSE(lark_accepts(kPatch, "*** Begin Patch\n*** End Patch"));
  EXPECT_FALSE(lark_accepts(kPatch, "*** Begin Patch\n*** Add File: b\nx\n*** End Patch"));
}

TEST(Lark, APatternOfAText) {
  boost::json::object schema{{"type", "string"}, {kLarkKeyword, kPatch}};
  Recognizer recognizer(compile_schema(schema));
  EXPECT_TRUE(recognizer.accepts(R"("*** Begin Patch\n*** Delete File: \"c\"\n*** End Patch")"));
  EXPECT_FALSE(recognizer.accepts(R"("*** Begin Patch\n*** End Patch")"));
  schema[kLarkKeyword] = "start: \"(\" start \")\" | \"x\"";  // no regular language
  EXPECT_THROW(compile_schema(schema), Unsupported);
}

TEST(Lark, ReadsItsNotation) {
  constexpr std::string_view kSum = R"lark(
    ?start: sum
    sum.2: product ("+" product)*  // a comment
    product: atom
           | product "*" atom -> times
    !atom: NUMBER | "(" sum ")" | [SIGN] NAME ~ 1..2
    SIGN: "-"
    NAME: ("a".."f" | "X"i)+
    %import common (NUMBER, WS)
    %ignore WS
  )lark";
  for (const char* text : {"1+2*(3 + 4)", " (a) * -bX ", "ab fx", "1.5e3\n+ x"}) {
    EXPECT_TRUE(lark_accepts(kSum, text)) << text;
  }
  for (const char* text : {"1+", "g", "1 2", "- -a", "(a", "a b c", ""}) EXPECT_FALSE(lark_accepts(kSum, text)) << text;
  EXPECT_TRUE(lark_accepts("start: \"a\\x41\\u00e9\\n\" \"b\"?", "aA\u00e9\nb"));
}

TEST(Lark, NamesWhatItDoesNotKnow) {
  for (const char* grammar : {"begin: \"a\"", "start: missing", "start: \"a", "start: (\"a\"", "start: \"a\" ~ 3..1",
                              "start: \"b\"..\"a\"", "start: /a", "start \"a\"", "start: \"a\"\nstart: \"b\""}) {
    EXPECT_THROW(compile_lark(grammar), InvalidInput) << grammar;
  }
  for (const char* grammar : {"start: a{b}\na{x}: x", "%declare A\nstart: A", "%import python.name\nstart: \"a\"",
                              "%import common.NOTHING\nstart: \"a\"", "start: /a/i"}) {
    EXPECT_ANY_THROW(compile_lark(grammar)) << grammar;
  }
}

}  // namespace
}  // namespace hearth
