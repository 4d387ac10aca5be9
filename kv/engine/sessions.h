// The sessions of one group: who may have a command done exactly once, what was done, and what was
// answered. Replicated state: every decision is a function of the entries applied so far, and time
// is the log's.
//
// Heads and the numbers of stored answers are kept in memory; the answers themselves in LevelDB.
// Apply thread only.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kv/engine/changes.h"
#include "kv/engine/database.h"
#include "kv/engine/keyspace.h"

namespace cairn::kv {

class Sessions {
 public:
  enum class Opened { kDone, kFull, kForeign };
  enum class Verdict {
    kNew,           // not seen yet: execute it, then record() what came out
    kReplay,        // executed before: stored_answer() has the answer
    kUnknown,       // no such session, or it expired: never execute
    kStale,         // at or below what the client acknowledged: never execute, nobody waits for it
    kMalformed,     // numbers that contradict each other
    kBeyondWindow,  // too many unacknowledged: not now
  };

  explicit Sessions(const EngineOptions& options) : options_(&options) {}

  /// Reads the sessions of a generation, of which there must be `count`, as of `moment`.
  EngineResult<void> load(const Database& database, const Moment& moment, raft::GroupId group,
                          std::uint64_t generation, std::uint32_t count);

  /// Removes what is idle too long; at most a few, so that an entry stays cheap.
  void expire(std::uint64_t now_ms, Changes& changes);
  Opened open(std::uint64_t client, std::uint64_t principal, std::uint64_t now_ms,
              Changes& changes);
  /// Judges a stamped command and notes the client as active and what it acknowledged.
  Verdict check(const SessionStamp& stamp, std::uint64_t principal, std::uint64_t now_ms,
                Changes& changes);
  /// Stores the answer of a command that check() called new.
  void record(const SessionStamp& stamp, std::string answer, Changes& changes);
  /// The answer of a command that check() called a replay.
  EngineResult<std::string> stored_answer(const SessionStamp& stamp, const Database& database,
                                          const Changes& changes) const;
  /// Adds the heads that changed since the last time; before each write of `changes`.
  void write_heads(Changes& changes);

  std::uint32_t size() const { return static_cast<std::uint32_t>(sessions_.size()); }

 private:
  struct Session {
    SessionRecord head;
    std::vector<std::uint64_t> answers;  // sequences, rising, all above head.acknowledged
  };
  using Map = std::map<std::uint64_t, Session>;

  bool idle(const Session& session, std::uint64_t now_ms) const;
  void touch(Map::iterator at, std::uint64_t now_ms);
  void acknowledge(Map::iterator at, std::uint64_t sequence, Changes& changes);
  void remove(Map::iterator at, Changes& changes);
  std::string head_key(std::uint64_t client) const;
  std::string answer_key(std::uint64_t client, std::uint64_t sequence) const;

  const EngineOptions* options_;
  std::string head_prefix_;
  std::string answer_prefix_;
  Map sessions_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> by_activity_;  // (active_ms, client)
  std::set<std::uint64_t> unwritten_heads_;
};

}  // namespace cairn::kv
