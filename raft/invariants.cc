#include "raft/invariants.h"

#include "raft/impl.h"

namespace cairn::raft {

void Core::Impl::check_state() const {
  require(log_.start() <= applied_, "applied below the log's start");
  require(applied_ <= handing_ && handing_ <= commit_,
          "applied, handed out and commit out of order");
  require(handing_ <= log_.durable(), "handed out what is not durable");
  require(commit_ <= log_.last(), "commit past the log");
  require(log_.durable() <= log_.last(), "durable past the log");
  require(log_.last_term() <= term_, "entry of a future term");
  require(log_.tail_first() <= log_.durable() + 1, "undurable entry not in memory");
  require(durable_hard_.term <= handed_hard_.term && handed_hard_.term <= term_,
          "durable term ahead of the handed one");
  require(token_confirmed_ <= token_, "confirmed a token of the future");

  const bool leads = role_ == Role::kLeader;
  require(leads == (leader_ == id_), "leader and role disagree");
  require(!leads || !stopped_, "a stopped core leads");
  require(leads || followers_.empty(), "progress without leadership");
  require(leads || rounds_.empty(), "read rounds without leadership");
  require(!leads || batches_.empty(), "a leader asks for reads");
  require(role_ == passive_role() || leads || configs_.votes_since(commit_, id_),
          "role of a voter without vote");
  require(config_ == configs_.effective().config, "another configuration than the log's");
  require(configs_.effective().index <= log_.last(), "a configuration past the log");
  require(leads || transferee_ == kNobody, "a transfer without leadership");
  require(leads || (lease_rounds_.empty() && !lease_from_), "a lease without leadership");
  require(!quiet_ || nothing_to_do(), "quiet with something to do");
  require(role_ != Role::kCandidate || vote_ == id_, "candidate without its own vote");
  require(!leads || vote_ == id_, "leader without its own vote");
  if (leads) {
    require(log_.last_term() == term_, "leader without an entry of its term");
    require(own_first_ <= log_.last(), "leader without its no-op");
  }

  std::size_t pending = reads_.size();
  for (const ReadRound& round : rounds_) pending += round.reads.size();
  for (const ReadBatch& batch : batches_) pending += batch.reads.size();
  require(pending == reads_pending_, "pending reads miscounted");

  require(!leads || followers_.size() == peers_.size(), "followers are not the members");
  for (const Progress& peer : followers_) {
    require(contains(peers_, peer.id), "progress of a stranger");
    require(peer.match < peer.next, "match not below next");
    require(peer.next <= log_.last() + 1, "next past the log");
    require(peer.state == Progress::State::kReplicate || peer.inflights.empty(),
            "window in use outside replicate");
    require(peer.commit_told <= commit_, "told a commit index that is none");
    require(peer.round_acked <= round_, "round of the future");
  }
}

struct Inspector {
  static void check(const Core& core) { core.impl_->check_state(); }
};

void check_invariants(const Core& core) {
  Inspector::check(core);
}

void InvariantWatch::observe(const Core& core) {
  check_invariants(core);
  Status now = core.status();
  if (seen_) {
    require(now.term >= last_.term, "term fell");
    require(now.commit >= last_.commit, "commit fell");
    require(now.applied >= last_.applied, "applied fell");
    require(now.start >= last_.start, "the log's start fell");
    if (now.term == last_.term) {
      require(last_.vote == kNobody || now.vote == last_.vote, "second vote in one term");
      require(last_.leader == kNobody || now.leader == kNobody || now.leader == last_.leader,
              "second leader in one term");
      if (last_.role == Role::kLeader && now.role == Role::kLeader) {
        require(now.last >= last_.last, "a leader dropped entries");
      }
    }
  }
  last_ = std::move(now);
  seen_ = true;
}

}  // namespace cairn::raft
