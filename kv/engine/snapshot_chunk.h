// The byte form of a snapshot stream: chunks, each bound to the one before by its checksum. A chunk
// comes from a peer and is hostile until read_chunk() and its stream's checks have passed it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kv/engine/database.h"
#include "kv/engine/hash.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {

/// What the first chunk says about the whole.
struct StreamHead {
  std::uint64_t cluster = 0;
  raft::GroupId group = 0;
  std::string replicated;  // encode_replicated() of the group's head
};

/// What the last chunk says about the whole.
struct StreamTail {
  std::uint64_t entries = 0;
  Hash128 digest;
};

/// Builds the chunks of one stream, in order.
class ChunkWriter {
 public:
  void begin(const StreamHead& head);
  void add(std::string_view key, std::string_view value);
  std::size_t bytes() const { return payload_.size(); }
  /// The chunk of what was added since the last one. With a tail it is the last.
  std::string take(const std::optional<StreamTail>& tail);

 private:
  std::string payload_;
  std::uint32_t sequence_ = 0;
  std::uint64_t chain_ = 0;
};

/// Walks the entries of a chunk that was read.
class ChunkReader {
 public:
  /// The next chunk of the stream. kBadChunk: damaged, not the next one, or malformed;
  /// kNewerFormat. After an error the stream is of no more use.
  EngineResult<void> read(std::string_view chunk);

  /// Of the first chunk.
  const std::optional<StreamHead>& head() const { return head_; }
  /// Of the last chunk; nullopt before it.
  const std::optional<StreamTail>& tail() const { return tail_; }

  /// Moves on to the next entry of the chunk; false after the last. kBadChunk: malformed.
  EngineResult<bool> next();
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  std::uint32_t sequence_ = 0;
  std::uint64_t chain_ = 0;
  std::optional<StreamHead> head_;
  std::optional<StreamTail> tail_;
  std::string_view entries_, key_, value_;
};

/// Is this a record that a group of this format version may have? The key begins with the space.
[[nodiscard]] bool acceptable_record(std::string_view key_with_space, std::string_view value);

}  // namespace cairn::kv
