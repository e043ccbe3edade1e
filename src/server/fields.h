// Reading a request's JSON: every field by its type and range, and an error that names the field where it is wrong.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/exchange.h"

namespace hearth {

// Throws HttpError 400: no JSON, not an object, ill-formed UTF-8, nested too deeply. A byte order mark is skipped, and
// an escape that is half of a character is U+FFFD.
boost::json::object parse_body(const HttpRequest& request);

// HttpError 400, type "invalid_request_error", about the field `param` (empty: none).
HttpError bad_request(std::string message, std::string param = {}, std::string code = {});

// An object's fields. JSON's null counts as not there. Every function throws HttpError 400, naming the field by its
// whole path ("messages[2].content"), where the value has another type or is out of range.
class Fields {
 public:
  explicit Fields(const boost::json::object& object, std::string path = {})
      : object_(&object), path_(std::move(path)) {}

  const boost::json::value* find(std::string_view name) const;  // null: not there
  std::optional<std::string_view> string(std::string_view name) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<double> number(std::string_view name, double lowest, double highest) const;
  // 3.0 is an integer as well.
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t lowest, std::int64_t highest) const;
  const boost::json::array* array(std::string_view name) const;
  std::optional<Fields> object(std::string_view name) const;

  std::string_view required_string(std::string_view name) const;
  const boost::json::array& required_array(std::string_view name) const;

  std::string path_of(std::string_view name) const;  // "messages[2].content"
  const boost::json::object& json() const { return *object_; }

 private:
  const boost::json::object* object_;
  std::string path_;
};

// The element as an object, or HttpError 400 naming "path[index]".
Fields object_at(const boost::json::array& array, std::size_t index, const std::string& path);

}  // namespace hearth
