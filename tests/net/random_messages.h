// Seeded random peer messages, valid in every field, and a comparison that looks at every field.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "net/wire.h"

namespace cairn::net::test {

/// SplitMix64: the same numbers on every library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool flip() { return (next() & 1) != 0; }
  /// Small and huge ones, and the edges.
  std::uint64_t number() {
    switch (below(5)) {
      case 0:
        return 0;
      case 1:
        return ~std::uint64_t{0};
      case 2:
        return below(1000);
      default:
        return next();
    }
  }
  std::uint64_t ordinal() { return below(4) == 0 ? kOrdinalMax - 1 - below(3) : next() >> 3; }
  std::string bytes(std::size_t max) {
    std::string out(below(4) == 0 ? 0 : below(max + 1), '\0');
    for (char& c : out) c = static_cast<char>(next());
    return out;
  }
  std::string address() {
    std::string out(below(40), '\0');
    for (char& c : out) c = static_cast<char>('!' + below('~' - '!' + 1));
    return out;
  }
  std::vector<raft::NodeId> members(std::size_t max) {
    std::vector<raft::NodeId> out;
    raft::NodeId last = 0;
    for (std::size_t n = below(max + 1); n > 0; --n) out.push_back(last += 1 + below(1000));
    return out;
  }

 private:
  std::uint64_t state_;
};

inline constexpr std::uint64_t kFrom = 3;
inline constexpr std::uint64_t kTo = 7;
inline constexpr std::uint64_t kCluster = 0x1122334455667788;

inline Hello random_hello(Random& random) {
  Hello m;
  m.protocol_min = static_cast<std::uint16_t>(1 + random.below(3));
  m.protocol_max = static_cast<std::uint16_t>(m.protocol_min + random.below(3));
  m.feature_level = static_cast<std::uint32_t>(random.next());
  m.channel = random.flip() ? Channel::kControl : Channel::kBulk;
  m.node = kFrom;
  m.to = kTo;
  m.incarnation = random.number();
  std::uint64_t boot = random.below(5);
  for (std::size_t n = 1 + random.below(random.flip() ? 3 : kHelloBootsMax); n > 0; --n) {
    m.boots.push_back({boot += 1 + random.below(3), random.number()});
  }
  m.boot = m.boots.back().boot;
  m.nonce = m.boots.back().nonce;
  if (random.flip()) {
    m.founding.cluster_id = 1 + random.below(1u << 30);
    m.founding.partitions = 1 + static_cast<std::uint32_t>(random.below(99));
    m.founding.replicas = 1 + static_cast<std::uint32_t>(random.below(9));
    m.founding.hash_id = 1;
    m.founding.hash_seed = random.number();
    for (const raft::NodeId node : random.members(5)) {
      m.founding.founders.push_back({node, random.address(), random.number()});
    }
    m.founding.founders.push_back({1u << 20, random.address(), random.number()});
  }
  m.http = random.address();
  m.client = random.address();
  m.frame_bytes_max = random.number();
  m.wall_ms = random.number();
  return m;
}

inline raft::AppendRequest random_append(Random& random, std::size_t entries, std::size_t bytes) {
  raft::AppendRequest m{random.below(1000000), random.ordinal(), random.ordinal(), {}};
  for (std::size_t i = 0; i < entries; ++i) {
    std::string data = random.bytes(bytes);
    raft::Entry entry;
    entry.index = m.prev_index + 1 + i;
    entry.term = random.ordinal();
    entry.kind = static_cast<raft::EntryKind>(random.below(3));
    if (!data.empty() || random.flip()) {
      entry.data = std::make_shared<const std::string>(std::move(data));
    }
    m.entries.push_back(std::move(entry));
  }
  return m;
}

inline raft::Body random_body(Random& random) {
  switch (random.below(9)) {
    case 0:
      return raft::VoteRequest{random.flip(), random.flip(), random.ordinal(), random.ordinal()};
    case 1:
      return raft::VoteReply{random.flip(), random.flip()};
    case 2:
      return random_append(random, random.below(20), 300);
    case 3:
      return raft::AppendReply{random.flip(), random.ordinal(), random.ordinal(), random.ordinal(),
                               random.flip()};
    case 4:
      return raft::Heartbeat{random.ordinal(), random.number(), random.flip()};
    case 5:
      return raft::HeartbeatReply{random.number(), random.flip(), random.number()};
    case 6:
      return raft::ReadIndexRequest{random.number()};
    case 7:
      return raft::ReadIndexReply{random.number(), random.ordinal()};
    default:
      return raft::TimeoutNow{};
  }
}

inline RaftBatch random_batch(Random& random) {
  RaftBatch m;
  m.wall_ms = random.number();
  for (std::size_t n = random.below(12); n > 0; --n) {
    m.messages.push_back({static_cast<raft::GroupId>(random.next()),
                          {kFrom, kTo, random.ordinal(), random_body(random)}});
  }
  return m;
}

inline SnapshotChunk random_chunk(Random& random) {
  SnapshotChunk m;
  m.group = static_cast<raft::GroupId>(random.next());
  m.stream = random.number();
  m.term = random.ordinal();
  m.meta.index = random.ordinal();
  m.meta.term = std::min(m.term, random.ordinal());
  m.meta.config = {random.members(7), random.members(3), random.members(3)};
  m.sequence = random.number();
  m.last = random.flip();
  m.bytes = random.bytes(5000);
  return m;
}

inline Gossip random_gossip(Random& random) {
  Gossip m;
  for (std::size_t n = random.below(50); n > 0; --n) {
    m.leads.push_back({static_cast<raft::GroupId>(random.next()), random.ordinal()});
  }
  m.http = random.address();
  m.client = random.address();
  m.record_epoch = random.number();
  m.founding.version = random.number();
  m.founding.heard = random.number();
  for (std::size_t n = random.below(5), node = 0; n > 0; --n)
    m.founding.seen.push_back({node += 1 + random.below(9), random.number()});
  return m;
}

inline constexpr std::size_t kMessageKinds = std::variant_size_v<PeerMessage>;

inline PeerMessage random_message(Random& random, std::size_t kind) {
  switch (kind) {
    case 0:
      return random_hello(random);
    case 1:
      return HelloReply{static_cast<HelloReply::Verdict>(random.below(6)),
                        static_cast<std::uint16_t>(random.next())};
    case 2:
      return random_batch(random);
    case 3:
      return Request{random.number(), static_cast<std::uint16_t>(random.next()),
                     static_cast<std::uint32_t>(random.next()), random.bytes(3000)};
    case 4:
      return Reply{random.number(), random.bytes(3000)};
    case 5:
      return random_gossip(random);
    case 6:
      return random_chunk(random);
    default:
      return SnapshotAck{static_cast<raft::GroupId>(random.next()), random.number(),
                         random.number(), random.flip(), random.flip()};
  }
}

// --- equality, field by field ------------------------------------------------------------------

inline std::string_view view(const std::shared_ptr<const std::string>& data) {
  return data ? std::string_view(*data) : std::string_view();
}

inline bool same(const Hello& a, const Hello& b) {
  const auto all = [](const Hello& m) {
    return std::tie(m.protocol_min, m.protocol_max, m.feature_level, m.channel, m.node, m.to,
                    m.incarnation, m.boot, m.nonce, m.boots, m.founding, m.http, m.frame_bytes_max,
                    m.wall_ms, m.client);
  };
  return all(a) == all(b);
}
inline bool same(const HelloReply& a, const HelloReply& b) {
  return a.verdict == b.verdict && a.protocol == b.protocol;
}
inline bool same(const raft::VoteRequest& a, const raft::VoteRequest& b) {
  return a.pre_vote == b.pre_vote && a.leader_transfer == b.leader_transfer &&
         a.last_index == b.last_index && a.last_term == b.last_term;
}
inline bool same(const raft::VoteReply& a, const raft::VoteReply& b) {
  return a.pre_vote == b.pre_vote && a.granted == b.granted;
}
inline bool same(const raft::AppendRequest& a, const raft::AppendRequest& b) {
  const auto same_entry = [](const raft::Entry& x, const raft::Entry& y) {
    return x.index == y.index && x.term == y.term && x.kind == y.kind &&
           view(x.data) == view(y.data);
  };
  return a.prev_index == b.prev_index && a.prev_term == b.prev_term && a.commit == b.commit &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    same_entry);
}
inline bool same(const raft::AppendReply& a, const raft::AppendReply& b) {
  return a.rejected == b.rejected && a.index == b.index && a.hint_index == b.hint_index &&
         a.hint_term == b.hint_term;
}
inline bool same(const raft::Heartbeat& a, const raft::Heartbeat& b) {
  return a.commit == b.commit && a.read_round == b.read_round;
}
inline bool same(const raft::HeartbeatReply& a, const raft::HeartbeatReply& b) {
  return a.read_round == b.read_round;
}
inline bool same(const raft::ReadIndexRequest& a, const raft::ReadIndexRequest& b) {
  return a.request == b.request;
}
inline bool same(const raft::ReadIndexReply& a, const raft::ReadIndexReply& b) {
  return a.request == b.request && a.index == b.index;
}
inline bool same(const raft::TimeoutNow&, const raft::TimeoutNow&) {
  return true;
}

template <class... Arms>
bool same(const std::variant<Arms...>& a, const std::variant<Arms...>& b);

inline bool same(const RaftBatch& a, const RaftBatch& b) {
  const auto same_message = [](const GroupMessage& x, const GroupMessage& y) {
    return x.group == y.group && x.message.from == y.message.from && x.message.to == y.message.to &&
           x.message.term == y.message.term && same(x.message.body, y.message.body);
  };
  return a.wall_ms == b.wall_ms && std::equal(a.messages.begin(), a.messages.end(),
                                              b.messages.begin(), b.messages.end(), same_message);
}
inline bool same(const Request& a, const Request& b) {
  return a.id == b.id && a.kind == b.kind && a.deadline_ms == b.deadline_ms && a.body == b.body;
}
inline bool same(const Reply& a, const Reply& b) {
  return a.id == b.id && a.body == b.body;
}
inline bool same(const Gossip& a, const Gossip& b) {
  const auto same_lead = [](const Gossip::Lead& x, const Gossip::Lead& y) {
    return x.group == y.group && x.term == y.term;
  };
  return a.http == b.http && a.client == b.client && a.record_epoch == b.record_epoch &&
         a.founding == b.founding &&
         std::equal(a.leads.begin(), a.leads.end(), b.leads.begin(), b.leads.end(), same_lead);
}
inline bool same(const SnapshotChunk& a, const SnapshotChunk& b) {
  return a.group == b.group && a.stream == b.stream && a.term == b.term && a.meta == b.meta &&
         a.sequence == b.sequence && a.last == b.last && a.bytes == b.bytes;
}
inline bool same(const SnapshotAck& a, const SnapshotAck& b) {
  return a.group == b.group && a.stream == b.stream && a.next == b.next && a.done == b.done &&
         a.failed == b.failed;
}

template <class... Arms>
bool same(const std::variant<Arms...>& a, const std::variant<Arms...>& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& arm) { return same(arm, std::get<std::decay_t<decltype(arm)>>(b)); }, a);
}

}  // namespace cairn::net::test
