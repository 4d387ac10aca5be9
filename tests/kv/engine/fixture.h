// An engine on a disk in memory, driven by short verbs. One group has a log of its own; the verbs
// append to it and apply at once.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/engine/engine.h"
#include "wal/memory_file_system.h"

namespace cairn::kv::test {

inline constexpr std::uint64_t kCluster = 77;
inline constexpr std::uint64_t kNode = 1;
inline constexpr raft::GroupId kGroup = 3;
inline constexpr std::uint32_t kEpoch = 5;

raft::Configuration three_voters();
EngineOptions small_options();

std::shared_ptr<const std::string> entry_bytes(Revision revision, const Command& command);
raft::Entry command_entry(raft::Index index, Revision revision, const Command& command);

Command put(std::string key, std::string value);
Command remove(std::string key);
Command remove_prefix(std::string prefix, std::uint32_t limit, std::string start_after = {});
Command open_session(std::uint64_t client);
Command with_session(Command command, std::uint64_t client, std::uint64_t sequence,
                     std::uint64_t acknowledged = 0);
Command with_key(Command command, std::string idempotency_key, std::uint32_t window_ms = 1000,
                 std::uint32_t keys_max = 100);

/// All chunks of a group's snapshot.
std::vector<std::string> chunks_of(const Engine& engine, raft::GroupId group, std::size_t bytes_max,
                                   raft::SnapshotMeta* meta = nullptr);

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { open(); }

  void open() { open(small_options()); }
  void open(const EngineOptions& options);
  void close() { engine_.reset(); }
  void reopen() {
    close();
    open();
  }
  /// Error of an attempt that is expected to fail.
  boost::system::error_code open_error(std::uint64_t cluster = kCluster,
                                       std::uint64_t node = kNode);

  /// Appends to the log and applies; the log's time moves by `elapsed_ms` before.
  Answer run(const Command& command, std::uint64_t elapsed_ms = 0);
  Answer run_in_batch_with(const std::vector<Command>& commands);  // answer of the last
  std::vector<Answer> run_batch(const std::vector<Command>& commands);
  /// Applies any entry; false if the engine refused.
  bool apply_entry(raft::EntryKind kind, std::shared_ptr<const std::string> data);

  std::optional<Item> get(std::string_view key);
  std::string value(std::string_view key);  // "<none>" if absent
  std::vector<std::string> keys(std::string prefix = {});
  EngineGroup group();
  std::string digest();
  /// Flushes and says what became of it (without an executor it is over when flush() returns).
  boost::system::result<FlushPoint> flush();
  Revision last_revision() const { return revision_; }

  wal::MemoryFileSystem disk_;
  std::unique_ptr<Engine> engine_;
  std::vector<raft::Entry> log_;  // of kGroup, from index 1
  std::string detail_;

 private:
  Revision next_revision(std::uint64_t elapsed_ms);

  Revision revision_ = 1'000'000ull << 13;
};

}  // namespace cairn::kv::test
