// Backups under way on a node: each partition as the stream of one snapshot, taken after a read
// index, so that all writes acknowledged before the backup reached that partition are in it.
// Partitions without a replica here are read from a node that has one. Home executor; reading runs
// on the read executor, a bounded chunk at a time and only when the caller asks for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kv/backup/backup_format.h"
#include "kv/engine/engine.h"
#include "kv/node/replica.h"
#include "kv/node/rpc.h"
#include "net/wire.h"

namespace cairn::kv {

class BackupHost {
 public:
  virtual ~BackupHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  [[nodiscard]] virtual Replica* replica(raft::GroupId group) = 0;
  [[nodiscard]] virtual std::shared_ptr<Engine> shared_engine() = 0;
  [[nodiscard]] virtual raft::NodeId any_member(raft::GroupId group, unsigned attempt) const = 0;
  /// Whose backup this is; moment, time and id are set too.
  [[nodiscard]] virtual BackupHeader backup_header() = 0;
  /// done(nullopt) once all that was committed before is applied to the replica here.
  virtual void await_newest(raft::GroupId group, Micros deadline,
                            std::function<void(std::optional<Error>)> done) = 0;
  virtual void on_read(std::function<void()> work, std::function<void()> done) = 0;
  virtual void request(raft::NodeId to, net::Channel channel, RequestKind kind, std::string body,
                       Micros deadline, std::function<void(std::optional<RpcReply>)> done) = 0;
};

/// One partition's stream, here; what both a backup and a peer's backup read from.
class PartitionStream {
 public:
  PartitionStream(BackupHost& host, raft::GroupId group) : host_(host), group_(group) {}
  /// The next chunk; nullopt after the last. One call at a time; `self` keeps this alive.
  static void next(const std::shared_ptr<PartitionStream>& self,
                   Callback<std::optional<std::string>> done);
  [[nodiscard]] raft::GroupId group() const { return group_; }

 private:
  static void read(const std::shared_ptr<PartitionStream>& self,
                   Callback<std::optional<std::string>> done);

  BackupHost& host_;
  const raft::GroupId group_;
  std::shared_ptr<SnapshotSource> source_;  // null: not begun, or at its end
};

class Backups {
 public:
  explicit Backups(BackupHost& host) : host_(host) {}

  /// The handle of a new backup; kOverloaded when there are too many.
  [[nodiscard]] Result<std::uint64_t> begin();
  /// The next piece of the backup's bytes; nullopt after the last. One call at a time.
  void next(std::uint64_t handle, Callback<std::optional<std::string>> done);
  void end(std::uint64_t handle) { jobs_.erase(handle); }

  /// A peer's backup asks for a chunk of a partition that has a replica here.
  void serve(raft::NodeId from, const BackupRequest& request, Callback<BackupChunk> done);

  /// Gives up what nobody asks for any more.
  void tick();
  void stop();
  [[nodiscard]] std::size_t under_way() const { return jobs_.size(); }

 private:
  struct Job {
    std::uint64_t handle = 0;
    BackupHeader header;
    BackupWriter writer;
    enum class Phase { kHeader, kPartitions, kEnded } phase = Phase::kHeader;
    std::uint32_t partition = 0;
    std::shared_ptr<PartitionStream> stream;  // of a partition with a replica here
    raft::NodeId peer = raft::kNobody;        // of another: who is asked
    std::uint64_t remote = 0;                 // that peer's name for its stream
    std::uint32_t sequence = 0;
    unsigned attempts = 0;
    bool busy = false;
    Micros used{0};
  };
  using JobPtr = std::shared_ptr<Job>;
  /// A stream that a peer reads.
  struct Served {
    std::shared_ptr<PartitionStream> stream;
    std::uint32_t next = 0;
    bool busy = false;
    Micros used{0};
  };
  using ServedKey = std::pair<raft::NodeId, std::uint64_t>;

  void advance(const JobPtr& job, Callback<std::optional<std::string>> done);
  void advance_here(const JobPtr& job, Callback<std::optional<std::string>> done);
  void advance_there(const JobPtr& job, Callback<std::optional<std::string>> done);
  void got_chunk(const JobPtr& job, std::optional<std::string> chunk,
                 Callback<std::optional<std::string>> done);
  [[nodiscard]] bool current(const JobPtr& job) const { return jobs_.count(job->handle) != 0; }

  BackupHost& host_;
  std::map<std::uint64_t, JobPtr> jobs_;  // by handle
  std::map<ServedKey, std::shared_ptr<Served>> served_;
  std::uint64_t last_ = 0;
};

}  // namespace cairn::kv
