#include <stdexcept>

#include "net/codec.h"
#include "net/frame_builder.h"
#include "net/peer.capnp.h"

namespace cairn::net {
namespace {

// --- exact sizes -------------------------------------------------------------------------------

std::size_t words(const Hello& m) {
  std::size_t n = root_words<schema::Hello>() + capnp::sizeInWords<schema::FoundingRecord>() +
                  list_words<schema::BootNonce>(m.boots.size()) + words_of(m.http.size()) +
                  words_of(m.client.size()) +
                  list_words<schema::Founder>(m.founding.founders.size());
  for (const Founder& founder : m.founding.founders) n += words_of(founder.address.size());
  return n;
}

std::size_t words(const HelloReply&) {
  return root_words<schema::HelloReply>();
}

std::size_t words(const RaftBatch& m) {
  std::size_t bytes = raft_batch_base_bytes() - (m.messages.empty() ? 8 : 0);
  for (const GroupMessage& message : m.messages) bytes += raft_message_bytes(message.message);
  return (bytes - frame_bytes_of(0)) / 8;
}

std::size_t words(const Request& m) {
  return root_words<schema::Request>() + words_of(m.body.size());
}

std::size_t words(const Reply& m) {
  return root_words<schema::Reply>() + words_of(m.body.size());
}

std::size_t words(const Gossip& m) {
  return root_words<schema::Gossip>() + list_words<schema::Lead>(m.leads.size()) +
         list_words<schema::FounderSeen>(m.founding.seen.size()) + words_of(m.http.size()) +
         words_of(m.client.size());
}

std::size_t words(const SnapshotChunk& m) {
  const raft::Configuration& c = m.meta.config;
  return root_words<schema::SnapshotChunk>() + capnp::sizeInWords<schema::Configuration>() +
         c.voters.size() + c.voters_outgoing.size() + c.learners.size() + words_of(m.bytes.size());
}

std::size_t words(const SnapshotAck&) {
  return root_words<schema::SnapshotAck>();
}

// --- filling -----------------------------------------------------------------------------------

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

capnp::uint count(std::size_t n, std::size_t max) {
  if (n > max) throw std::length_error("a list to send is above its cap");
  return static_cast<capnp::uint>(n);
}

template <class Setter>
void set_bytes(const std::string& bytes, Setter&& setter) {
  if (!bytes.empty()) setter(as_data(bytes));
}

void fill(const FoundingRecord& from, schema::FoundingRecord::Builder to) {
  to.setClusterId(from.cluster_id);
  to.setPartitions(from.partitions);
  to.setReplicas(from.replicas);
  to.setHashId(from.hash_id);
  to.setHashSeed(from.hash_seed);
  if (from.founders.empty()) return;
  auto founders = to.initFounders(count(from.founders.size(), kFoundersMax));
  capnp::uint i = 0;
  for (const Founder& founder : from.founders) {
    auto builder = founders[i++];
    builder.setNode(founder.node);
    builder.setIncarnation(founder.incarnation);
    set_bytes(founder.address, [&](auto data) { builder.setAddress(data); });
  }
}

void encode(const Hello& m, const Envelope& e, std::string& out) {
  require(m.node == e.from && m.to == e.to, "a hello in another node's envelope");
  require(!m.boots.empty() && m.boots.back() == BootNonce{m.boot, m.nonce},
          "a hello's boots must end with this one");
  append_frame<schema::Hello>(FrameType::kHello, e, words(m), out, [&](auto root) {
    root.setProtocolMin(m.protocol_min);
    root.setProtocolMax(m.protocol_max);
    root.setFeatureLevel(m.feature_level);
    root.setChannel(static_cast<schema::Channel>(m.channel));
    root.setIncarnation(m.incarnation);
    root.setBoot(m.boot);
    root.setNonce(m.nonce);
    auto boots = root.initBoots(count(m.boots.size(), kHelloBootsMax));
    capnp::uint i = 0;
    for (const BootNonce& boot : m.boots) {
      auto builder = boots[i++];
      builder.setBoot(boot.boot);
      builder.setNonce(boot.nonce);
    }
    fill(m.founding, root.initFounding());
    set_bytes(m.http, [&](auto data) { root.setHttp(data); });
    root.setFrameBytesMax(m.frame_bytes_max);
    root.setWallMs(m.wall_ms);
    root.setRecordEpoch(m.record_epoch);
    root.setRejoin(m.rejoin);
    set_bytes(m.client, [&](auto data) { root.setClient(data); });
  });
}

void encode(const HelloReply& m, const Envelope& e, std::string& out) {
  append_frame<schema::HelloReply>(FrameType::kHelloReply, e, words(m), out, [&](auto root) {
    root.setVerdict(static_cast<schema::Verdict>(m.verdict));
    root.setProtocol(m.protocol);
  });
}

void encode(const RaftBatch& m, const Envelope& e, std::string& out) {
  encode_raft_batch(m.messages, m.wall_ms, e, out);
}

void encode(const Request& m, const Envelope& e, std::string& out) {
  append_frame<schema::Request>(FrameType::kRequest, e, words(m), out, [&](auto root) {
    root.setId(m.id);
    root.setKind(m.kind);
    root.setDeadlineMs(m.deadline_ms);
    set_bytes(m.body, [&](auto data) { root.setBody(data); });
  });
}

void encode(const Reply& m, const Envelope& e, std::string& out) {
  append_frame<schema::Reply>(FrameType::kReply, e, words(m), out, [&](auto root) {
    root.setId(m.id);
    set_bytes(m.body, [&](auto data) { root.setBody(data); });
  });
}

void fill(const FoundingWord& from, schema::Gossip::Builder to) {
  to.setFoundingVersion(from.version);
  to.setFoundingHeard(from.heard);
  if (from.seen.empty()) return;
  auto seen = to.initFoundersSeen(count(from.seen.size(), kFoundersMax));
  capnp::uint i = 0;
  for (const FoundingWord::Seen& founder : from.seen) {
    auto builder = seen[i++];
    builder.setNode(founder.node);
    builder.setIncarnation(founder.incarnation);
  }
}

void encode(const Gossip& m, const Envelope& e, std::string& out) {
  append_frame<schema::Gossip>(FrameType::kGossip, e, words(m), out, [&](auto root) {
    set_bytes(m.http, [&](auto data) { root.setHttp(data); });
    root.setRecordEpoch(m.record_epoch);
    set_bytes(m.client, [&](auto data) { root.setClient(data); });
    fill(m.founding, root);
    if (m.leads.empty()) return;
    auto leads = root.initLeads(count(m.leads.size(), kLeadsMax));
    capnp::uint i = 0;
    for (const Gossip::Lead& lead : m.leads) {
      auto builder = leads[i++];
      builder.setGroup(lead.group);
      builder.setTerm(lead.term);
      builder.setReached(lead.reached);
      builder.setBytes(lead.bytes);
    }
  });
}

template <class Init>
void fill_members(const std::vector<raft::NodeId>& members, Init&& init) {
  if (members.empty()) return;
  auto list = init(count(members.size(), kMembersMax));
  for (capnp::uint i = 0; i < list.size(); ++i) list.set(i, members[i]);
}

void encode(const SnapshotChunk& m, const Envelope& e, std::string& out) {
  append_frame<schema::SnapshotChunk>(FrameType::kSnapshotChunk, e, words(m), out, [&](auto root) {
    root.setGroup(m.group);
    root.setLast(m.last);
    root.setStream(m.stream);
    root.setTerm(m.term);
    root.setMetaIndex(m.meta.index);
    root.setMetaTerm(m.meta.term);
    root.setSequence(m.sequence);
    auto config = root.initConfig();
    fill_members(m.meta.config.voters, [&](capnp::uint n) { return config.initVoters(n); });
    fill_members(m.meta.config.voters_outgoing,
                 [&](capnp::uint n) { return config.initVotersOutgoing(n); });
    fill_members(m.meta.config.learners, [&](capnp::uint n) { return config.initLearners(n); });
    set_bytes(m.bytes, [&](auto data) { root.setBytes(data); });
  });
}

void encode(const SnapshotAck& m, const Envelope& e, std::string& out) {
  append_frame<schema::SnapshotAck>(FrameType::kSnapshotAck, e, words(m), out, [&](auto root) {
    root.setGroup(m.group);
    root.setDone(m.done);
    root.setFailed(m.failed);
    root.setStream(m.stream);
    root.setNext(m.next);
  });
}

}  // namespace

std::size_t frame_bytes(const PeerMessage& message) {
  return std::visit([](const auto& m) { return frame_bytes_of(words(m)); }, message);
}

void encode_frame(const PeerMessage& message, std::uint64_t cluster_id, std::uint64_t from,
                  std::uint64_t to, std::string& out) {
  const Envelope envelope{cluster_id, from, to};
  std::visit([&](const auto& m) { encode(m, envelope, out); }, message);
}

}  // namespace cairn::net
