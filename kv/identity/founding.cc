#include "kv/identity/founding.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "kv/identity/founding_record.h"

namespace cairn::kv {
namespace {

using Decision = Founding::Decision;

bool same_founders(const std::vector<net::Founder>& a, const std::vector<net::Founder>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const net::Founder& x, const net::Founder& y) {
                      return x.node == y.node && x.address == y.address;
                    });
}

std::string named(std::uint64_t node) {
  return "node " + std::to_string(node);
}

}  // namespace

Founding::Founding(std::uint64_t node, std::uint64_t incarnation, FoundingPlan plan,
                   std::uint64_t boot)
    : node_(node), incarnation_(incarnation), version_(boot << 32) {
  proposal_.partitions = plan.partitions;
  proposal_.replicas = plan.replicas;
  proposal_.hash_id = plan.hash.id;
  proposal_.hash_seed = plan.hash.seed;
  for (Member& member : plan.members) {
    const std::uint64_t known = member.id == node ? incarnation : 0;
    proposal_.founders.push_back(
        {.node = member.id, .address = std::move(member.peer), .incarnation = known});
  }
  std::sort(proposal_.founders.begin(), proposal_.founders.end(),
            [](const net::Founder& a, const net::Founder& b) { return a.node < b.node; });
  if (incarnation == 0) throw std::logic_error("Founding: a node without an incarnation");
  look();
}

/// Another set is another version, also if it was seen before.
void Founding::look() {
  std::vector<net::FoundingWord::Seen> seen;
  for (const net::Founder& founder : proposal_.founders) {
    const auto peer = present_.find(founder.node);
    const std::uint64_t there = peer == present_.end() ? 0 : peer->second.incarnation;
    seen.push_back({founder.node, founder.node == node_ ? incarnation_ : there});
  }
  if (seen == seen_) return;
  seen_ = std::move(seen);
  ++version_;
}

bool Founding::complete() const {
  return std::all_of(seen_.begin(), seen_.end(),
                     [](const net::FoundingWord::Seen& s) { return s.incarnation != 0; });
}

void Founding::heard(const net::Hello& hello) {
  if (hello.node == node_ || find_founder(proposal_, hello.node) == nullptr) return;
  present_[hello.node] = Peer{.incarnation = hello.incarnation, .says = hello.founding, .word = {}};
  look();
}

void Founding::lost(std::uint64_t node) {
  present_.erase(node);
  look();
}

void Founding::told(std::uint64_t node, const net::FoundingWord& word) {
  const auto peer = present_.find(node);
  if (peer != present_.end() && word.version >= peer->second.word.version) peer->second.word = word;
}

std::optional<net::FoundingWord> Founding::word_to(std::uint64_t node) const {
  const auto peer = present_.find(node);
  if (peer == present_.end() || peer->second.says.cluster_id != 0 || !complete() ||
      find_founder(proposal_, node_) == nullptr) {
    return std::nullopt;
  }
  return net::FoundingWord{.version = version_, .heard = peer->second.word.version, .seen = seen_};
}

std::string Founding::difference(std::uint64_t node, const net::FoundingRecord& theirs) const {
  const auto differs = [&](const char* what, std::uint64_t mine, std::uint64_t other) {
    return named(node) + " was started with " + what + " " + std::to_string(other) +
           ", this node with " + std::to_string(mine);
  };
  if (!same_founders(proposal_.founders, theirs.founders)) {
    return named(node) + " was started with another list of members";
  }
  if (theirs.partitions != proposal_.partitions) {
    return differs("partitions", proposal_.partitions, theirs.partitions);
  }
  if (theirs.replicas != proposal_.replicas) {
    return differs("replicas", proposal_.replicas, theirs.replicas);
  }
  if (theirs.hash_id != proposal_.hash_id || theirs.hash_seed != proposal_.hash_seed) {
    return named(node) + " was started with other hash parameters";
  }
  return {};
}

Decision Founding::from_record(std::uint64_t node, const net::FoundingRecord& record) const {
  if (!valid_founding_record(record)) {
    return {.kind = Decision::Kind::kMismatch,
            .record = {},
            .why = named(node) + " shows a founding record that contradicts itself"};
  }
  const net::Founder* me = find_founder(record, node_);
  if (me == nullptr) {
    return {.kind = Decision::Kind::kJoin, .record = record, .why = {}};
  }
  if (me->incarnation != incarnation_) {
    return {.kind = Decision::Kind::kWiped,
            .record = record,
            .why = named(node) + " knows this node by an earlier directory"};
  }
  return {.kind = Decision::Kind::kAdopt, .record = record, .why = {}};
}

Decision Founding::found_or_wait() const {
  if (find_founder(proposal_, node_) == nullptr) {
    return {.kind = Decision::Kind::kWait,
            .record = {},
            .why = "waiting to be added to the cluster that the listed nodes belong to"};
  }
  net::FoundingRecord record = proposal_;
  std::string missing, unsure;
  const auto add = [](std::string& names, std::uint64_t node) {
    names += (names.empty() ? "" : ", ") + std::to_string(node);
  };
  for (std::size_t i = 0; i < record.founders.size(); ++i) {
    net::Founder& founder = record.founders[i];
    founder.incarnation = seen_[i].incarnation;
    if (founder.node == node_) continue;
    if (founder.incarnation == 0) {
      add(missing, founder.node);
      continue;
    }
    const net::FoundingWord& word = present_.at(founder.node).word;
    if (word.version == 0 || word.seen != seen_ || word.heard != version_)
      add(unsure, founder.node);
  }
  if (!missing.empty() || !unsure.empty()) {
    const bool gone = !missing.empty();
    return {.kind = Decision::Kind::kWait,
            .record = {},
            .why = (gone ? "waiting for the other founders: node "
                         : "waiting for other founders to see all of them: node ") +
                   (gone ? missing : unsure)};
  }
  record.cluster_id = compute_cluster_id(record);
  return {.kind = Decision::Kind::kFound, .record = std::move(record), .why = {}};
}

Decision Founding::decide() const {
  Decision adopt, join, mismatch;
  const auto disagree = [&](std::string why) {
    if (mismatch.kind == Decision::Kind::kMismatch) return;
    mismatch = {.kind = Decision::Kind::kMismatch, .record = {}, .why = std::move(why)};
  };
  bool two_clusters = false;
  for (const auto& [node, peer] : present_) {
    if (peer.says.cluster_id == 0) {
      std::string why = difference(node, peer.says);
      if (!why.empty()) disagree(std::move(why));
      continue;
    }
    Decision decision = from_record(node, peer.says);
    if (decision.kind == Decision::Kind::kWiped) return decision;
    if (decision.kind == Decision::Kind::kMismatch) {
      disagree(std::move(decision.why));
      continue;
    }
    if (decision.kind == Decision::Kind::kJoin) {
      two_clusters |= join.kind == Decision::Kind::kJoin && join.record != decision.record;
      join = std::move(decision);
      continue;
    }
    two_clusters |= adopt.kind == Decision::Kind::kAdopt && adopt.record != decision.record;
    adopt = std::move(decision);
  }
  if (two_clusters) {
    return {.kind = Decision::Kind::kMismatch,
            .record = {},
            .why = "the other nodes belong to two clusters"};
  }
  if (adopt.kind == Decision::Kind::kAdopt) return adopt;
  if (join.kind == Decision::Kind::kJoin) return join;
  if (mismatch.kind == Decision::Kind::kMismatch) return mismatch;
  return found_or_wait();
}

}  // namespace cairn::kv
