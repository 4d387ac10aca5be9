#include "kv/node/state_repair.h"

#include <algorithm>
#include <utility>

#include "kv/engine/state_hash.h"

namespace cairn::kv {
namespace {

constexpr Micros kAnswerWithin = std::chrono::seconds{10};
constexpr Micros kStandstill = std::chrono::seconds{15};
constexpr std::uint32_t kAllBuckets = (std::uint64_t{1} << kStateBuckets) - 1;

Error broken_off(const std::string& why) {
  Error e(Errc::kTimeout, "the comparison of states was broken off: " + why);
  e.retry_after_ms = 1'000;
  return e;
}

}  // namespace

struct StateRepair::Job {
  raft::GroupId group = 0;
  NodeNumber leader = 0;
  StateComparison wish;
  Callback<StateReport> done;
  StateReport report;
  bool held = false;  // the group's apply
  std::uint64_t token = 0;
  StateBuckets there{};  // as the leader kept them
  std::shared_ptr<StateView> here;
  std::uint32_t buckets = 0;  // that are walked
  StateHash counted;          // what the leader's pages add up to
  std::string after;          // walked up to and with it
  bool last = false;
  std::vector<std::string> wanted;  // keys whose records the leader is asked for
  Micros progress{0};
};

void StateRepair::start(raft::GroupId group, NodeNumber leader, const StateComparison& wish,
                        Callback<StateReport> done) {
  if (job_) {
    Error e(Errc::kOverloaded, "another comparison is under way at this node");
    e.retry_after_ms = 500;
    return done(std::move(e));
  }
  const JobPtr job = job_ = std::make_shared<Job>();
  job->group = group;
  job->leader = leader;
  job->wish = wish;
  job->done = std::move(done);
  job->report.metadata = wish.metadata;
  job->report.partition = wish.partition;
  job->report.node = wish.node;
  job->report.against = leader;
  job->report.quarantined = host_.replica(group)->odd();
  job->progress = host_.now();
  StateAsk open;
  open.what = StateAsk::What::kOpen;
  open.group = group;
  open.at_least = host_.hold_apply(group);
  job->held = true;
  ask(job, std::move(open), [this, job](const std::string& body) {
    const auto there = decode_state_opened(body);
    if (!there) return fail(job, broken_off("the leader's answer does not decode"));
    opened(job, *there);
  });
}

void StateRepair::ask(const JobPtr& job, StateAsk question,
                      std::function<void(const std::string&)> answered) {
  question.token = job->token;
  host_.request(
      job->leader, net::Channel::kBulk, RequestKind::kStateView, encode_state_ask(question),
      host_.now() + kAnswerWithin,
      [this, job, answered = std::move(answered)](std::optional<RpcReply> reply) {
        if (!current(job)) return;
        job->progress = host_.now();
        if (const auto* body = reply ? std::get_if<AdminReply>(&*reply) : nullptr)
          return answered(body->body);
        const auto* refusal = reply ? std::get_if<Refusal>(&*reply) : nullptr;
        fail(job, refusal != nullptr ? refusal->error : broken_off("the leader did not answer"));
      });
}

void StateRepair::opened(const JobPtr& job, const StateOpened& there) {
  job->token = there.token;
  job->there = there.buckets;
  job->report.index = there.index;
  Replica* const replica = host_.replica(job->group);
  if (replica == nullptr) return fail(job, broken_off("the replica has gone"));
  host_.raise_apply(job->group, there.index);
  replica->await_applied(there.index, host_.now() + kAnswerWithin,
                         [this, job](BarrierResult result) {
                           if (!current(job)) return;
                           if (result == BarrierResult::kOk)
                             aligned(job);
                           else
                             fail(job, broken_off("this node did not get as far as the leader"));
                         });
}

void StateRepair::aligned(const JobPtr& job) {
  job->progress = host_.now();
  using Taken = boost::system::result<std::unique_ptr<StateView>>;
  auto taken = std::make_shared<Taken>(boost::system::error_code(EngineError::kNoGroup));
  host_.on_engine(
      [group = job->group, taken](Engine& engine) { *taken = engine.state_view(group); },
      [this, job, taken] {
        if (!current(job)) return;
        if (!*taken) return fail(job, broken_off(taken->error().message()));
        job->here = std::move(**taken);
        if (job->here->applied() != job->report.index)
          return fail(job, broken_off("the group's state was replaced meanwhile"));
        viewed(job);
      });
}

void StateRepair::viewed(const JobPtr& job) {
  if (!job->wish.heal) {
    job->held = false;
    host_.release_apply(job->group);
  }
  for (std::size_t i = 0; i < kStateBuckets; ++i) {
    if (job->there[i] == job->here->buckets()[i]) continue;
    job->buckets |= 1u << i;
    job->report.buckets.push_back(static_cast<std::uint32_t>(i));
  }
  // A repair ends with a state that is known whole.
  if (job->wish.deep || job->wish.heal) job->buckets = kAllBuckets;
  if (job->buckets == 0) return finish(job);
  next_page(job);
}

void StateRepair::next_page(const JobPtr& job) {
  StateAsk page;
  page.what = StateAsk::What::kPage;
  page.after = job->after;
  page.buckets = job->buckets;
  ask(job, std::move(page), [this, job](const std::string& body) {
    const auto there = decode_state_page(body);
    if (!there || (there->more && there->last_key <= job->after))
      return fail(job, broken_off("the leader's answer does not decode"));
    compare(job, *there);
  });
}

/// The same stretch of keys here.
void StateRepair::compare(const JobPtr& job, const StateView::Page& there) {
  StateView::Range range;
  range.after = job->after;
  range.until = there.more ? there.last_key : std::string();
  range.buckets = job->buckets;
  using Read = boost::system::result<StateView::Page>;
  auto page = std::make_shared<Read>(StateView::Page{});
  host_.on_read([view = job->here, range, page] { *page = view->page(range); },
                [this, job, there, page] {
                  if (!current(job)) return;
                  job->progress = host_.now();
                  if (!*page) return fail(job, broken_off(page->error().message()));
                  compared(job, there, **page);
                });
}

/// Where this replica has so much more that its page ends first, the leader's ends there as well.
void StateRepair::compared(const JobPtr& job, const StateView::Page& there,
                           const StateView::Page& here) {
  StateView::Page other = there;
  if (here.more) {
    std::erase_if(other.entries, [&](const StateEntry& e) { return e.key > here.last_key; });
    other.more = true;
    other.last_key = here.last_key;
  }
  for (const StateEntry& e : other.entries) job->counted.toggle(StateHash::key_hash(e.key), e.word);
  job->last = !other.more;
  if (other.more) job->after = other.last_key;
  auto mine = here.entries.begin();
  auto theirs = other.entries.begin();
  const auto differs = [&](const StateEntry* a, const StateEntry* b) {
    const std::string& key = a != nullptr ? a->key : b->key;
    ++job->report.differing;
    if (job->report.keys.size() < kStateKeysMax)
      job->report.keys.push_back(
          {key, a != nullptr ? a->mod_revision : 0, b != nullptr ? b->mod_revision : 0});
    if (job->wish.heal) job->wanted.push_back(key);
  };
  while (mine != here.entries.end() || theirs != other.entries.end()) {
    if (theirs == other.entries.end() || (mine != here.entries.end() && mine->key < theirs->key)) {
      differs(&*mine++, nullptr);
    } else if (mine == here.entries.end() || theirs->key < mine->key) {
      differs(nullptr, &*theirs++);
    } else {
      if (mine->word != theirs->word) differs(&*mine, &*theirs);
      ++mine;
      ++theirs;
    }
  }
  fetch(job);
}

void StateRepair::fetch(const JobPtr& job) {
  if (job->wanted.empty()) return job->last ? walked(job) : next_page(job);
  StateAsk question;
  question.what = StateAsk::What::kRecords;
  const auto end = job->wanted.begin() +
                   static_cast<std::ptrdiff_t>(std::min(job->wanted.size(), kStateKeysMax));
  question.keys.assign(job->wanted.begin(), end);
  ask(job, std::move(question), [this, job](const std::string& body) {
    auto records = decode_item_records(body);
    bool fits = records && !records->empty() && records->size() <= job->wanted.size();
    for (std::size_t i = 0; fits && i < records->size(); ++i)
      fits = (*records)[i].key == job->wanted[i];
    if (!fits) return fail(job, broken_off("the leader's answer does not decode"));
    take(job, std::move(*records));
  });
}

void StateRepair::take(const JobPtr& job, std::vector<ItemRecord> records) {
  const std::size_t taken = records.size();
  auto error = std::make_shared<boost::system::error_code>();
  host_.on_engine(
      [group = job->group, index = job->report.index, records = std::move(records),
       error](Engine& engine) {
        if (const auto done = engine.repair(group, index, records); !done) *error = done.error();
      },
      [this, job, taken, error] {
        if (!current(job)) return;
        job->progress = host_.now();
        if (*error) return fail(job, broken_off(error->message()));
        job->report.healed += taken;
        job->wanted.erase(job->wanted.begin(),
                          job->wanted.begin() + static_cast<std::ptrdiff_t>(taken));
        fetch(job);
      });
}

/// What the leader holds must be what its own hash says, or it is no better than this one.
void StateRepair::walked(const JobPtr& job) {
  for (std::size_t i = 0; i < kStateBuckets; ++i)
    if ((job->buckets >> i & 1) != 0 && job->counted.buckets()[i] != job->there[i])
      return fail(
          job, Error(Errc::kCorrupt, "the items of node " + std::to_string(job->leader) +
                                         ", the leader, are not what its own hash says: move the "
                                         "leadership (kvctl leader move) and compare again"));
  if (!job->wish.heal) return finish(job);
  auto error = std::make_shared<boost::system::error_code>();
  host_.on_engine(
      [group = job->group, index = job->report.index, buckets = job->there, error](Engine& engine) {
        if (const auto done = engine.end_repair(group, index, buckets); !done)
          *error = done.error();
      },
      [this, job, error] {
        if (!current(job)) return;
        if (*error) return fail(job, broken_off(error->message()));
        host_.flush_engine([this, job](bool flushed) {
          if (!current(job)) return;
          if (!flushed) return fail(job, broken_off("the engine could not be flushed"));
          host_.state_healed(job->group);
          job->report.quarantined = false;
          finish(job);
        });
      });
}

void StateRepair::close(Job& job) {
  if (std::exchange(job.held, false)) host_.release_apply(job.group);
  job.here.reset();
  if (job.token == 0) return;
  StateAsk over;
  over.what = StateAsk::What::kClose;
  over.token = job.token;
  host_.request(job.leader, net::Channel::kBulk, RequestKind::kStateView, encode_state_ask(over),
                host_.now() + kAnswerWithin, [](const std::optional<RpcReply>&) {});
}

void StateRepair::finish(const JobPtr& job) {
  job_.reset();
  close(*job);
  job->done(std::move(job->report));
}

void StateRepair::fail(const JobPtr& job, const Error& error) {
  job_.reset();
  close(*job);
  job->done(error);
}

void StateRepair::tick() {
  if (job_ && host_.now() - job_->progress > kStandstill)
    fail(JobPtr(job_), broken_off("nothing came for too long"));
}

void StateRepair::end(raft::GroupId group) {
  if (job_ && job_->group == group) fail(JobPtr(job_), broken_off("the group's state is replaced"));
}

void StateRepair::stop(const Error& error) {
  if (job_) fail(JobPtr(job_), error);
}

}  // namespace cairn::kv
