// Changes that people ask for: any node takes them and brings them to who decides, the leader of
// the metadata group or of a partition. A request is sent again only where it surely was not taken.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr Micros kRetryAfter = std::chrono::milliseconds{50};
constexpr std::size_t kCallsMax = 256;

Error unknown_outcome() {
  return Error(Errc::kOutcomeUnknown,
               "the connection to the leader was lost: look at the cluster before repeating it",
               Committed::kUnknown);
}

Error no_leader() {
  Error e(Errc::kNoLeader, "no leader that decides about it can be reached");
  e.retry_after_ms = 500;
  return e;
}

template <class T, class Decode>
Callback<std::string> decoded(Callback<T> done, Decode decode) {
  return [done = std::move(done), decode](Result<std::string> body) {
    if (!body) {
      done(body.error());
      return;
    }
    auto value = decode(*body);
    if (value)
      done(std::move(*value));
    else
      done(unknown_outcome());
  };
}

}  // namespace

struct NodeImpl::AdminCall {
  RequestKind kind{};
  raft::GroupId group = 0;
  std::string body;
  Micros deadline{0};
  Micros idle_since{0};
  unsigned attempts = 0;
  bool under_way = false;
  bool ended = false;
  Callback<std::string> done;

  void end(Result<std::string> result) {
    if (std::exchange(ended, true)) return;
    if (const auto call = std::exchange(done, nullptr)) call(std::move(result));
  }
};

// --- at the node that was asked ----------------------------------------------------------------

void NodeImpl::change_members(MemberChange change, Callback<MemberPlan> done) {
  const Micros deadline = deadline_of(change.timeout);
  ask_admin(RequestKind::kChange, kMetadataGroup, encode_change(change), deadline,
            decoded<MemberPlan>(std::move(done), decode_plan));
}

void NodeImpl::promote(std::uint64_t node, std::chrono::milliseconds timeout,
                       Callback<MemberPlan> done) {
  ask_admin(RequestKind::kPromote, kMetadataGroup, encode_number(node), deadline_of(timeout),
            decoded<MemberPlan>(std::move(done), decode_plan));
}

void NodeImpl::move_leader(std::uint32_t partition, std::uint64_t to,
                           std::chrono::milliseconds timeout, Callback<std::uint64_t> done) {
  if (state_ == State::kServing && partition >= routes_.partitions()) {
    done(Error(Errc::kBadRequest, "there is no partition " + std::to_string(partition)));
    return;
  }
  ask_admin(RequestKind::kMoveLeader, group_of_partition(partition), encode_move({partition, to}),
            deadline_of(timeout), decoded<std::uint64_t>(std::move(done), decode_number));
}

void NodeImpl::ask_admin(RequestKind kind, raft::GroupId group, std::string body, Micros deadline,
                         Callback<std::string> done) {
  if (auto refused = refuse_write()) {
    done(std::move(*refused));
    return;
  }
  if (admin_calls_.size() >= kCallsMax) {
    done(Error(Errc::kOverloaded, "too many changes of the cluster are under way"));
    return;
  }
  auto call = std::make_shared<AdminCall>();
  call->kind = kind;
  call->group = group;
  call->body = std::move(body);
  call->deadline = deadline;
  call->done = std::move(done);
  admin_calls_.push_back(call);
  attempt_admin(call);
}

void NodeImpl::attempt_admin(const std::shared_ptr<AdminCall>& call) {
  call->idle_since = now();
  const Replica* here = replica(call->group);
  NodeNumber to = here != nullptr && here->leads() ? self_ : routes_.leader(call->group);
  if (to == raft::kNobody || (to == self_ && (here == nullptr || !here->leads())))
    to = any_member(call->group, call->attempts);
  ++call->attempts;
  if (to == raft::kNobody) return;
  call->under_way = true;
  const auto answered = [this, call, to](Result<std::string> body, NodeNumber leader) {
    call->under_way = false;
    call->idle_since = now();
    const bool elsewhere = !body && body.error().code == Errc::kNoLeader;
    if (!elsewhere) {
      call->end(std::move(body));
      return;
    }
    if (to != self_) redirected(call->group, to, leader);
  };
  if (to == self_) {
    if (!handle_admin(call->kind, call->body, call->deadline, answered))
      call->end(Error(Errc::kBadRequest, "the request does not decode"));
    return;
  }
  const bool sent = try_request(to, net::Channel::kControl, call->kind, call->body, call->deadline,
                                [answered](std::optional<RpcReply> reply) {
                                  if (!reply)
                                    answered(unknown_outcome(), raft::kNobody);
                                  else if (auto* refusal = std::get_if<Refusal>(&*reply))
                                    answered(std::move(refusal->error), refusal->leader);
                                  else if (auto* admin = std::get_if<AdminReply>(&*reply))
                                    answered(std::move(admin->body), raft::kNobody);
                                  else
                                    answered(unknown_outcome(), raft::kNobody);
                                });
  if (!sent) call->under_way = false;
}

void NodeImpl::admin_tick() {
  watch_transfers();
  std::vector<std::shared_ptr<AdminCall>> late, again;
  for (const auto& call : admin_calls_) {
    if (call->ended) continue;
    if (call->deadline <= now())
      late.push_back(call);
    else if (!call->under_way && call->idle_since + kRetryAfter <= now())
      again.push_back(call);
  }
  for (const auto& call : late) call->end(call->under_way ? unknown_outcome() : no_leader());
  for (const auto& call : again) attempt_admin(call);
  admin_calls_.remove_if([](const auto& call) { return call->ended; });
}

void NodeImpl::end_admin(const Error& error) {
  for (Transfer& transfer : std::exchange(transfers_, {})) transfer.done(error);
  for (const auto& call : std::exchange(admin_calls_, {}))
    call->end(call->under_way ? unknown_outcome() : error);
}

// --- at the node that decides ------------------------------------------------------------------

/// False: the body does not decode. Else answers once; kNoLeader means that it was not taken.
bool NodeImpl::handle_admin(RequestKind kind, std::string_view body, Micros deadline,
                            const std::function<void(Result<std::string>, NodeNumber)>& done) {
  const auto move = kind == RequestKind::kMoveLeader ? decode_move(body) : std::nullopt;
  const raft::GroupId group = move ? group_of_partition(move->partition) : kMetadataGroup;
  Replica* leading = replica(group);
  if (leading == nullptr || !leading->serves() || state_ != State::kServing || fenced_) {
    const bool leads = leading != nullptr && leading->leads();
    done(no_leader(), leads || routes_.leader(group) == self_ ? 0 : routes_.leader(group));
    return true;
  }
  const Callback<std::string> answer = [done](Result<std::string> result) {
    done(std::move(result), raft::kNobody);
  };
  switch (kind) {
    case RequestKind::kChange:
      if (auto change = decode_change(body)) return do_change(std::move(*change), answer), true;
      return false;
    case RequestKind::kPromote:
      if (const auto node = decode_number(body)) return do_promote(*node, answer), true;
      return false;
    case RequestKind::kRejoin:
      if (const auto rejoin = decode_rejoin(body)) return do_rejoin(*rejoin, answer), true;
      return false;
    case RequestKind::kMoveLeader:
      if (move) return do_move(*move, deadline, answer), true;
      return false;
    default:
      return false;
  }
}

std::uint64_t NodeImpl::bytes_of(raft::GroupId group) {
  if (replica(group) == nullptr || !engine_) return 0;
  return std::max(engine_->table_bytes(group), wal_->live_bytes(group));
}

PlanFacts NodeImpl::plan_facts() {
  return {[this](NodeNumber node) {
            return node == self_ || (peers_ && peers_->up(node, net::Channel::kControl));
          },
          [this](raft::GroupId group) {
            const std::uint64_t here = bytes_of(group);
            return here != 0 ? here : reached_[group].bytes;
          }};
}

void NodeImpl::do_change(MemberChange change, Callback<std::string> done) {
  look_at_record();
  const auto next = with_change(state_record_, change);
  if (!next) {
    done(next.error());
    return;
  }
  propose_change(*next, change.dry_run, std::move(done));
}

void NodeImpl::propose_change(const ClusterRecord& next, bool dry_run, Callback<std::string> done) {
  MemberPlan plan = plan_of(state_record_, next, plan_facts());
  if (const auto fine = check_plan(plan); !fine) {
    done(fine.error());
    return;
  }
  if (dry_run) {
    done(encode_plan(plan));
    return;
  }
  propose_record(next, [plan = std::move(plan),
                        done = std::move(done)](const Result<std::uint64_t>& epoch) mutable {
    if (!epoch) {
      done(epoch.error());
      return;
    }
    plan.change = *epoch;
    done(encode_plan(plan));
  });
}

void NodeImpl::do_promote(NodeNumber node, Callback<std::string> done) {
  look_at_record();
  const auto next = with_promoted(state_record_, node);
  if (!next)
    done(next.error());
  else
    propose_change(*next, false, std::move(done));
}

void NodeImpl::do_rejoin(const RejoinRequest& request, Callback<std::string> done) {
  look_at_record();
  if (peers_ && peers_->up(request.node, net::Channel::kControl)) {
    done(Error(Errc::kMemberExists, "the directory that is known under this id is connected"));
    return;
  }
  const auto next = with_rejoined(state_record_, request.node, request.incarnation);
  if (!next) {
    done(next.error());
    return;
  }
  propose_record(*next, [done = std::move(done)](const Result<std::uint64_t>& epoch) {
    if (epoch)
      done(std::string());
    else
      done(epoch.error());
  });
}

// --- leadership --------------------------------------------------------------------------------

void NodeImpl::do_move(const MoveLeaderRequest& request, Micros deadline,
                       Callback<std::string> done) {
  const raft::GroupId group = group_of_partition(request.partition);
  Replica* leading = replica(group);
  const raft::NodeId to = member_of(request.to);
  const std::string who = "node " + std::to_string(request.to);
  if (to == raft::kNobody) return done(Error(Errc::kUnknownNode, who + " is not a member"));
  const raft::Status status = leading->core().status();
  const auto has = [&](const std::vector<raft::NodeId>& list) {
    return std::find(list.begin(), list.end(), to) != list.end();
  };
  if (to != member_ && !(peers_ && peers_->up(request.to, net::Channel::kControl)))
    return done(Error(Errc::kTimeout, who + " is not connected to the leader"));
  if (diverged(group, request.to))
    return done(Error(Errc::kNotCaughtUp,
                      who + "'s state of the partition is not the leader's: kvctl heal"));
  switch (leading->transfer(to)) {
    case raft::TransferOutcome::kStarted:
      transfers_.push_back({group, to, status.term,
                            std::min(deadline, now() + 4 * options_.election_timeout), done});
      return;
    case raft::TransferOutcome::kAlready:
      return done(Error(Errc::kUnchanged, who + " leads the partition already"));
    case raft::TransferOutcome::kUnderWay:
      return done(Error(Errc::kChangeUnderWay, "the leadership is being handed over already"));
    case raft::TransferOutcome::kNotVoter:
      if (has(status.config.learners))
        return done(Error(Errc::kNotCaughtUp, who + " has no vote in the partition yet"));
      return done(Error(Errc::kUnknownNode, who + " has no replica of the partition"));
    case raft::TransferOutcome::kNotLeader:
    case raft::TransferOutcome::kFailed:
      return done(no_leader());
  }
}

void NodeImpl::watch_transfers() {
  for (auto it = transfers_.begin(); it != transfers_.end();) {
    const Replica* here = replica(it->group);
    const raft::NodeId leader = here == nullptr ? raft::kNobody : here->core().leader();
    const bool still = here != nullptr && here->leads() && here->core().term() == it->term;
    const bool given_up = still && here->core().status().transferee == raft::kNobody;
    const bool elsewhere = !still && leader != raft::kNobody && leader != it->to;
    if (leader != it->to && !given_up && !elsewhere && now() < it->deadline) {
      ++it;
      continue;
    }
    const Transfer transfer = std::move(*it);
    it = transfers_.erase(it);
    if (leader == transfer.to) {
      transfer.done(encode_number(node_of(transfer.to)));
    } else {
      transfer.done(Error(Errc::kTimeout, "node " + std::to_string(node_of(transfer.to)) +
                                              " did not take over in time: try again"));
    }
  }
}

}  // namespace cairn::kv
