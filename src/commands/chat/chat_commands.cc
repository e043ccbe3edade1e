#include "commands/chat/chat_commands.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The first word, and what follows it.
std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
  const std::size_t end = text.find_first_of(" \t\n");
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), trim(text.substr(end))};
}

ChatAction set(Conversation& conversation, std::string_view arguments) {
  const auto [name, value] = split_word(arguments);
  if (name.empty()) throw InvalidInput("/set needs a setting and its value; /show lists them");
  if (value.empty() && name != "system") throw InvalidInput(fmt::format("/set {} needs a value", name));
  conversation.settings.set(name, value);
  return ChatAction::kNone;
}

std::filesystem::path path_of(std::string_view command, std::string_view text) {
  if (text.empty()) throw InvalidInput(fmt::format("{} needs the name of a file", command));
  const char* home = std::getenv("HOME");
  if (text.starts_with("~/") && home != nullptr) return std::filesystem::path(home) / text.substr(2);
  return text;
}

ChatAction save(Conversation& conversation, std::string_view arguments) {
  conversation.save(path_of("/save", arguments));
  return ChatAction::kNone;
}

ChatAction load(Conversation& conversation, std::string_view arguments) {
  conversation.load(path_of("/load", arguments));
  return ChatAction::kNone;
}

ChatAction regenerate(Conversation& conversation, std::string_view) {
  if (conversation.messages.empty()) throw InvalidInput("there is no answer to generate again");
  return ChatAction::kRegenerate;
}

ChatAction clear(Conversation& conversation, std::string_view) {
  conversation.messages.clear();
  return ChatAction::kNone;
}

ChatAction help(Conversation&, std::string_view) {
  return ChatAction::kHelp;
}

ChatAction show(Conversation&, std::string_view) {
  return ChatAction::kShow;
}

ChatAction leave(Conversation&, std::string_view) {
  return ChatAction::kLeave;
}

struct Command {
  std::string_view name, arguments, help;
  ChatAction (*run)(Conversation& conversation, std::string_view arguments);
};

constexpr std::array kCommands{
    Command{"/set", "SETTING VALUE", "change a setting: a sampling option, system, seed, tokens, samplers", set},
    Command{"/show", "", "the settings, the model, and how full the context is", show},
    Command{"/save", "FILE", "write conversation and settings to a file", save},
    Command{"/load", "FILE", "read them back", load},
    Command{"/regen", "", "another answer to the last message", regenerate},
    Command{"/clear", "", "forget the conversation; the settings stay", clear},
    Command{"/help", "", "this list", help},
    Command{"/bye", "", "leave; so does Ctrl-D", leave},
};

}  // namespace

ChatAction run_chat_command(std::string_view line, Conversation& conversation) {
  const auto [name, arguments] = split_word(trim(line));
  for (const Command& command : kCommands) {
    if (command.name != name) continue;
    if (command.arguments.empty() && !arguments.empty()) {
      throw InvalidInput(fmt::format("{} takes nothing behind it", name));
    }
    return command.run(conversation, arguments);
  }
  throw InvalidInput(fmt::format(
      "there is no command {}; /help lists them, and a message that begins with a slash is typed with two", name));
}

std::string help_text() {
  std::string text;
  for (const Command& command : kCommands) {
    text += fmt::format("{:<22} {}\n", fmt::format("{} {}", command.name, command.arguments), command.help);
  }
  return text +
         "\"\"\" at the start of a line begins a message of several lines, \"\"\" at the end of a line ends it;\n"
         "a backslash at the end of a line goes on with the next one. Ctrl-C stops an answer.\n";
}

std::string show_text(const Conversation& conversation, const ChatStatus& status) {
  std::string text = fmt::format("{:<20} {}\n{:<20} {}\n{:<20} {} of {} positions used, by {} messages\n", "model",
                                 status.model, "device", status.device, "context", status.context_used, status.context,
                                 conversation.messages.size());
  for (const auto& [name, value] : conversation.settings.list()) {
    text += fmt::format("{:<20} {}\n", name, value.empty() ? "(none)" : value);
  }
  if (!status.last_answer.empty()) text += fmt::format("{:<20} {}\n", "last answer", status.last_answer);
  return text;
}

}  // namespace hearth
