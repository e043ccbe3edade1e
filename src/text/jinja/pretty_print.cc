#include "text/jinja/pretty_print.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/error.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace hearth::jinja {
namespace {

constexpr std::size_t kWidth = 80;

// Keys that Python cannot compare are ordered by their types' names.
bool key_less(const Value& left, const Value& right) {
  try {
    return less(left, right);
  } catch (const TemplateError&) {
    return left.type_name() < right.type_name();
  }
}

std::vector<const Dict::Entry*> sorted_entries(const Dict& dict) {
  std::vector<const Dict::Entry*> entries;
  for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Dict::Entry* a, const Dict::Entry* b) { return key_less(a->first, b->first); });
  return entries;
}

bool is_group(const Value& value) {
  return value.is_sequence() && value.sequence().kind == Sequence::Kind::kGroup;
}

// A line as runs of what is no white space and the white space behind it.
std::vector<std::string_view> parts_of(std::string_view line) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  bool in_space = false;
  for (std::size_t position = 0; position < line.size();) {
    const std::size_t here = position;
    const bool space = is_space(decode_at(line, position));
    if (in_space && !space) {
      parts.push_back(line.substr(begin, here - begin));
      begin = here;
    }
    in_space = space;
  }
  if (begin < line.size()) parts.push_back(line.substr(begin));
  return parts;
}

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Interpreter& interpreter) : interpreter_(interpreter) {}

  std::string run(const Value& value) {
    write(value, 0, 0, true);
    return std::move(out_);
  }

 private:
  // repr() with every dict in order.
  std::string repr(const Value& value) {
    interpreter_.charge(kStepCost);
    if (value.is_dict()) {
      std::string text;
      for (const Dict::Entry* entry : sorted_entries(value.dict())) {
        text += (text.empty() ? "" : ", ") + repr(entry->first) + ": " + repr(entry->second);
      }
      return "{" + text + "}";
    }
    if (value.is_sequence() && !is_group(value)) {
      std::string text;
      for (const Value& item : value.items()) text += (text.empty() ? "" : ", ") + repr(item);
      if (value.kind() == Value::Kind::kList) return "[" + text + "]";
      return "(" + text + (value.items().size() == 1 ? ",)" : ")");
    }
    return to_repr(value);
  }

  void new_line(std::size_t indent) { out_ += '\n' + std::string(indent, ' '); }

  // `allowance`: characters that follow the value on its last line.
  void write(const Value& value, std::size_t indent, std::size_t allowance, bool is_outermost) {
    interpreter_.charge(value.weight() * kScanCost);
    const std::string whole = repr(value);
    if (count_code_points(whole) + indent + allowance <= kWidth) {
      out_ += whole;
    } else if (value.is_dict()) {
      write_dict(value.dict(), indent + 1, allowance + 1);
    } else if (value.is_sequence() && !is_group(value)) {
      write_items(value, indent + 1, allowance);
    } else if (value.is_string() && !value.is_markup()) {
      write_string(value.bytes(), indent, allowance, is_outermost);
    } else {
      out_ += whole;
    }
    if (out_.size() > kTextBytesMax) fail_limit("a text gets too long");
  }

  void write_dict(const Dict& dict, std::size_t indent, std::size_t allowance) {
    const std::vector<const Dict::Entry*> entries = sorted_entries(dict);
    out_ += '{';
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string key = repr(entries[i]->first);
      if (i > 0) {
        out_ += ',';
        new_line(indent);
      }
      out_ += key + ": ";
      write(entries[i]->second, indent + count_code_points(key) + 2, i + 1 == entries.size() ? allowance : 1, false);
    }
    out_ += '}';
  }

  void write_items(const Value& sequence, std::size_t indent, std::size_t allowance) {
    const bool is_list = sequence.kind() == Value::Kind::kList;
    const std::vector<Value>& items = sequence.items();
    const std::string end = is_list ? "]" : items.size() == 1 ? ",)" : ")";
    out_ += is_list ? '[' : '(';
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) {
        out_ += ',';
        new_line(indent);
      }
      write(items[i], indent, i + 1 == items.size() ? allowance + end.size() : 1, false);
    }
    out_ += end;
  }

  // A long string is several literals, which Python reads as one.
  void write_string(std::string_view text, std::size_t indent, std::size_t allowance, bool is_outermost) {
    if (is_outermost) {
      ++indent;
      ++allowance;
    }
    const std::vector<std::string> literals = literals_of(text, indent, allowance);
    const bool in_parentheses = is_outermost && literals.size() > 1;
    if (in_parentheses) out_ += '(';
    for (std::size_t i = 0; i < literals.size(); ++i) {
      if (i > 0) new_line(indent);
      out_ += literals[i];
    }
    if (in_parentheses) out_ += ')';
  }

  std::vector<std::string> literals_of(std::string_view text, std::size_t indent, std::size_t allowance) {
    const auto fits = [&](std::string_view literal, bool is_last) {
      return count_code_points(literal) + indent + (is_last ? allowance : 0) <= kWidth;
    };
    std::vector<std::string> literals;
    const std::vector<std::string> lines = split_lines(text, true);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const bool is_last_line = i + 1 == lines.size();
      std::string whole = quoted(lines[i]);
      if (fits(whole, is_last_line)) {
        literals.push_back(std::move(whole));
        continue;
      }
      const std::vector<std::string_view> parts = parts_of(lines[i]);
      std::string current;
      for (std::size_t k = 0; k < parts.size(); ++k) {
        const std::string longer = current + std::string(parts[k]);
        interpreter_.charge(longer.size() * kScanCost);
        if (fits(quoted(longer), is_last_line && k + 1 == parts.size())) {
          current = longer;
          continue;
        }
        if (!current.empty()) literals.push_back(quoted(current));
        current = parts[k];
      }
      if (!current.empty()) literals.push_back(quoted(current));
    }
    return literals;
  }

  Interpreter& interpreter_;
  std::string out_;
};

}  // namespace

std::string pretty_printed(Interpreter& interpreter, const Value& value) {
  return PrettyPrinter(interpreter).run(value);
}

}  // namespace hearth::jinja
