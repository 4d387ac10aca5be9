// Who this node is among its peers: judging hellos, storing what they prove, and the founding of
// the cluster.
#include <algorithm>
#include <utility>

#include "kv/identity/judge.h"
#include "kv/node/node_impl.h"

namespace cairn::kv {

using Verdict = net::HelloReply::Verdict;

FoundingPlan NodeImpl::founding_plan() const {
  FoundingPlan plan;
  plan.members = options_.cluster;
  plan.partitions = std::max<std::uint32_t>(options_.partitions, 1);
  plan.replicas = options_.replicas;
  return plan;
}

std::vector<KnownMember> NodeImpl::known_members() const {
  std::vector<KnownMember> members;
  if (identity_->founded()) {
    for (const ClusterNode& node : record_.nodes) members.push_back({node.id, node.incarnation});
    return members;
  }
  for (const Member& m : options_.cluster) members.push_back({m.id, 0});
  for (const ClusterNode& node : candidate_.nodes)
    if (std::none_of(members.begin(), members.end(),
                     [&](const KnownMember& known) { return known.id == node.id; }))
      members.push_back({node.id, 0});
  return members;
}

net::Hello NodeImpl::make_hello(raft::NodeId to, net::Channel channel) {
  net::Hello hello;
  hello.channel = channel;
  hello.node = self_;
  hello.to = to;
  hello.incarnation = identity_->incarnation();
  hello.boot = identity_->boot();
  hello.nonce = identity_->nonce();
  hello.boots = identity_->boots();
  hello.founding = founding_ ? founding_->proposal() : identity_->founding();
  hello.http = options_.http;
  hello.client = options_.client;
  hello.wall_ms = seams_.clock->wall_ms();
  hello.record_epoch = record_.epoch;
  hello.rejoin = rejoin_ && !identity_->founded();
  return hello;
}

void NodeImpl::on_hello(const net::Hello& hello, std::function<void(Verdict)> verdict) {
  if (state_ == State::kStopping || state_ == State::kStopped || failed_ || fenced_) {
    verdict(Verdict::kBusy);
    return;
  }
  const Judgement judgement = judge(hello, *identity_, known_members(), record_.epoch);
  if (judgement.verdict == Verdict::kWiped && hello.rejoin) {
    consider_rejoin(hello, verdict);
    return;
  }
  const auto facts = peer_facts_.find(hello.node);
  if (facts != peer_facts_.end()) {
    const bool refused = judgement.verdict == Verdict::kWiped;
    if (refused && !facts->second.refused)
      log_line(LogLine::Level::kWarning,
               "refuses node " + std::to_string(hello.node) +
                   ": its directory is not the one that this id had; it was lost, copied or "
                   "rolled back");
    facts->second.refused = refused;
  }
  if (judgement.verdict != Verdict::kAccepted || !judgement.store_first) {
    verdict(judgement.verdict);
    return;
  }
  // Durably stored before anything of this peer counts.
  change_identity(
      [node = hello.node, triple = triple_of(hello)](Identity& identity) -> Result<void> {
        const auto known = identity.peers().find(node);
        if (known != identity.peers().end() && known->second == triple) return {};
        return identity.record_peer(node, triple);
      },
      [this, hello, verdict](const Result<void>& stored) {
        // The cluster record may have changed while it was being stored.
        const Judgement again = judge(hello, *identity_, known_members(), record_.epoch);
        verdict(stored ? again.verdict : Verdict::kBusy);
      });
}

/// One change at a time: each works on a copy on the log executor, since it syncs files, and the
/// copy takes the place of the original here.
void NodeImpl::change_identity(std::function<Result<void>(Identity&)> work,
                               std::function<void(Result<void>)> done) {
  identity_changes_.push_back({std::move(work), std::move(done)});
  if (identity_changes_.size() == 1) next_identity_change();
}

void NodeImpl::next_identity_change() {
  auto copy = std::make_shared<Identity>(*identity_);
  auto result = std::make_shared<Result<void>>();
  seams_.log->post([weak = weak_from_this(), home = seams_.home, copy, result,
                    work = identity_changes_.front().work] {
    *result = work(*copy);
    home->post([weak, copy, result] {
      const auto self = weak.lock();
      if (!self || self->state_ == State::kStopped) return;
      self->identity_ = copy;
      const auto done = std::move(self->identity_changes_.front().done);
      self->identity_changes_.pop_front();
      if (!self->identity_changes_.empty()) self->next_identity_change();
      const bool failed = !*result && result->error().code == Errc::kIo;
      const std::string why = failed ? result->error().detail : std::string();
      done(std::move(*result));
      // No identity is written any more: a peer that restarts would be refused for ever.
      if (failed) self->fence("this node's identity could not be written: " + why);
    });
  });
}

void NodeImpl::on_refused(raft::NodeId peer, Verdict verdict) {
  if (verdict == Verdict::kBusy) return;
  // Who went with an old record knows nobody who came since: that is its own plight.
  if (state_ != State::kServing || record_.node(peer) != nullptr) {
    if (refused_as_ != verdict)
      log_line(LogLine::Level::kError,
               "node " + std::to_string(peer) + " refuses this node: " + refusal_text(verdict));
    refused_as_ = verdict;
    refused_by_ = peer;
  }
  if (verdict != Verdict::kWiped) return;
  if (!identity_->founded())
    rejoin_ = true;
  else
    wiped_by_.emplace(peer, now());
}

const char* NodeImpl::refusal_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWiped:
      return "its directory is not the one that this id had; it was lost, copied or rolled back";
    case Verdict::kForeignCluster:
      return "it belongs to another cluster";
    case Verdict::kUnknownNode:
      return "its id is not a member there: it was removed, or never added";
    case Verdict::kProtocol:
      return "they speak no common protocol version";
    case Verdict::kAccepted:
    case Verdict::kBusy:
      break;
  }
  return "busy";
}

void NodeImpl::on_up(raft::NodeId peer, net::Channel channel, const net::Hello& hello) {
  PeerFacts& facts = peer_facts_[peer];
  facts.http = hello.http;
  facts.client = hello.client;
  facts.refused = false;
  facts.incarnation = hello.incarnation;
  facts.founded = hello.founding.cluster_id != 0;
  facts.asked = false;
  wiped_by_.erase(peer);
  refused_as_.reset();
  clocks_.heard(peer, hello.wall_ms);
  if (channel != net::Channel::kControl) return;
  if (founding_) {
    founding_->heard(hello);
    for (const auto& [founder, about] : peer_facts_) say_founding(founder);
    try_founding();
  } else if (state_ == State::kServing) {
    gossip();
  }
  ask_record(peer, std::max<std::uint64_t>(hello.record_epoch, joining_.cluster_id != 0 ? 1 : 0));
}

void NodeImpl::say_founding(raft::NodeId peer) {
  if (!founding_ || founding_under_way_ || !peers_ || former_) return;
  auto word = founding_->word_to(peer);
  if (!word) return;
  net::Gossip gossip;
  gossip.http = options_.http;
  gossip.client = options_.client;
  gossip.founding = std::move(*word);
  (void)peers_->send(peer, net::Channel::kControl, net::PeerMessage(std::move(gossip)));
}

/// What was new in it is answered, so that the sender knows that it was heard.
void NodeImpl::heard_founding(raft::NodeId from, const net::FoundingWord& word) {
  if (!founding_ || word.version == 0) return;
  const auto before = founding_->word_to(from);
  founding_->told(from, word);
  if (before != founding_->word_to(from)) say_founding(from);
  try_founding();
}

void NodeImpl::try_founding() {
  if (!founding_ || founding_under_way_) return;
  using Kind = Founding::Decision::Kind;
  const Founding::Decision decision = founding_->decide();
  if (former_) {  // its cluster is founded, and it has been told where
    if (decision.record.cluster_id != 0 && decision.record != former_->founding)
      log_line(LogLine::Level::kError,
               "its peers belong to another cluster than the one that its data were of");
    return;
  }
  switch (decision.kind) {
    case Kind::kWait:
      return;
    case Kind::kMismatch:
      log_line(LogLine::Level::kError, "the cluster is not founded: " + decision.why);
      return;
    case Kind::kWiped:
      rejoin_ = true;
      begin_join(decision.record);
      return;
    case Kind::kJoin:
      begin_join(decision.record);
      return;
    case Kind::kFound:
    case Kind::kAdopt:
      founding_under_way_ = true;
      change_identity([record = decision.record](
                          Identity& identity) { return identity.record_founding(record); },
                      [this](const Result<void>& recorded) { founded(recorded); });
      return;
  }
}

void NodeImpl::founded(const Result<void>& recorded) {
  founding_under_way_ = false;
  if (state_ != State::kUnfounded) return;
  founding_.reset();
  Result<void> opened = recorded ? open_data() : recorded;
  if (!opened) {
    const std::string what =
        "the founded cluster's data could not be opened: " + opened.error().message();
    opened.error().code == Errc::kInternal ? fail(what) : fence(what);
    return;
  }
  log_line(LogLine::Level::kInfo,
           (joining_.cluster_id != 0 ? std::string("joined: ") : std::string("founded: ")) +
               std::to_string(routes_.partitions()) + " partitions on " +
               std::to_string(record_.nodes.size()) + " nodes");
  joining_ = {};
  candidate_ = {};
  rejoin_ = false;
  former_.reset();
  refused_as_.reset();
  peers_->set_cluster_id(identity_->founding().cluster_id);
  update_peers();
  // Hellos are said anew, with the record in them.
  for (const auto& [peer, facts] : peer_facts_) peers_->reset(peer);
  begin_serving();
  schedule_pump();
}

/// The metadata group keeps the founding record and the first placement; its first leader says so.
void NodeImpl::propose_founding(Replica& metadata) {
  if (!metadata.serves() || metadata_proposed_in_ == metadata.core().term() ||
      engine_->revision(kMetadataGroup) != 0)
    return;
  metadata_proposed_in_ = metadata.core().term();
  Command command;
  command.kind = CommandKind::kFound;
  command.epoch = routes_.epoch();
  command.record = encode_founding_record(identity_->founding());
  metadata.propose(encode_command(command), now() + options_.timeout, [](const ProposeResult&) {});
}

}  // namespace cairn::kv
