// From claims (a schema that a value meets or does not) to normal forms: what every keyword means, and what its
// negation means. Draft 2020-12, with the keywords of earlier drafts where they do not contradict it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/normal_form.h"
#include "grammar/schema_document.h"
#include "grammar/schema_options.h"

namespace hearth {

class SchemaExpander {
 public:
  SchemaExpander(Expressions& expressions, WorkLimit& limit, const boost::json::value& schema,
                 const SchemaOptions& options);

  Claim root();
  // What a claim allows. Throws Unsupported for what cannot be enforced, with the keyword and where it stands.
  const NormalForm& form(Claim claim) { return expand(claim, false); }
  NormalForm form(const std::vector<Claim>& claims);
  Claim negation(Claim claim);
  // uniqueItems of arrays whose items are not known to differ.
  [[noreturn]] void refuse_unique() const;

 private:
  enum class Kind : std::uint8_t { kAll, kNone, kSchema, kConstant, kAnyOf };
  struct Source {
    Kind kind;
    bool negated;
    std::uint32_t index;  // a node, a constant, a list of claims
    std::uint32_t scope;  // of a schema
    auto operator<=>(const Source&) const = default;
  };
  // One keyword, or several that mean something together.
  struct Part {
    std::function<NormalForm(bool seen)> holds;
    std::function<NormalForm()> fails;
  };
  struct Here {
    std::uint32_t node;
    std::uint32_t scope;
    const boost::json::object* object;
    SchemaDialect dialect;
  };

  Claim intern(Source source);
  Claim schema(std::uint32_t node, std::uint32_t scope);  // enters the node's resource
  Claim constant(const boost::json::value& value);
  Claim any_of(std::vector<Claim> claims);
  std::uint32_t entered(std::uint32_t scope, std::uint32_t node);

  const NormalForm& expand(Claim claim, bool seen);
  NormalForm expand_source(const Source& source, bool seen);
  NormalForm expand_schema(std::uint32_t node, std::uint32_t scope, bool negated, bool seen);
  NormalForm unevaluated(const Here& here, NormalForm form, bool holds, bool seen);
  NormalForm constant_holds(const boost::json::value& value);
  NormalForm constant_fails(const boost::json::value& value);

  std::vector<Part> parts(const Here& here);
  void add_references(const Here& here, std::vector<Part>& parts);
  void add_combinations(const Here& here, std::vector<Part>& parts);
  void add_conditions(const Here& here, std::vector<Part>& parts);
  void add_dependencies(const Here& here, std::vector<Part>& parts);
  void add_types(const Here& here, std::vector<Part>& parts);
  void add_texts(const Here& here, std::vector<Part>& parts);
  void add_numbers(const Here& here, std::vector<Part>& parts);
  void add_arrays(const Here& here, std::vector<Part>& parts);
  void add_contains(const Here& here, std::vector<Part>& parts);
  void add_objects(const Here& here, std::vector<Part>& parts);
  void add_property_counts(const Here& here, std::vector<Part>& parts);

  NormalForm one_of_holds(const std::vector<Claim>& claims, bool seen);
  NormalForm one_of_fails(const std::vector<Claim>& claims);
  NormalForm any_of_holds(const std::vector<Claim>& claims, bool seen);
  bool clearly_disjoint(Claim a, Claim b);
  bool clearly_empty(const NormalForm& form, int depth);
  NormalForm both(const NormalForm& a, const NormalForm& b);

  std::vector<Claim> listed(const Here& here, std::string_view keyword);
  std::optional<std::uint32_t> count_at(const Here& here, std::string_view keyword);
  std::optional<Decimal> number_at(const Here& here, std::string_view keyword);
  Expression regex_at(const Here& here, std::string_view keyword, std::string_view pattern);
  Expression language_of(const std::vector<TextForm>& texts);

  Expressions& expressions_;
  WorkLimit& limit_;
  const SchemaOptions& options_;
  SchemaDocument document_;
  std::vector<Source> sources_;
  std::map<Source, Claim> index_;
  std::vector<const boost::json::value*> constants_;
  std::vector<std::vector<Claim>> lists_;
  std::map<std::vector<Claim>, std::uint32_t> list_index_;
  std::vector<std::map<std::string, std::uint32_t>> scopes_;
  std::map<std::map<std::string, std::uint32_t>, std::uint32_t> scope_index_;
  std::map<std::pair<Claim, bool>, NormalForm> forms_;
  std::vector<std::pair<Claim, bool>> open_;  // being expanded
  std::uint32_t unique_node_ = 0;             // where uniqueItems was last met
};

}  // namespace hearth
