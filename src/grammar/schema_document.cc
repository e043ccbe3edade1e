#include "grammar/schema_document.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/escape.h"
#include "grammar/uri.h"

namespace hearth {
namespace {

namespace json = boost::json;

constexpr int kSchemaDepthMax = 200;
constexpr std::size_t kSchemasMax = 100000;
constexpr std::uint32_t kNone = 0xffffffff;

// Keywords whose value is a schema, a list of schemas, or schemas by name.
constexpr std::string_view kOne[] = {"additionalItems",
                                     "additionalProperties",
                                     "contains",
                                     "contentSchema",
                                     "else",
                                     "if",
                                     "items",
                                     "not",
                                     "propertyNames",
                                     "then",
                                     "unevaluatedItems",
                                     "unevaluatedProperties"};
constexpr std::string_view kList[] = {"allOf", "anyOf", "items", "oneOf", "prefixItems"};
constexpr std::string_view kNamed[] = {
    "$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"};

bool among(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_schema(const json::value& value) {
  return value.is_object() || value.is_bool();
}

std::string escaped_member(std::string_view name) {
  std::string result;
  for (const char c : name) result += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return result;
}

std::string unescaped_member(std::string_view name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool escape = name[i] == '~' && i + 1 < name.size() && (name[i + 1] == '0' || name[i + 1] == '1');
    result += escape ? (name[++i] == '0' ? '~' : '/') : name[i];
  }
  return result;
}

const json::string* text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_string() : nullptr;
}

}  // namespace

SchemaDocument::SchemaDocument(const json::value& schema, const Documents& documents) : documents_(documents) {
  resources_.push_back({"", 0, SchemaDialect::kDraft2020, {}, {}});
  by_uri_[""] = 0;
  if (!is_schema(schema)) throw InvalidInput("a JSON Schema is an object, true or false");
  add(schema, "", 0, 0);
}

std::uint32_t SchemaDocument::add(const json::value& value, std::string path, std::uint32_t resource, int depth) {
  if (depth > kSchemaDepthMax) throw Unsupported("the schema is nested more than 200 levels deep");
  if (nodes_.size() >= kSchemasMax) throw Unsupported("the schema has more than 100000 parts");
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  nodes_.push_back({&value, std::move(path), resource});
  index_[&value] = index;
  const json::object* object = value.if_object();
  if (!object) return index;
  enter_resource(nodes_[index], index, *object);
  const std::uint32_t own = nodes_[index].resource;
  if (const auto* anchor = text_at(*object, "$anchor")) resources_[own].anchors[std::string(*anchor)] = index;
  if (const auto* anchor = text_at(*object, "$dynamicAnchor")) {
    resources_[own].anchors[std::string(*anchor)] = index;
    resources_[own].dynamic_anchors[std::string(*anchor)] = index;
  }
  const std::string own_path = nodes_[index].path;
  add_members(*object, own_path, own, depth);
  return index;
}

void SchemaDocument::enter_resource(Node& node, std::uint32_t index, const json::object& object) {
  const Resource& outer = resources_[node.resource];
  const SchemaDialect dialect = dialect_of(object, outer.dialect, index);
  const json::string* id = text_at(object, "$id");
  if (!id && dialect == SchemaDialect::kDraft4) id = text_at(object, "id");
  const bool overridden = dialect <= SchemaDialect::kDraft7 && object.contains("$ref");
  if (!id || overridden) {
    if (index == outer.root) resources_[node.resource].dialect = dialect;
    return;
  }
  if (id->starts_with('#')) {  // how drafts up to 7 wrote $anchor
    resources_[node.resource].anchors[std::string(id->subview(1))] = index;
    if (index == outer.root) resources_[node.resource].dialect = dialect;
    return;
  }
  const std::string uri = split_fragment(resolve_uri(outer.uri, std::string_view(*id))).document;
  if (index == outer.root) {
    resources_[node.resource].uri = uri;
    resources_[node.resource].dialect = dialect;
    by_uri_.try_emplace(uri, node.resource);
    return;
  }
  const auto resource = static_cast<std::uint32_t>(resources_.size());
  by_uri_.try_emplace(uri, resource);
  node.resource = resource;
  resources_.push_back({uri, index, dialect, {}, {}});
}

SchemaDialect SchemaDocument::dialect_of(const json::object& object, SchemaDialect outer, std::uint32_t node) const {
  const json::string* schema = text_at(object, "$schema");
  if (!schema) return outer;
  const auto has = [&](std::string_view part) {
    return std::string_view(*schema).find(part) != std::string_view::npos;
  };
  if (!has("json-schema.org/")) refuse(node, "$schema", "the dialect " + quote_name(*schema) + " is not known");
  if (has("draft-03") || has("draft-04")) return SchemaDialect::kDraft4;
  if (has("draft-06") || has("draft-07")) return SchemaDialect::kDraft7;
  if (has("2019-09")) return SchemaDialect::kDraft2019;
  return SchemaDialect::kDraft2020;
}

void SchemaDocument::add_members(const json::object& object, const std::string& path, std::uint32_t resource,
                                 int depth) {
  for (const auto& member : object) {
    const std::string_view key = member.key();
    const json::value& value = member.value();
    const std::string inner = path + "/" + escaped_member(key);
    if (among(key, kOne) && is_schema(value)) add(value, inner, resource, depth + 1);
    if (among(key, kList) && value.is_array()) {
      std::size_t at = 0;
      for (const json::value& each : value.get_array()) {
        if (is_schema(each)) add(each, inner + "/" + std::to_string(at), resource, depth + 1);
        ++at;
      }
    }
    if (among(key, kNamed) && value.is_object()) {
      for (const auto& each : value.get_object()) {
        if (is_schema(each.value())) {
          add(each.value(), inner + "/" + escaped_member(each.key()), resource, depth + 1);
        }
      }
    }
  }
}

// A schema at a place that no keyword makes one is registered when something refers to it.
std::uint32_t SchemaDocument::node_of(const json::value& value, const std::string& path, std::uint32_t resource) {
  const auto found = index_.find(&value);
  return found != index_.end() ? found->second : add(value, path, resource, 0);
}

std::uint32_t SchemaDocument::child(std::uint32_t node, std::string_view keyword) {
  const json::value& value = nodes_[node].value->get_object().at(keyword);
  if (!is_schema(value)) invalid(node, keyword, "it is no schema");
  return node_of(value, nodes_[node].path + "/" + escaped_member(keyword), nodes_[node].resource);
}

std::uint32_t SchemaDocument::child(std::uint32_t node, std::string_view keyword, std::string_view member) {
  const json::value& value = nodes_[node].value->get_object().at(keyword).get_object().at(member);
  if (!is_schema(value)) invalid(node, keyword, quote_name(member) + " is no schema");
  return node_of(value, nodes_[node].path + "/" + escaped_member(keyword) + "/" + escaped_member(member),
                 nodes_[node].resource);
}

std::uint32_t SchemaDocument::child(std::uint32_t node, std::string_view keyword, std::size_t index) {
  const json::value& value = nodes_[node].value->get_object().at(keyword).get_array()[index];
  if (!is_schema(value)) invalid(node, keyword, "entry " + std::to_string(index) + " is no schema");
  return node_of(value, nodes_[node].path + "/" + escaped_member(keyword) + "/" + std::to_string(index),
                 nodes_[node].resource);
}

std::uint32_t SchemaDocument::resource_at(const std::string& uri) {
  if (const auto found = by_uri_.find(uri); found != by_uri_.end()) return found->second;
  const auto document = documents_.find(uri);
  if (document == documents_.end()) return kNone;
  const auto resource = static_cast<std::uint32_t>(resources_.size());
  resources_.push_back({uri, static_cast<std::uint32_t>(nodes_.size()), SchemaDialect::kDraft2020, {}, {}});
  by_uri_[uri] = resource;
  add(document->second, "", resource, 0);
  return resource;
}

std::uint32_t SchemaDocument::referred(std::uint32_t node, std::string_view keyword, std::string_view reference) {
  const std::string uri = resolve_uri(resources_[nodes_[node].resource].uri, reference);
  const SplitUri split = split_fragment(uri);
  // A document without a name of its own refers to itself with what has no document.
  const bool own = split.document.empty() && resources_[nodes_[node].resource].uri.empty();
  const std::uint32_t resource = own ? nodes_[node].resource : resource_at(split.document);
  if (resource == kNone) {
    refuse(node, keyword, "the document " + quote_name(split.document) + " is not part of the schema");
  }
  if (split.fragment.empty()) return resources_[resource].root;
  if (split.fragment[0] == '/') return at_pointer(resource, split.fragment, node, keyword);
  const auto anchor = resources_[resource].anchors.find(split.fragment);
  if (anchor == resources_[resource].anchors.end()) {
    invalid(node, keyword, "there is no anchor " + quote_name(split.fragment));
  }
  return anchor->second;
}

std::uint32_t SchemaDocument::at_pointer(std::uint32_t resource, std::string_view pointer, std::uint32_t from,
                                         std::string_view keyword) {
  const std::uint32_t root = resources_[resource].root;
  const json::value* value = nodes_[root].value;
  std::string path = nodes_[root].path;
  std::uint32_t inner = nodes_[root].resource;
  for (std::size_t at = 1; at <= pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', at), pointer.size());
    const std::string member = unescaped_member(pointer.substr(at, end - at));
    const json::value* next = nullptr;
    if (const json::object* object = value->if_object()) {
      next = object->if_contains(member);
    } else if (const json::array* array = value->if_array()) {
      const bool number = !member.empty() && member.size() < 7 && member.find_first_not_of("0123456789") == member.npos;
      if (number) next = array->if_contains(std::stoul(member));
    }
    if (!next) invalid(from, keyword, "there is nothing at " + quote_name(pointer));
    value = next;
    path += "/" + escaped_member(member);
    if (const auto known = index_.find(value); known != index_.end()) inner = nodes_[known->second].resource;
    at = end + 1;
  }
  if (!is_schema(*value)) invalid(from, keyword, "what stands at " + quote_name(pointer) + " is no schema");
  return node_of(*value, path, inner);
}

std::string SchemaDocument::dynamic_anchor(std::uint32_t target, std::string_view reference) const {
  const std::string name = split_fragment(reference).fragment;
  const auto& anchors = resources_[nodes_[target].resource].dynamic_anchors;
  const auto found = anchors.find(name);
  return found != anchors.end() && found->second == target ? name : "";
}

void SchemaDocument::refuse(std::uint32_t node, std::string_view keyword, const std::string& why) const {
  throw Unsupported("schema keyword " + quote_name(keyword) + " at " +
                    quote_name(nodes_[node].path + "/" + escaped_member(keyword)) + " cannot be enforced: " + why);
}

void SchemaDocument::invalid(std::uint32_t node, std::string_view keyword, const std::string& why) const {
  throw InvalidInput("schema keyword " + quote_name(keyword) + " at " +
                     quote_name(nodes_[node].path + "/" + escaped_member(keyword)) + ": " + why);
}

}  // namespace hearth
