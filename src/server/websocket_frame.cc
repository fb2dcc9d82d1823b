// Reading and writing of frames. A frame that is there as a whole is not copied.
#include "server/websocket_frame.h"

#include <algorithm>
#include <cstring>

#include "server/utf8.h"

namespace kalamdb::server {

namespace {

constexpr size_t kMaxControlBytes = 125;
constexpr uint64_t kAbsurdFactor = 16;

bool IsControl(Opcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

bool IsKnown(uint8_t opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

bool MaySendCloseCode(uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

size_t HeaderSize(const char* header) {
  const auto second = static_cast<uint8_t>(header[1]);
  const size_t length = second & 0x7F;
  return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + ((second & 0x80) != 0 ? 4 : 0);
}

}  // namespace

FrameHeader MakeFrameHeader(Opcode opcode, uint64_t payload_bytes) {
  FrameHeader header;
  header.bytes[0] = static_cast<char>(0x80 | static_cast<uint8_t>(opcode));
  int length_bytes = 0;
  if (payload_bytes < 126) {
    header.bytes[1] = static_cast<char>(payload_bytes);
  } else if (payload_bytes <= 0xFFFF) {
    header.bytes[1] = 126;
    length_bytes = 2;
  } else {
    header.bytes[1] = 127;
    length_bytes = 8;
  }
  for (int i = 0; i < length_bytes; ++i)
    header.bytes[2 + i] = static_cast<char>(payload_bytes >> (8 * (length_bytes - 1 - i)));
  header.size = static_cast<uint8_t>(2 + length_bytes);
  return header;
}

std::string MakeClientFrame(Opcode opcode, std::string_view payload, uint32_t key) {
  FrameHeader header = MakeFrameHeader(opcode, payload.size());
  header.bytes[1] = static_cast<char>(header.bytes[1] | 0x80);
  std::string frame(header.bytes, header.size);
  char mask[4];
  std::memcpy(mask, &key, sizeof mask);
  frame.append(mask, sizeof mask);
  const size_t start = frame.size();
  frame.append(payload);
  for (size_t i = 0; i < payload.size(); ++i) frame[start + i] = static_cast<char>(frame[start + i] ^ mask[i % 4]);
  return frame;
}

std::string ClosePayload(uint16_t code, std::string_view reason) {
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8));
  payload.push_back(static_cast<char>(code & 0xFF));
  payload.append(reason.substr(0, kMaxControlBytes - 2));
  return payload;
}

FrameReader::FrameReader(uint64_t max_message_bytes, bool from_client)
    : max_message_bytes_(max_message_bytes), from_client_(from_client) {}

FrameReader::Event FrameReader::Broken(uint16_t code, const char* problem) {
  return {.kind = Kind::kBroken, .close_code = code, .problem = problem};
}

FrameReader::Event FrameReader::Next(char* data, size_t size, size_t* used) {
  *used = 0;
  if (!in_frame_) {
    Event event = ReadHeader(data, size, used);
    if (event.kind != Kind::kNone || !in_frame_) return event;
  }
  const size_t take = static_cast<size_t>(std::min<uint64_t>(left_, size - *used));
  char* const payload = data + *used;
  *used += take;
  left_ -= take;
  if (!skipping_ || IsControl(opcode_)) {
    if (from_client_) Unmask(payload, take);
    std::string& kept = IsControl(opcode_) ? control_ : message_;
    if (left_ == 0 && kept.empty()) return EndFrame(std::string_view(payload, take));
    kept.append(payload, take);
  }
  if (left_ != 0) return {};
  return EndFrame(IsControl(opcode_) ? control_ : message_);
}

FrameReader::Event FrameReader::ReadHeader(const char* data, size_t size, size_t* used) {
  // What the last event pointed to is not needed any more.
  control_.clear();
  if (message_opcode_ == Opcode::kContinuation) {
    if (message_.capacity() > 4096) {
      message_ = {};
    } else {
      message_.clear();
    }
  }
  while (*used < size) {
    const size_t need = header_size_ < 2 ? 2 : HeaderSize(header_);
    if (header_size_ >= 2 && header_size_ == need) break;
    header_[header_size_++] = data[(*used)++];
    if (header_size_ == 2) {
      // Told at once: what is wrong in the first two bytes must not wait for more.
      const auto first = static_cast<uint8_t>(header_[0]), second = static_cast<uint8_t>(header_[1]);
      if ((first & 0x70) != 0) return Broken(kCloseProtocol, "reserved bits are set");
      if (!IsKnown(first & 0x0F)) return Broken(kCloseProtocol, "the opcode is unknown");
      if (((second & 0x80) != 0) != from_client_) {
        return Broken(kCloseProtocol,
                      from_client_ ? "a frame of a client is not masked" : "a frame of the server is masked");
      }
    }
  }
  if (header_size_ < 2 || header_size_ < HeaderSize(header_)) return {};
  return StartFrame();
}

FrameReader::Event FrameReader::StartFrame() {
  const auto first = static_cast<uint8_t>(header_[0]);
  const uint8_t short_length = static_cast<uint8_t>(header_[1]) & 0x7F;
  const size_t length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  left_ = length_bytes == 0 ? short_length : 0;
  for (size_t i = 0; i < length_bytes; ++i) left_ = left_ << 8 | static_cast<uint8_t>(header_[2 + i]);
  if (from_client_) std::memcpy(&mask_, header_ + 2 + length_bytes, sizeof mask_);
  mask_at_ = 0;
  header_size_ = 0;
  final_ = (first & 0x80) != 0;
  opcode_ = static_cast<Opcode>(first & 0x0F);
  if (left_ >> 63 != 0) return Broken(kCloseProtocol, "the top bit of a length is set");

  if (IsControl(opcode_)) {
    if (!final_) return Broken(kCloseProtocol, "a control frame is fragmented");
    if (left_ > kMaxControlBytes) return Broken(kCloseProtocol, "a control frame is longer than 125 bytes");
  } else {
    if (opcode_ == Opcode::kContinuation && message_opcode_ == Opcode::kContinuation) {
      return Broken(kCloseProtocol, "a continuation continues nothing");
    }
    if (opcode_ != Opcode::kContinuation && message_opcode_ != Opcode::kContinuation) {
      return Broken(kCloseProtocol, "a message begins within another");
    }
    if (opcode_ != Opcode::kContinuation) {
      message_opcode_ = opcode_;
      message_bytes_ = 0;
      skipping_ = false;
    }
    message_bytes_ += left_;
    if (message_bytes_ > max_message_bytes_ * kAbsurdFactor)
      return Broken(kCloseTooBig, "the message is far too large");
    if (message_bytes_ > max_message_bytes_) {
      skipping_ = true;
      message_ = {};
    }
  }
  in_frame_ = true;
  return {};
}

FrameReader::Event FrameReader::EndFrame(std::string_view whole) {
  in_frame_ = false;
  if (IsControl(opcode_)) return EndControl(whole);
  if (!final_) {
    if (!skipping_ && whole.data() != message_.data()) message_.append(whole);
    return {};
  }
  const Opcode opcode = message_opcode_;
  message_opcode_ = Opcode::kContinuation;
  if (skipping_) return {.kind = Kind::kTooLarge};
  if (opcode == Opcode::kText && !IsUtf8(whole)) return Broken(kCloseBadText, "a text message is not UTF-8");
  return {.kind = opcode == Opcode::kText ? Kind::kText : Kind::kBinary, .payload = whole};
}

FrameReader::Event FrameReader::EndControl(std::string_view payload) {
  if (opcode_ == Opcode::kPing) return {.kind = Kind::kPing, .payload = payload};
  if (opcode_ == Opcode::kPong) return {.kind = Kind::kPong, .payload = payload};
  if (payload.empty()) return {.kind = Kind::kClose, .close_code = kCloseNoStatus};
  if (payload.size() == 1) return Broken(kCloseProtocol, "a close frame has half a code");
  const auto code = static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]));
  if (!MaySendCloseCode(code)) return Broken(kCloseProtocol, "a close code may not be sent");
  if (!IsUtf8(payload.substr(2))) return Broken(kCloseBadText, "a close reason is not UTF-8");
  return {.kind = Kind::kClose, .payload = payload.substr(2), .close_code = code};
}

void FrameReader::Unmask(char* data, size_t size) {
  size_t i = 0;
  char mask[8];
  for (size_t k = 0; k < 8; ++k) std::memcpy(mask + k, reinterpret_cast<const char*>(&mask_) + (mask_at_ + k) % 4, 1);
  uint64_t wide;
  std::memcpy(&wide, mask, sizeof wide);
  for (; i + 8 <= size; i += 8) {
    uint64_t word;
    std::memcpy(&word, data + i, sizeof word);
    word ^= wide;
    std::memcpy(data + i, &word, sizeof word);
  }
  for (; i < size; ++i) data[i] = static_cast<char>(data[i] ^ mask[i % 4]);
  mask_at_ = static_cast<uint8_t>((mask_at_ + size) % 4);
}

}  // namespace kalamdb::server
