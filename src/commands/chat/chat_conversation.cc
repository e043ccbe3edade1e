#include "commands/chat/chat_conversation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <variant>

#include "base/error.h"
#include "base/read_file.h"
#include "commands/sampling_flags.h"
#include "weights/json.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::uintmax_t kFileBytesMax = 64 << 20;

template <class T>
T parse_whole(std::string_view name, std::string_view text, T lowest) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lowest) {
    throw InvalidInput(fmt::format("{} must be a whole number of at least {}, and is '{}'", name, lowest, text));
  }
  return value;
}

double parse_number(std::string_view name, std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0') throw InvalidInput(fmt::format("{} must be a number, and is '{}'", name, text));
  return value;
}

const SamplerOption* find_option(std::string_view name) {
  for (const SamplerOption& option : sampler_option_table()) {
    std::string with_dashes(option.name);
    for (char& character : with_dashes) character = character == '_' ? '-' : character;
    if (name == option.name || name == option.flag || name == with_dashes) return &option;
  }
  return nullptr;
}

std::string stages_text(const SamplerOptions& options) {
  std::string text;
  for (const SamplerStage stage : options.stages) {
    text += fmt::format("{}{}", text.empty() ? "" : ";", stage_name(stage));
  }
  return text;
}

std::string value_text(const json::value& value, const std::string& where) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_number()) return json::serialize(value);
  throw InvalidInput(where + " is neither a number nor a string");
}

const std::string text_field(const json::object& message, const char* name, const std::string& where) {
  const json::value* value = message.if_contains(name);
  if (value == nullptr || !value->is_string()) {
    throw InvalidInput(fmt::format("{} has no \"{}\" that is a string", where, name));
  }
  return std::string(value->get_string());
}

void read_messages(const json::value& list, const std::string& file, Conversation& conversation) {
  if (!list.is_array()) throw InvalidInput(file + ": \"messages\" is not a list");
  for (std::size_t i = 0; i < list.get_array().size(); ++i) {
    const std::string where = fmt::format("{}: messages[{}]", file, i);
    const json::value& element = list.get_array()[i];
    if (!element.is_object()) throw InvalidInput(where + " is not an object");
    ChatMessage message{text_field(element.get_object(), "role", where),
                        text_field(element.get_object(), "content", where)};
    for (const char* name : {"tool_calls", "tool_call_id", "name"}) {
      const json::value* value = element.get_object().if_contains(name);
      if (value != nullptr) message.more[name] = *value;
    }
    if (message.role == "system" && i == 0) {
      conversation.settings.system = std::move(message.content);
    } else if (message.role == "user" || message.role == "assistant" || message.role == "tool") {
      conversation.messages.push_back(std::move(message));
    } else {
      throw InvalidInput(
          fmt::format("{} has the role '{}'; a conversation has those of user, assistant and tool, and may "
                      "begin with one of system",
                      where, message.role));
    }
  }
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  int error = descriptor < 0 ? errno : 0;
  while (error == 0 && !text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count < 0) error = errno;
    text.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  if (descriptor >= 0 && ::close(descriptor) != 0 && error == 0) error = errno;
  if (error != 0) throw InvalidInput(fmt::format("{}: {}", path.string(), std::strerror(error)));
}

}  // namespace

void ChatSettings::set(std::string_view name, std::string_view value) {
  if (name == "system") {
    system = value;
  } else if (name == "seed") {
    sampling.seed = value == "random" ? random_seed() : parse_whole<std::uint64_t>(name, value, 0);
  } else if (name == "tokens") {
    const auto count = parse_whole<std::int64_t>(name, value, -1);
    if (count == 0) throw InvalidInput("tokens must be at least 1, or -1 for no limit, and is 0");
    token_count = count;
  } else if (name == "samplers") {
    sampling.stages = parse_sampler_stages(value);
  } else if (const SamplerOption* option = find_option(name)) {
    set_sampler_option(sampling, option->name, parse_number(name, value));
  } else {
    std::string names;
    for (const auto& [known, current] : list()) names += (names.empty() ? "" : ", ") + known;
    throw InvalidInput(fmt::format("there is no setting '{}'; there are: {}", name, names));
  }
}

std::vector<std::pair<std::string, std::string>> ChatSettings::list() const {
  std::vector<std::pair<std::string, std::string>> settings{{"system", system},
                                                            {"seed", fmt::format("{}", sampling.seed)},
                                                            {"tokens", fmt::format("{}", token_count)},
                                                            {"samplers", stages_text(sampling)}};
  for (const SamplerOption& option : sampler_option_table()) {
    settings.emplace_back(option.name,
                          std::visit([&](auto member) { return fmt::format("{}", sampling.*member); }, option.member));
  }
  return settings;
}

json::object Conversation::template_context() const {
  json::array list;
  if (!settings.system.empty()) list.push_back({{"role", "system"}, {"content", settings.system}});
  for (const ChatMessage& message : messages) {
    json::object told{{"role", message.role}, {"content", message.content}};
    for (const auto& [name, value] : message.more) told[name] = value;
    list.push_back(std::move(told));
  }
  return {{"messages", std::move(list)}};
}

void Conversation::save(const std::filesystem::path& path) const {
  // Settings are strings as they are typed: no digit of a number is lost or added.
  json::object saved_settings;
  for (const auto& [name, value] : settings.list()) {
    if (name != "system") saved_settings[name] = value;
  }
  json::object document = template_context();
  document["settings"] = std::move(saved_settings);
  write_file(path, json::serialize(document) + '\n');
}

void Conversation::load(const std::filesystem::path& path) {
  const std::string file = path.string();
  const json::object document = parse_json_object(read_file(path, kFileBytesMax), file);
  const json::value* list = document.if_contains("messages");
  if (list == nullptr) throw InvalidInput(file + ": has no \"messages\"");
  Conversation loaded{settings, {}};
  loaded.settings.system.clear();
  if (const json::value* values = document.if_contains("settings")) {
    if (!values->is_object()) throw InvalidInput(file + ": \"settings\" is not an object");
    for (const auto& [name, value] : values->get_object()) {
      const std::string text = value_text(value, fmt::format("{}: the setting \"{}\"", file, std::string(name)));
      try {
        loaded.settings.set(name, text);
      } catch (const InvalidInput& error) {
        throw InvalidInput(fmt::format("{}: {}", file, error.what()));
      }
    }
  }
  read_messages(*list, file, loaded);
  *this = std::move(loaded);
}

}  // namespace hearth
