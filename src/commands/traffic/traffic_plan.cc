#include "commands/traffic/traffic_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace hearth {
namespace {

constexpr std::int64_t kLengthMax = std::int64_t{1} << 24;

// Where the vocabulary's size is not known: every model has as many tokens.
constexpr std::int64_t kVocabularyDefault = 1024;

constexpr std::array<std::string_view, 32> kWords = {
    "time", "year", "people", "way",   "day",  "man",   "thing",  "woman",  "life",  "child", "world",
    "tree", "hand", "part",   "place", "case", "week",  "home",   "system", "room",  "point", "water",
    "fact", "eye",  "job",    "word",  "side", "house", "friend", "father", "power", "hour"};

// SplitMix64: a good sequence from any state, however close two states are.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::int64_t draw(std::uint64_t& state, std::int64_t lowest, std::int64_t count) {
  return lowest + static_cast<std::int64_t>(next_random(state) % static_cast<std::uint64_t>(count));
}

std::int64_t draw_length(std::uint64_t& state, LoadLength length) {
  return std::max<std::int64_t>(1, draw(state, length.value - length.spread, 2 * length.spread + 1));
}

// What is drawn for a request depends on no other request.
enum class Purpose : std::uint64_t { kPrompt = 1, kOutput, kSharedPrefix, kArrivals };

std::uint64_t state_for(std::uint64_t seed, Purpose purpose, std::int64_t index) {
  std::uint64_t state = seed;
  std::uint64_t mixed = next_random(state) ^ static_cast<std::uint64_t>(purpose);
  return next_random(mixed) + static_cast<std::uint64_t>(index) * 0xd1342543de82ef95u;
}

std::int64_t parse_count(std::string_view part, std::string_view whole) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), count);
  if (error == std::errc{} && end == part.data() + part.size() && count >= 0 && count <= kLengthMax) return count;
  throw InvalidInput(fmt::format("the length '{}' is not LENGTH or LENGTH:SPREAD", whole));
}

}  // namespace

LoadLength parse_load_length(std::string_view text) {
  const std::size_t colon = text.find(':');
  LoadLength length;
  length.value = parse_count(text.substr(0, colon), text);
  if (colon != std::string_view::npos) length.spread = parse_count(text.substr(colon + 1), text);
  if (length.value < 1) throw InvalidInput(fmt::format("the length '{}' is not at least 1", text));
  return length;
}

LoadPlan::LoadPlan(LoadPlanOptions options)
    : options_(std::move(options)), arrivals_state_(state_for(options_.seed, Purpose::kArrivals, 0)) {}

std::string LoadPlan::body(std::int64_t index) const {
  std::uint64_t shared = state_for(options_.seed, Purpose::kSharedPrefix, 0);
  std::uint64_t own = state_for(options_.seed, Purpose::kPrompt, index);
  const std::int64_t own_count = draw_length(own, options_.prompt);
  const auto for_each_draw = [&](auto&& take) {
    for (std::int64_t i = 0; i < options_.shared_prefix; ++i) take(shared);
    for (std::int64_t i = 0; i < own_count; ++i) take(own);
  };
  boost::json::object body{{"model", options_.model},
                           {"stream", true},
                           {"stream_options", {{"include_usage", true}}},
                           {"max_tokens", output_tokens(index)},
                           {"seed", index}};
  if (options_.temperature) body["temperature"] = *options_.temperature;
  if (options_.endpoint == LoadEndpoint::kChat) {
    std::string text;
    for_each_draw([&](std::uint64_t& state) {
      if (!text.empty()) text += ' ';
      text += kWords[next_random(state) % kWords.size()];
    });
    const boost::json::object message{{"role", "user"}, {"content", text}};
    body["messages"] = boost::json::array{message};
  } else {
    // Special tokens stand at a vocabulary's ends.
    const std::int64_t size = options_.vocabulary > 0 ? options_.vocabulary : kVocabularyDefault;
    const std::int64_t lowest = size / 4;
    boost::json::array ids;
    for_each_draw(
        [&](std::uint64_t& state) { ids.push_back(draw(state, lowest, std::max<std::int64_t>(1, size / 2))); });
    body["prompt"] = std::move(ids);
    body["ignore_eos"] = true;
  }
  return boost::json::serialize(body);
}

std::int64_t LoadPlan::output_tokens(std::int64_t index) const {
  std::uint64_t state = state_for(options_.seed, Purpose::kOutput, index);
  return draw_length(state, options_.output);
}

double LoadPlan::next_arrival() {
  const double at = arrival_;
  const double uniform = static_cast<double>(next_random(arrivals_state_) >> 11) * 0x1p-53;  // [0, 1)
  arrival_ += -std::log1p(-uniform) / options_.rate.value();
  return at;
}

std::string_view LoadPlan::path() const {
  return options_.endpoint == LoadEndpoint::kChat ? "/v1/chat/completions" : "/v1/completions";
}

}  // namespace hearth
