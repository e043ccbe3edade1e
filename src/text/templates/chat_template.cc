// Finds the template in a model's files and hands it to the interpreter.
#include "text/templates/chat_template.h"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/jinja/unicode.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

struct Sources {
  std::optional<std::string> standard;
  std::optional<std::string> tool_use;
};

std::string_view view(const boost::json::string& text) {
  return {text.data(), text.size()};
}

// tokenizer_config.json holds one template, or a list of {name, template}.
Sources named_sources(const boost::json::value& entry) {
  Sources sources;
  if (const auto* text = entry.if_string()) {
    sources.standard = view(*text);
    return sources;
  }
  if (entry.is_null()) return sources;
  if (!entry.is_array()) throw InvalidInput("tokenizer_config.json: chat_template is neither a string nor a list");
  for (const auto& item : entry.get_array()) {
    const auto* object = item.if_object();
    const auto* name = object != nullptr ? object->if_contains("name") : nullptr;
    const auto* text = object != nullptr ? object->if_contains("template") : nullptr;
    if (name == nullptr || text == nullptr || !name->is_string() || !text->is_string()) {
      throw InvalidInput("tokenizer_config.json: an entry of chat_template lacks its name or its template");
    }
    if (name->get_string() == "default") sources.standard = view(text->get_string());
    if (name->get_string() == "tool_use") sources.tool_use = view(text->get_string());
  }
  return sources;
}

Sources sources_of(const ModelSource& model) {
  Sources sources;
  if (model.kind() == ModelSource::Kind::kGguf) {
    if (const auto text = model.metadata().string("tokenizer.chat_template")) sources.standard = *text;
    if (const auto text = model.metadata().string("tokenizer.chat_template.tool_use")) sources.tool_use = *text;
    return sources;
  }
  if (const auto* entry = model.tokenizer_config().if_contains("chat_template")) sources = named_sources(*entry);
  if (const auto text = model.chat_template_file()) sources.standard = *text;
  return sources;
}

jinja::Program parse_checked(std::string_view source) {
  if (!jinja::is_utf8(source)) throw InvalidInput("the chat template is not valid UTF-8");
  return jinja::parse(source);
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  if (localtime_r(&now, &fields) == nullptr) throw DeviceError("the system's clock has no local time");
  return fields;
}

bool has_tools(const boost::json::object& context) {
  const auto* tools = context.if_contains("tools");
  return tools != nullptr && tools->is_array() && !tools->get_array().empty();
}

}  // namespace

struct ChatTemplate::Programs {
  jinja::Program standard;
  std::optional<jinja::Program> tool_use;
};

ChatTemplate::ChatTemplate(std::string source)
    : programs_(std::make_unique<Programs>(Programs{parse_checked(source), std::nullopt})) {}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::optional<ChatTemplate> ChatTemplate::from_source(const ModelSource& model) {
  Sources sources = sources_of(model);
  if (!sources.standard) std::swap(sources.standard, sources.tool_use);
  if (!sources.standard) return std::nullopt;
  ChatTemplate result(*sources.standard);
  if (sources.tool_use) {
    result.programs_ =
        std::make_unique<Programs>(Programs{parse_checked(*sources.standard), parse_checked(*sources.tool_use)});
  }
  return result;
}

std::string ChatTemplate::render(const boost::json::object& context, const Clock& clock) const {
  const bool tool_use = programs_->tool_use.has_value() && has_tools(context);
  return jinja::Interpreter(tool_use ? *programs_->tool_use : programs_->standard, context, clock).run();
}

std::string ChatTemplate::render(const boost::json::object& context) const {
  return render(context, local_time);
}

}  // namespace hearth
