// Values as plain text, out and in: decimals, dates, times, timestamps, UUIDs. Used by literals, messages and JSON.
//
// Writers append and never fail. Parsers take the whole text or give nothing; surrounding blanks are not skipped. All
// functions are pure. Dates are those of the proleptic Gregorian calendar; years before 1 are written "0044-03-15
// (BC)".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "row/value.h"

namespace kalamdb::row {

inline constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// The engine's infinite points in time; their negations are the infinite past.
inline constexpr int64_t kInfiniteDays = INT32_MAX;
inline constexpr int64_t kInfiniteMicros = INT64_MAX;

// The engine's range of TIMESTAMP(TZ), infinities included: 290309-12-22 (BC) to 294247-01-10.
inline constexpr int64_t kMinTimestampMicros = -106'751'991 * kMicrosPerDay;
inline bool IsTimestampInRange(int64_t micros) { return micros >= kMinTimestampMicros || micros == -kInfiniteMicros; }
// The engine's range of DATE: 5877642-06-25 (BC) to 5881580-07-10.
inline constexpr int64_t kMinDays = -INT64_C(2'147'483'646);
inline constexpr int64_t kMaxDays = INT64_C(2'147'483'646);

void AppendDecimal(Int128 unscaled, uint8_t scale, std::string* out);  // "-12.50", "0.07"
void AppendDate(int64_t days, std::string* out);                       // "2024-01-31"
void AppendTime(int64_t micros, std::string* out);                     // "12:34:56", "12:34:56.000001"
void AppendTimestamp(int64_t micros, std::string* out);                // "2024-01-31 12:34:56.5"
void AppendUuid(Int128 uuid, std::string* out);                        // lower case with hyphens
void AppendHex(std::string_view bytes, std::string* out);              // lower case

// What VARCHAR(n) counts: code points. REQUIRES: valid UTF-8 (else: bytes that begin one).
size_t CountCharacters(std::string_view text);

// An optional sign and digits; nothing beyond 64 bits.
std::optional<int64_t> ParseInteger(std::string_view text);
// Sign, digits, point, exponent; rounded half away from zero to `scale` digits. Nothing where it has more than `width`
// digits then (10^width or beyond), or is no number.
std::optional<Int128> ParseDecimal(std::string_view text, uint8_t width, uint8_t scale);
// A finite number, "NaN", "Infinity", "-Infinity" (also "inf", "nan" in any case). Nothing where it is too large.
std::optional<double> ParseDouble(std::string_view text);
std::optional<float> ParseFloat(std::string_view text);
std::optional<int64_t> ParseDate(std::string_view text);  // "2024-1-31", "2024-01-31 (BC)"; days
std::optional<int64_t> ParseTime(std::string_view text);  // "12:34", "12:34:56.5"; up to 24:00:00; µs
// A date, perhaps ' ' or 'T' and a time, perhaps a zone: Z, UTC (also behind a blank), +hh, +hh:mm, +hhmm, +hh:mm:ss.
// µs; digits beyond are cut off. As the engine has it, a TIMESTAMP passes over the zone, a TIMESTAMPTZ is carried to
// UTC by it.
enum class ZoneUse : uint8_t { kPassOver, kToUtc };
std::optional<int64_t> ParseTimestamp(std::string_view text, ZoneUse zone);
std::optional<Int128> ParseUuid(std::string_view text);  // with or without hyphens, any case

}  // namespace kalamdb::row
