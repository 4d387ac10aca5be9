// What a node does when data of its own turn out to be damaged. Nothing is repaired in place: where
// the others can go on without this replica and give its state back, all of it is set aside, and
// the node comes back as one that has lost its directory, a new member without a vote. So a log
// that is shorter than what it has acknowledged never speaks. Where they can't, it refuses and says
// so.
#include <algorithm>
#include <utility>

#include "kv/engine/table_check.h"
#include "kv/identity/quarantine.h"
#include "kv/node/node_impl.h"

namespace cairn::kv {
namespace {

constexpr const char* kRemedy =
    "; the other members alone are no majority, so nothing is changed: restore this disk or a "
    "backup (kvctl restore); kvctl verify says what is damaged";

/// Between the turns of two nodes that have both found rot: time for the others to see that the
/// first one has gone.
constexpr Micros kScrubTurn = std::chrono::seconds{2};

/// Three voters or more are a majority without any one of them.
bool can_spare(const std::vector<raft::NodeId>& voters, raft::NodeId member) {
  const bool votes = std::find(voters.begin(), voters.end(), member) != voters.end();
  const std::size_t others = voters.size() - (votes ? 1 : 0);
  return 2 * others > voters.size();
}

}  // namespace

/// As far as this node knows, every group that it has a part in.
bool NodeImpl::others_suffice() const {
  if (!seams_.reopen || options_.peer.empty() || removed_) return false;
  for (raft::GroupId group = 0; group < record_.groups.size(); ++group)
    if (record_.wants(group, member_) && !can_spare(record_.groups[group].voters, member_))
      return false;
  return std::all_of(replicas_.begin(), replicas_.end(), [this](const auto& r) {
    const raft::Configuration& now = r.second->core().config();
    return now.voters.empty() ||
           (can_spare(now.voters, member_) &&
            (now.voters_outgoing.empty() || can_spare(now.voters_outgoing, member_)));
  });
}

FormerLife NodeImpl::life_that_ends(const std::string& why) const {
  FormerLife life;
  life.founding = identity_->founding();
  life.record = record_;
  life.why = why;
  life.wall_ms = seams_.clock->wall_ms();
  return life;
}

void NodeImpl::show_distrust(Distrust what, const std::string& why) const {
  if (seams_.witness != nullptr) seams_.witness->distrusts(what, why);
}

/// Found while the directory was opened, before this node said a word. The next open() begins anew.
Error NodeImpl::damaged_at_start(const Error& found) {
  if (!others_suffice()) return Error(Errc::kCorrupt, found.detail + kRemedy);
  log_line(LogLine::Level::kError, "its data are damaged: " + found.detail);
  show_distrust(Distrust::kSetsAside, found.detail);
  if (auto marked =
          mark_for_setting_aside(*seams_.files, options_.data_dir, life_that_ends(found.detail));
      !marked)
    return marked.error();
  return found;
}

/// The database is damaged and the log, from its first entry on, is not: it is made again from
/// that.
Result<void> NodeImpl::rebuild_engine(const std::string& why) {
  show_distrust(Distrust::kRebuilds, why);
  const auto folder =
      set_engine_aside(*seams_.files, options_.data_dir, why, seams_.clock->wall_ms());
  if (!folder) return folder.error();
  quarantined_ = quarantines(*seams_.files, options_.data_dir);
  log_line(LogLine::Level::kError, "its database is damaged (" + why + "), was moved to " +
                                       *folder + ", and is made again from the log");
  std::string detail;
  return open_engine(&detail);
}

bool NodeImpl::log_has_all() const {
  const auto& logs = wal_->recovered();
  return seams_.reopen && std::all_of(logs.begin(), logs.end(), [](const auto& log) {
           return log.start_index == 0 && (log.last_index == 0 || !log.config.empty());
         });
}

/// Found while it runs. From here on this replica promises and serves nothing; leadership goes away
/// first.
void NodeImpl::damaged(const std::string& what, bool names_file) {
  if (leaving_for_good_ || fenced_ || failed_ || state_ != State::kServing) return;
  const bool spared = others_suffice();
  show_distrust(spared ? Distrust::kSetsAside : Distrust::kServesNone, what);
  if (!spared) {
    fence("its data are damaged: " + what + kRemedy, Errc::kCorrupt);
    return;
  }
  log_line(LogLine::Level::kError, "its data are damaged: " + what);
  withdraw("its data are damaged, and come back from its peers: " + what);
  leaving_for_good_ = true;
  const auto why = std::make_shared<FormerLife>(life_that_ends(what));
  change_identity(
      [files = seams_.files, dir = options_.data_dir, why, names_file](Identity&) {
        const std::string at = names_file ? "" : find_damage(*files, dir + "/engine");
        if (!at.empty()) why->why += ": " + at;
        return mark_for_setting_aside(*files, dir, *why);
      },
      [this, what](const Result<void>& marked) {
        if (marked)
          seams_.reopen();
        else
          report(Error(Errc::kFenced, what));
      });
}

/// Connected, with the directory that the record knows.
bool NodeImpl::is_well(const ClusterNode& node) const {
  const auto facts = peer_facts_.find(node.id);
  return facts != peer_facts_.end() && facts->second.incarnation == node.incarnation && peers_ &&
         peers_->up(node.id, net::Channel::kControl);
}

/// And none comes or goes.
bool NodeImpl::others_are_well() const {
  return record_.settled() &&
         std::all_of(record_.nodes.begin(), record_.nodes.end(),
                     [this](const ClusterNode& n) { return n.id == self_ || is_well(n); });
}

/// What the scrub finds, nobody has asked for: there is time until the others are all well, and one
/// node after another goes. Rot on several disks (a bad batch of them, a bug) would otherwise take
/// a majority away at once, though each of its members could still have told what it knows.
void NodeImpl::scrub_found(const std::string& what) {
  if (scrub_find_.empty()) scrub_found_at_ = now();
  scrub_find_ = what.empty() ? wal_->damage() : what;
  if (others_suffice())
    log_line(LogLine::Level::kWarning, "the scrub found damage (" + scrub_find_ +
                                           "); data are set aside once all other nodes are well");
  tend_scrub_find();
}

void NodeImpl::tend_scrub_find() {
  if (scrub_find_.empty()) return;
  const auto rank = std::count_if(record_.nodes.begin(), record_.nodes.end(),
                                  [this](const ClusterNode& n) { return n.id < self_; });
  const bool waits = now() < scrub_found_at_ + kScrubTurn * rank || !others_are_well();
  if (!others_suffice() || !waits) return damaged(std::exchange(scrub_find_, {}), true);
  lead_nothing();
}

/// A leader gives its state and its log to who needs them, and would come upon the rot then. It may
/// be that the next leader is in the same place; one that is well keeps what it gets.
void NodeImpl::lead_nothing() {
  for (auto& [group, r] : replicas_) {
    if (!r->leads()) continue;
    const raft::Status status = r->core().status();
    if (status.transferee != raft::kNobody) continue;
    std::vector<raft::NodeId> ready;
    for (const raft::NodeId voter : status.config.voters) {
      const ClusterNode* node = record_.node(node_of(voter));
      if (node != nullptr && node->member() == voter && is_well(*node)) ready.push_back(voter);
    }
    if (!ready.empty()) (void)r->transfer(ready[seams_.random() % ready.size()]);
  }
}

std::vector<ScrubHost::Stretch> NodeImpl::log_stretches() const {
  std::vector<Stretch> all;
  for (const auto& [group, r] : replicas_) {
    const raft::Index start = r->core().status().start;
    if (r->applied() > start) all.push_back({group, start + 1, r->applied()});
  }
  return all;
}

void NodeImpl::read_log_again(raft::GroupId group, raft::Index from, raft::Index to,
                              std::size_t bytes_max, wal::Wal::ReadDone done) {
  wal_->read(group, from, to, bytes_max,
             [weak = weak_from_this(), done](wal::Result<std::vector<wal::LogEntry>> entries) {
               const auto self = weak.lock();
               if (self && !self->failed_ && !self->fenced_) done(std::move(entries));
             });
}

void NodeImpl::on_scrub(std::function<void()> work, std::function<void()> done) {
  scrub_at(seams_.scrub != nullptr ? *seams_.scrub : *seams_.read, std::move(work),
           std::move(done));
}

void NodeImpl::between_tables(std::function<void()> work, std::function<void()> done) {
  scrub_at(seams_.background != nullptr ? *seams_.background : *seams_.apply, std::move(work),
           std::move(done));
}

void NodeImpl::scrub_at(wal::Executor& where, std::function<void()> work,
                        std::function<void()> done) {
  where.post([weak = weak_from_this(), home = seams_.home, work = std::move(work),
              done = std::move(done)] {
    work();
    home->post([weak, done] {
      const auto self = weak.lock();
      if (self && !self->failed_ && !self->fenced_ && self->state_ == State::kServing) done();
    });
  });
}

bool NodeImpl::engine_damaged() {
  if (!engine_ || !engine_->metrics().corrupt) return false;
  damaged("a table of its database");
  return true;
}

}  // namespace cairn::kv
