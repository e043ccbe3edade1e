#include "server/response_store.h"

#include <algorithm>
#include <boost/json/value.hpp>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "base/json_value.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr std::size_t kChainMax = 1000;  // responses that go on from each other

class MemoryShelf final : public TextShelf {
 public:
  explicit MemoryShelf(std::int64_t bytes_max) : bytes_max_(bytes_max) {}

  void put(const std::string& name, const std::string& text) override {
    erase(name);
    order_.push_back(name);
    texts_.emplace(name, Entry{text, std::prev(order_.end())});
    bytes_ += size_of(name, text);
    while (bytes_ > bytes_max_ && !order_.empty()) {
      const std::string oldest = order_.front();
      erase(oldest);
    }
  }
  std::optional<std::string> find(const std::string& name) override {
    const auto found = texts_.find(name);
    return found == texts_.end() ? std::nullopt : std::optional(found->second.text);
  }
  bool erase(const std::string& name) override {
    const auto found = texts_.find(name);
    if (found == texts_.end()) return false;
    bytes_ -= size_of(name, found->second.text);
    order_.erase(found->second.place);
    texts_.erase(found);
    return true;
  }

 private:
  struct Entry {
    std::string text;
    std::list<std::string>::iterator place;
  };
  static std::int64_t size_of(const std::string& name, const std::string& text) {
    constexpr std::int64_t kOverhead = 256;
    return kOverhead + static_cast<std::int64_t>(2 * name.size() + text.size());
  }

  std::int64_t bytes_max_, bytes_ = 0;
  std::map<std::string, Entry> texts_;
  std::list<std::string> order_;  // the oldest first
};

json::array array_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : json::array();
}

void append_all(const json::array& more, json::array& items) {
  items.insert(items.end(), more.begin(), more.end());
}

}  // namespace

std::unique_ptr<TextShelf> memory_shelf(std::int64_t bytes_max) {
  return std::make_unique<MemoryShelf>(bytes_max);
}

std::optional<json::object> ResponseStore::object(const std::string& id) {
  const std::optional<std::string> text = shelf_->find(id);
  if (!text) return std::nullopt;
  constexpr std::size_t kDepthMax = 300;  // a request's, and what stands around it
  ParsedJson parsed = parse_json(*text, kDepthMax, BigIntegers::kKeepDigits);
  if (parsed.error || !parsed.value.is_object()) return std::nullopt;
  return std::move(parsed.value.get_object());
}

void ResponseStore::put(const std::string& id, const StoredResponse& stored) {
  const json::object object{{"previous", stored.previous},
                            {"conversation", stored.conversation},
                            {"input", stored.input},
                            {"response", stored.response}};
  const std::string text = serialized_json(object);
  const std::lock_guard lock(mutex_);
  shelf_->put(id, text);
}

std::optional<StoredResponse> ResponseStore::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = object(id);
  if (!found || !found->contains("response")) return std::nullopt;
  const json::value& response = found->at("response");
  return StoredResponse{text_member(*found, "previous"), text_member(*found, "conversation"), array_of(*found, "input"),
                        response.is_object() ? response.get_object() : json::object()};
}

std::optional<json::array> ResponseStore::items(const std::string& id, bool and_output) {
  std::vector<StoredResponse> chain;  // the last one first
  for (std::string at = id; !at.empty();) {
    std::optional<StoredResponse> found = find(at);
    if (!found || chain.size() >= kChainMax) return std::nullopt;
    at = found->previous;
    chain.push_back(std::move(*found));
  }
  json::array items;
  for (auto each = chain.rbegin(); each != chain.rend(); ++each) {
    append_all(each->input, items);
    const bool is_last = std::next(each) == chain.rend();
    if (!is_last || and_output) append_all(array_of(each->response, "output"), items);
  }
  return items;
}

// An item is called as its response, with another beginning and a number behind.
std::optional<json::object> ResponseStore::item(std::string_view item_id) {
  const std::size_t begin = item_id.find('_');
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string_view name = item_id.substr(begin + 1);
  const auto stored = find("resp_" + std::string(name.substr(0, name.find('_'))));
  if (!stored) return std::nullopt;
  for (const json::value& item : array_of(stored->response, "output")) {
    if (item.is_object() && text_member(item.get_object(), "id") == item_id) return item.get_object();
  }
  return std::nullopt;
}

void ResponseStore::put_conversation(const json::object& conversation) {
  const std::lock_guard lock(mutex_);
  shelf_->put(text_member(conversation, "id"), serialized_json(conversation));
}

std::optional<json::object> ResponseStore::conversation(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto found = object(id);
  if (!found || !found->contains("items")) return std::nullopt;
  return found;
}

bool ResponseStore::append(const std::string& conversation, const json::array& items) {
  const std::lock_guard lock(mutex_);
  auto found = object(conversation);
  if (!found || !found->contains("items")) return false;
  json::array all = array_of(*found, "items");
  append_all(items, all);
  (*found)["items"] = std::move(all);
  shelf_->put(conversation, serialized_json(*found));
  return true;
}

bool ResponseStore::erase(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return shelf_->erase(id);
}

}  // namespace hearth
