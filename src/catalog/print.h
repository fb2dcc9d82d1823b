// Parts of CREATE TABLE and ALTER TABLE in the one spelling we print. Private to catalog/.
#pragma once

#include <string>

#include "row/schema.h"

namespace kalamdb::catalog {

// `n INT NOT NULL DEFAULT 5 COMMENT 'text'`; with `is_only_key`, `id BIGINT PRIMARY KEY DEFAULT …`.
std::string PrintColumn(const row::Column& column, bool is_only_key);

// As it stands behind DEFAULT: in brackets where it needs them; NULL where `text` is empty.
std::string PrintDefault(const std::string& text);

}  // namespace kalamdb::catalog
