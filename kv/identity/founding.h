// How a cluster comes to be: pure logic between the hellos of unfounded nodes and the one founding
// record that all founders write.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cairn/kv/options.h"
#include "kv/placement/hash.h"
#include "net/wire.h"

namespace cairn::kv {

/// What all founders must agree on. `members` lists this node too.
struct FoundingPlan {
  std::vector<Member> members;
  std::uint32_t partitions = 1;
  std::uint32_t replicas = 3;
  HashParams hash;
};

/// The state of one unfounded node. The host feeds it each hello of a listed founder whose
/// connection is up, and what goes down; then asks decide().
class Founding {
 public:
  /// Where `plan` does not list `node`, nothing is founded: it joins a cluster that is. Alone in
  /// the list: decide() says kFound at once.
  Founding(std::uint64_t node, std::uint64_t incarnation, FoundingPlan plan);

  /// What this node's hello carries while it is unfounded: the plan, cluster id 0, and of the
  /// incarnations its own alone.
  [[nodiscard]] const net::FoundingRecord& proposal() const { return proposal_; }

  void heard(const net::Hello& hello);
  void lost(std::uint64_t node);

  struct Decision {
    enum class Kind {
      kWait,      // `why` says for whom
      kFound,     // all founders are here, none is founded: write `record`
      kAdopt,     // a peer has a record with this incarnation in it: write `record`
      kWiped,     // a peer's record has another incarnation of this node: the directory was lost
      kJoin,      // a peer belongs to a founded cluster, `record`, that this node may join
      kMismatch,  // `why` says which founder differs in what; goes on when it comes back agreeing
    };
    Kind kind = Kind::kWait;
    net::FoundingRecord record;
    std::string why;
  };
  /// The record is to be written with Identity::record_founding before the first segment or vote.
  /// With kWiped and kJoin nothing is written before the cluster record says that this incarnation
  /// is a member. kWiped goes before kAdopt, kAdopt before kJoin, kJoin before kMismatch: one peer
  /// that remembers an earlier incarnation is enough to know that this directory has forgotten what
  /// it promised.
  [[nodiscard]] Decision decide() const;

 private:
  [[nodiscard]] std::string difference(std::uint64_t node, const net::FoundingRecord& theirs) const;
  [[nodiscard]] Decision from_record(std::uint64_t node, const net::FoundingRecord& record) const;
  [[nodiscard]] Decision found_or_wait() const;

  struct Peer {
    std::uint64_t incarnation = 0;
    net::FoundingRecord says;  // its proposal, or its record
  };
  std::uint64_t node_;
  std::uint64_t incarnation_;
  net::FoundingRecord proposal_;
  std::map<std::uint64_t, Peer> present_;
};

}  // namespace cairn::kv
