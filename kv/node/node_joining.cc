// How a node that belongs to no cluster yet, or no longer, gets its place in one: added by people,
// or come back after its directory was lost, copied or rolled back.
#include <utility>

#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

using Verdict = net::HelloReply::Verdict;

constexpr Micros kAskEvery = std::chrono::milliseconds{500};
constexpr Micros kRefusalHolds = std::chrono::seconds{1};
constexpr Micros kRejoinTimeout = std::chrono::seconds{3};

}  // namespace

/// A founded cluster took this node in, or will. From here on its frames carry that cluster's id;
/// nothing is written before the cluster record names this very directory.
void NodeImpl::begin_join(const net::FoundingRecord& founding) {
  if (joining_ == founding || founding.cluster_id == 0) return;
  if (options_.partitions != 0 && options_.partitions != founding.partitions) {
    log_line(LogLine::Level::kError, "it does not join: the cluster was founded with " +
                                         std::to_string(founding.partitions) +
                                         " partitions, and this node asks for another number");
    return;
  }
  joining_ = founding;
  candidate_ = {};
  log_line(LogLine::Level::kInfo, "found a cluster to join");
  peers_->set_cluster_id(founding.cluster_id);
  for (const auto& [peer, facts] : peer_facts_) peers_->reset(peer);
}

void NodeImpl::join_by(const ClusterRecord& record) {
  if (joining_.cluster_id == 0 || record.cluster_id != joining_.cluster_id) return;
  if (record.epoch <= candidate_.epoch || founding_under_way_) return;
  candidate_ = record;
  for (const ClusterNode& node : record.nodes) {
    if (node.id == self_ || node.peer.empty()) continue;
    peer_facts_[node.id].address = node.peer;
    peers_->add_peer(node.id, node.peer);
  }
  const ClusterNode* me = record.node(self_);
  if (me == nullptr || me->incarnation != identity_->incarnation()) return;
  founding_under_way_ = true;
  change_identity(
      [founding = joining_, record, generation = me->generation](Identity& identity) {
        return identity.record_joining(founding, record, generation);
      },
      [this](const Result<void>& recorded) { founded(recorded); });
}

/// Its data were set aside: it asks for its place again, of those it knew and of those that it was
/// started with. Should all of the others be in its plight, nobody founds, for all of them know of
/// a cluster that was.
void NodeImpl::begin_return() {
  rejoin_ = true;
  begin_join(former_->founding);
  join_by(former_->record);
}

/// A directory under the id of a node that is known by another one. While that one is connected it
/// is refused; else the metadata group gives it the node's place, as a new member.
void NodeImpl::consider_rejoin(const net::Hello& hello,
                               const std::function<void(Verdict)>& verdict) {
  PeerFacts& facts = peer_facts_[hello.node];
  if (peers_->up(hello.node, net::Channel::kControl)) {
    if (!std::exchange(facts.refused, true))
      log_line(LogLine::Level::kWarning, "refuses a second directory of node " +
                                             std::to_string(hello.node) +
                                             ": the one it knows is connected");
    verdict(Verdict::kWiped);
    return;
  }
  facts.refused = false;
  Micros& asked = rejoin_asked_[hello.node];
  if (asked == Micros{0} || now() - asked >= kAskEvery) {
    asked = now();
    log_line(LogLine::Level::kInfo,
             "node " + std::to_string(hello.node) + " asks to come back with an empty directory");
    ask_admin(RequestKind::kRejoin, kMetadataGroup, encode_rejoin({hello.node, hello.incarnation}),
              now() + kRejoinTimeout, [](const Result<std::string>&) {});
  }
  verdict(Verdict::kBusy);
}

/// A founded directory that its peers refuse as not the one they know: it has no vote any more, and
/// what it holds may be old. Its data go aside, and it comes back as a new member.
void NodeImpl::watch_refusal() {
  for (const auto& [peer, since] : wiped_by_) {
    if (now() - since < kRefusalHolds) continue;
    come_back_anew(Distrust::kDisowned,
                   "its peers know a newer life of this node than this directory");
    return;
  }
}

void NodeImpl::come_back_anew(Distrust what, const std::string& why) {
  if (leaving_for_good_ || fenced_ || failed_ || !seams_.reopen) return;
  leaving_for_good_ = true;
  show_distrust(what, why);
  log_line(LogLine::Level::kWarning, "begins anew with an empty directory: " + why);
  change_identity([files = seams_.files, dir = options_.data_dir, life = life_that_ends(why)](
                      Identity&) { return mark_for_setting_aside(*files, dir, life); },
                  [this](const Result<void>& marked) {
                    if (marked)
                      seams_.reopen();
                    else
                      leaving_for_good_ = false;  // tried again while it is refused
                  });
}

std::string NodeImpl::joining_reason() const {
  const std::string id = std::to_string(self_);
  if (rejoin_) {
    std::string lost = "this directory was lost, copied or rolled back: ";
    if (former_)
      lost = "its data were set aside (" + former_->why + ", quarantine/" +
             std::to_string(former_->folder) + "): ";
    if (refused_as_ == Verdict::kUnknownNode) return lost + "its id is not a member any more";
    if (refused_as_ == Verdict::kWiped)
      return lost + "its peers refuse it while another directory of node " + id + " is connected";
    return lost + "it asks its peers to come back as a learner";
  }
  if (joining_.cluster_id != 0)
    return candidate_.node(self_) != nullptr ? "added: waits for its place in the cluster"
                                             : "waits for the cluster's record of its members";
  const std::string add = "add it with kvctl member add " + id + "=" + options_.peer;
  bool listed = false;
  for (const Member& m : options_.cluster) listed = listed || m.id == self_;
  if (!listed) return "not a member yet: " + add;
  return "the cluster is not founded yet: not every founder was reached; if it exists already, "
         "this "
         "node is not a member yet: " +
         add;
}

}  // namespace cairn::kv
