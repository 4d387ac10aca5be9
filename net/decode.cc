// Bytes from a peer to plain, validated values. Everything Cap'n Proto may throw is caught here.
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <cstring>

#include "net/decode_raft.h"
#include "net/frame.h"
#include "net/peer.capnp.h"

namespace cairn::net {
namespace {

std::string bytes_of(capnp::Data::Reader data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

/// An address or a door: it may end in a log line or in an HTTP head (hazard H7).
bool decode_address(capnp::Data::Reader from, std::string& to) {
  if (from.size() > kAddressBytesMax) return false;
  to = bytes_of(from);
  return std::all_of(to.begin(), to.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool decode(schema::FoundingRecord::Reader from, FoundingRecord& to) {
  to.cluster_id = from.getClusterId();
  to.partitions = from.getPartitions();
  to.replicas = from.getReplicas();
  to.hash_id = from.getHashId();
  to.hash_seed = from.getHashSeed();
  const auto founders = from.getFounders();
  if (founders.size() > kFoundersMax) return false;
  to.founders.reserve(founders.size());
  std::uint64_t last = raft::kNobody;
  for (const schema::Founder::Reader reader : founders) {
    Founder& founder = to.founders.emplace_back();
    founder.node = reader.getNode();
    founder.incarnation = reader.getIncarnation();
    if (founder.node <= last || !decode_address(reader.getAddress(), founder.address)) {
      return false;
    }
    last = founder.node;
  }
  if (to.cluster_id == 0) return true;
  return !to.founders.empty() && to.partitions != 0 && to.replicas != 0 && to.hash_id != 0;
}

bool decode_boots(schema::Hello::Reader from, Hello& to) {
  const auto boots = from.getBoots();
  if (boots.size() == 0 || boots.size() > kHelloBootsMax) return false;
  to.boots.reserve(boots.size());
  for (const schema::BootNonce::Reader reader : boots) {
    const BootNonce boot{reader.getBoot(), reader.getNonce()};
    if (!to.boots.empty() && boot.boot <= to.boots.back().boot) return false;
    to.boots.push_back(boot);
  }
  return to.boots.back() == BootNonce{to.boot, to.nonce};
}

bool decode(schema::Hello::Reader from, const FrameHeader& header, Hello& to) {
  to.node = header.from;
  to.to = header.to;
  to.protocol_min = from.getProtocolMin();
  to.protocol_max = from.getProtocolMax();
  if (to.protocol_min == 0 || to.protocol_min > to.protocol_max) return false;
  to.feature_level = from.getFeatureLevel();
  const auto channel = static_cast<std::uint16_t>(from.getChannel());
  if (channel > static_cast<std::uint16_t>(Channel::kBulk)) return false;
  to.channel = static_cast<Channel>(channel);
  to.incarnation = from.getIncarnation();
  to.boot = from.getBoot();
  to.nonce = from.getNonce();
  to.frame_bytes_max = from.getFrameBytesMax();
  to.wall_ms = from.getWallMs();
  to.record_epoch = from.getRecordEpoch();
  to.rejoin = from.getRejoin();
  return decode_boots(from, to) && decode(from.getFounding(), to.founding) &&
         decode_address(from.getHttp(), to.http) && decode_address(from.getClient(), to.client);
}

bool decode(schema::HelloReply::Reader from, const FrameHeader&, HelloReply& to) {
  const auto verdict = static_cast<std::uint16_t>(from.getVerdict());
  if (verdict > static_cast<std::uint16_t>(HelloReply::Verdict::kBusy)) return false;
  to.verdict = static_cast<HelloReply::Verdict>(verdict);
  to.protocol = from.getProtocol();
  return true;
}

bool decode(schema::RaftBatch::Reader from, const FrameHeader& header, RaftBatch& to) {
  return decode_raft_batch(from, header.from, header.to, to);
}

bool decode(schema::Request::Reader from, const FrameHeader&, Request& to) {
  to.id = from.getId();
  to.kind = from.getKind();
  to.deadline_ms = from.getDeadlineMs();
  to.body = bytes_of(from.getBody());
  return true;
}

bool decode(schema::Reply::Reader from, const FrameHeader&, Reply& to) {
  to.id = from.getId();
  to.body = bytes_of(from.getBody());
  return true;
}

bool decode_word(schema::Gossip::Reader from, FoundingWord& to) {
  const auto seen = from.getFoundersSeen();
  if (seen.size() > kFoundersMax) return false;
  to.version = from.getFoundingVersion();
  to.heard = from.getFoundingHeard();
  to.seen.reserve(seen.size());
  std::uint64_t last = 0;
  for (const schema::FounderSeen::Reader reader : seen) {
    if (reader.getNode() <= last) return false;
    to.seen.push_back({last = reader.getNode(), reader.getIncarnation()});
  }
  return true;
}

bool decode(schema::Gossip::Reader from, const FrameHeader&, Gossip& to) {
  const auto leads = from.getLeads();
  if (leads.size() > kLeadsMax) return false;
  to.leads.reserve(leads.size());
  for (const schema::Lead::Reader reader : leads) {
    to.leads.push_back(
        {reader.getGroup(), reader.getTerm(), reader.getReached(), reader.getBytes()});
    if (to.leads.back().term >= kOrdinalMax) return false;
  }
  to.record_epoch = from.getRecordEpoch();
  return decode_word(from, to.founding) && decode_address(from.getHttp(), to.http) &&
         decode_address(from.getClient(), to.client);
}

bool decode_members(capnp::List<std::uint64_t>::Reader from, std::vector<raft::NodeId>& to) {
  if (from.size() > kMembersMax) return false;
  to.reserve(from.size());
  raft::NodeId last = raft::kNobody;
  for (const std::uint64_t member : from) {
    if (member <= last) return false;
    to.push_back(last = member);
  }
  return true;
}

bool decode(schema::SnapshotChunk::Reader from, const FrameHeader&, SnapshotChunk& to) {
  to.group = from.getGroup();
  to.last = from.getLast();
  to.stream = from.getStream();
  to.term = from.getTerm();
  to.meta.index = from.getMetaIndex();
  to.meta.term = from.getMetaTerm();
  to.sequence = from.getSequence();
  if (to.term >= kOrdinalMax || to.meta.index >= kOrdinalMax || to.meta.term > to.term) {
    return false;
  }
  to.bytes = bytes_of(from.getBytes());
  const auto config = from.getConfig();
  raft::Configuration& c = to.meta.config;
  return decode_members(config.getVoters(), c.voters) &&
         decode_members(config.getVotersOutgoing(), c.voters_outgoing) &&
         decode_members(config.getLearners(), c.learners);
}

bool decode(schema::SnapshotAck::Reader from, const FrameHeader&, SnapshotAck& to) {
  to.group = from.getGroup();
  to.done = from.getDone();
  to.failed = from.getFailed();
  to.stream = from.getStream();
  to.next = from.getNext();
  return true;
}

template <class Schema, class Plain>
bool decode_root(capnp::MessageReader& reader, const FrameHeader& header, PeerMessage& out) {
  return decode(reader.getRoot<Schema>(), header, out.emplace<Plain>());
}

bool decode_typed(capnp::MessageReader& reader, const FrameHeader& header, PeerMessage& out) {
  switch (header.type) {
    case FrameType::kHello:
      return decode_root<schema::Hello, Hello>(reader, header, out);
    case FrameType::kHelloReply:
      return decode_root<schema::HelloReply, HelloReply>(reader, header, out);
    case FrameType::kRaftBatch:
      return decode_root<schema::RaftBatch, RaftBatch>(reader, header, out);
    case FrameType::kRequest:
      return decode_root<schema::Request, Request>(reader, header, out);
    case FrameType::kReply:
      return decode_root<schema::Reply, Reply>(reader, header, out);
    case FrameType::kGossip:
      return decode_root<schema::Gossip, Gossip>(reader, header, out);
    case FrameType::kSnapshotChunk:
      return decode_root<schema::SnapshotChunk, SnapshotChunk>(reader, header, out);
    case FrameType::kSnapshotAck:
      return decode_root<schema::SnapshotAck, SnapshotAck>(reader, header, out);
    case FrameType::kClientHello:
    case FrameType::kServerHello:
    case FrameType::kClientRequest:
    case FrameType::kClientAnswer:
    case FrameType::kClusterMap:
    case FrameType::kGoodbye:
      break;  // never here: parse_frame_header() refuses them
  }
  return false;
}

/// One segment that fills the payload to the byte, or nothing is read at all (hazard H11).
bool single_segment(std::string_view payload) {
  if (payload.size() < 2 * sizeof(capnp::word)) return false;
  std::uint32_t more_segments = 0;
  std::uint32_t words = 0;
  std::memcpy(&more_segments, payload.data(), sizeof more_segments);
  std::memcpy(&words, payload.data() + sizeof more_segments, sizeof words);
  return more_segments == 0 && std::size_t{words} == payload.size() / sizeof(capnp::word) - 1;
}

bool decode_payload(std::string_view payload, const FrameHeader& header, PeerMessage& out) {
  if (!single_segment(payload)) return false;
  const std::size_t words = payload.size() / sizeof(capnp::word);
  kj::Array<capnp::word> aligned;
  const auto* begin = reinterpret_cast<const capnp::word*>(payload.data());
  if (reinterpret_cast<std::uintptr_t>(payload.data()) % alignof(std::uint64_t) != 0) {
    aligned = kj::heapArray<capnp::word>(words);
    std::memcpy(aligned.begin(), payload.data(), payload.size());
    begin = aligned.begin();
  }
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words;  // each word once: no amplification by shared pointers
  options.nestingLimit = 8;
  try {
    capnp::FlatArrayMessageReader reader({begin, words}, options);
    return decode_typed(reader, header, out);
  } catch (const kj::Exception&) {
    return false;
  }
}

}  // namespace

namespace {

boost::system::result<DecodedFrame> decode_whole(std::string_view frame, bool checked) {
  const auto header = parse_frame_header(frame, kFrameBytesMax);
  if (!header) return header.error();
  if (frame.size() < header->frame_bytes()) return NetError::kTruncated;
  if (frame.size() > header->frame_bytes()) return NetError::kMalformed;
  const std::string_view payload = frame.substr(kFrameHeaderBytes);
  if (!checked && !payload_matches(*header, payload)) return NetError::kBadChecksum;
  DecodedFrame out;
  out.cluster_id = header->cluster_id;
  out.from = header->from;
  out.to = header->to;
  if (!decode_payload(payload, *header, out.message)) return NetError::kMalformed;
  return out;
}

}  // namespace

boost::system::result<DecodedFrame> decode_frame(std::string_view frame) {
  return decode_whole(frame, false);
}

boost::system::result<DecodedFrame> decode_checked_frame(std::string_view frame) {
  return decode_whole(frame, true);
}

}  // namespace cairn::net
