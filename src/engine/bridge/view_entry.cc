// Describes our views to the binder.
#include "engine/bridge/view_entry.h"

#include "duckdb/catalog/catalog_entry/view_catalog_entry.hpp"
#include "duckdb/parser/expression/subquery_expression.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "engine/front/error_mapping.h"
#include "engine/view_text.h"

namespace kalamdb::engine {
namespace {

// Places in the view's own text are none in the statement that reads it.
void ForgetPlaces(duckdb::QueryNode& node);

void ForgetPlaces(duckdb::unique_ptr<duckdb::ParsedExpression>& expression) {
  expression->SetQueryLocation(duckdb::optional_idx());
  if (expression->GetExpressionClass() == duckdb::ExpressionClass::SUBQUERY)
    ForgetPlaces(*expression->Cast<duckdb::SubqueryExpression>().subquery->node);
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      *expression, [](duckdb::unique_ptr<duckdb::ParsedExpression>& child) { ForgetPlaces(child); });
}

void ForgetPlaces(duckdb::QueryNode& node) {
  duckdb::ParsedExpressionIterator::EnumerateQueryNodeChildren(
      node, [](duckdb::unique_ptr<duckdb::ParsedExpression>& child) { ForgetPlaces(child); },
      [](duckdb::TableRef& ref) { ref.query_location = duckdb::optional_idx(); });
}

class ViewEntry final : public duckdb::ViewCatalogEntry {
 public:
  using ViewCatalogEntry::ViewCatalogEntry;
  bool HasTypes() const override { return false; }
};

}  // namespace

std::unique_ptr<duckdb::CatalogEntry> MakeViewEntry(duckdb::Catalog& catalog, duckdb::SchemaCatalogEntry& schema,
                                                    const catalog::View& view, const catalog::Snapshot& snapshot) {
  auto text = ExpandViewText(view.select_sql, snapshot);
  if (!text.ok()) ThrowError(text.error());
  duckdb::CreateViewInfo info(schema, view.name);
  info.query = duckdb::CreateViewInfo::ParseSelect(*text);
  ForgetPlaces(*info.query->node);
  info.sql = *text;
  info.aliases.assign(view.column_names.begin(), view.column_names.end());
  return std::make_unique<ViewEntry>(catalog, schema, info);
}

}  // namespace kalamdb::engine
