// Columns of an encoded row as JSON, straight from its bytes. Pure, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/fast/plan.h"
#include "engine/result.h"
#include "row/json.h"
#include "row/row_codec.h"

namespace kalamdb::engine {

// One stored column. REQUIRES: CheckRow was ok for this layout, of `schema`.
void AppendColumnJson(const row::Schema& schema, const row::RowLayout& layout, std::string_view row, size_t ordinal,
                      row::BytesForm bytes_form, std::string* out);

// The plan's columns of a row of any version of its table. Errors: kStorageUnavailable (damaged), kTypeMismatch
// (widening).
Status AppendRowJson(const FastPlan& plan, std::string_view row, RowForm form, row::BytesForm bytes_form,
                     std::string* out);

}  // namespace kalamdb::engine
