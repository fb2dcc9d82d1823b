// WebSocket framing (RFC 6455) without sockets: headers of frames to send, and a reader of frames that come in.
//
// Grammar: FIN 1, reserved 3, opcode 4 | MASK 1, length 7 | length 16 (if 126) or 64 (if 127) | masking key 32 (if
// MASK) | payload. A FrameReader is one thread's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kalamdb::server {

enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

enum CloseCode : uint16_t {
  kCloseNormal = 1000,
  kCloseGoingAway = 1001,
  kCloseProtocol = 1002,
  kCloseNoStatus = 1005,  // never sent
  kCloseBadText = 1007,
  kCloseTooBig = 1009,
  kCloseUnauthorized = 4401,
};

struct FrameHeader {
  uint8_t size = 0;
  char bytes[14];
};
FrameHeader MakeFrameHeader(Opcode opcode, uint64_t payload_bytes);

// A whole frame as a client sends it: masked with `key`.
std::string MakeClientFrame(Opcode opcode, std::string_view payload, uint32_t key);
// Payload of a close frame.
std::string ClosePayload(uint16_t code, std::string_view reason);

class FrameReader {
 public:
  enum class Kind : uint8_t { kNone, kText, kBinary, kPing, kPong, kClose, kTooLarge, kBroken };
  struct Event {
    Kind kind = Kind::kNone;
    std::string_view payload;  // valid until the next call; kClose: the reason
    uint16_t close_code = 0;   // kClose: the peer's (kCloseNoStatus if none); kBroken: what to close with
    const char* problem = "";  // kBroken
  };

  // A message above `max_message_bytes` is read over and told as kTooLarge; above 16 times that it is kBroken (1009).
  // Frames of clients are masked, frames of servers are not; anything else is kBroken.
  FrameReader(uint64_t max_message_bytes, bool from_client);

  // Uses bytes up to the end of the next event, or all, or those of a fragment (kNone); at least one. The bytes are
  // unmasked in place. After kBroken: no more calls.
  Event Next(char* data, size_t size, size_t* used);

  bool in_message() const { return message_opcode_ != Opcode::kContinuation || in_frame_ || header_size_ != 0; }

 private:
  Event Broken(uint16_t code, const char* problem);
  Event ReadHeader(const char* data, size_t size, size_t* used);
  Event StartFrame();
  Event EndFrame(std::string_view whole);
  Event EndControl(std::string_view payload);
  void Unmask(char* data, size_t size);

  const uint64_t max_message_bytes_;
  const bool from_client_;
  char header_[14];
  uint8_t header_size_ = 0;
  bool in_frame_ = false;
  bool final_ = false;
  Opcode opcode_ = Opcode::kContinuation;          // of the frame at hand
  Opcode message_opcode_ = Opcode::kContinuation;  // of the message at hand; kContinuation = none
  bool skipping_ = false;                          // the message is too large
  uint64_t left_ = 0;                              // of the frame's payload
  uint64_t message_bytes_ = 0;                     // of the frames so far
  uint32_t mask_ = 0;
  uint8_t mask_at_ = 0;
  std::string message_;  // of fragments and of frames that come in pieces
  std::string control_;
};

}  // namespace kalamdb::server
