#include "kv/offline/recover.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "kv/engine/engine.h"
#include "kv/identity/founding_record.h"
#include "kv/identity/identity.h"
#include "kv/node/routes.h"
#include "kv/offline/overlay_file_system.h"
#include "raft/core.h"
#include "wal/manual_executor.h"
#include "wal/wal.h"

namespace cairn::kv {
namespace {

/// No election that the dead may have held reaches so far ahead.
constexpr std::uint64_t kTermsAhead = 1'000;
constexpr std::size_t kTailBytes = 4u << 20;
constexpr std::size_t kKeysTold = 3;

/// One surviving directory, opened as a node opens it.
struct Survivor {
  std::string dir;
  std::unique_ptr<wal::FileSystem> overlay;  // of a look that changes nothing
  wal::FileSystem* files = nullptr;
  std::unique_ptr<wal::FileLock> lock;
  std::unique_ptr<Identity> identity;
  wal::ManualExecutor home, disk;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<wal::Wal> log;
  std::map<raft::GroupId, EngineGroup> states;

  ~Survivor() {
    log.reset();
    disk.drop_all();
    home.drop_all();
  }
};

/// What a survivor has of a group.
struct Part {
  Survivor* survivor = nullptr;
  wal::RecoveredGroup log;
  EngineGroup state;
};

/// What the log's end adds to the state of the metadata group.
struct Tail {
  std::uint64_t epoch = 1;
  std::optional<ClusterRecord> record;
  Revision revision = 0, ceiling = 0;
  std::vector<std::string> keys;  // newest last
};

class Recoverer {
 public:
  Recoverer(wal::FileSystem& files, bool carry_out) : files_(files), carry_out_(carry_out) {}

  Result<Recovery> run(const std::vector<std::string>& dirs) {
    if (dirs.empty()) return Error(Errc::kConfiguration, "name a surviving directory");
    for (const std::string& dir : dirs)
      if (auto opened = open(dir); !opened) return opened.error();
    if (auto found = find_parts(); !found) return found.error();
    if (auto made = make_record(); !made) return made.error();
    if (!carry_out_) return report();
    for (const auto& [group, parts] : parts_)
      if (auto written = force(group, parts); !written) return written.error();
    for (const auto& survivor : survivors_) {
      if (auto closed = close(*survivor); !closed) return closed.error();
      // Last: a crash before it leaves a node that leads by its log, and learns the record so.
      const std::uint32_t generation = next_.node(survivor->identity->node())->generation;
      if (auto recorded = survivor->identity->record_cluster(next_, generation); !recorded)
        return recorded.error();
    }
    return report();
  }

 private:
  Result<void> open(const std::string& dir) {
    auto survivor = std::make_unique<Survivor>();
    survivor->dir = dir;
    auto lock = files_.lock(dir + "/LOCK");
    if (!lock) {
      if (lock.error() == boost::system::errc::resource_unavailable_try_again)
        return Error(Errc::kLocked, dir + " is open in another process: stop that node first");
      return Error(Errc::kIo, dir + "/LOCK: " + lock.error().message());
    }
    survivor->lock = std::move(*lock);
    if (!carry_out_) survivor->overlay = std::make_unique<OverlayFileSystem>(files_);
    survivor->files = carry_out_ ? &files_ : survivor->overlay.get();
    auto identity = Identity::look(*survivor->files, dir);
    if (!identity) return Error(identity.error().code, dir + ": " + identity.error().detail);
    if (!identity->founded())
      return Error(Errc::kForeign, dir + " belongs to no cluster: there is nothing in it");
    survivor->identity = std::make_unique<Identity>(std::move(*identity));
    if (auto opened = open_data(*survivor); !opened) return opened.error();
    const Identity& first = survivors_.empty() ? *survivor->identity : *survivors_[0]->identity;
    for (const auto& other : survivors_)
      if (other->identity->node() == survivor->identity->node())
        return Error(Errc::kForeign, dir + " and " + other->dir + " are the same node's");
    if (survivor->identity->founding() != first.founding())
      return Error(Errc::kForeign, dir + " is of another cluster than " + survivors_[0]->dir);
    survivors_.push_back(std::move(survivor));
    return {};
  }

  /// As the node made them last: there may be little room.
  static std::uint64_t segment_bytes(Survivor& s) {
    std::uint64_t bytes = wal::WalOptions().segment_bytes;
    const auto names = s.files->list(s.dir + "/wal");
    if (!names) return bytes;
    for (const std::string& name : *names)
      if (const auto size = s.files->file_size(s.dir + "/wal/" + name);
          name.starts_with("wal-") && size && *size >= 4'096 && *size <= (1u << 30))
        bytes = *size;
    return bytes / 8 * 8;
  }

  static Result<void> open_data(Survivor& s) {
    const std::uint64_t cluster = s.identity->founding().cluster_id;
    wal::WalOptions options;
    options.cluster_id = cluster;
    options.node_id = s.identity->node();
    options.segment_bytes = segment_bytes(s);
    std::string detail;
    auto log = wal::Wal::open(*s.files, s.dir + "/wal", options, s.home, s.disk, &detail);
    if (!log) return Error(Errc::kCorrupt, detail.empty() ? log.error().message() : detail);
    s.log = std::move(*log);
    auto engine = Engine::open(*s.files, s.dir + "/engine", cluster, s.identity->node(),
                               EngineOptions(), nullptr, &detail);
    if (!engine) return Error(Errc::kCorrupt, s.dir + "/engine: " + detail);
    s.engine = std::move(*engine);
    for (const EngineGroup& state : s.engine->groups()) s.states[state.group] = state;
    return {};
  }

  /// Of each group, all that survivors have; the best log first.
  Result<void> find_parts() {
    for (const auto& s : survivors_) {
      std::map<raft::GroupId, wal::RecoveredGroup> logs;
      for (const wal::RecoveredGroup& log : s->log->recovered()) logs[log.group] = log;
      // A state that was never flushed is made again from the log when the node starts.
      for (const auto& [group, log] : logs)
        if (log.start_index == 0 && raft::decode_configuration(log.config))
          s->states.try_emplace(group, EngineGroup{.group = group});
      for (const auto& [group, state] : s->states) {
        wal::RecoveredGroup log = logs[group];
        log.group = group;
        const bool installed = state.installed_index == state.applied && state.applied > 0;
        const bool replaced = installed && state.applied > log.start_index &&
                              state.applied <= log.last_index &&
                              s->log->term_at(group, state.applied) != state.applied_term;
        if (state.applied > log.last_index || replaced) {
          if (!installed)
            return Error(Errc::kCorrupt, s->dir + ": the database is ahead of the log");
          // An installed snapshot took the log's place; its reset is made up for.
          log.last_index = state.applied;
          log.last_term = state.applied_term;
          s->log->reset(group, state.applied, state.applied_term,
                        raft::encode_configuration(state.config));
        }
        if (log.last_index > 0) parts_[group].push_back({s.get(), log, state});
      }
    }
    for (auto& [group, parts] : parts_)
      std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
        return std::pair(a.log.last_term, a.log.last_index) >
               std::pair(b.log.last_term, b.log.last_index);
      });
    return {};
  }

  /// The entries that the state lacks, and, for people, what they wrote.
  static Result<Tail> read_tail(const Part& part) {
    Tail tail;
    tail.revision = part.state.last_revision;
    tail.ceiling = part.state.ceiling;
    if (part.log.group == kMetadataGroup) {
      const auto item = part.survivor->engine->get(kMetadataGroup, kClusterKey);
      if (!item && item.error() != EngineError::kNoGroup)
        return Error(Errc::kCorrupt, part.survivor->dir + ": the cluster record cannot be read");
      if (item && item->has_value())
        if (const auto record = decode_cluster_record((**item).value)) tail.record = *record;
      if (tail.record) tail.epoch = tail.record->epoch;
    }
    constexpr std::uint64_t kLook = 64;  // for the last keys
    const std::uint64_t last = part.log.last_index;
    const std::uint64_t look = last > kLook ? last - kLook : 0;
    const std::uint64_t first = std::max(part.log.start_index, std::min(part.state.applied, look));
    for (std::uint64_t next = first + 1; next <= last;) {
      const auto entries = part.survivor->log->read_now(part.log.group, next, last, kTailBytes);
      if (!entries || entries->empty()) break;  // a snapshot's reset: there is no tail
      for (const wal::LogEntry& entry : *entries) note_entry(entry, part.state.applied, tail);
      next = entries->back().index + 1;
    }
    return tail;
  }

  static void note_entry(const wal::LogEntry& entry, std::uint64_t applied, Tail& tail) {
    if (static_cast<raft::EntryKind>(entry.kind) != raft::EntryKind::kCommand) return;
    const auto split = split_entry(entry.data);
    const auto command = split ? decode_command(split->command)
                               : boost::system::result<Command>(CommandError::kMalformed);
    if (!command) return;
    for (const Operation& o : command->operations) tail.keys.push_back(o.key);
    if (entry.index <= applied) return;
    tail.revision = std::max(tail.revision, split->stamp.revision);
    tail.ceiling = std::max(tail.ceiling, split->stamp.ceiling);
    if (command->kind != CommandKind::kSetCluster) return;
    const auto record = decode_cluster_record(command->record);
    if (!record || record->epoch != tail.epoch + 1) return;
    tail.epoch = record->epoch;
    tail.record = *record;
  }

  /// The survivors alone, in the epoch after the newest that any of them knows.
  Result<void> make_record() {
    next_ = first_cluster_record(survivors_[0]->identity->founding());
    const auto newer = [this](const ClusterRecord& record) {
      if (record.epoch > next_.epoch) next_ = record;
    };
    for (const auto& s : survivors_) newer(s->identity->cluster());
    for (const auto& [group, parts] : parts_) {
      auto tail = read_tail(parts.front());
      if (!tail) return tail.error();
      if (tail->record) newer(*tail->record);
      tails_[group] = std::move(*tail);
    }
    for (raft::GroupId group = 0; group < next_.groups.size(); ++group)
      if (parts_.count(group) == 0)
        return Error(
            Errc::kConfiguration,
            (group == kMetadataGroup ? std::string("the metadata group")
                                     : "partition " + std::to_string(partition_of_group(group))) +
                " has no replica in these directories: name another survivor too");
    std::set<NodeNumber> alive;
    for (const auto& s : survivors_) {
      const ClusterNode* known = next_.node(s->identity->node());
      if (known == nullptr || known->incarnation != s->identity->incarnation())
        return Error(Errc::kForeign, s->dir +
                                         " is no member's any more: the node was removed, or "
                                         "came back with another directory");
      alive.insert(known->id);
    }
    for (const ClusterNode& node : next_.nodes)
      if (alive.count(node.id) == 0) dead_.push_back(node.id);
    std::erase_if(next_.nodes, [&](const ClusterNode& node) { return alive.count(node.id) == 0; });
    for (ClusterNode& node : next_.nodes) {
      node.state = ClusterNode::State::kActive;
      node.learner = false;
    }
    ++next_.epoch;
    place_groups(next_);
    if (!valid_cluster_record(next_))
      return Error(Errc::kInternal, "the survivors make no valid cluster record");
    return {};
  }

  /// One more entry at the end of the best log: with it the survivors that have the group are all
  /// of its voters.
  Result<void> force(raft::GroupId group, const std::vector<Part>& parts) {
    raft::Configuration config;
    raft::Term term = 0;
    for (const Part& part : parts) {
      config.voters.push_back(next_.node(part.survivor->identity->node())->member());
      term = std::max({term, raft::Term{part.log.hard_state.term}, raft::Term{part.log.last_term}});
    }
    std::sort(config.voters.begin(), config.voters.end());
    term += kTermsAhead;
    const Part& best = parts.front();
    wal::Wal& log = *best.survivor->log;
    std::uint64_t index = best.log.last_index;
    log.set_hard_state(
        group, {term, raft::kNobody, std::max(best.log.hard_state.commit, best.state.applied)});
    log.append(group, ++index, term, static_cast<std::uint8_t>(raft::EntryKind::kConfig),
               raft::encode_configuration(config));
    if (group != kMetadataGroup) return {};
    // The state takes only the record that follows its own.
    const Tail& tail = tails_.at(group);
    for (std::uint64_t epoch = tail.epoch + 1; epoch <= next_.epoch; ++epoch) {
      ClusterRecord record = next_;
      record.epoch = epoch;
      Command command;
      command.kind = CommandKind::kSetCluster;
      command.epoch = Routes().epoch();
      command.record = encode_cluster_record(record);
      const Stamp stamp{tail.revision + (epoch - tail.epoch), tail.ceiling, 0};
      log.append(group, ++index, term, static_cast<std::uint8_t>(raft::EntryKind::kCommand),
                 *make_entry(stamp, encode_command(command)));
    }
    return {};
  }

  static Result<void> close(Survivor& s) {
    boost::system::error_code error;
    const auto note = [&error](const wal::Result<void>& done) {
      if (!done) error = done.error();
    };
    s.log->commit(note);
    wal::run_until_idle(s.home, s.disk);
    if (!error) s.log->close(note);
    wal::run_until_idle(s.home, s.disk);
    if (error) return Error(Errc::kIo, s.dir + "/wal could not be written: " + error.message());
    return {};
  }

  Recovery report() const {
    Recovery out;
    out.cluster = next_.cluster_id;
    out.epoch = next_.epoch;
    out.dead = dead_;
    for (const auto& s : survivors_) out.survivors.push_back(s->identity->node());
    for (const auto& [group, parts] : parts_) {
      const Part& best = parts.front();
      RecoveredPart part;
      part.group = group;
      part.survivor = best.survivor->identity->node();
      part.last = best.log.last_index;
      part.last_term = best.log.last_term;
      part.commit = std::max(best.log.hard_state.commit, best.state.applied);
      const auto& keys = tails_.at(group).keys;
      for (auto key = keys.rbegin(); key != keys.rend() && part.last_keys.size() < kKeysTold; ++key)
        if (std::find(part.last_keys.begin(), part.last_keys.end(), *key) == part.last_keys.end())
          part.last_keys.push_back(*key);
      out.parts.push_back(std::move(part));
    }
    return out;
  }

  wal::FileSystem& files_;
  const bool carry_out_;
  std::vector<std::unique_ptr<Survivor>> survivors_;
  std::map<raft::GroupId, std::vector<Part>> parts_;
  std::map<raft::GroupId, Tail> tails_;
  ClusterRecord next_;
  std::vector<NodeNumber> dead_;
};

}  // namespace

Result<Recovery> recover(wal::FileSystem& files, const std::vector<std::string>& dirs,
                         bool carry_out) {
  return Recoverer(files, carry_out).run(dirs);
}

}  // namespace cairn::kv
