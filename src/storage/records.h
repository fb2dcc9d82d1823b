// Keys and small values of storage's own records in the families `segments` and `system`
// (docs/formats/data-directory.md).
//
//   segments: 'S' table (4) segment (8) → segment record · 'D' table (4) segment (8) chunk (4) → deletion chunk
//             'F' table (4) → floor · 'L' table (4) segment (8) → record of a segment only the change log names
//             'X' table (4) → sequence at which the table was dropped; rows and files still have to go
//   system:   ".last" → last sequence, commit time · ".clean" → last sequence at a clean stop
//             ".epoch" epoch (8) → first sequence, last sequence (0: it goes on) · ".segment" → ids below were given
//             ".log_floor" → changes up to this sequence are gone · ".mark" time (8) → sequence at that time
//             ".erase" user (8) → time of the drop: what the user held still has to go
// Numbers in keys are big-endian. Values: format 0x01, then varints. All functions are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"

namespace kalamdb::storage {

inline constexpr char kSegmentRecord = 'S';
inline constexpr char kChunkRecord = 'D';
inline constexpr char kFloorRecord = 'F';
inline constexpr char kLogSegmentRecord = 'L';
inline constexpr char kDroppedRecord = 'X';
inline constexpr char kOwnPrefix = '.';  // of the family `system`: these records are storage's

inline constexpr std::string_view kLastKey = ".last";
inline constexpr std::string_view kCleanKey = ".clean";
inline constexpr std::string_view kSegmentIdKey = ".segment";
inline constexpr std::string_view kLogFloorKey = ".log_floor";
inline constexpr std::string_view kEpochPrefix = ".epoch";
inline constexpr std::string_view kMarkPrefix = ".mark";
inline constexpr std::string_view kErasePrefix = ".erase";

void AppendBig32(uint32_t value, std::string* out);
void AppendBig64(uint64_t value, std::string* out);
uint32_t ReadBig32(const char* bytes);
uint64_t ReadBig64(const char* bytes);

std::string TableRecordKey(char kind, TableId table);
std::string SegmentRecordKey(char kind, TableId table, SegmentId segment);
std::string ChunkRecordKey(TableId table, SegmentId segment, uint32_t chunk);
std::string EpochKey(uint64_t epoch);
std::string MarkKey(Micros time);
std::string ErasureKey(UserId user);
std::optional<UserId> UserOfErasureKey(std::string_view record_key);  // nullopt: another record

// One or two numbers as a value.
std::string EncodeNumbers(uint64_t first, uint64_t second = 0);
struct Numbers {
  uint64_t first = 0, second = 0;
};
Result<Numbers> DecodeNumbers(std::string_view record_key, std::string_view bytes);

}  // namespace kalamdb::storage
