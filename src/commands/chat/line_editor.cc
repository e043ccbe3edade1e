#include "commands/chat/line_editor.h"

#include <histedit.h>
#include <locale.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "commands/chat/input_history.h"

namespace hearth {
namespace {

constexpr char kEscape = '\x1b';
constexpr char32_t kCtrlD = 4;
// Terminals put these around what is pasted, once they are asked to.
constexpr std::string_view kPasteBegin = "\x1b[200~", kPasteEnd = "\x1b[201~";
constexpr std::string_view kAskForPastes = "\x1b[?2004h", kAskNoMore = "\x1b[?2004l";
constexpr int kSequenceTimeoutMs = 50;  // between the bytes of a key's sequence

// libedit asks the C library what is a character; this thread answers in UTF-8, whatever the process's locale is.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), before_(::uselocale(nullptr)) {
    if (locale_ != nullptr) ::uselocale(locale_);
  }
  ~Utf8Locale() {
    ::uselocale(before_);
    if (locale_ != nullptr) ::freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_, before_;
};

}  // namespace

class LineEditor::Impl {
 public:
  Impl(TerminalSignals& signals, std::FILE* out, const std::filesystem::path& history);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  InputLine read_line(const char* prompt);

 private:
  static Impl& of(EditLine* editor);
  static char* show_prompt(EditLine* editor) { return const_cast<char*>(of(editor).prompt_); }
  static int read_character(EditLine* editor, wchar_t* character);

  std::optional<char32_t> next_character();
  bool take_sequence(std::string_view sequence);
  bool wait_for_bytes(std::size_t count, int timeout_ms);
  void handle_signal();
  void write(std::string_view text);

  Utf8Locale locale_;
  InputBytes bytes_;
  std::FILE* out_;
  InputHistory history_file_;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
  const char* prompt_ = "";
  bool marks_pastes_ = false;
  bool is_pasting_ = false;
  InputLine::Kind ended_ = InputLine::Kind::kText;  // why there is no character
};

LineEditor::Impl::Impl(TerminalSignals& signals, std::FILE* out, const std::filesystem::path& history)
    : bytes_(STDIN_FILENO, signals), out_(out), history_file_(history) {
  const char* terminal = std::getenv("TERM");
  marks_pastes_ = terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
  editor_ = ::el_init("hearth", stdin, out, stderr);
  history_ = ::history_init();
  if (editor_ == nullptr || history_ == nullptr) throw DeviceError("the terminal cannot be used for line editing");
  ::el_set(editor_, EL_CLIENTDATA, this);
  ::el_set(editor_, EL_PROMPT, &Impl::show_prompt);
  ::el_set(editor_, EL_EDITOR, "emacs");
  ::el_set(editor_, EL_SIGNAL, 0);
  ::el_set(editor_, EL_HIST, &::history, history_);
  ::el_set(editor_, EL_GETCFN, &Impl::read_character);
  ::el_set(editor_, EL_BIND, "^I", "ed-insert", nullptr);
  ::el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  ::el_source(editor_, nullptr);  // the user's own .editrc
  HistEvent event;
  ::history(history_, &event, H_SETSIZE, static_cast<int>(2 * InputHistory::kLinesMax));
  ::history(history_, &event, H_SETUNIQUE, 1);
  for (const std::string& line : history_file_.lines()) ::history(history_, &event, H_ENTER, line.c_str());
}

LineEditor::Impl::~Impl() {
  if (history_ != nullptr) ::history_end(history_);
  if (editor_ != nullptr) ::el_end(editor_);
}

InputLine LineEditor::Impl::read_line(const char* prompt) {
  prompt_ = is_pasting_ ? "" : prompt;
  ended_ = InputLine::Kind::kText;
  if (marks_pastes_) write(kAskForPastes);
  int count = 0;
  const char* typed = ::el_gets(editor_, &count);
  if (marks_pastes_) write(kAskNoMore);
  if (typed == nullptr || count <= 0 || ended_ != InputLine::Kind::kText) {
    ::el_reset(editor_);
    is_pasting_ = false;
    write(ended_ == InputLine::Kind::kInterrupted ? "^C\n" : "\n");
    return {ended_ == InputLine::Kind::kText ? InputLine::Kind::kEnd : ended_, ""};
  }
  InputLine line{InputLine::Kind::kText, std::string(typed, static_cast<std::size_t>(count)), is_pasting_};
  if (line.text.ends_with('\n')) line.text.pop_back();
  if (!line.text.empty()) {
    HistEvent event;
    ::history(history_, &event, H_ENTER, line.text.c_str());
    history_file_.append(line.text);
  }
  return line;
}

LineEditor::Impl& LineEditor::Impl::of(EditLine* editor) {
  void* self = nullptr;
  ::el_get(editor, EL_CLIENTDATA, &self);
  return *static_cast<Impl*>(self);
}

// For libedit: 1 and a character, 0 at the end, -1 for an error. It is written in C: nothing is thrown through it.
int LineEditor::Impl::read_character(EditLine* editor, wchar_t* character) {
  Impl& self = of(editor);
  try {
    const auto next = self.next_character();
    if (!next) return 0;
    *character = static_cast<wchar_t>(*next);
    return 1;
  } catch (const std::exception&) {
    self.ended_ = InputLine::Kind::kTerminated;
    return -1;
  }
}

std::optional<char32_t> LineEditor::Impl::next_character() {
  std::string& buffer = bytes_.buffer();
  for (;;) {
    if (!wait_for_bytes(1, -1)) return std::nullopt;
    if (take_sequence(is_pasting_ ? kPasteEnd : kPasteBegin)) {
      is_pasting_ = !is_pasting_;
      continue;
    }
    Utf8Char character = decode_utf8(buffer, 0);
    while (character.incomplete) {
      if (!wait_for_bytes(buffer.size() + 1, kSequenceTimeoutMs)) break;
      character = decode_utf8(buffer, 0);
    }
    if (ended_ != InputLine::Kind::kText) return std::nullopt;
    buffer.erase(0, character.bytes);
    // Ctrl-D that was typed while no line was being read: the terminal keeps such an end of input as a zero.
    if (character.code_point == 0) return kCtrlD;
    if (!is_pasting_) return character.code_point;
    if (character.code_point == '\r') return U'\n';
    // A key's code in pasted text is not a key.
    const bool is_control = character.code_point < ' ' || character.code_point == '\x7f';
    if (!is_control || character.code_point == '\n' || character.code_point == '\t') return character.code_point;
  }
}

// Whether the input goes on with the sequence; then it is taken off.
bool LineEditor::Impl::take_sequence(std::string_view sequence) {
  std::string& buffer = bytes_.buffer();
  if (buffer[0] != kEscape) return false;
  while (buffer.size() < sequence.size() && sequence.starts_with(buffer)) {
    if (!wait_for_bytes(buffer.size() + 1, kSequenceTimeoutMs)) return false;
  }
  if (!buffer.starts_with(sequence)) return false;
  buffer.erase(0, sequence.size());
  return true;
}

// False where so many do not come: `ended_` says why, unless it is only that time is up.
bool LineEditor::Impl::wait_for_bytes(std::size_t count, int timeout_ms) {
  while (bytes_.buffer().size() < count) {
    switch (bytes_.wait(timeout_ms)) {
      case InputBytes::Event::kInput:
        break;
      case InputBytes::Event::kTimeout:
        return false;
      case InputBytes::Event::kEnd:
        ended_ = InputLine::Kind::kEnd;
        return false;
      case InputBytes::Event::kSignal:
        handle_signal();
    }
    if (ended_ != InputLine::Kind::kText) return false;
  }
  return true;
}

void LineEditor::Impl::handle_signal() {
  switch (bytes_.signals().next().value_or(TerminalSignals::Event::kResize)) {
    case TerminalSignals::Event::kInterrupt:
      ended_ = InputLine::Kind::kInterrupted;
      break;
    case TerminalSignals::Event::kTerminate:
      ended_ = InputLine::Kind::kTerminated;
      break;
    case TerminalSignals::Event::kResize:
      ::el_resize(editor_);
      break;
    case TerminalSignals::Event::kContinue:
      ::el_set(editor_, EL_PREP_TERM, 1);  // the shell has set the terminal as it likes it
      if (marks_pastes_) write(kAskForPastes);
      ::el_set(editor_, EL_REFRESH, nullptr);
      break;
  }
}

void LineEditor::Impl::write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

LineEditor::LineEditor(TerminalSignals& signals, std::FILE* out, const std::filesystem::path& history)
    : impl_(std::make_unique<Impl>(signals, out, history)) {}

LineEditor::~LineEditor() = default;

InputLine LineEditor::read_line(const char* prompt) {
  return impl_->read_line(prompt);
}

}  // namespace hearth
