#include "commands/render_template.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <iterator>
#include <system_error>

#include "base/error.h"
#include "base/mapped_file.h"
#include "commands/find_model.h"
#include "text/templates/chat_template.h"
#include "weights/json.h"
#include "weights/model_source.h"

namespace hearth {
namespace {

bool is_model(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return true;
  return MappedFile(path).text().starts_with("GGUF");
}

ChatTemplate open_template(const std::filesystem::path& path) {
  if (!is_model(path)) return ChatTemplate(std::string(MappedFile(path).text()));
  auto found = ChatTemplate::from_source(*ModelSource::open(path));
  if (!found) throw InvalidInput(path.string() + ": the model has no chat template");
  return std::move(*found);
}

boost::json::object read_context(const std::filesystem::path& path) {
  if (path != "-") {
    return parse_json_object(MappedFile(path).text(), path.string(), JsonDialect::kPython, 0, BigIntegers::kKeepDigits);
  }
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  return parse_json_object(text, "standard input", JsonDialect::kPython, 0, BigIntegers::kKeepDigits);
}

std::tm parse_time(const std::string& text) {
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm fields{};
    const char* end = ::strptime(text.c_str(), format, &fields);
    if (end == nullptr || *end != '\0') continue;
    const std::tm given = fields;
    ::timegm(&fields);  // turns the 31st of April into another day
    if (fields.tm_mday == given.tm_mday && fields.tm_sec == given.tm_sec) return fields;
  }
  throw InvalidInput(fmt::format("--now is '{}', and must be a time as in 2026-11-22T00:00:00", text));
}

}  // namespace

void render_template(const RenderTemplateOptions& options) {
  const ChatTemplate chat_template = open_template(find_model(options.file));
  const boost::json::object context = read_context(options.context);
  const std::tm now = options.now.empty() ? std::tm{} : parse_time(options.now);
  const std::string text =
      options.now.empty() ? chat_template.render(context) : chat_template.render(context, [&] { return now; });
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace hearth
