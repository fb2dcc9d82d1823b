// Describes our views to the binder.
#include "engine/bridge/view_entry.h"

#include "duckdb/catalog/catalog_entry/view_catalog_entry.hpp"
#include "duckdb/parser/parsed_data/create_view_info.hpp"
#include "engine/front/error_mapping.h"
#include "engine/view_text.h"

namespace kalamdb::engine {
namespace {

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
  info.sql = *text;
  info.aliases.assign(view.column_names.begin(), view.column_names.end());
  return std::make_unique<ViewEntry>(catalog, schema, info);
}

}  // namespace kalamdb::engine
