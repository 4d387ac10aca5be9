#include "kv/offline/restore.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "kv/engine/digest.h"
#include "kv/engine/engine.h"
#include "kv/engine/keyspace.h"
#include "kv/engine/snapshot_chunk.h"
#include "kv/identity/founding_record.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kChunkBytes = 256u << 10;
/// The old cluster's leaders may have stamped this far beyond what they had closed.
constexpr Revision kRevisionLead = Revision{60'000} << 13;

std::uint64_t never_zero(std::uint64_t value) {
  return value == 0 ? 1 : value;
}

/// Alone, an incarnation is drawn; members' must be known to each other without a word.
std::uint64_t incarnation_of(const RestoreOptions& options, const BackupHeader& backup,
                             std::uint64_t node, const Random64& random) {
  if (options.cluster.empty()) return never_zero(random());
  std::string seed = "restore " + std::to_string(backup.cluster) + ' ' + std::to_string(backup.id) +
                     ' ' + std::to_string(node) + '\n' + options.token;
  for (const Member& member : options.cluster) {
    seed += '\n' + std::to_string(member.id) + '=' + member.peer;
  }
  return never_zero(hash64(seed));
}

Result<net::FoundingRecord> new_cluster(const RestoreOptions& options, const BackupHeader& backup,
                                        const Random64& random) {
  RestoreOptions sorted = options;
  std::sort(sorted.cluster.begin(), sorted.cluster.end(),
            [](const Member& a, const Member& b) { return a.id < b.id; });
  net::FoundingRecord record;
  record.partitions = backup.partitions;
  record.hash_id = backup.hash_id;
  record.hash_seed = backup.hash_seed;
  const std::uint64_t self = options.node_id == 0 ? 1 : options.node_id;
  bool listed = options.cluster.empty();
  if (listed) record.founders = {{self, {}, incarnation_of(sorted, backup, self, random)}};
  for (const Member& member : sorted.cluster) {
    listed = listed || member.id == self;
    record.founders.push_back(
        {member.id, member.peer, incarnation_of(sorted, backup, member.id, random)});
  }
  if (!listed) return Error(Errc::kConfiguration, "--cluster does not list --id");
  const std::size_t wanted = std::min<std::size_t>(options.replicas, record.founders.size());
  record.replicas = static_cast<std::uint32_t>(wanted);
  record.cluster_id = compute_cluster_id(record);
  if (!valid_founding_record(record))
    return Error(Errc::kConfiguration, "the members are not distinct, or out of range");
  return record;
}

/// Writes the partitions that belong here into an engine, as snapshots of the new cluster.
class Installer final : public BackupVisitor {
 public:
  Installer(Engine& engine, const net::FoundingRecord& record, std::uint64_t self,
            Revision revision, const Progress& progress, std::uint64_t total)
      : engine_(engine),
        cluster_(record.cluster_id),
        wanted_(first_cluster_record(record)),
        self_(self),
        revision_(revision),
        progress_(progress),
        total_(total) {}

  bool partition_begin(std::uint32_t partition, const StreamHead& old) override {
    const auto& members = wanted_.groups.at(partition + 1).voters;
    here_ = std::find(members.begin(), members.end(), self_) != members.end();
    if (!here_) return true;
    auto record = decode_replicated(old.replicated);
    if (!record) return failed(EngineError::kCorrupt);
    record->config = {};
    record->config.voters.assign(members.begin(), members.end());
    std::sort(record->config.voters.begin(), record->config.voters.end());
    record->config_index = record->applied;
    record->epoch = static_cast<std::uint32_t>(wanted_.epoch);
    record->last_revision = record->ceiling = revision_;
    // A group that never applied anything begins as any new one does.
    fresh_ = record->applied == 0;
    if (fresh_) return true;
    const StreamHead head{cluster_, partition + 1, encode_replicated(*record)};
    writer_ = ChunkWriter();
    writer_.begin(head);
    digest_.emplace(head.replicated);
    entries_ = 0;
    auto sink =
        engine_.install(head.group, {record->applied, record->applied_term, record->config});
    if (!sink) return failed(sink.error());
    sink_ = std::move(*sink);
    return true;
  }

  bool entry(std::uint32_t, std::string_view key, std::string_view value) override {
    if (!here_) return true;
    if (fresh_) return failed(EngineError::kCorrupt);
    if (key.front() == static_cast<char>(Space::kCurrent)) ++items_;
    digest_->add(key, value);
    writer_.add(key, value);
    ++entries_;
    return writer_.bytes() < kChunkBytes || flush(std::nullopt);
  }

  bool partition_end(std::uint32_t) override {
    if (!here_) return true;
    ++partitions_;
    if (fresh_) return true;
    if (!flush(StreamTail{entries_, digest_->value()})) return false;
    const auto done = sink_->finish();
    sink_.reset();
    return done ? true : failed(done.error());
  }

  void progress(std::uint64_t bytes) override {
    if (progress_) progress_(bytes, total_);
  }

  [[nodiscard]] const std::optional<boost::system::error_code>& error() const { return error_; }
  [[nodiscard]] std::uint64_t items() const { return items_; }
  [[nodiscard]] std::uint32_t partitions() const { return partitions_; }

 private:
  bool failed(boost::system::error_code code) {
    error_ = code;
    return false;
  }
  bool flush(const std::optional<StreamTail>& tail) {
    const auto done = sink_->add(writer_.take(tail));
    return done ? true : failed(done.error());
  }

  Engine& engine_;
  const std::uint64_t cluster_;
  const ClusterRecord wanted_;
  const std::uint64_t self_;
  const Revision revision_;
  const Progress& progress_;
  const std::uint64_t total_;
  bool here_ = false;
  bool fresh_ = false;
  ChunkWriter writer_;
  std::optional<StateDigest> digest_;
  std::unique_ptr<SnapshotSink> sink_;
  std::uint64_t entries_ = 0;
  std::uint64_t items_ = 0;
  std::uint32_t partitions_ = 0;
  std::optional<boost::system::error_code> error_;
};

/// Makes the directory and holds it; refuses one that has anything in it.
Result<std::unique_ptr<wal::FileLock>> claim(wal::FileSystem& files, const std::string& dir) {
  const auto failed = [&](const boost::system::error_code& why) {
    return Error(Errc::kIo, dir + ": " + why.message());
  };
  if (const auto made = files.create_directories(dir); !made) return failed(made.error());
  const auto names = files.list(dir);
  if (!names) return failed(names.error());
  const bool empty = std::all_of(names->begin(), names->end(),
                                 [](const std::string& name) { return name == "LOCK"; });
  if (!empty)
    return Error(Errc::kConfiguration,
                 dir + " is not empty: name another --data-dir, or remove it first");
  auto lock = files.lock(dir + "/LOCK");
  if (lock) return std::move(*lock);
  if (lock.error() == boost::system::errc::resource_unavailable_try_again)
    return Error(Errc::kLocked, dir + " is open in another process");
  return failed(lock.error());
}

Result<void> fill_engine(wal::FileSystem& files, const BackupFile& backup,
                         const net::FoundingRecord& record, std::uint64_t self,
                         const std::string& dir, const Progress& progress, Restored* out) {
  std::string detail;
  auto engine = Engine::open(files, dir + "/engine", record.cluster_id, self, EngineOptions(),
                             nullptr, &detail);
  if (!engine) return Error(Errc::kIo, dir + "/engine: " + detail);
  Installer installer(**engine, record, self, out->revision, progress, backup.size());
  const auto walked = backup.walk(installer);
  if (installer.error())
    return Error(Errc::kIo, dir + "/engine could not be written: " + installer.error()->message());
  if (!walked) return walked.error();
  std::optional<boost::system::error_code> flushed;
  (*engine)->flush([&flushed](boost::system::result<FlushPoint> point) {
    flushed = point ? boost::system::error_code() : point.error();
  });
  if (!flushed || *flushed) return Error(Errc::kIo, dir + "/engine could not be flushed");
  out->items = installer.items();
  out->partitions_here = installer.partitions();
  return {};
}

}  // namespace

Result<Restored> restore_backup(wal::FileSystem& files, const RestoreOptions& options,
                                const Random64& random, const Progress& progress) {
  const auto backup = BackupFile::open(files, options.backup);
  if (!backup) return backup.error();
  const auto summary = backup->check(nullptr);
  if (!summary) return summary.error();
  const auto record = new_cluster(options, summary->header, random);
  if (!record) return record.error();
  const std::uint64_t self = options.node_id == 0 ? 1 : options.node_id;
  Restored out;
  out.cluster_id = record->cluster_id;
  out.partitions = record->partitions;
  out.revision = std::max(summary->revision_max, options.revisions_past) + kRevisionLead;

  const auto lock = claim(files, options.data_dir);
  if (!lock) return lock.error();
  if (auto done = fill_engine(files, *backup, *record, self, options.data_dir, progress, &out);
      !done) {
    return done.error();
  }
  // Last, for it is what makes this a data directory. The first draw is the incarnation.
  bool first = true;
  const Random64 draw = [&] {
    if (!std::exchange(first, false)) return random();
    return find_founder(*record, self)->incarnation;
  };
  auto identity = Identity::open(files, options.data_dir, self, draw);
  if (!identity) return identity.error();
  if (auto done = identity->record_founding(*record); !done) return done.error();
  return out;
}

}  // namespace cairn::kv
