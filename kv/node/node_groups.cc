// Replicas that come and go while the node runs. A new one begins with nothing, no configuration
// even, and waits for its leader's snapshot. One that is wanted nowhere any more goes in steps,
// each durable before the next: the log says "retired", the engine forgets the group, the log is
// emptied. Of a replica that went its term and vote stay: what it promised is never forgotten.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {

void NodeImpl::create_wanted() {
  if (state_ != State::kServing || fenced_ || failed_ || removed_ || !is_member(member_)) return;
  for (raft::GroupId group = 0; group < record_.groups.size(); ++group) {
    if (!record_.wants(group, member_) || replica(group) != nullptr) continue;
    if (creating_.count(group) == 0 && retiring_.count(group) == 0) create_replica(group);
  }
}

void NodeImpl::create_replica(raft::GroupId group) {
  creating_.insert(group);
  using Made = boost::system::result<EngineGroup>;
  apply_->run<Made>(
      [group, epoch = routes_.epoch()](Engine& engine) -> Made {
        if (const auto made = engine.create_group(group, {}, epoch); !made) return made.error();
        for (EngineGroup& state : engine.groups())
          if (state.group == group) return std::move(state);
        return EngineError::kNoGroup;
      },
      [this, group](Made made) {
        creating_.erase(group);
        if (!made)
          fence("the engine could not make a group: " + made.error().message());
        else if (!fenced_ && !failed_ && state_ == State::kServing)
          replica_created(group, *made);
      });
}

void NodeImpl::replica_created(raft::GroupId group, const EngineGroup& state) {
  raft::Restored restored;
  if (const auto promised = promises_.find(group); promised != promises_.end()) {
    restored.hard_state = {promised->second.term, promised->second.vote, 0};
    promises_.erase(promised);
  }
  wal_->set_config(group, {});
  adopt_replica(group, std::move(restored), state);
  log_line(LogLine::Level::kInfo,
           "begins a replica of group " + std::to_string(group) + ": waits for its state");
}

void NodeImpl::adopt_replica(raft::GroupId group, raft::Restored restored,
                             const EngineGroup& state) {
  ReplicaHost& host = *this;
  auto made =
      std::make_unique<Replica>(host, group, core_options(group), std::move(restored), state);
  by_group_[group] = made.get();
  flushed_[group] = state.applied;  // what was found is on disk
  replicas_.emplace(group, std::move(made));
}

/// The leader of a group says that it is where this very record wants it, which is not here: the
/// group's own committed configuration has no place for this replica. Leaders of older terms may
/// speak of a time before this replica was added.
void NodeImpl::retire_unwanted(const net::Gossip& word) {
  for (const net::Gossip::Lead& lead : word.leads) {
    Replica* here = replica(lead.group);
    if (here == nullptr || lead.reached == 0 || lead.reached != record_.epoch) continue;
    if (record_.wants(lead.group, member_) || lead.term < here->core().term()) continue;
    if (!inbox_.finishing(lead.group)) retire(lead.group);
  }
}

bool NodeImpl::left_behind(raft::GroupId group) const {
  const auto at = replicas_.find(group);
  return at != replicas_.end() && at->second->core().leader() == raft::kNobody &&
         group < record_.groups.size() && !record_.wants(group, member_);
}

void NodeImpl::retire(raft::GroupId group) {
  const auto at = replicas_.find(group);
  if (at == replicas_.end() || fenced_ || failed_) return;
  state_repair_.end(group);  // what it holds back is applied before the group leaves
  at->second->end_all(BarrierResult::kNoLeader);
  const raft::Status status = at->second->core().status();
  promises_[group] = {status.term, status.vote, 0};
  std::erase(dirty_, at->second.get());
  is_dirty_[group] = 0;
  by_group_[group] = nullptr;
  retiring_[group] = std::move(at->second);  // the log may still speak of it
  replicas_.erase(at);
  first_campaign_due_.erase(group);
  flushed_.erase(group);
  states_said_.erase(group);
  state_differs_.erase(group);
  state_watch_.forget(group);
  inbox_.drop(group);
  if (group == kMetadataGroup) state_record_ = {};
  log_line(LogLine::Level::kInfo, "retires its replica of group " + std::to_string(group));
  wal_->set_config(group, kRetiredConfig);
  commit_log([this, group] { finish_retirement(group); });
}

void NodeImpl::finish_retirement(raft::GroupId group) {
  using Removed = boost::system::result<void>;
  const auto emptied = [this, group] {
    retiring_.erase(group);
    create_wanted();
  };
  const auto flushed = [this, group, emptied](bool ok) {
    if (!ok || fenced_ || failed_) return;
    wal_->reset(group, 0, 0, {});
    wal_->set_hard_state(group, promises_[group]);
    commit_log(emptied);
  };
  apply_->run<Removed>([group](Engine& engine) { return engine.remove_group(group); },
                       [this, flushed](const Removed& removed) {
                         if (!removed)
                           fence("the engine could not drop a group: " + removed.error().message());
                         else
                           flush_engine(flushed);
                       });
}

}  // namespace cairn::kv
