// The groups of a node as the engine has them: their replicated heads, which the apply thread owns,
// and the few numbers that readers on other threads need.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "kv/engine/idempotency.h"
#include "kv/engine/keyspace.h"
#include "kv/engine/sessions.h"
#include "kv/engine/state_hash.h"

namespace cairn::kv {

/// Our own mistake, or the host's; never what came from outside. Fails the engine.
class BrokenInvariant : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

struct Group {
  Group(raft::GroupId id_, const EngineOptions& options) : id(id_), sessions(options) {}

  const raft::GroupId id;
  // Apply thread.
  GroupRecord record;
  Sessions sessions;
  IdempotencyTable idempotency;
  StateHash hash;
  StateMarks marks;
  std::string current_prefix;
  bool touched = false;  // its record is to be written with the batch that is being built

  // Any thread: as of the last write.
  struct Published {
    std::atomic<std::uint64_t> generation{0};
    std::atomic<Revision> revision{0};
    std::atomic<std::uint32_t> sessions{0};
    std::atomic<std::uint32_t> idempotency_records{0};
  } published;

  /// Takes a head over as the group's own, with what belongs to its generation.
  EngineResult<void> adopt(const GroupRecord& head, const StateHash& items,
                           const Database& database) {
    record = head;
    hash = items;
    marks.reset();
    current_prefix = space_prefix(id, head.generation, Space::kCurrent);
    idempotency.reset(id, head.generation, head.idempotency_records);
    if (auto done = sessions.load(database, nullptr, id, head.generation, head.sessions); !done) {
      return done;
    }
    publish();
    return {};
  }

  void publish() {
    published.revision.store(record.last_revision, std::memory_order_release);
    published.sessions.store(record.sessions, std::memory_order_relaxed);
    published.idempotency_records.store(record.idempotency_records, std::memory_order_relaxed);
    published.generation.store(record.generation, std::memory_order_release);
    if (record.applied != 0) marks.publish(record.applied, hash);
  }
};

/// Groups are added and dropped by the apply thread; any thread may look, and may go on looking at
/// one that was dropped: it is kept aside.
class Groups {
 public:
  Group* find(raft::GroupId id) const {
    const std::shared_lock lock(mutex_);
    const auto found = groups_.find(id);
    return found == groups_.end() ? nullptr : found->second.get();
  }

  Group& add(std::unique_ptr<Group> group) {
    const std::unique_lock lock(mutex_);
    return *groups_.try_emplace(group->id, std::move(group)).first->second;
  }

  void drop(raft::GroupId id) {
    const std::unique_lock lock(mutex_);
    const auto found = groups_.find(id);
    if (found == groups_.end()) return;
    dropped_.push_back(std::move(found->second));
    groups_.erase(found);
  }

  /// In order of their ids.
  template <class F>
  void for_each(F f) const {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, group] : groups_) f(*group);
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<raft::GroupId, std::unique_ptr<Group>> groups_;
  std::vector<std::unique_ptr<Group>> dropped_;  // a few: only changes of placement drop groups
};

}  // namespace cairn::kv
