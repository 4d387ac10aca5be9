// How a cluster comes to be: pure logic between the hellos of unfounded nodes and the one founding
// record that all founders write.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
/// connection is up, what goes down, and the words of the others; then asks decide(). Whenever
/// something may have changed it sends what word_to() has for each founder that is connected.
///
/// Why words: incarnations are those of directories, and a directory may be lost at any moment. A
/// node founds only when every founder has said the very set of incarnations that it sees itself,
/// after having heard this node say so. So of two founders that are in two sets with the same
/// incarnations, whichever spoke of its own set last was heard by the other, and that one has not
/// founded: a founded node says no words. Hence two records can't both be written by directories
/// that still exist.
class Founding {
 public:
  /// Where `plan` does not list `node`, nothing is founded: it joins a cluster that is. Alone in
  /// the list: decide() says kFound at once. `boot` rises with each start of the directory.
  Founding(std::uint64_t node, std::uint64_t incarnation, FoundingPlan plan,
           std::uint64_t boot = 1);

  /// What this node's hello carries while it is unfounded: the plan, cluster id 0, and of the
  /// incarnations its own alone.
  [[nodiscard]] const net::FoundingRecord& proposal() const { return proposal_; }

  void heard(const net::Hello& hello);
  void lost(std::uint64_t node);
  /// A word of a founder that is connected.
  void told(std::uint64_t node, const net::FoundingWord& word);
  /// None while not all founders are here, or for a node that is not.
  [[nodiscard]] std::optional<net::FoundingWord> word_to(std::uint64_t node) const;

  struct Decision {
    enum class Kind {
      kWait,      // `why` says for whom
      kFound,     // all founders are here, see the same, none is founded: write `record`
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
  void look();

  struct Peer {
    std::uint64_t incarnation = 0;
    net::FoundingRecord says;  // its proposal, or its record
    net::FoundingWord word;    // the newest on this connection
  };
  [[nodiscard]] bool complete() const;
  std::uint64_t node_;
  std::uint64_t incarnation_;
  net::FoundingRecord proposal_;
  std::map<std::uint64_t, Peer> present_;
  std::uint64_t version_;                      // of seen_
  std::vector<net::FoundingWord::Seen> seen_;  // incarnation 0: not here
};

}  // namespace cairn::kv
