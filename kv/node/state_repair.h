// A replica compares its state with its leader's, key by key, at one applied index, and, if asked
// to, takes over what differs. It stops applying (its log goes on), asks the leader for a moment
// that is not older, applies up to that very entry, and walks through both. A repair keeps the
// group standing there until it is done; a comparison lets it go as soon as it has its own moment.
// Home executor; the engine is read on the read executor and changed on the apply executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kv/node/replica.h"
#include "kv/node/rpc.h"
#include "kv/node/state_rpc.h"
#include "kv/placement/member.h"
#include "net/wire.h"

namespace cairn::kv {

class StateRepairHost {
 public:
  virtual ~StateRepairHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  [[nodiscard]] virtual Replica* replica(raft::GroupId group) = 0;
  [[nodiscard]] virtual std::shared_ptr<Engine> shared_engine() = 0;
  virtual void on_read(std::function<void()> work, std::function<void()> done) = 0;
  /// On the apply executor, after all that was to be applied before; then `done` on home.
  virtual void on_engine(std::function<void(Engine&)> work, std::function<void()> done) = 0;
  /// Flushes the engine; done(true) on home once all that is applied now is on disk.
  virtual void flush_engine(std::function<void(bool)> done) = 0;
  /// Nothing past this is applied until it is raised or released; the last index that was given to
  /// the apply stage before.
  [[nodiscard]] virtual raft::Index hold_apply(raft::GroupId group) = 0;
  virtual void raise_apply(raft::GroupId group, raft::Index index) = 0;
  virtual void release_apply(raft::GroupId group) = 0;
  virtual void request(raft::NodeId to, net::Channel channel, RequestKind kind, std::string body,
                       Micros deadline, std::function<void(std::optional<RpcReply>)> done) = 0;
  /// All items of the group are the leader's, durably.
  virtual void state_healed(raft::GroupId group) = 0;
};

class StateRepair {
 public:
  explicit StateRepair(StateRepairHost& host) : host_(host) {}
  /// One at a time. `leader`: the node that leads the group. Answers once.
  void start(raft::GroupId group, NodeNumber leader, const StateComparison& wish,
             Callback<StateReport> done);
  /// Gives up what stands still.
  void tick();
  /// The group's state is about to be replaced, or to leave: a job about it ends.
  void end(raft::GroupId group);
  void stop(const Error& error);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  void ask(const JobPtr& job, StateAsk question, std::function<void(const std::string&)> answered);
  void opened(const JobPtr& job, const StateOpened& there);
  void aligned(const JobPtr& job);
  void viewed(const JobPtr& job);
  void next_page(const JobPtr& job);
  void compare(const JobPtr& job, const StateView::Page& there);
  void compared(const JobPtr& job, const StateView::Page& there, const StateView::Page& here);
  void fetch(const JobPtr& job);
  void take(const JobPtr& job, std::vector<ItemRecord> records);
  void walked(const JobPtr& job);
  void finish(const JobPtr& job);
  void fail(const JobPtr& job, const Error& error);
  void close(Job& job);
  [[nodiscard]] bool current(const JobPtr& job) const { return job_ == job; }

  StateRepairHost& host_;
  JobPtr job_;
};

}  // namespace cairn::kv
