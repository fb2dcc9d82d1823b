// Deletion bits: a two-level tree of chunks of which a change copies one path, and the bytes of a chunk.
#include <algorithm>
#include <bit>

#include "storage/segment.h"

namespace kalamdb::storage {
namespace {

constexpr uint8_t kAllBits = 0x01;
constexpr uint8_t kRowList = 0x02;
constexpr size_t kMaxListedRows = 128;  // 257 bytes at most, against 513

uint64_t BitOf(uint32_t row) { return uint64_t{1} << (row % 64); }
uint32_t WordOf(uint32_t row) { return row % DeletionVector::kChunkRows / 64; }

uint32_t CountBits(const DeletionVector::Chunk& chunk) {
  uint32_t count = 0;
  for (uint64_t word : chunk) count += static_cast<uint32_t>(std::popcount(word));
  return count;
}

// Set bits of `chunk` within [first, end) of the chunk.
uint32_t CountRange(const DeletionVector::Chunk& chunk, uint32_t first, uint32_t end) {
  uint32_t count = 0;
  for (uint32_t word = first / 64; word * 64 < end; ++word) {
    uint64_t mask = ~uint64_t{0};
    if (word == first / 64) mask &= ~uint64_t{0} << (first % 64);
    if (end < (word + 1) * 64) mask &= ~(~uint64_t{0} << (end % 64));
    count += static_cast<uint32_t>(std::popcount(chunk[word] & mask));
  }
  return count;
}

Error Damaged() { return {ErrorCode::kStorageUnavailable, "a chunk of deletion bits is damaged"}; }

}  // namespace

const DeletionVector::Chunk* DeletionVector::chunk(uint32_t index) const {
  uint32_t node = index / kNodeChunks;
  if (node >= nodes_.size() || nodes_[node] == nullptr) return nullptr;
  return nodes_[node]->chunks[index % kNodeChunks].get();
}

bool DeletionVector::Test(uint32_t row) const {
  const Chunk* bits = chunk(row / kChunkRows);
  return bits != nullptr && ((*bits)[WordOf(row)] & BitOf(row)) != 0;
}

uint64_t DeletionVector::CountIn(uint32_t first_row, uint32_t rows) const {
  uint64_t count = 0;
  uint64_t end = uint64_t{first_row} + rows;
  for (uint64_t row = first_row; row < end;) {
    auto index = static_cast<uint32_t>(row / kChunkRows);
    uint64_t chunk_end = std::min(end, (uint64_t{index} + 1) * kChunkRows);
    if (const Chunk* bits = chunk(index); bits != nullptr) {
      count += CountRange(*bits, static_cast<uint32_t>(row % kChunkRows),
                          static_cast<uint32_t>(chunk_end - uint64_t{index} * kChunkRows));
    }
    row = chunk_end;
  }
  return count;
}

bool DeletionVector::AnyIn(uint32_t first_row, uint32_t rows) const {
  return count_ != 0 && CountIn(first_row, rows) != 0;
}

DeletionVector DeletionVector::With(uint32_t row) const { return WithRows(std::span(&row, 1)); }

DeletionVector DeletionVector::WithRows(std::span<const uint32_t> rows) const {
  std::vector<uint32_t> sorted(rows.begin(), rows.end());
  std::sort(sorted.begin(), sorted.end());
  DeletionVector result = *this;
  for (size_t i = 0; i < sorted.size();) {
    uint32_t index = sorted[i] / kChunkRows;
    const Chunk* before = chunk(index);
    Chunk bits = before != nullptr ? *before : Chunk{};
    for (; i < sorted.size() && sorted[i] / kChunkRows == index; ++i) bits[WordOf(sorted[i])] |= BitOf(sorted[i]);
    result = result.WithChunk(index, bits);
  }
  return result;
}

DeletionVector DeletionVector::WithChunk(uint32_t index, const Chunk& bits) const {
  DeletionVector result = *this;
  uint32_t node = index / kNodeChunks;
  if (node >= result.nodes_.size()) result.nodes_.resize(node + 1);
  auto copy = result.nodes_[node] == nullptr ? std::make_shared<Node>() : std::make_shared<Node>(*result.nodes_[node]);
  auto& slot = copy->chunks[index % kNodeChunks];
  if (slot != nullptr) result.count_ -= CountBits(*slot);
  result.count_ += CountBits(bits);
  slot = std::make_shared<const Chunk>(bits);
  result.nodes_[node] = std::move(copy);
  return result;
}

std::string EncodeChunk(const DeletionVector::Chunk& chunk) {
  std::string bytes;
  if (CountBits(chunk) > kMaxListedRows) {
    bytes += static_cast<char>(kAllBits);
    for (uint64_t word : chunk) {
      for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(word >> shift & 0xFF);
    }
    return bytes;
  }
  bytes += static_cast<char>(kRowList);
  for (uint32_t word = 0; word < chunk.size(); ++word) {
    for (uint64_t left = chunk[word]; left != 0; left &= left - 1) {
      uint32_t row = word * 64 + static_cast<uint32_t>(std::countr_zero(left));
      bytes += static_cast<char>(row & 0xFF);
      bytes += static_cast<char>(row >> 8);
    }
  }
  return bytes;
}

Result<DeletionVector::Chunk> DecodeChunk(std::string_view bytes) {
  if (bytes.empty()) return Damaged();
  auto byte = [&](size_t i) { return uint64_t{static_cast<uint8_t>(bytes[i])}; };
  DeletionVector::Chunk chunk{};
  if (byte(0) == kAllBits && bytes.size() == 1 + sizeof(chunk)) {
    for (size_t i = 1; i < bytes.size(); ++i) chunk[(i - 1) / 8] |= byte(i) << (i - 1) % 8 * 8;
    return chunk;
  }
  if (byte(0) != kRowList || bytes.size() % 2 == 0) return Damaged();
  for (size_t i = 1; i < bytes.size(); i += 2) {
    auto row = static_cast<uint32_t>(byte(i) | byte(i + 1) << 8);
    if (row >= DeletionVector::kChunkRows) return Damaged();
    chunk[row / 64] |= BitOf(row);
  }
  return chunk;
}

}  // namespace kalamdb::storage
