// A real engine on a disk in memory, executors that run when told, and one replica of one voter.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kv/engine/engine.h"
#include "kv/node/replica.h"
#include "wal/memory_file_system.h"

namespace cairn::kv::test {

inline constexpr raft::GroupId kGroup = 2;

/// Work for another executor: its first half runs there, its second at home.
struct Errand {
  std::function<void()> work, done;
};

/// An engine whose one group is fed directly.
class SmallEngine {
 public:
  explicit SmallEngine(std::vector<raft::NodeId> voters) {
    EXPECT_TRUE(disk_.create_directories("d"));
    std::string detail;
    auto opened = Engine::open(disk_, "d/engine", 7, 1, EngineOptions(), nullptr, &detail);
    EXPECT_TRUE(opened) << detail;
    engine = std::move(*opened);
    raft::Configuration config;
    config.voters = std::move(voters);
    EXPECT_TRUE(engine->create_group(kGroup, config, 1));
  }
  void put(const std::string& key, std::string value) {
    Command command;
    command.operations.push_back({Operation::Kind::kPut, key, std::move(value)});
    ++index_;
    const Stamp stamp{index_ * 10, 0, 0};
    const std::vector<ApplyItem> items{
        {kGroup,
         {index_, 1, raft::EntryKind::kCommand, make_entry(stamp, encode_command(command))}}};
    EXPECT_TRUE(engine->apply(items));
  }
  EngineGroup state() const { return engine->groups().front(); }

 private:
  wal::MemoryFileSystem disk_;
  raft::Index index_ = 0;

 public:
  std::shared_ptr<Engine> engine;
};

/// A replica whose log and messages go nowhere.
class QuietReplica : private ReplicaHost {
 public:
  QuietReplica(std::vector<raft::NodeId> voters, raft::NodeId self, const EngineGroup& state,
               bool leases = false) {
    raft::CoreOptions options;
    options.id = self;
    options.lease = leases;
    raft::Restored restored;
    restored.config.voters = std::move(voters);
    restored.applied = restored.start_index = restored.last_index = state.applied;
    restored.start_term = restored.last_term = state.applied_term;
    restored.hard_state = {state.applied_term, raft::kNobody, state.applied};
    ReplicaHost& host = *this;
    replica = std::make_unique<Replica>(host, kGroup, options, restored, state);
  }
  /// Turns until nothing is left to do; no-ops are applied at once.
  void settle() {
    for (int i = 0; i < 8; ++i) {
      std::vector<PersistUnderWay> persists;
      while (std::exchange(dirty_, false)) replica->pump(persists);
      for (PersistUnderWay& p : persists) replica->persisted(p.token, {});
      for (const raft::Entry& e : std::exchange(committed_, {}))
        replica->was_applied({kGroup, e.index, e.term, std::nullopt});
      replica->batch_applied();
    }
  }
  void lead() {
    replica->campaign();
    settle();
  }

  Micros time{0};
  std::unique_ptr<Replica> replica;

 private:
  void mark_dirty(Replica&) override { dirty_ = true; }
  void send_raft(raft::GroupId, raft::Message) override {}
  void write_log(raft::GroupId, const raft::Persist&) override {}
  void apply(raft::GroupId, std::vector<raft::Entry> entries) override {
    committed_.insert(committed_.end(), entries.begin(), entries.end());
  }
  void read_log(Replica&, const raft::LogRead&) override {}
  void send_snapshot(raft::GroupId, raft::NodeId, raft::Term) override {}
  void on_raft_event(Replica&, const raft::Event&) override {}
  Micros now() const override { return time; }
  void round_took(Micros) override {}
  std::uint64_t bounded_wall_ms(const std::vector<raft::NodeId>&) const override { return 0; }

  bool dirty_ = false;
  std::vector<raft::Entry> committed_;
};

}  // namespace cairn::kv::test
