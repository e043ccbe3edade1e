// Shell completion, made from the options that the verbs have: `hearth completion bash|zsh|fish`.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/hearth/verbs.h"

namespace hearth {
namespace {

struct Completed {
  std::string name, help;
};

struct Verb {
  Completed verb;
  std::vector<Completed> options;  // "--device"
  bool takes_model = false;
};

// The first line, without what a shell would take for something else.
std::string plain(std::string text) {
  text = text.substr(0, text.find('\n'));
  std::erase_if(text, [](char c) { return std::string_view("'\"`$\\[]:;").find(c) != std::string_view::npos; });
  return text;
}

std::vector<Verb> verbs_of(const CLI::App& app) {
  std::vector<Verb> verbs;
  for (const CLI::App* found : app.get_subcommands([](const CLI::App*) { return true; })) {
    Verb verb{{found->get_name(), plain(found->get_description())}, {}, false};
    for (const CLI::Option* option : found->get_options()) {
      const std::string name = option->get_name(true);
      verb.takes_model = verb.takes_model || name == "MODEL" || (name == "NAME" && verb.verb.name != "pull");
      if (option->get_group().empty()) continue;
      for (const std::string& flag : option->get_lnames()) {
        verb.options.push_back({"--" + flag, plain(option->get_description())});
      }
    }
    verbs.push_back(std::move(verb));
  }
  return verbs;
}

std::string names_of(const std::vector<Completed>& list) {
  std::string names;
  for (const Completed& one : list) names += (names.empty() ? "" : " ") + one.name;
  return names;
}

std::vector<Completed> heads_of(const std::vector<Verb>& verbs) {
  std::vector<Completed> heads;
  for (const Verb& verb : verbs) heads.push_back(verb.verb);
  return heads;
}

std::string model_verbs(const std::vector<Verb>& verbs) {
  std::string names;
  for (const Verb& verb : verbs) {
    if (verb.takes_model) names += (names.empty() ? "" : "|") + verb.verb.name;
  }
  return names;
}

// What each script is made of; @VERBS@ and the like are filled in.
constexpr const char* kBash = R"sh(# bash completion of hearth: source it, or write it to
# ~/.local/share/bash-completion/completions/hearth
_hearth() {
  local word verb="${COMP_WORDS[1]}"
  # A name with a colon is one word.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : -c word
  else
    word="${COMP_WORDS[COMP_CWORD]}"
  fi
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "@VERBS@" -- "$word"))
    return
  fi
  case "$word" in
    -*)
      case "$verb" in
@OPTIONS@      esac ;;
    *)
      case "$verb" in
        @MODEL_VERBS@) COMPREPLY=($(compgen -W "$(hearth list --names 2>/dev/null)" -- "$word")) ;;
      esac
      COMPREPLY+=($(compgen -f -- "$word")) ;;
  esac
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$word"; fi
}
complete -o filenames -F _hearth hearth
)sh";

constexpr const char* kZsh = R"sh(#compdef hearth
# zsh completion of hearth: write it to a file _hearth in a folder of $fpath
_hearth() {
  local -a choices
  if (( CURRENT == 2 )); then
    choices=(@VERBS@)
    _describe verb choices
    return
  fi
  if [[ $PREFIX == -* ]]; then
    case $words[2] in
@OPTIONS@    esac
    _describe option choices
    return
  fi
  case $words[2] in
    @MODEL_VERBS@)
      choices=(${(f)"$(hearth list --names 2>/dev/null)"})
      compadd -a choices ;;
  esac
  _files
}
compdef _hearth hearth
)sh";

std::string filled(std::string text, std::string_view verbs, std::string_view options, std::string_view model_verbs) {
  const auto fill = [&](std::string_view mark, std::string_view with) {
    text.replace(text.find(mark), mark.size(), with);
  };
  fill("@VERBS@", verbs);
  fill("@OPTIONS@", options);
  fill("@MODEL_VERBS@", model_verbs);
  return text;
}

std::string bash_script(const std::vector<Verb>& verbs) {
  std::string options;
  for (const Verb& verb : verbs) {
    options += "        " + verb.verb.name + ") COMPREPLY=($(compgen -W \"" + names_of(verb.options) +
               "\" -- \"$word\")) ;;\n";
  }
  return filled(kBash, names_of(heads_of(verbs)), options, model_verbs(verbs));
}

std::string zsh_script(const std::vector<Verb>& verbs) {
  const auto described = [](const std::vector<Completed>& list) {
    std::string text;
    for (const Completed& one : list) text += (text.empty() ? "'" : " '") + one.name + ":" + one.help + "'";
    return text;
  };
  std::string options;
  for (const Verb& verb : verbs)
    options += "      " + verb.verb.name + ") choices=(" + described(verb.options) + ") ;;\n";
  return filled(kZsh, described(heads_of(verbs)), options, model_verbs(verbs));
}

std::string fish_script(const std::vector<Verb>& verbs) {
  std::string text = "# fish completion of hearth: write it to ~/.config/fish/completions/hearth.fish\n";
  for (const Verb& verb : verbs) {
    text += "complete -c hearth -n __fish_use_subcommand -f -a " + verb.verb.name + " -d '" + verb.verb.help + "'\n";
    const std::string of_verb = "complete -c hearth -n '__fish_seen_subcommand_from " + verb.verb.name + "' ";
    for (const Completed& option : verb.options) {
      text += of_verb + "-l " + option.name.substr(2) + " -d '" + option.help + "'\n";
    }
    if (verb.takes_model) text += of_verb + "-a '(hearth list --names 2>/dev/null)'\n";
  }
  return text;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto shell = std::make_shared<std::string>();
  CLI::App& verb = *app.add_subcommand("completion", "Print what makes a shell complete verbs, options and models");
  verb.add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb.callback([shell, &app, &action] {
    action = [shell, &app] {
      const std::vector<Verb> verbs = verbs_of(app);
      const std::string text = *shell == "bash"  ? bash_script(verbs)
                               : *shell == "zsh" ? zsh_script(verbs)
                                                 : fish_script(verbs);
      std::fputs(text.c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace hearth
