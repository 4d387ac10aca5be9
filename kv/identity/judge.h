// Whether the node that says this hello is who it claims to be. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "kv/identity/identity.h"
#include "net/wire.h"

namespace cairn::kv {

struct Judgement {
  net::HelloReply::Verdict verdict = net::HelloReply::Verdict::kAccepted;
  std::uint16_t protocol = net::kProtocolMax;  // agreed, if accepted
  /// Accepted, but newer than what is stored: record_peer(hello.node, triple_of(hello)) first, and
  /// if that fails answer kBusy. Until then nothing from this node may count.
  bool store_first = false;
};

[[nodiscard]] PeerTriple triple_of(const net::Hello& hello);

/// `members` are the ids this node knows of: while unfounded those of --cluster, then the founders
/// and whoever was added since. The rules, the first that applies:
///
/// 1. The hello is for this node and not from its own id; else kUnknownNode.
/// 2. The protocol ranges overlap; the lower of both maxima is spoken. Else kProtocol.
/// 3. The sender is a member; else kUnknownNode.
/// 4. Both founded: the records are equal, else kForeignCluster. Only the sender: its record lists
///    this node (which incarnation of it, Founding decides), else kForeignCluster. Only this node:
///    goes on, the sender may adopt the record.
/// 5. The hello says the same thing twice: its boots rise by one, at most kBootsKept of them, and
///    end with its own; else kWiped.
/// 6. Founded: a founder has the incarnation of the record; else kWiped.
/// 7. Founded: the triple stored for the sender is of the same incarnation, not of a later boot,
/// and
///    that very boot and nonce stand in the hello's list; else kWiped. A triple older than the list
///    reaches back (a node that started a thousand times without this one) is refused too: nothing
///    tells it from a rolled-back directory.
///
/// An unfounded node has promised nothing yet, and neither have unfounded peers: it keeps their
/// triples but holds no earlier one against them. Of those it kept, once it is founded, only the
/// incarnations in the record count.
///
/// The verdict holds for this node as it is now: when it is founded, hellos of connections that are
/// open are judged again.
[[nodiscard]] Judgement judge(const net::Hello& hello, const Identity& me,
                              const std::vector<std::uint64_t>& members);

}  // namespace cairn::kv
