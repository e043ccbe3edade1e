// A model's chat template: the small program in Jinja that turns a conversation into the text that the model was
// trained to continue. It comes inside the model's files and is carried out as it stands.
#pragma once

#include <boost/json/object.hpp>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace hearth {

class ModelSource;

class ChatTemplate {
 public:
  // The local time that a template sees (some write today's date into the prompt).
  using Clock = std::function<std::tm()>;

  // Throws InvalidInput with the line if the text is not a template.
  explicit ChatTemplate(std::string source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // The template that the model's files hold; nullopt if there is none. Of several named ones, render() takes the one
  // called "tool_use" where the conversation has tools, else the default.
  static std::optional<ChatTemplate> from_source(const ModelSource& model);

  // `context` holds what the template may name: messages, tools, add_generation_prompt, bos_token, eos_token, and
  // whatever else the caller has. Throws jinja::TemplateError (an InvalidInput, with the line) if the template refuses
  // the conversation or fails. Safe to call from several threads at once.
  std::string render(const boost::json::object& context, const Clock& clock) const;
  std::string render(const boost::json::object& context) const;  // with the system's clock

 private:
  struct Programs;
  std::unique_ptr<const Programs> programs_;
};

}  // namespace hearth
