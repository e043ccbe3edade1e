// A model's chat template: the small program in Jinja that turns a conversation into the text that the model was
// trained to continue. It comes inside the model's files and is carried out as it stands.
#pragma once

#include <boost/json/object.hpp>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hearth {

class ModelSource;
struct AnswerProbe;

class ChatTemplate {
 public:
  // The local time that a template sees (some write today's date into the prompt).
  using Clock = std::function<std::tm()>;

  // Throws InvalidInput with the line if the text is not a template. `special_tokens`: as special_tokens() has them.
  explicit ChatTemplate(std::string source, boost::json::object special_tokens = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // The template that the model's files hold; nullopt if there is none. Of several named ones, render() takes the one
  // called "tool_use" where the conversation has tools, else the default.
  static std::optional<ChatTemplate> from_source(const ModelSource& model);
  // The same, or another one in its place: `replacement` is the name of a file with a template, or its text; empty: the
  // model's own. Throws InvalidInput where it is neither.
  static std::optional<ChatTemplate> from_source(const ModelSource& model, const std::string& replacement);

  // As it was read: the one for conversations without tools.
  const std::string& text() const;
  // The model's special tokens that a template may name; null: one that there is not.
  const boost::json::object& special_tokens() const;
  // What the user should know of how the template treats conversations; sentences, usually none.
  std::vector<std::string> findings(bool with_system_message = true) const;
  // How the model writes its answers, as the template shows it; `with_tools`: of a conversation that has some.
  std::shared_ptr<const AnswerProbe> answers(bool with_tools) const;
  // The context with its messages as the template wants them (conversation.h).
  boost::json::object adapted(boost::json::object context) const;

  // `context` holds what the template may name: messages, tools, add_generation_prompt, bos_token, eos_token, and
  // whatever else the caller has. Throws jinja::TemplateError (an InvalidInput, with the line) if the template refuses
  // the conversation or fails. Safe to call from several threads at once.
  std::string render(const boost::json::object& context, const Clock& clock) const;
  std::string render(const boost::json::object& context) const;  // with the system's clock

 private:
  struct Programs;
  explicit ChatTemplate(std::unique_ptr<const Programs> programs);

  std::unique_ptr<const Programs> programs_;
};

// The text of the template that the model's files hold, whether it can be parsed or not; nullopt if there is none.
std::optional<std::string> chat_template_text(const ModelSource& model);

}  // namespace hearth
