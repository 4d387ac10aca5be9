// Linearizable reads without the log (dissertation 6.4). A round is one exchange of heartbeats,
// minted after the reads that share it arrived; a quorum's answers to it, or to a later one, prove
// that no newer leader had been elected when they arrived. Followers ask for the index only.
#include <algorithm>
#include <utility>

#include "raft/impl.h"

namespace cairn::raft {

namespace {

// Rounds, or questions to the leader, under way at once: one gathers while one travels, and a lost
// one does not hold up the next.
constexpr std::size_t kReadsInFlight = 2;

}  // namespace

ReadOutcome Core::Impl::read_index(std::uint64_t request) {
  if (stopped_ || leader_ == kNobody) return ReadOutcome::kNoLeader;
  if (reads_pending_ >= options_.pending_reads_max) return ReadOutcome::kOverloaded;
  wake();
  ++reads_pending_;
  const auto patience = static_cast<std::uint64_t>(options_.election_ticks_max);
  reads_.push_back(WaitingRead{request, kNobody, now_ + patience});
  return ReadOutcome::kAccepted;
}

bool Core::Impl::can_start_reads() const {
  if (stopped_ || reads_.empty()) return false;
  if (role_ == Role::kLeader) {
    // Until an entry of its own term is committed a leader does not know what is (Q2, Q6).
    return commit_ >= own_first_ && rounds_.size() < kReadsInFlight;
  }
  return leader_ != kNobody && batches_.size() < kReadsInFlight;
}

void Core::Impl::start_reads() {
  if (!can_start_reads()) return;
  if (role_ == Role::kLeader) {
    start_round();
  } else {
    ask_leader();
  }
}

void Core::Impl::start_round() {
  rounds_.push_back(ReadRound{++round_, commit_, std::move(reads_)});
  reads_.clear();
  for (Progress& peer : followers_) {
    if (!peer.learner) send_heartbeat(peer);
  }
  settle_rounds();  // a single voter is its own quorum
}

void Core::Impl::ask_leader() {
  batches_.push_back(ReadBatch{++batch_, std::move(reads_)});
  reads_.clear();
  send(leader_, ReadIndexRequest{batch_});
}

void Core::Impl::settle_rounds() {
  const std::uint64_t confirmed = quorum_value(config_, [&](NodeId id) -> std::uint64_t {
    if (id == id_) return round_;
    const Progress* peer = progress_of(id);
    return peer == nullptr ? 0 : peer->round_acked;
  });
  while (!rounds_.empty() && rounds_.front().id <= confirmed) {
    for (const WaitingRead& read : rounds_.front().reads) answer_read(read, rounds_.front().index);
    rounds_.pop_front();
  }
}

void Core::Impl::answer_read(const WaitingRead& read, Index index) {
  --reads_pending_;
  if (read.from == kNobody) {
    out_.reads.push_back(ReadState{read.request, index});
    return;
  }
  send(read.from, ReadIndexReply{read.request, index});
  if (Progress* peer = progress_of(read.from)) {
    peer->commit_wanted = std::max(peer->commit_wanted, index);
    if (peer->commit_wanted > peer->commit_told) feed_due_ = true;
  }
}

void Core::Impl::fail_read(const WaitingRead& read) {
  --reads_pending_;
  if (read.from == kNobody) {
    out_.failed_reads.push_back(ReadFailure{read.request});
  } else {
    send(read.from, ReadIndexReply{read.request, 0});
  }
}

void Core::Impl::fail_reads() {
  for (const ReadRound& round : rounds_) {
    for (const WaitingRead& read : round.reads) fail_read(read);
  }
  for (const ReadBatch& batch : batches_) {
    for (const WaitingRead& read : batch.reads) fail_read(read);
  }
  for (const WaitingRead& read : reads_) fail_read(read);
  rounds_.clear();
  batches_.clear();
  reads_.clear();
}

void Core::Impl::expire(std::deque<WaitingRead>& reads) {
  while (!reads.empty() && reads.front().deadline <= now_) {
    fail_read(reads.front());
    reads.pop_front();
  }
}

void Core::Impl::expire_reads() {
  for (ReadRound& round : rounds_) expire(round.reads);
  while (!rounds_.empty() && rounds_.front().reads.empty()) rounds_.pop_front();
  for (ReadBatch& batch : batches_) expire(batch.reads);
  while (!batches_.empty() && batches_.front().reads.empty()) batches_.pop_front();
  expire(reads_);
}

void Core::Impl::on_read_request(const Message& message, const ReadIndexRequest& request) {
  if (role_ != Role::kLeader || reads_pending_ >= options_.pending_reads_max) {
    send(message.from, ReadIndexReply{request.request, 0});
    return;
  }
  progress_of(message.from)->last_active = now_;
  ++reads_pending_;
  const auto patience = static_cast<std::uint64_t>(options_.election_ticks_max);
  reads_.push_back(WaitingRead{request.request, message.from, now_ + patience});
}

void Core::Impl::on_read_reply(const Message& message, const ReadIndexReply& reply) {
  if (role_ == Role::kLeader || message.from != leader_) return;
  auto batch = std::find_if(batches_.begin(), batches_.end(),
                            [&](const ReadBatch& b) { return b.id == reply.request; });
  if (batch == batches_.end()) return;
  ReadBatch answered = std::move(*batch);
  batches_.erase(batch);
  for (const WaitingRead& read : answered.reads) {
    if (reply.index == 0) {
      fail_read(read);
    } else {
      answer_read(read, reply.index);
    }
  }
}

}  // namespace cairn::raft
