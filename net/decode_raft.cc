#include "net/decode_raft.h"

namespace cairn::net {
namespace {

using Reader = schema::RaftMessage::Body::Reader;

bool ordinal(std::uint64_t value) {
  return value < kOrdinalMax;
}

bool decode_entries(schema::RaftMessage::Body::Append::Reader from, raft::AppendRequest& to) {
  const auto list = from.getEntries();
  if (list.size() > kEntriesMax) return false;
  to.entries.reserve(list.size());
  raft::Index index = to.prev_index;
  for (const schema::Entry::Reader reader : list) {
    raft::Entry& entry = to.entries.emplace_back();
    entry.index = ++index;
    entry.term = reader.getTerm();
    const auto kind = static_cast<std::uint16_t>(reader.getKind());
    if (!ordinal(entry.term) || kind > static_cast<std::uint16_t>(raft::EntryKind::kConfig)) {
      return false;
    }
    entry.kind = static_cast<raft::EntryKind>(kind);
    const auto data = reader.getData();
    if (data.size() != 0) {
      entry.data = std::make_shared<const std::string>(reinterpret_cast<const char*>(data.begin()),
                                                       data.size());
    }
  }
  return ordinal(index);
}

bool decode(schema::RaftMessage::Body::VoteRequest::Reader from, raft::Body& to) {
  const raft::VoteRequest m{from.getPreVote(), from.getLeaderTransfer(), from.getLastIndex(),
                            from.getLastTerm()};
  to = m;
  return ordinal(m.last_index) && ordinal(m.last_term);
}

bool decode(schema::RaftMessage::Body::Append::Reader from, raft::Body& to) {
  auto& m = to.emplace<raft::AppendRequest>();
  m.prev_index = from.getPrevIndex();
  m.prev_term = from.getPrevTerm();
  m.commit = from.getCommit();
  return ordinal(m.prev_index) && ordinal(m.prev_term) && ordinal(m.commit) &&
         decode_entries(from, m);
}

bool decode(schema::RaftMessage::Body::AppendReply::Reader from, raft::Body& to) {
  const raft::AppendReply m{from.getRejected(), from.getIndex(), from.getHintIndex(),
                            from.getHintTerm(), from.getNeedsSnapshot()};
  to = m;
  return ordinal(m.index) && ordinal(m.hint_index) && ordinal(m.hint_term);
}

bool decode_body(Reader from, raft::Body& to) {
  using Which = schema::RaftMessage::Body::Which;
  switch (from.which()) {
    case Which::NONE:
      return false;
    case Which::VOTE_REQUEST:
      return decode(from.getVoteRequest(), to);
    case Which::VOTE_REPLY: {
      const auto reply = from.getVoteReply();
      to = raft::VoteReply{reply.getPreVote(), reply.getGranted()};
      return true;
    }
    case Which::APPEND:
      return decode(from.getAppend(), to);
    case Which::APPEND_REPLY:
      return decode(from.getAppendReply(), to);
    case Which::HEARTBEAT: {
      const auto heartbeat = from.getHeartbeat();
      to = raft::Heartbeat{heartbeat.getCommit(), heartbeat.getReadRound(), heartbeat.getQuiet()};
      return ordinal(heartbeat.getCommit());
    }
    case Which::HEARTBEAT_REPLY: {
      const auto reply = from.getHeartbeatReply();
      to = raft::HeartbeatReply{reply.getReadRound(), reply.getQuiet(), reply.getPromiseUs()};
      return true;
    }
    case Which::READ_INDEX_REQUEST:
      to = raft::ReadIndexRequest{from.getReadIndexRequest().getRequest()};
      return true;
    case Which::READ_INDEX_REPLY: {
      const auto reply = from.getReadIndexReply();
      to = raft::ReadIndexReply{reply.getRequest(), reply.getIndex()};
      return ordinal(reply.getIndex());
    }
    case Which::TIMEOUT_NOW:
      to = raft::TimeoutNow{};
      return true;
  }
  return false;  // an arm of a later program
}

}  // namespace

bool decode_raft_batch(schema::RaftBatch::Reader from, raft::NodeId sender, raft::NodeId receiver,
                       RaftBatch& to) {
  to.wall_ms = from.getWallMs();
  const auto list = from.getMessages();
  if (list.size() > kRaftMessagesMax) return false;
  to.messages.reserve(list.size());
  for (const schema::RaftMessage::Reader reader : list) {
    GroupMessage& m = to.messages.emplace_back();
    m.group = reader.getGroup();
    m.message.from = sender;
    m.message.to = receiver;
    m.message.term = reader.getTerm();
    if (!ordinal(m.message.term) || !decode_body(reader.getBody(), m.message.body)) return false;
  }
  return true;
}

}  // namespace cairn::net
