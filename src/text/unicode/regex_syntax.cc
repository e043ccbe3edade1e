// One pass over the pattern makes a list of elements: structure as text, and sets of characters. Then all sets together
// cut the code points into kinds, each kind gets a symbol, and the sets are written as classes of symbols.
#include "text/unicode/regex_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/regex_class.h"

namespace hearth {
namespace {

constexpr std::size_t kSymbolCountMax = 256;
constexpr std::uint8_t kNewline = '\n';  // its own symbol, so that PCRE2 knows lines

// Structure, or one character of a set.
struct Element {
  std::string text;
  std::optional<std::size_t> set;
};

struct Elements {
  std::vector<Element> list;
  std::vector<CodePointSet> sets;
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : cursor_(pattern) {}

  Elements run() {
    groups_.push_back({0, options_, 0});
    while (!cursor_.at_end()) step();
    if (groups_.size() > 1) cursor_.refuse("a group without its closing bracket");
    for (int i = 0; i < groups_.back().enclosed; ++i) structure(")");
    return std::move(out_);
  }

 private:
  struct Options {
    bool ignore_case = false, dot_is_all = false, extended = false;
  };
  struct Group {
    std::size_t begin;  // of its elements
    Options outside;
    int enclosed;  // groups that options in the middle opened
  };

  void structure(std::string text) { out_.list.push_back({std::move(text), std::nullopt}); }
  void begin_atom() { atom_ = out_.list.size(); }
  void add_set(CodePointSet set) {
    const auto found = std::find(out_.sets.begin(), out_.sets.end(), set);
    out_.list.push_back({"", static_cast<std::size_t>(found - out_.sets.begin())});
    if (found == out_.sets.end()) out_.sets.push_back(std::move(set));
  }
  void add_character(char32_t c) {
    begin_atom();
    add_set(options_.ignore_case ? CodePointSet::of(c).closed_under_case() : CodePointSet::of(c));
  }

  // One atom, quantifier or piece of structure.
  void step() {
    const char c = cursor_.peek();
    switch (c) {
      case '\\':
        escape();
        break;
      case '[':
        begin_atom();
        add_set(parse_class(cursor_, options_.ignore_case));
        break;
      case '(':
        open_group();
        break;
      case ')':
        close_group();
        break;
      case '{':
        interval();
        break;
      case '.':
        cursor_.skip(1);
        begin_atom();
        add_set(options_.dot_is_all ? CodePointSet::all() : CodePointSet::of('\n').complement());
        break;
      case '*':
      case '+':
      case '?':
      case '|':
      case '^':
      case '$':
        structure(std::string(1, c));
        cursor_.skip(1);
        break;
      default:
        if (options_.extended && skip_blank()) break;
        add_character(cursor_.character());
    }
  }

  // In extended patterns white space and comments up to the line's end.
  bool skip_blank() {
    if (cursor_.peek() == '#') {
      while (!cursor_.at_end() && cursor_.peek() != '\n') cursor_.skip(1);
      return true;
    }
    if (std::isspace(static_cast<unsigned char>(cursor_.peek())) == 0) return false;
    cursor_.skip(1);
    return true;
  }

  void open_group() {
    if (cursor_.skip_if("(?#")) {
      while (!cursor_.skip_if(")")) cursor_.character();
      return;
    }
    if (cursor_.at("(*") || cursor_.at("(?~") || cursor_.at("(?(")) {
      cursor_.refuse("a callout, an absence operator or a condition");
    }
    const Group group{out_.list.size(), options_, 0};
    for (const std::string_view head : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
      if (cursor_.skip_if(head)) return push_group(group, std::string(head));
    }
    for (const auto& [head, end] : {std::pair{"(?<", ">"}, {"(?P<", ">"}, {"(?'", "'"}}) {
      if (cursor_.at(head)) return push_group(group, cursor_.take_through(end));
    }
    if (cursor_.skip_if("(?")) return options(group);
    cursor_.skip(1);
    push_group(group, "(");
  }

  void push_group(const Group& group, std::string head) {
    groups_.push_back(group);
    structure(std::move(head));
  }

  // (?im-x:…), or (?im-x), which encloses the rest of the group.
  void options(const Group& group) {
    bool on = true;
    Options wanted = options_;
    while (!cursor_.at(":") && !cursor_.at(")")) {
      const char letter = cursor_.at_end() ? '\0' : cursor_.peek();
      bool* const option = letter == 'i'   ? &wanted.ignore_case
                           : letter == 'm' ? &wanted.dot_is_all
                           : letter == 'x' ? &wanted.extended
                                           : nullptr;
      if (letter != '-' && option == nullptr) cursor_.refuse("an option that is not known");
      if (option != nullptr) *option = on;
      if (letter == '-') on = false;
      cursor_.skip(1);
    }
    if (cursor_.skip_if(":")) {
      push_group(group, "(?:");
    } else {
      cursor_.skip(1);
      structure("(?:");
      ++groups_.back().enclosed;
    }
    options_ = wanted;
  }

  void close_group() {
    if (groups_.size() == 1) cursor_.refuse("a closing bracket without its opening one");
    cursor_.skip(1);
    const Group group = groups_.back();
    groups_.pop_back();
    for (int i = 0; i <= group.enclosed; ++i) structure(")");
    options_ = group.outside;
    atom_ = group.begin;
  }

  // {n}, {n,}, {,m} or {n,m}; any other bracket is a character.
  void interval() {
    const std::string quantifier = cursor_.take_interval();
    if (quantifier.empty()) return add_character(cursor_.character());
    structure(quantifier);
    const bool is_fixed = quantifier.find(',') == std::string::npos;
    if (!cursor_.at("+") && !(is_fixed && cursor_.at("?"))) return;
    // The sign applies to the repeat as a whole.
    out_.list.insert(out_.list.begin() + static_cast<std::ptrdiff_t>(atom_), Element{"(?:", std::nullopt});
    structure(fmt::format("){}", cursor_.peek()));
    cursor_.skip(1);
  }

  void escape() {
    const char letter = cursor_.escaped_letter();
    switch (letter) {
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
      case 'K':
        structure(fmt::format("\\{}", letter));
        cursor_.skip(2);
        break;
      case 'b':
      case 'B':
        cursor_.skip(2);
        word_boundary(letter == 'b');
        break;
      case 'R':
        cursor_.skip(2);
        line_break();
        break;
      case 'N':
      case 'O':
        cursor_.skip(2);
        begin_atom();
        add_set(letter == 'O' ? CodePointSet::all() : CodePointSet::of('\n').complement());
        break;
      case 'g':
        begin_atom();
        structure(cursor_.take_call());
        break;
      default:
        if (letter == 'k' || (letter >= '1' && letter <= '9')) cursor_.refuse("a back reference");
        if (letter == 'X' || letter == 'y' || letter == 'Y') cursor_.refuse("a boundary of text segments");
        escaped_character();
    }
  }

  // Case makes no difference to named sets, as it does to characters.
  void escaped_character() {
    const char letter = cursor_.escaped_letter();
    const CodePointSet set = parse_escape(cursor_);
    const auto ranges = set.ranges();
    if (ranges.size() == 1 && ranges[0].first == ranges[0].last) return add_character(ranges[0].first);
    begin_atom();
    add_set(letter == 'w' ? lone_word_set() : letter == 'W' ? lone_word_set().complement() : set);
  }

  // (?<=W)(?!W)|(?<!W)(?=W), or for its opposite (?<=W)(?=W)|(?<!W)(?!W).
  void word_boundary(bool is_boundary) {
    begin_atom();
    const char* const looks[] = {"(?:(?<=", is_boundary ? ")(?!" : ")(?=", ")|(?<!", is_boundary ? ")(?=" : ")(?!"};
    for (const char* look : looks) {
      structure(look);
      add_set(lone_word_set());
    }
    structure("))");
  }

  void line_break() {
    begin_atom();
    structure("(?>");
    add_set(CodePointSet::of('\r'));
    add_set(CodePointSet::of('\n'));
    structure("|");
    add_set(CodePointSet({{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}));
    structure(")");
  }

  PatternCursor cursor_;
  Elements out_;
  Options options_;
  std::size_t atom_ = 0;  // where the last atom begins
  std::vector<Group> groups_;
};

// The kinds into which the sets cut all code points: of each, its members and the sets that it is in.
struct Kind {
  std::vector<CodePointSet::Range> ranges;
  std::vector<bool> in_set;
};

std::vector<Kind> kinds_of(const std::vector<CodePointSet>& sets) {
  std::vector<std::pair<char32_t, std::size_t>> edges;  // where a set begins or ends
  for (std::size_t i = 0; i < sets.size(); ++i) {
    for (const CodePointSet::Range& range : sets[i].ranges()) {
      edges.emplace_back(range.first, i);
      edges.emplace_back(range.last + 1, i);
    }
  }
  std::sort(edges.begin(), edges.end());
  std::vector<Kind> kinds;
  std::map<std::vector<bool>, std::size_t> index;
  std::vector<bool> inside(sets.size());
  char32_t begin = 0;
  const auto add = [&](char32_t end) {
    if (begin == end) return;
    const auto [found, is_new] = index.emplace(inside, kinds.size());
    if (is_new) kinds.push_back({{}, inside});
    kinds[found->second].ranges.push_back({begin, end - 1});
    begin = end;
  };
  for (const auto& [at, set] : edges) {
    add(at);
    inside[set] = !inside[set];
  }
  add(kCodePointMax + 1);
  return kinds;
}

// "[\x03\x05]"; a set without members matches nothing.
std::string symbol_class(const std::vector<std::uint8_t>& symbols) {
  if (symbols.empty()) return "(?!)";
  if (symbols.size() == 1) return fmt::format("\\x{:02x}", symbols[0]);
  std::string text = "[";
  for (const std::uint8_t symbol : symbols) fmt::format_to(std::back_inserter(text), "\\x{:02x}", symbol);
  return text + "]";
}

}  // namespace

SymbolPattern translate_oniguruma(std::string_view pattern) {
  Elements elements = Translator(pattern).run();
  const std::size_t newline = elements.sets.size();
  elements.sets.push_back(CodePointSet::of('\n'));
  const std::vector<Kind> kinds = kinds_of(elements.sets);
  if (kinds.size() > kSymbolCountMax) {
    throw Unsupported(fmt::format("The tokenizer's pattern \"{}\" tells {} kinds of characters apart; {} are possible.",
                                  pattern, kinds.size(), kSymbolCountMax));
  }
  std::vector<CodePointSet> members;
  std::vector<std::uint8_t> symbols;
  std::vector<std::vector<std::uint8_t>> symbols_of_set(elements.sets.size());
  std::uint8_t next = 0;
  for (const Kind& kind : kinds) {
    if (next == kNewline) ++next;
    const std::uint8_t symbol = kind.in_set[newline] ? kNewline : next++;
    members.emplace_back(kind.ranges);
    symbols.push_back(symbol);
    for (std::size_t i = 0; i < kind.in_set.size(); ++i) {
      if (kind.in_set[i]) symbols_of_set[i].push_back(symbol);
    }
  }
  std::string text;
  for (const Element& element : elements.list)
    text += element.set ? symbol_class(symbols_of_set[*element.set]) : element.text;
  return {std::move(text), CodePointMap(members, symbols)};
}

}  // namespace hearth
