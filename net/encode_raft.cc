#include <cstring>
#include <stdexcept>

#include "net/codec.h"
#include "net/frame_builder.h"
#include "net/peer.capnp.h"

namespace cairn::net {
namespace {

using Builder = schema::RaftMessage::Body::Builder;

void fill(const raft::VoteRequest& from, Builder body) {
  auto to = body.initVoteRequest();
  to.setPreVote(from.pre_vote);
  to.setLeaderTransfer(from.leader_transfer);
  to.setLastIndex(from.last_index);
  to.setLastTerm(from.last_term);
}

void fill(const raft::VoteReply& from, Builder body) {
  auto to = body.initVoteReply();
  to.setPreVote(from.pre_vote);
  to.setGranted(from.granted);
}

void fill(const raft::AppendRequest& from, Builder body) {
  auto to = body.initAppend();
  to.setPrevIndex(from.prev_index);
  to.setPrevTerm(from.prev_term);
  to.setCommit(from.commit);
  if (from.entries.empty()) return;
  if (from.entries.size() > kEntriesMax) throw std::length_error("entries above their cap");
  auto entries = to.initEntries(static_cast<capnp::uint>(from.entries.size()));
  raft::Index index = from.prev_index;
  capnp::uint i = 0;
  for (const raft::Entry& entry : from.entries) {
    if (entry.index != ++index) throw std::logic_error("entries to send are not contiguous");
    auto builder = entries[i++];
    builder.setTerm(entry.term);
    builder.setKind(static_cast<schema::EntryKind>(entry.kind));
    if (entry.data && !entry.data->empty()) builder.setData(as_data(*entry.data));
  }
}

void fill(const raft::AppendReply& from, Builder body) {
  auto to = body.initAppendReply();
  to.setRejected(from.rejected);
  to.setIndex(from.index);
  to.setHintIndex(from.hint_index);
  to.setHintTerm(from.hint_term);
  to.setNeedsSnapshot(from.needs_snapshot);
}

void fill(const raft::Heartbeat& from, Builder body) {
  auto to = body.initHeartbeat();
  to.setCommit(from.commit);
  to.setReadRound(from.read_round);
  to.setQuiet(from.quiet);
}

void fill(const raft::HeartbeatReply& from, Builder body) {
  auto to = body.initHeartbeatReply();
  to.setReadRound(from.read_round);
  to.setQuiet(from.quiet);
  to.setPromiseUs(from.promise_us);
}

void fill(const raft::ReadIndexRequest& from, Builder body) {
  body.initReadIndexRequest().setRequest(from.request);
}

void fill(const raft::ReadIndexReply& from, Builder body) {
  auto to = body.initReadIndexReply();
  to.setRequest(from.request);
  to.setIndex(from.index);
}

void fill(const raft::TimeoutNow&, Builder body) {
  body.setTimeoutNow();
}

/// Beyond the message's own place in the list.
std::size_t extra_words(const raft::Message& message) {
  const auto* append = std::get_if<raft::AppendRequest>(&message.body);
  if (append == nullptr) return 0;
  std::size_t words = list_words<schema::Entry>(append->entries.size());
  for (const raft::Entry& entry : append->entries) {
    if (entry.data) words += words_of(entry.data->size());
  }
  return words;
}

}  // namespace

std::size_t raft_message_bytes(const raft::Message& message) {
  return 8 * (capnp::sizeInWords<schema::RaftMessage>() + extra_words(message));
}

std::size_t raft_batch_base_bytes() {
  return frame_bytes_of(root_words<schema::RaftBatch>() + 1);
}

void encode_raft_batch(std::span<const GroupMessage> messages, std::uint64_t wall_ms,
                       const Envelope& envelope, std::string& out) {
  if (messages.size() > kRaftMessagesMax) throw std::length_error("messages above their cap");
  std::size_t words =
      root_words<schema::RaftBatch>() + list_words<schema::RaftMessage>(messages.size());
  for (const GroupMessage& m : messages) {
    if (m.message.from != envelope.from || m.message.to != envelope.to) {
      throw std::logic_error("a Raft message in another node's envelope");
    }
    words += extra_words(m.message);
  }
  const auto write = [&](schema::RaftBatch::Builder batch) {
    batch.setWallMs(wall_ms);
    if (messages.empty()) return;
    auto list = batch.initMessages(static_cast<capnp::uint>(messages.size()));
    capnp::uint i = 0;
    for (const GroupMessage& m : messages) {
      auto builder = list[i++];
      builder.setGroup(m.group);
      builder.setTerm(m.message.term);
      std::visit([&](const auto& body) { fill(body, builder.getBody()); }, m.message.body);
    }
  };
  append_frame<schema::RaftBatch>(FrameType::kRaftBatch, envelope, words, out, write);
}

}  // namespace cairn::net
