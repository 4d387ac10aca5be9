#include "kv/identity/judge.h"

#include <algorithm>

#include "kv/identity/founding_record.h"

namespace cairn::kv {
namespace {

using Verdict = net::HelloReply::Verdict;

bool consistent(const net::Hello& hello) {
  if (hello.incarnation == 0 || hello.boots.empty() || hello.boots.size() > kBootsKept)
    return false;
  for (std::size_t i = 0; i < hello.boots.size(); ++i) {
    if (hello.boots[i].boot != hello.boots[0].boot + i || hello.boots[i].nonce == 0) return false;
  }
  return hello.boots.back() == net::BootNonce{.boot = hello.boot, .nonce = hello.nonce};
}

bool same_cluster(const net::Hello& hello, const Identity& me) {
  const bool sender_founded = hello.founding.cluster_id != 0;
  if (!sender_founded) return true;
  if (me.founded()) return hello.founding == me.founding();
  return valid_founding_record(hello.founding);
}

/// The sender goes on from what is stored of it.
bool continues(const net::Hello& hello, const PeerTriple& stored) {
  if (hello.incarnation != stored.incarnation || hello.boot < stored.boot) return false;
  const net::BootNonce seen{.boot = stored.boot, .nonce = stored.nonce};
  return std::find(hello.boots.begin(), hello.boots.end(), seen) != hello.boots.end();
}

Judgement refused(Verdict verdict) {
  return {.verdict = verdict, .protocol = 0};
}

}  // namespace

PeerTriple triple_of(const net::Hello& hello) {
  return {.incarnation = hello.incarnation, .boot = hello.boot, .nonce = hello.nonce};
}

Judgement judge(const net::Hello& hello, const Identity& me,
                const std::vector<KnownMember>& members, std::uint64_t record_epoch) {
  if (hello.to != me.node() || hello.node == me.node()) return refused(Verdict::kUnknownNode);
  const std::uint16_t low = std::max(hello.protocol_min, net::kProtocolMin);
  const std::uint16_t high = std::min(hello.protocol_max, net::kProtocolMax);
  if (low > high || hello.protocol_min > hello.protocol_max) return refused(Verdict::kProtocol);
  const auto member = std::find_if(members.begin(), members.end(),
                                   [&](const KnownMember& m) { return m.id == hello.node; });
  if (member == members.end()) return refused(Verdict::kUnknownNode);
  if (!same_cluster(hello, me)) return refused(Verdict::kForeignCluster);
  if (!consistent(hello)) return refused(Verdict::kWiped);

  const auto known = me.peers().find(hello.node);
  const bool stored = known != me.peers().end() && known->second == triple_of(hello);
  const Judgement accepted{.verdict = Verdict::kAccepted, .protocol = high, .store_first = !stored};
  if (!me.founded()) return accepted;

  const Judgement stranger =
      refused(hello.record_epoch > record_epoch ? Verdict::kBusy : Verdict::kWiped);
  // A member to be has nothing yet; what a directory of an earlier life holds does not count.
  if (member->incarnation == 0) return hello.founding.cluster_id == 0 ? accepted : stranger;
  if (member->incarnation != hello.incarnation) return stranger;
  if (known == me.peers().end()) return accepted;
  // An earlier incarnation's, met before the founding or replaced since, is forgotten.
  if (known->second.incarnation != member->incarnation) return accepted;
  return continues(hello, known->second) ? accepted : refused(Verdict::kWiped);
}

}  // namespace cairn::kv
