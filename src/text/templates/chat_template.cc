// Finds the template in a model's files and hands it to the interpreter.
#include "text/templates/chat_template.h"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"
#include "text/answers/answer_probe.h"
#include "text/jinja/error.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/jinja/unicode.h"
#include "text/templates/conversation.h"
#include "text/templates/special_tokens.h"
#include "text/templates/template_probe.h"
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

// With a standard one, if there is any.
Sources usable_sources(const ModelSource& model) {
  Sources sources = sources_of(model);
  if (!sources.standard) std::swap(sources.standard, sources.tool_use);
  return sources;
}

std::string text_of(const std::string& file_or_text) {
  const bool has_tags = file_or_text.find("{{") != std::string::npos || file_or_text.find("{%") != std::string::npos;
  if (has_tags) return file_or_text;
  std::error_code error;
  if (!std::filesystem::exists(file_or_text, error)) {
    throw InvalidInput("the chat template '" + file_or_text + "' is neither a file nor a template's text");
  }
  return std::string(MappedFile(file_or_text).text());
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

// A template's text, what it does, and how it wants its conversations.
struct ExaminedProgram {
  std::string text;
  jinja::Program program;
  TemplateProbe probe;
  std::shared_ptr<const AnswerProbe> answers;
};

// Of a template that takes too long for one conversation the others are not waited for.
AnswerProbe examined_answers(const ExaminedProgram& program, const boost::json::object& known) {
  bool is_slow = false;
  const ProbeRender render = [&](const boost::json::object& probe) -> std::optional<std::string> {
    if (is_slow) return std::nullopt;
    boost::json::object context = known;
    for (const auto& [name, value] : probe) context[name] = value;
    try {
      return jinja::Interpreter(program.program, context, local_time).run();
    } catch (const jinja::TemplateError& error) {
      is_slow = error.kind() == jinja::TemplateError::Kind::kLimit;
      return std::nullopt;
    }
  };
  return probe_answers(render, program.text);
}

ExaminedProgram examined(std::string text, const boost::json::object& special_tokens) {
  ExaminedProgram result{std::move(text), {}, {}, {}};
  result.program = parse_checked(result.text);
  // A model's tokenizer may know these two where its files do not name them.
  boost::json::object known{{"bos_token", ""}, {"eos_token", ""}};
  for (const auto& [name, token] : special_tokens) known[name] = token;
  result.probe = probe_template([&](const boost::json::object& probe) {
    boost::json::object context = known;
    for (const auto& [name, value] : probe) context[name] = value;
    return jinja::Interpreter(result.program, context, local_time).run();
  });
  result.answers = std::make_shared<const AnswerProbe>(examined_answers(result, known));
  return result;
}

}  // namespace

struct ChatTemplate::Programs {
  boost::json::object special_tokens;
  ExaminedProgram standard;
  std::optional<ExaminedProgram> tool_use;

  const ExaminedProgram& for_context(const boost::json::object& context) const {
    return tool_use && has_tools(context) ? *tool_use : standard;
  }
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Programs> programs) : programs_(std::move(programs)) {}

ChatTemplate::ChatTemplate(std::string source, boost::json::object special_tokens) {
  auto standard = examined(std::move(source), special_tokens);
  programs_ = std::make_unique<const Programs>(Programs{std::move(special_tokens), std::move(standard), std::nullopt});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::optional<ChatTemplate> ChatTemplate::from_source(const ModelSource& model) {
  const Sources sources = usable_sources(model);
  if (!sources.standard) return std::nullopt;
  boost::json::object tokens = hearth::special_tokens(model);
  Programs programs{{}, examined(*sources.standard, tokens), std::nullopt};
  if (sources.tool_use) programs.tool_use = examined(*sources.tool_use, tokens);
  programs.special_tokens = std::move(tokens);
  return ChatTemplate(std::make_unique<const Programs>(std::move(programs)));
}

std::optional<ChatTemplate> ChatTemplate::from_source(const ModelSource& model, const std::string& replacement) {
  if (replacement.empty()) return from_source(model);
  return ChatTemplate(text_of(replacement), hearth::special_tokens(model));
}

const std::string& ChatTemplate::text() const {
  return programs_->standard.text;
}

const boost::json::object& ChatTemplate::special_tokens() const {
  return programs_->special_tokens;
}

std::vector<std::string> ChatTemplate::findings(bool with_system_message) const {
  const TemplateProbe& probe = programs_->standard.probe;
  std::vector<std::string> all = probe.findings;
  if (with_system_message && !probe.system_finding.empty()) all.push_back(probe.system_finding);
  return all;
}

std::shared_ptr<const AnswerProbe> ChatTemplate::answers(bool with_tools) const {
  return with_tools && programs_->tool_use ? programs_->tool_use->answers : programs_->standard.answers;
}

boost::json::object ChatTemplate::adapted(boost::json::object context) const {
  const TemplateAbilities& abilities = programs_->for_context(context).probe.abilities;
  return adapted_conversation(std::move(context), abilities);
}

std::string ChatTemplate::render(const boost::json::object& context, const Clock& clock) const {
  return jinja::Interpreter(programs_->for_context(context).program, context, clock).run();
}

std::string ChatTemplate::render(const boost::json::object& context) const {
  return render(context, local_time);
}

std::optional<std::string> chat_template_text(const ModelSource& model) {
  return usable_sources(model).standard;
}

}  // namespace hearth
