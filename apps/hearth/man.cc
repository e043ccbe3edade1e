// Manual pages, made from the options that the verbs have: `hearth man`.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "apps/hearth/verbs.h"
#include "apps/hearth/version.h"
#include "base/error.h"

namespace hearth {
namespace {

// What roff would take for its own: backslashes, hyphens that are to be copied, and lines that begin like requests.
std::string roff(std::string_view text) {
  std::string out;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    begins_line = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

// For the page's foot; its first line has the number.
std::string version_line() {
  const std::string text = kVersionText;
  return text.substr(0, text.find('\n'));
}

std::string title(const std::string& name) {
  std::string upper;
  for (const char c : name) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return ".TH \"" + upper + "\" 1 \"\" \"" + roff(version_line()) + "\" \"Hearth\"\n";
}

// "-p, --text TEXT", or of what stands without a name "MODEL".
std::string option_names(const CLI::Option& option) {
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "\\fB" : ", \\fB") + roff(name) + "\\fR"; };
  for (const std::string& name : option.get_snames()) add("-" + name);
  for (const std::string& name : option.get_lnames()) add("--" + name);
  if (names.empty()) add(option.get_name(true));
  if (option.get_positional() || option.get_expected_max() == 0) return names;
  // "TEXT:{auto,cpu}": the description says what is allowed.
  const std::string type = option.get_type_name();
  return names + " \\fI" + roff(type.substr(0, type.find(':'))) + "\\fR";
}

void add_option(std::ostream& out, const CLI::Option& option) {
  out << ".TP\n" << option_names(option) << "\n" << roff(option.get_description());
  if (!option.get_default_str().empty()) out << " (default: " << roff(option.get_default_str()) << ")";
  out << "\n";
}

bool is_shown(const CLI::Option& option) {
  return !option.get_group().empty();
}

std::string verb_page(const CLI::App& verb) {
  const std::string name = "hearth-" + verb.get_name();
  std::ostringstream out;
  out << title(name) << ".SH NAME\n" << roff(name) << " \\- " << roff(verb.get_description()) << "\n";
  out << ".SH SYNOPSIS\n\\fBhearth " << roff(verb.get_name()) << "\\fR [\\fIOPTIONS\\fR]";
  const auto every = [](const CLI::Option* option) { return is_shown(*option); };
  for (const CLI::Option* option : verb.get_options(every)) {
    if (!option->get_positional()) continue;
    const std::string word = "\\fI" + roff(option->get_name(true)) + "\\fR";
    out << (option->get_required() ? " " + word : " [" + word + "]");
  }
  out << "\n";
  for (const bool positional : {true, false}) {
    bool has_heading = false;
    for (const CLI::Option* option : verb.get_options(every)) {
      if (option->get_positional() != positional) continue;
      if (!has_heading) out << (positional ? ".SH ARGUMENTS\n" : ".SH OPTIONS\n");
      has_heading = true;
      add_option(out, *option);
    }
  }
  if (!verb.get_footer().empty()) out << ".SH NOTES\n" << roff(verb.get_footer()) << "\n";
  out << ".SH SEE ALSO\n\\fBhearth\\fR(1)\n";
  return out.str();
}

std::vector<const CLI::App*> verbs_of_program(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string program_page(const CLI::App& app) {
  std::ostringstream out;
  out << title("hearth") << ".SH NAME\nhearth \\- " << roff(app.get_description()) << "\n";
  out << ".SH SYNOPSIS\n\\fBhearth\\fR \\fIVERB\\fR [\\fIOPTIONS\\fR]\n.SH VERBS\nEach has a page: hearth\\-VERB(1).\n";
  for (const CLI::App* verb : verbs_of_program(app)) {
    out << ".TP\n\\fB" << roff(verb->get_name()) << "\\fR\n" << roff(verb->get_description()) << "\n";
  }
  out << ".SH EXIT STATUS\n0; 1 for a failure, with one sentence on standard error; 2 for wrong usage; 130 when "
         "interrupted.\n";
  return out.str();
}

void write_page(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw InvalidInput(path.string() + ": cannot be written: " + std::strerror(errno));
}

void write_pages(const CLI::App& app, const std::filesystem::path& folder) {
  std::error_code ignored;  // writing says what is wrong
  std::filesystem::create_directories(folder, ignored);
  write_page(folder / "hearth.1", program_page(app));
  for (const CLI::App* verb : verbs_of_program(app)) {
    write_page(folder / ("hearth-" + verb->get_name() + ".1"), verb_page(*verb));
  }
}

}  // namespace

void add_man(CLI::App& app, Action& action) {
  struct ManOptions {
    std::string verb;
    std::filesystem::path folder;
  };
  auto options = std::make_shared<ManOptions>();
  CLI::App& verb = *app.add_subcommand("man", "Print the manual page of the program or of a verb");
  CLI::Option* const of_verb = verb.add_option("VERB", options->verb, "Whose page; default: the program's");
  verb.add_option("--out", options->folder, "A folder to write all pages to: hearth.1, hearth-run.1, …")
      ->excludes(of_verb);
  verb.callback([options, &app, &action] {
    action = [options, &app] {
      if (!options->folder.empty()) {
        write_pages(app, options->folder);
        return 0;
      }
      if (options->verb.empty()) {
        std::fputs(program_page(app).c_str(), stdout);
        return 0;
      }
      for (const CLI::App* found : verbs_of_program(app)) {
        if (found->get_name() != options->verb) continue;
        std::fputs(verb_page(*found).c_str(), stdout);
        return 0;
      }
      throw InvalidInput("there is no verb '" + options->verb + "'");
    };
  });
}

}  // namespace hearth
