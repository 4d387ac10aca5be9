// What peers say: hellos, requests and their replies, gossip; and the transport's ups and downs.
#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kBulkRoomBytes = 4u << 20;
constexpr Micros kRequestDeadlineMax = std::chrono::minutes{10};

Refusal not_leading(raft::NodeId leader) {
  Error e(Errc::kNoLeader, "the asked node does not lead the partition");
  return {std::move(e), leader};
}

}  // namespace

raft::NodeId NodeImpl::any_member(raft::GroupId group, unsigned attempt) const {
  if (!routes_.known(group)) return raft::kNobody;
  std::vector<raft::NodeId> up;
  for (const raft::NodeId member : routes_.members(group))
    if (member != self_ && peers_ && peers_->up(member, net::Channel::kControl))
      up.push_back(member);
  // While the group is on its way, nodes that are not wanted there may hold it still.
  if (up.empty() || attempt >= 2 * up.size())
    for (const auto& [peer, facts] : peer_facts_)
      if (peers_ && peers_->up(peer, net::Channel::kControl)) up.push_back(peer);
  return up.empty() ? raft::kNobody : up[attempt % up.size()];
}

void NodeImpl::redirected(raft::GroupId group, raft::NodeId node, raft::NodeId leader) {
  routes_.forget(group, node);
  if (leader != raft::kNobody && leader != node) routes_.leads(group, 0, leader);
}

void NodeImpl::send_raft(raft::GroupId group, raft::Message message) {
  // On the wire there are nodes; who of them is which member is for both sides to know.
  if (!peers_ || !is_member(message.to)) return;
  const NodeNumber to = node_of(message.to);
  message.from = self_;
  message.to = to;
  peers_->send_raft(to, group, std::move(message));
}

bool NodeImpl::send_write(raft::NodeId to, raft::GroupId group, const std::string& command,
                          Micros deadline, std::function<void(Result<Answer>, raft::NodeId)> done) {
  if (to == self_) {
    Replica* r = replica(group);
    if (r == nullptr || !r->leads()) return false;
    r->propose(command, deadline, [this, done = std::move(done)](ProposeResult result) {
      switch (result.kind) {
        case ProposeResult::Kind::kAnswer:
          done(std::move(result.answer), self_);
          return;
        case ProposeResult::Kind::kNotProposed:
          done(Error(Errc::kNoLeader), self_);
          return;
        case ProposeResult::Kind::kOverloaded:
          done(Error(Errc::kOverloaded, "too many writes are under way in this partition"), self_);
          return;
        case ProposeResult::Kind::kUnknown:
          done(Error(Errc::kOutcomeUnknown, {}, Committed::kUnknown), self_);
          return;
      }
    });
    return true;
  }
  return try_request(to, net::Channel::kControl, RequestKind::kWrite,
                     encode_write_request(group, command), deadline,
                     [this, group, to, done = std::move(done)](std::optional<RpcReply> reply) {
                       if (!reply) {
                         done(Error(Errc::kOutcomeUnknown, "the connection to the leader was lost",
                                    Committed::kUnknown),
                              to);
                       } else if (auto* answer = std::get_if<Answer>(&*reply)) {
                         done(std::move(*answer), to);
                       } else if (auto* refusal = std::get_if<Refusal>(&*reply)) {
                         if (refusal->error.code == Errc::kNoLeader)
                           redirected(group, to, refusal->leader);
                         done(std::move(refusal->error), to);
                       } else {
                         done(Error(Errc::kOutcomeUnknown, "a peer gave an answer of another kind",
                                    Committed::kUnknown),
                              to);
                       }
                     });
}

void NodeImpl::request(raft::NodeId to, net::Channel channel, RequestKind kind, std::string body,
                       Micros deadline, std::function<void(std::optional<RpcReply>)> done) {
  if (!try_request(to, channel, kind, std::move(body), deadline, done)) done(std::nullopt);
}

bool NodeImpl::try_request(raft::NodeId to, net::Channel channel, RequestKind kind,
                           std::string body, Micros deadline,
                           std::function<void(std::optional<RpcReply>)> done) {
  net::Request message;
  message.id = ++last_request_;
  message.kind = static_cast<std::uint16_t>(kind);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now()).count();
  message.deadline_ms = static_cast<std::uint32_t>(
      std::clamp<long long>(left, 1, std::numeric_limits<std::uint32_t>::max()));
  message.body = std::move(body);
  if (!peers_ || !peers_->send(to, channel, net::PeerMessage(std::move(message)))) return false;
  requests_.emplace(last_request_, OutstandingRequest{to, channel, deadline, std::move(done)});
  return true;
}

void NodeImpl::expire_requests() {
  std::vector<std::function<void(std::optional<RpcReply>)>> late;
  for (auto it = requests_.begin(); it != requests_.end();) {
    if (it->second.deadline <= now()) {
      late.push_back(std::move(it->second.done));
      it = requests_.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& done : late) done(std::nullopt);
}

void NodeImpl::fail_requests(raft::NodeId peer, net::Channel channel) {
  std::vector<std::function<void(std::optional<RpcReply>)>> lost;
  for (auto it = requests_.begin(); it != requests_.end();) {
    if (it->second.to == peer && it->second.channel == channel) {
      lost.push_back(std::move(it->second.done));
      it = requests_.erase(it);
    } else {
      ++it;
    }
  }
  for (const auto& done : lost) done(std::nullopt);
}

void NodeImpl::handle_reply(raft::NodeId from, net::Reply message) {
  const auto it = requests_.find(message.id);
  if (it == requests_.end() || it->second.to != from) return;
  const auto done = std::move(it->second.done);
  requests_.erase(it);
  done(decode_reply(message.body));
}

void NodeImpl::reply(raft::NodeId to, net::Channel channel, std::uint64_t id,
                     const RpcReply& reply) {
  // Not sent: the connection is gone, and the asker knows by that.
  if (peers_)
    (void)peers_->send(to, channel, net::PeerMessage(net::Reply{id, encode_reply(reply)}));
}

void NodeImpl::handle_request(raft::NodeId from, net::Channel channel, net::Request request) {
  const Micros deadline =
      now() + std::min<Micros>(std::chrono::milliseconds(request.deadline_ms), kRequestDeadlineMax);
  const auto answer = [this, from, channel, id = request.id](auto result) {
    if (result)
      reply(from, channel, id, RpcReply(std::move(*result)));
    else
      reply(from, channel, id, RpcReply(Refusal{result.error(), raft::kNobody}));
  };
  const auto here = [this](raft::GroupId group) {
    return replica(group) != nullptr && state_ == State::kServing && !failed_;
  };
  switch (static_cast<RequestKind>(request.kind)) {
    case RequestKind::kWrite:
      handle_write(from, request);
      return;
    case RequestKind::kRead:
      if (auto read = decode_read_request(request.body); read && here(read->group)) {
        reads_.get_here(read->group, std::move(read->key),
                        {read->eventual, read->min_revision, read->lease}, deadline, answer);
        return;
      }
      break;
    case RequestKind::kScan:
      if (auto scan = decode_scan_request(request.body); scan && here(scan->group)) {
        reads_.page_here(scan->group, std::move(scan->range),
                         {scan->eventual, scan->min_revision, scan->lease}, deadline, answer);
        return;
      }
      break;
    case RequestKind::kBackup:
      if (auto backup = decode_backup_request(request.body); backup && here(backup->group)) {
        backups_.serve(from, *backup, answer);
        return;
      }
      break;
    case RequestKind::kStates:
    case RequestKind::kStateView:
    case RequestKind::kCompare:
      if (handle_states(from, channel, request, deadline)) return;
      break;
    case RequestKind::kRecord:
      handle_record_request(from, channel, request.id);
      return;
    case RequestKind::kChange:
    case RequestKind::kPromote:
    case RequestKind::kRejoin:
    case RequestKind::kMoveLeader: {
      const auto kind = static_cast<RequestKind>(request.kind);
      const auto answered = [this, from, channel, id = request.id](Result<std::string> body,
                                                                   NodeNumber leader) {
        if (body)
          reply(from, channel, id, RpcReply(AdminReply{std::move(*body)}));
        else
          reply(from, channel, id, RpcReply(Refusal{body.error(), leader}));
      };
      if (handle_admin(kind, request.body, deadline, answered)) return;
      break;
    }
  }
  reply(from, channel, request.id, RpcReply(not_leading(raft::kNobody)));
}

/// A forwarded write: proposed here or refused, never forwarded again.
void NodeImpl::handle_write(raft::NodeId from, const net::Request& request) {
  const auto write = decode_write_request(request.body);
  const auto refuse = [&](Refusal refusal) {
    reply(from, net::Channel::kControl, request.id, RpcReply(std::move(refusal)));
  };
  // Decoded in full before it may enter a log that every replica must apply (hazard Z3).
  const auto command = write ? decode_command(write->command)
                             : boost::system::result<Command>(CommandError::kMalformed);
  if (!command)
    return refuse({Error(Errc::kBadRequest, "the forwarded command does not decode"), 0});
  if (auto refused = refuse_write()) return refuse({std::move(*refused), 0});
  if (auto refused = refuse_for_space(*command)) return refuse({std::move(*refused), 0});
  Replica* r = replica(write->group);
  if (r == nullptr || !r->leads())
    return refuse(
        not_leading(r != nullptr ? node_of(r->core().leader()) : routes_.leader(write->group)));
  if (wal_->overloaded()) {
    ++refused_["log"];
    return refuse({Error(Errc::kOverloaded, "the log is behind"), 0});
  }
  const Micros deadline =
      now() + std::min<Micros>(std::chrono::milliseconds(request.deadline_ms), kRequestDeadlineMax);
  r->propose(write->command, deadline, [this, from, id = request.id](ProposeResult result) {
    RpcReply answer{Refusal{}};
    switch (result.kind) {
      case ProposeResult::Kind::kAnswer:
        answer = std::move(result.answer);
        break;
      case ProposeResult::Kind::kNotProposed:
        answer = not_leading(result.leader == member_ ? raft::kNobody : node_of(result.leader));
        break;
      case ProposeResult::Kind::kOverloaded:
        answer = Refusal{Error(Errc::kOverloaded, "too many writes are under way"), 0};
        break;
      case ProposeResult::Kind::kUnknown:
        answer = Refusal{Error(Errc::kOutcomeUnknown, {}, Committed::kUnknown), 0};
        break;
    }
    reply(from, net::Channel::kControl, id, answer);
  });
}

void NodeImpl::gossip() {
  if (!peers_) return;
  net::Gossip word;
  gossip_due_ = false;
  word.http = options_.http;
  word.client = options_.client;
  word.record_epoch = record_.epoch;
  for (const auto& [group, r] : replicas_) {
    if (!r->leads()) continue;
    const Reached& reached = reached_[group];
    const bool mine = reached.term == r->core().term();
    word.leads.push_back(
        {group, r->core().term(), mine ? reached.epoch : 0, mine ? reached.bytes : 0});
  }
  for (const auto& [peer, facts] : peer_facts_)
    if (peers_->up(peer, net::Channel::kControl))
      (void)peers_->send(peer, net::Channel::kControl, net::PeerMessage(word));
}

void NodeImpl::on_raft_event(Replica& replica, const raft::Event& event) {
  using Kind = raft::Event::Kind;
  if (event.kind == Kind::kConfigChanged)
    outbox_.keep_members(replica.group(), replica.core().config());
  if (event.kind != Kind::kBecameLeader && event.kind != Kind::kLeaderChanged &&
      event.kind != Kind::kSteppedDown)
    return;
  const NodeNumber leader = node_of(replica.core().leader());
  if (leader == raft::kNobody) {
    routes_.forget(replica.group(), routes_.leader(replica.group()));
    return;
  }
  routes_.leads(replica.group(), event.term, leader);
  if (event.kind == Kind::kBecameLeader) {
    log_line(LogLine::Level::kInfo, "leads group " + std::to_string(replica.group()) + " in term " +
                                        std::to_string(event.term));
    gossip();
  }
  forwarder_.leader_known(replica.group());
}

void NodeImpl::on_down(raft::NodeId peer, net::Channel channel) {
  fail_requests(peer, channel);
  if (channel == net::Channel::kBulk) {
    outbox_.peer_down(member_of(peer));
    inbox_.peer_down(member_of(peer));
    return;
  }
  if (founding_) founding_->lost(peer);
  beats_.lost(peer);
  routes_.forget(peer);
  if (const raft::NodeId member = member_of(peer); member != raft::kNobody)
    for (auto& [group, r] : replicas_) r->unreachable(member);
}

void NodeImpl::on_message(raft::NodeId from, net::Channel channel, net::PeerMessage message) {
  if (failed_ || state_ == State::kStopped) return;
  beats_.heard(from, now());
  if (auto* batch = std::get_if<net::RaftBatch>(&message)) {
    clocks_.heard(from, batch->wall_ms);
    const raft::NodeId member = member_of(from);
    for (net::GroupMessage& m : batch->messages) {
      Replica* r = replica(m.group);
      if (r == nullptr || m.message.from != from || fenced_ || member == raft::kNobody) continue;
      m.message.from = member;
      m.message.to = member_;
      r->step(std::move(m.message));
    }
  } else if (auto* request = std::get_if<net::Request>(&message)) {
    handle_request(from, channel, std::move(*request));
  } else if (auto* answer = std::get_if<net::Reply>(&message)) {
    handle_reply(from, std::move(*answer));
  } else if (auto* word = std::get_if<net::Gossip>(&message)) {
    heard_gossip(from, *word);
    heard_founding(from, word->founding);
  } else if (auto* chunk = std::get_if<net::SnapshotChunk>(&message)) {
    if (!fenced_ && member_of(from) != raft::kNobody)
      inbox_.on_chunk(member_of(from), std::move(*chunk));
  } else if (auto* ack = std::get_if<net::SnapshotAck>(&message)) {
    outbox_.on_ack(member_of(from), *ack);
  }
}

bool NodeImpl::send_bulk(raft::NodeId member, const net::PeerMessage& message) {
  return peers_ && is_member(member) && peers_->send(node_of(member), net::Channel::kBulk, message);
}

bool NodeImpl::bulk_has_room(raft::NodeId member) const {
  return peers_ && is_member(member) && peers_->up(node_of(member), net::Channel::kBulk) &&
         peers_->queued_bytes(node_of(member), net::Channel::kBulk) < kBulkRoomBytes;
}

void NodeImpl::send_snapshot(raft::GroupId group, raft::NodeId peer, raft::Term term) {
  outbox_.start(group, peer, term);
}

}  // namespace cairn::kv
