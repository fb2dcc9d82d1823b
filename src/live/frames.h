// The text of every frame the hub sends (docs/live.md, WebSocket). Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/live_select.h"
#include "live/hub.h"

namespace kalamdb::live {

// The kinds of change, in the order in which the frames of one commit leave.
enum class ChangeKind : uint8_t { kDelete, kLeftFilter, kUpdate, kInsert };
inline constexpr size_t kChangeKinds = 4;

// Rows of one kind that fit one frame.
struct ChangeChunk {
  ChangeKind kind = ChangeKind::kInsert;
  std::string rows, old_values;  // objects joined by commas
  size_t count = 0;
};

// Collects the changes of one commit and cuts them into chunks of at most kMaxFrameRows rows and kMaxFrameBytes.
class ChangeChunks {
 public:
  // `row`, `old_values`: JSON objects, empty where the kind has none.
  void Add(ChangeKind kind, std::string_view row, std::string_view old_values);
  bool empty() const;
  // In the order of kinds; empty afterwards.
  std::vector<ChangeChunk> Take();
  // Goes on filling a chunk that Take gave. REQUIRES: none of its kind is there.
  void Restore(ChangeChunk chunk);

 private:
  std::array<std::vector<ChangeChunk>, kChangeKinds> chunks_;
};

enum class ResyncReason : uint8_t { kLogTruncated, kUnknownSequence, kSlowReader };
enum class CloseReason : uint8_t { kKilled, kColumnDropped, kTableDropped, kUnauthorized, kPredicateError };
std::string_view ResyncReasonName(ResyncReason reason);

struct AckInfo {
  std::string_view id_json;  // the subscription's id as JSON, with its quotes
  const engine::LiveSelect* select = nullptr;
  Seq seq;
  bool snapshot_follows = false;
};
std::string AckFrame(const AckInfo& ack);

struct BatchInfo {
  std::string_view id_json, rows;
  uint32_t number = 0;
  bool has_more = false;
  Seq seq;
};
std::string BatchFrame(const BatchInfo& batch);

// What follows the subscription's id in a change frame: the same bytes for all members of a group.
std::string ChangeTail(const ChangeChunk& chunk, Seq seq, bool more);
std::string ChangeFrame(std::string_view id_json, std::string_view tail);

// What follows the subscription's id in it: the same bytes for all with the same columns.
std::string SchemaChangeTail(const engine::LiveSelect& select, SchemaVersion old_version, Seq seq);
std::string SchemaChangeFrame(std::string_view id_json, std::string_view tail);
std::string SchemaChangeFrame(std::string_view id_json, const engine::LiveSelect& select, SchemaVersion old_version,
                              Seq seq);
std::string ResyncFrame(std::string_view id_json, ResyncReason reason, Seq seq);
std::string ClosedFrame(std::string_view id_json, CloseReason reason);

}  // namespace kalamdb::live
