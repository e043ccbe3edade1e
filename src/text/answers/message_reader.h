// Answers in messages with headers, as OpenAI's Harmony format has them:
// <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>commentary to=functions.f<|message|>{…}<|call|>.
// The channel says what is thought, the recipient what is called.
#pragma once

#include <string>
#include <string_view>

#include "text/answers/call_reader.h"
#include "text/answers/text_flow.h"

namespace hearth {

class MessageReader {
 public:
  MessageReader(Reader& in, TextFlow& flow, CallReaders& calls, bool reads_calls)
      : in_(in), flow_(flow), calls_(calls), reads_calls_(reads_calls) {}

  void read();

 private:
  struct Header {
    std::string channel, recipient;
  };

  bool message();
  bool body(const Header& header);
  bool call(const Header& header);

  Reader& in_;
  TextFlow& flow_;
  CallReaders& calls_;
  bool reads_calls_;
};

}  // namespace hearth
