// What a user of `hearth chat` can say beside talking: lines that begin with a slash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "commands/chat/chat_conversation.h"

namespace hearth {

// What /show tells beyond the conversation.
struct ChatStatus {
  std::string model;   // its path
  std::string device;  // one line
  std::int64_t context = 0;
  std::int64_t context_used = 0;  // by the conversation as it is
  std::string last_answer;        // its numbers in one line; empty: there is none
};

enum class ChatAction { kNone, kHelp, kShow, kRegenerate, kLeave };

// Carries out a command on the conversation, or says what is to be done. Throws Error, with a sentence for the user;
// the conversation is then unchanged.
ChatAction run_chat_command(std::string_view line, Conversation& conversation);

std::string show_text(const Conversation& conversation, const ChatStatus& status);
std::string help_text();

}  // namespace hearth
