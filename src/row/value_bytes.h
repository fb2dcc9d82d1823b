// The payload of a value as bytes and back: the slots of rows and the constants of schemas (docs/formats/row.md).
//
// All functions are pure.
#pragma once

#include <string>
#include <string_view>

#include "row/type.h"
#include "row/value.h"

namespace kalamdb::row {

// Writes the fixed slot of a value that is not NULL. REQUIRES: type.FixedWidth() bytes at `to`; !type.IsVariable(); it
// fits.
void StoreFixed(const Type& type, const Value& value, char* to);

// The value in a fixed slot. REQUIRES: as above.
Value LoadFixed(const Type& type, const char* from);

// The bytes of a value that is not NULL: its fixed slot, or its variable bytes.
void AppendPayload(const Type& type, const Value& value, std::string* out);

// The value of such bytes. REQUIRES: PayloadFits(type, bytes).
Value PayloadValue(const Type& type, std::string_view bytes);

// The bytes are as long as the type asks.
bool PayloadFits(const Type& type, std::string_view bytes);

}  // namespace kalamdb::row
