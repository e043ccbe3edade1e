// What the Responses API remembers: responses with the items they were asked with, and conversations. In memory, or in
// a SQLite file that outlives the process; of either no more than a bound, beyond which what came first is forgotten.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace hearth {

// Texts by their names. Not safe to share.
class TextShelf {
 public:
  virtual ~TextShelf() = default;
  virtual void put(const std::string& name, const std::string& text) = 0;
  virtual std::optional<std::string> find(const std::string& name) = 0;
  virtual bool erase(const std::string& name) = 0;
};
std::unique_ptr<TextShelf> memory_shelf(std::int64_t bytes_max);
// Throws InvalidInput where the file cannot be opened, or is none of these.
std::unique_ptr<TextShelf> file_shelf(const std::string& path, std::int64_t bytes_max);

struct StoredResponse {
  std::string previous;          // the response that this one went on from; empty: none
  std::string conversation;      // or the conversation that it stands in
  boost::json::array input;      // what it was asked with beyond that
  boost::json::object response;  // as it was answered
};

// From any thread.
class ResponseStore {
 public:
  explicit ResponseStore(std::unique_ptr<TextShelf> shelf) : shelf_(std::move(shelf)) {}

  void put(const std::string& id, const StoredResponse& stored);
  std::optional<StoredResponse> find(const std::string& id);
  // All that a response was asked with, from the first one that it goes on from; with `and_output` also what it
  // answered. nullopt: it, or one before it, is not there.
  std::optional<boost::json::array> items(const std::string& id, bool and_output);
  // One item of a response's output, by its own id.
  std::optional<boost::json::object> item(std::string_view item_id);

  // {"id", "created_at", "metadata", "items"}.
  void put_conversation(const boost::json::object& conversation);
  std::optional<boost::json::object> conversation(const std::string& id);
  // False: there is none.
  bool append(const std::string& conversation, const boost::json::array& items);

  bool erase(const std::string& id);

 private:
  std::optional<boost::json::object> object(const std::string& id);

  std::mutex mutex_;
  std::unique_ptr<TextShelf> shelf_;
};

}  // namespace hearth
