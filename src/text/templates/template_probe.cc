#include "text/templates/template_probe.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "text/jinja/error.h"

namespace hearth {
namespace {

namespace json = boost::json;

// Words that no template writes of itself, and that trimming or quoting leaves as they are.
constexpr std::string_view kSystem = "probesystem", kUser = "probequestion", kAnswer = "probeanswer",
                           kNextUser = "probenext", kLater = "probelater", kResult = "proberesult",
                           kArgument = "probeargument";
constexpr ContentForm kForms[] = {ContentForm::kString, ContentForm::kParts};

json::object message(std::string_view role, std::string_view text, ContentForm form) {
  json::object result{{"role", role}};
  if (form == ContentForm::kString) {
    result["content"] = text;
  } else {
    result["content"] = json::array{json::object{{"type", "text"}, {"text", text}}};
  }
  return result;
}

class Prober {
 public:
  explicit Prober(const std::function<std::string(const json::object&)>& render) : render_(render) {}

  TemplateProbe run() {
    try {
      probe_user();
      probe_assistant();
      probe_system();
      probe_tool_results();
    } catch (const jinja::TemplateError& error) {
      probe_.findings.push_back(fmt::format("the chat template was not examined: {}", error.what()));
    }
    return std::move(probe_);
  }

 private:
  using Words = std::initializer_list<std::string_view>;

  // What came out; empty where the template refuses, which `refusal_` then says. Only a template that takes too long is
  // an error: others would take as long.
  std::string rendered(json::array messages) {
    refusal_.clear();
    try {
      return render_({{"messages", std::move(messages)},
                      {"tools", nullptr},
                      {"documents", nullptr},
                      {"add_generation_prompt", true}});
    } catch (const jinja::TemplateError& error) {
      if (error.kind() == jinja::TemplateError::Kind::kLimit) throw;
      refusal_ = error.what();
      return {};
    }
  }

  // Whether all the words come out, in this order.
  bool shows(json::array messages, Words words) {
    const std::string text = rendered(std::move(messages));
    std::size_t from = 0;
    for (const std::string_view word : words) {
      const std::size_t at = text.find(word, from);
      if (at == std::string::npos) return false;
      from = at + word.size();
    }
    return true;
  }

  json::object system(std::string_view text) const { return message("system", text, probe_.abilities.system); }
  json::object user(std::string_view text) const { return message("user", text, probe_.abilities.user); }
  json::object answer() const { return message("assistant", kAnswer, probe_.abilities.assistant); }

  void probe_user() {
    TemplateAbilities& wanted = probe_.abilities;
    for (const ContentForm form : kForms) {
      wanted.user = form;
      if (shows({user(kUser)}, {kUser})) return;
    }
    // Some templates want a system message first.
    for (const ContentForm form : kForms) {
      for (const ContentForm system_form : kForms) {
        wanted.user = form;
        wanted.system = system_form;
        if (shows({system(kSystem), user(kUser)}, {kUser})) return;
      }
    }
    wanted.user = wanted.system = ContentForm::kString;
    loses_user_ = true;
    const std::string text = rendered({user(kUser)});
    probe_.findings.push_back(!refusal_.empty() ? "the chat template refuses a user's message: " + refusal_
                              : text.empty()    ? "the chat template renders nothing for a user's message"
                                                : "the chat template leaves out the text of a user's message");
  }

  void probe_assistant() {
    TemplateAbilities& wanted = probe_.abilities;
    for (const ContentForm form : kForms) {
      wanted.assistant = form;
      if (shows({user(kUser), answer(), user(kNextUser)}, {kAnswer})) break;
      wanted.assistant = wanted.user;
    }
    if (loses_user_ || shows({user(kUser), answer(), user(kNextUser)}, {kUser, kAnswer, kNextUser})) return;
    probe_.findings.push_back(refusal_.empty() ? "the chat template leaves out messages of a longer conversation"
                                               : "the chat template refuses a longer conversation: " + refusal_);
  }

  void probe_system() {
    TemplateAbilities& wanted = probe_.abilities;
    if (loses_user_) return;  // there is no user's message that it could be a part of
    for (const ContentForm form : kForms) {
      wanted.system = form;
      wanted.takes_system = shows({system(kSystem), user(kUser)}, {kSystem, kUser});
      if (wanted.takes_system) break;
    }
    wanted.takes_later_system = wanted.takes_system && takes_later_system();
    if (wanted.takes_system) return;
    wanted.system = wanted.user;
    rendered({system(kSystem), user(kUser)});
    probe_.system_finding =
        fmt::format("the chat template {}: its text becomes the beginning of the user's message",
                    refusal_.empty() ? "drops the system message" : "refuses a system message (" + refusal_ + ")");
  }

  bool takes_later_system() {
    return shows({system(kSystem), user(kUser), answer(), system(kLater), user(kNextUser)},
                 {kSystem, kUser, kAnswer, kLater, kNextUser}) &&
           shows({system(kSystem), user(kUser), answer(), user(kNextUser), system(kLater)},
                 {kSystem, kUser, kAnswer, kNextUser, kLater}) &&
           shows({user(kUser), system(kLater)}, {kUser, kLater});
  }

  json::object call(bool as_object) const {
    json::object function{{"name", "probe"}};
    if (as_object) {
      function["arguments"] = json::object{{"value", kArgument}};
    } else {
      function["arguments"] = fmt::format(R"({{"value": "{}"}})", kArgument);
    }
    json::object result{{"id", "probe0001"}, {"type", "function"}, {"function", std::move(function)}};
    json::object turn = message("assistant", "", probe_.abilities.assistant);
    turn["tool_calls"] = json::array{std::move(result)};
    return turn;
  }

  json::array after_a_call(ContentForm form, bool as_object) const {
    json::object result = message("tool", kResult, form);
    result["tool_call_id"] = "probe0001";
    result["name"] = "probe";
    return {user(kUser), call(as_object), std::move(result)};
  }

  void probe_tool_results() {
    TemplateAbilities& wanted = probe_.abilities;
    for (const bool as_object : {true, false}) {
      for (const ContentForm form : kForms) {
        if (!shows(after_a_call(form, as_object), {kArgument, kResult})) continue;
        wanted.takes_argument_objects = as_object;
        wanted.tool = form;
        return;
      }
    }
  }

  const std::function<std::string(const json::object&)>& render_;
  TemplateProbe probe_;
  std::string refusal_;
  bool loses_user_ = false;
};

}  // namespace

TemplateProbe probe_template(const std::function<std::string(const json::object& context)>& render) {
  return Prober(render).run();
}

}  // namespace hearth
