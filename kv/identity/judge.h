// Whether the node that says this hello is who it claims to be. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "kv/identity/identity.h"
#include "net/wire.h"

namespace cairn::kv {

/// A node that this one knows of.
struct KnownMember {
  std::uint64_t id = 0;
  std::uint64_t incarnation = 0;  // that the cluster record gives it; 0: not met yet
};

struct Judgement {
  net::HelloReply::Verdict verdict = net::HelloReply::Verdict::kAccepted;
  std::uint16_t protocol = net::kProtocolMax;  // agreed, if accepted
  /// Accepted, but newer than what is stored: record_peer(hello.node, triple_of(hello)) first, and
  /// if that fails answer kBusy. Until then nothing from this node may count.
  bool store_first = false;
};

[[nodiscard]] PeerTriple triple_of(const net::Hello& hello);

/// `members`: while unfounded those of --cluster, then those of the cluster record. The rules, the
/// first that applies:
///
/// 1. The hello is for this node and not from its own id; else kUnknownNode.
/// 2. The protocol ranges overlap; the lower of both maxima is spoken. Else kProtocol.
/// 3. The sender is a member; else kUnknownNode.
/// 4. Both founded: the founding records are equal, else kForeignCluster. Only the sender: its
///    record is valid, else kForeignCluster (whether it has a place for this node, Founding and the
///    cluster record decide). Only this node: goes on, the sender may adopt the record.
/// 5. The hello says the same thing twice: its boots rise by one, at most kBootsKept of them, and
///    end with its own; else kWiped.
/// 6. Founded: the sender has the incarnation of the cluster record; one that was not met yet comes
///    with a directory that is not founded. Else kWiped; kBusy if the sender knows a newer record
///    than this node (`record_epoch`).
/// 7. Founded: the triple stored for the sender is of the same incarnation, not of a later boot,
///    and that very boot and nonce stand in the hello's list; else kWiped. A triple older than the
///    list reaches back (a node that started a thousand times without this one) is refused too:
///    nothing tells it from a rolled-back directory. A triple of an incarnation that is not the
///    record's any more is forgotten.
///
/// An unfounded node has promised nothing yet, and neither have unfounded peers: it keeps their
/// triples but holds no earlier one against them.
///
/// The verdict holds for this node as it is now: when it is founded, hellos of connections that are
/// open are judged again.
[[nodiscard]] Judgement judge(const net::Hello& hello, const Identity& me,
                              const std::vector<KnownMember>& members, std::uint64_t record_epoch);

}  // namespace cairn::kv
