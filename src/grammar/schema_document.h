// A JSON Schema with the documents that it refers to: where its subschemas stand, what their references mean, and what
// names them in an error.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hearth {

// How a schema's own version reads keywords whose meaning changed.
enum class SchemaDialect { kDraft4, kDraft7, kDraft2019, kDraft2020 };

class SchemaDocument {
 public:
  using Documents = std::map<std::string, boost::json::value>;

  // `schema` and `documents` (by their absolute URI) outlive this.
  SchemaDocument(const boost::json::value& schema, const Documents& documents);

  std::uint32_t root() const { return 0; }
  const boost::json::value& value(std::uint32_t node) const { return *nodes_[node].value; }
  SchemaDialect dialect(std::uint32_t node) const { return resources_[nodes_[node].resource].dialect; }
  std::uint32_t resource(std::uint32_t node) const { return nodes_[node].resource; }
  // The schema that is the value of a keyword, or of a member of it.
  std::uint32_t child(std::uint32_t node, std::string_view keyword);
  std::uint32_t child(std::uint32_t node, std::string_view keyword, std::string_view member);
  std::uint32_t child(std::uint32_t node, std::string_view keyword, std::size_t index);

  // What a reference means from a node; throws where there is nothing.
  std::uint32_t referred(std::uint32_t node, std::string_view keyword, std::string_view reference);
  // The dynamic anchor that a reference names where it leads, or an empty text.
  std::string dynamic_anchor(std::uint32_t target, std::string_view reference) const;
  const std::map<std::string, std::uint32_t>& dynamic_anchors(std::uint32_t resource) const {
    return resources_[resource].dynamic_anchors;
  }

  // `keyword` cannot be enforced, or is no schema; where and why.
  [[noreturn]] void refuse(std::uint32_t node, std::string_view keyword, const std::string& why) const;
  [[noreturn]] void invalid(std::uint32_t node, std::string_view keyword, const std::string& why) const;

 private:
  struct Node {
    const boost::json::value* value;
    std::string path;  // a JSON pointer, from its document's root
    std::uint32_t resource;
  };
  struct Resource {
    std::string uri;
    std::uint32_t root;
    SchemaDialect dialect;
    std::map<std::string, std::uint32_t> anchors, dynamic_anchors;
  };

  std::uint32_t add(const boost::json::value& value, std::string path, std::uint32_t resource, int depth);
  void enter_resource(Node& node, std::uint32_t index, const boost::json::object& object);
  void add_members(const boost::json::object& object, const std::string& path, std::uint32_t resource, int depth);
  SchemaDialect dialect_of(const boost::json::object& object, SchemaDialect outer, std::uint32_t node) const;
  std::uint32_t node_of(const boost::json::value& value, const std::string& path, std::uint32_t resource);
  std::uint32_t at_pointer(std::uint32_t resource, std::string_view pointer, std::uint32_t from,
                           std::string_view keyword);
  std::uint32_t resource_at(const std::string& uri);

  const Documents& documents_;
  std::vector<Node> nodes_;
  std::vector<Resource> resources_;
  std::unordered_map<const boost::json::value*, std::uint32_t> index_;
  std::map<std::string, std::uint32_t> by_uri_;
};

}  // namespace hearth
