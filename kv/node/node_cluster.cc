// The cluster record as this node has it: where it comes from, how it spreads, how it changes.
#include <algorithm>
#include <utility>

#include "kv/identity/founding_record.h"
#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr Micros kAskTimeout = std::chrono::seconds{2};
// A node that was removed stays connected for so long: it shall learn of it, and drop its replicas.
constexpr Micros kDeparture = std::chrono::seconds{5};

}  // namespace

/// Places all replicas anew when it is made, which costs more than the rest of a small node's
/// start.
const ClusterRecord& NodeImpl::first_record() {
  if (first_record_.cluster_id != identity_->founding().cluster_id)
    first_record_ = first_cluster_record(identity_->founding());
  return first_record_;
}

void NodeImpl::use_record(const ClusterRecord& record) {
  record_ = record;
  routes_.update(record_);
  reached_.resize(record_.groups.size());
}

raft::NodeId NodeImpl::member_of(NodeNumber node) const {
  const ClusterNode* known = record_.node(node);
  return known == nullptr || known->incarnation == 0 ? raft::kNobody : known->member();
}

bool NodeImpl::is_member(raft::NodeId member) const {
  return member != raft::kNobody && member_of(node_of(member)) == member;
}

/// Durable before it counts: a node that restarts must not judge its peers by an older one.
void NodeImpl::learn_record(const ClusterRecord& record) {
  if (!identity_->founded() || record.cluster_id != identity_->founding().cluster_id) return;
  if (record.epoch <= std::max(record_.epoch, learning_)) return;
  learning_ = record.epoch;
  const ClusterNode* me = record.node(self_);
  const bool same = me != nullptr && me->incarnation == identity_->incarnation();
  const std::uint32_t generation = same ? me->generation : generation_of(member_);
  change_identity([record, generation](
                      Identity& identity) { return identity.record_cluster(record, generation); },
                  [this, record](const Result<void>& stored) {
                    if (!stored) {
                      learning_ = record_.epoch;  // gossip brings it again
                      return;
                    }
                    if (record.epoch <= record_.epoch || state_ != State::kServing) return;
                    const ClusterRecord before = record_;
                    use_record(record);
                    record_changed(before);
                  });
}

void NodeImpl::record_changed(const ClusterRecord& before) {
  const ClusterNode* me = record_.node(self_);
  if (me == nullptr && !std::exchange(removed_, true))
    log_line(LogLine::Level::kWarning, "this node was removed from the cluster");
  if (me != nullptr && (me->incarnation != identity_->incarnation() || me->member() != member_)) {
    removed_ = true;  // what it was
    come_back_anew(Distrust::kReplaced, me->incarnation == 0
                                            ? "it was removed and added again"
                                            : "another directory has taken its place");
    return;
  }
  for (const ClusterNode& node : record_.nodes) {
    const ClusterNode* was = before.node(node.id);
    if (was == nullptr)
      log_line(LogLine::Level::kInfo, "node " + std::to_string(node.id) + " joins");
    else if (was->state != node.state && node.state == ClusterNode::State::kLeaving)
      log_line(LogLine::Level::kInfo, "node " + std::to_string(node.id) + " leaves");
    else if (was->generation != node.generation)
      log_line(LogLine::Level::kInfo,
               "node " + std::to_string(node.id) + " comes back with an empty directory");
  }
  // Its refusal would never be taken back: nothing connects to who has gone.
  if (refused_as_ && record_.node(refused_by_) == nullptr) refused_as_.reset();
  update_peers();
  create_wanted();
  gossip();
}

void NodeImpl::update_peers() {
  if (!peers_) return;
  for (const ClusterNode& node : record_.nodes) {
    departed_.erase(node.id);
    if (node.id == self_) continue;
    PeerFacts& facts = peer_facts_[node.id];
    facts.address = node.peer;
    peers_->add_peer(node.id, node.peer);
    const bool connected = peers_->up(node.id, net::Channel::kControl);
    if (connected && facts.incarnation != node.incarnation)
      peers_->reset(node.id);  // what it says is another member's word
  }
  for (const auto& [node, facts] : peer_facts_)
    if (record_.node(node) == nullptr) departed_.emplace(node, now() + kDeparture);
}

void NodeImpl::forget_departed() {
  for (auto it = departed_.begin(); it != departed_.end();) {
    if (it->second > now()) {
      ++it;
      continue;
    }
    if (peers_) peers_->remove_peer(it->first);
    peer_facts_.erase(it->first);
    it = departed_.erase(it);
  }
}

// --- how it spreads ----------------------------------------------------------------------------

/// What the metadata group says, where it has a replica here.
void NodeImpl::look_at_record() {
  const Replica* const here = replica(kMetadataGroup);
  if (!engine_ || here == nullptr || here->odd()) return;
  const Revision revision = engine_->revision(kMetadataGroup);
  if (state_record_.epoch != 0 && revision == state_revision_) return;
  state_revision_ = revision;
  const auto item = engine_->get(kMetadataGroup, kClusterKey);
  if (!item) return;
  if (!item->has_value()) {
    state_record_ = first_record();
    return;
  }
  auto record = decode_cluster_record((**item).value);
  if (!record) {
    fail("the metadata group holds a cluster record that this version cannot read");
    return;
  }
  state_record_ = std::move(*record);
  learn_record(state_record_);
}

void NodeImpl::ask_record(NodeNumber peer, std::uint64_t epoch) {
  const std::uint64_t have = joining_.cluster_id != 0 ? candidate_.epoch : record_.epoch;
  PeerFacts& facts = peer_facts_[peer];
  if (epoch <= std::max(have, learning_) || facts.asked) return;
  facts.asked = try_request(peer, net::Channel::kControl, RequestKind::kRecord, {},
                            now() + kAskTimeout, [this, peer](std::optional<RpcReply> reply) {
                              const auto known = peer_facts_.find(peer);
                              if (known != peer_facts_.end()) known->second.asked = false;
                              if (!reply) return;
                              if (const auto* record = std::get_if<AdminReply>(&*reply))
                                heard_record(record->body);
                            });
}

void NodeImpl::heard_record(std::string_view bytes) {
  const auto record = decode_cluster_record(bytes);
  if (!record) return;
  if (state_ == State::kServing)
    learn_record(*record);
  else
    join_by(*record);
}

void NodeImpl::handle_record_request(NodeNumber from, net::Channel channel, std::uint64_t id) {
  if (state_ != State::kServing || record_.epoch == 0)
    reply(from, channel, id, RpcReply(Refusal{Error(Errc::kNoLeader), raft::kNobody}));
  else
    reply(from, channel, id, RpcReply(AdminReply{encode_cluster_record(record_)}));
}

void NodeImpl::heard_gossip(NodeNumber from, const net::Gossip& word) {
  PeerFacts& facts = peer_facts_[from];
  facts.http = word.http;
  facts.client = word.client;
  facts.record_epoch = word.record_epoch;
  for (const net::Gossip::Lead& lead : word.leads) {
    if (!routes_.known(lead.group)) continue;
    routes_.leads(lead.group, lead.term, from);
    forwarder_.leader_known(lead.group);
    Reached& reached = reached_[lead.group];
    if (lead.term >= reached.term) reached = {lead.reached, lead.term, lead.bytes};
    if (lead.group != kMetadataGroup) continue;
    metadata_voice_ = from;
    metadata_voice_epoch_ = word.record_epoch;
    metadata_voice_at_ = now();
  }
  ask_record(from, word.record_epoch);
  if (state_ == State::kServing) retire_unwanted(word);
}

// --- how it changes ----------------------------------------------------------------------------

Replica* NodeImpl::leading_metadata() {
  Replica* metadata = state_ == State::kServing && !fenced_ ? replica(kMetadataGroup) : nullptr;
  return metadata != nullptr && metadata->serves() ? metadata : nullptr;
}

/// `next` follows state_record_. Somebody else may be first; then it is refused.
void NodeImpl::propose_record(const ClusterRecord& next, Callback<std::uint64_t> done) {
  Replica* metadata = leading_metadata();
  if (metadata == nullptr) {
    done(Error(Errc::kNoLeader, "this node does not lead the metadata group"));
    return;
  }
  if (proposing_record_) {
    Error busy(Errc::kChangeUnderWay, "another change of the cluster record is under way");
    busy.retry_after_ms = 200;
    done(std::move(busy));
    return;
  }
  proposing_record_ = true;
  Command command;
  command.kind = CommandKind::kSetCluster;
  command.epoch = routes_.epoch();
  command.record = encode_cluster_record(next);
  const auto answered = [this, epoch = next.epoch, done = std::move(done)](ProposeResult result) {
    proposing_record_ = false;
    look_at_record();
    switch (result.kind) {
      case ProposeResult::Kind::kAnswer:
        if (result.answer.error)
          done(Error(Errc::kChangeUnderWay, "the cluster record changed meanwhile: ask again"));
        else
          done(epoch);
        return;
      case ProposeResult::Kind::kNotProposed:
        done(Error(Errc::kNoLeader, "leadership of the metadata group was lost"));
        return;
      case ProposeResult::Kind::kOverloaded:
        done(Error(Errc::kOverloaded, "too many writes are under way in the metadata group"));
        return;
      case ProposeResult::Kind::kUnknown:
        done(Error(Errc::kOutcomeUnknown, "look at the cluster before repeating it",
                   Committed::kUnknown));
        return;
    }
  };
  metadata->propose(encode_command(command), now() + options_.timeout, answered);
}

bool NodeImpl::reached_everywhere() const {
  return std::all_of(reached_.begin(), reached_.end(), [this](const Reached& reached) {
    return reached.epoch == state_record_.epoch;
  });
}

/// What the metadata leader does by itself: new nodes are met, changes that are done are closed.
void NodeImpl::tend_record() {
  look_at_record();
  if (state_record_.epoch > record_.epoch) learn_record(state_record_);  // a full disk delayed it
  if (leading_metadata() == nullptr || proposing_record_ || state_record_.epoch == 0) return;
  const auto propose = [this](const ClusterRecord& next) {
    propose_record(next, [](const Result<std::uint64_t>&) {});  // tried again if need be
  };
  const ClusterNode* me = state_record_.node(self_);
  if (me != nullptr && me->peer.empty() && !options_.peer.empty()) {
    if (const auto next = with_address(state_record_, self_, options_.peer)) propose(*next);
    return;
  }
  for (const ClusterNode& node : state_record_.nodes) {
    if (node.incarnation != 0 || !peers_ || !peers_->up(node.id, net::Channel::kControl)) continue;
    // The connection may be one of its earlier life, before it was removed.
    if (peer_facts_[node.id].founded) continue;
    const auto next = with_met(state_record_, node.id, peer_facts_[node.id].incarnation);
    if (next) propose(*next);
    return;
  }
  const bool all_met =
      std::all_of(state_record_.nodes.begin(), state_record_.nodes.end(), [](const ClusterNode& n) {
        return n.incarnation != 0 || n.state == ClusterNode::State::kLeaving;
      });
  if (state_record_.settled() || !all_met || !reached_everywhere()) return;
  log_line(LogLine::Level::kInfo, "the change of members is done");
  propose(with_settled(state_record_));
}

}  // namespace cairn::kv
