// What Ollama's /api/generate and /api/chat answer: a JSON object, or many, one a line. Pure.
//
// Format: docs.ollama.com/api. Durations are nanoseconds.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "engine/request.h"
#include "server/answer_reader.h"
#include "text/tokenizers/tokenizer.h"

namespace hearth {

enum class OllamaEndpoint { kGenerate, kChat };

// "2026-11-23T02:11:00.123456789Z".
std::string ollama_time(std::chrono::system_clock::time_point time);

// {"model", "created_at", "response" or "message", "done": false}: a piece of the answer. `parts`: its text, thoughts
// and calls, which are complete.
boost::json::object ollama_piece(OllamaEndpoint endpoint, std::string_view model, const std::vector<AnswerPart>& parts,
                                 std::chrono::system_clock::time_point time);

// Makes the last piece of it: done, done_reason, counts and durations. For an end that is no failure. prompt_eval_count
// has the whole prompt, cached or not; load_duration is 0: the model was loaded when the server started.
void finish_ollama_answer(boost::json::object& piece, const GenerationEnd& end);

// The answer to a request for nothing, with which clients see to it that a model is loaded.
boost::json::object ollama_loaded(OllamaEndpoint endpoint, std::string_view model,
                                  std::chrono::system_clock::time_point time);

// token_logprobs(), without "top_logprobs" where none were asked for.
boost::json::object ollama_logprob(const GeneratedToken& token, const Tokenizer& tokenizer);

std::string ollama_line(const boost::json::object& object);

inline constexpr const char* kOllamaContentType = "application/json; charset=utf-8";

}  // namespace hearth
