#include "kv/node/backups.h"

#include <vector>

#include "kv/node/routes.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kChunkBytes = 256u << 10;
constexpr std::size_t kJobsMax = 2;
constexpr std::size_t kServedMax = 8;
constexpr unsigned kAttemptsMax = 5;
constexpr Micros kFreshWithin = std::chrono::seconds{10};
constexpr Micros kChunkWithin = std::chrono::seconds{20};
constexpr Micros kStandstill = std::chrono::seconds{60};  // holds disk space for nobody

Error gone() {
  return Error(Errc::kTimeout, "the backup is not under way any more: begin anew");
}

Error no_replica(std::uint32_t partition) {
  Error e(Errc::kNoLeader, "no node that holds partition " + std::to_string(partition) +
                               " can be reached: the backup is not complete");
  e.retry_after_ms = 500;
  return e;
}

}  // namespace

// --- one partition
// --------------------------------------------------------------------------------

void PartitionStream::next(const std::shared_ptr<PartitionStream>& self,
                           Callback<std::optional<std::string>> done) {
  if (self->source_) return read(self, std::move(done));
  BackupHost& host = self->host_;
  host.await_newest(
      self->group_, host.now() + kFreshWithin,
      [self, &host, done = std::move(done)](std::optional<Error> error) {
        if (error) return done(std::move(*error));
        using Opened = boost::system::result<std::unique_ptr<SnapshotSource>>;
        auto opened = std::make_shared<Opened>(boost::system::error_code(EngineError::kNoGroup));
        host.on_read([engine = host.shared_engine(), group = self->group_,
                      opened] { *opened = engine->snapshot(group); },
                     [self, opened, done] {
                       if (!*opened)
                         return done(Error(Errc::kIo, "the engine could not be read: " +
                                                          opened->error().message()));
                       self->source_ = std::move(**opened);
                       read(self, done);
                     });
      });
}

void PartitionStream::read(const std::shared_ptr<PartitionStream>& self,
                           Callback<std::optional<std::string>> done) {
  using Chunk = boost::system::result<std::optional<std::string>>;
  auto chunk = std::make_shared<Chunk>(std::optional<std::string>());
  self->host_.on_read(
      [source = self->source_, chunk] { *chunk = source->next(kChunkBytes); },
      [chunk, done = std::move(done)] {
        if (*chunk)
          done(std::move(**chunk));
        else
          done(Error(Errc::kIo, "the engine could not be read: " + chunk->error().message()));
      });
}

// --- backups
// --------------------------------------------------------------------------------------

Result<std::uint64_t> Backups::begin() {
  if (jobs_.size() >= kJobsMax) {
    Error e(Errc::kOverloaded, "two backups are under way on this node");
    e.retry_after_ms = 5'000;
    return e;
  }
  auto job = std::make_shared<Job>();
  job->handle = ++last_;
  job->header = host_.backup_header();
  job->used = host_.now();
  jobs_.emplace(job->handle, job);
  return job->handle;
}

void Backups::next(std::uint64_t handle, Callback<std::optional<std::string>> done) {
  const auto found = jobs_.find(handle);
  if (found == jobs_.end()) return done(gone());
  const JobPtr job = found->second;
  if (job->busy) return done(Error(Errc::kBadRequest, "one piece of a backup at a time"));
  job->busy = true;
  job->used = host_.now();
  advance(job, [this, job, done = std::move(done)](Result<std::optional<std::string>> piece) {
    job->busy = false;
    job->used = host_.now();
    if (!current(job)) return done(gone());
    if (!piece || !piece->has_value()) jobs_.erase(job->handle);
    done(std::move(piece));
  });
}

void Backups::advance(const JobPtr& job, Callback<std::optional<std::string>> done) {
  if (job->phase == Job::Phase::kEnded) return done(std::optional<std::string>());
  if (job->phase == Job::Phase::kHeader) {
    job->phase = Job::Phase::kPartitions;
    return done(std::optional(job->writer.begin(job->header)));
  }
  if (job->partition == job->header.partitions) {
    job->phase = Job::Phase::kEnded;
    return done(std::optional(job->writer.finish()));
  }
  const raft::GroupId group = group_of_partition(job->partition);
  const Replica* const here = host_.replica(group);
  if (job->peer == raft::kNobody && (job->stream || (here != nullptr && !here->odd())))
    return advance_here(job, std::move(done));
  advance_there(job, std::move(done));
}

void Backups::advance_here(const JobPtr& job, Callback<std::optional<std::string>> done) {
  if (!job->stream)
    job->stream = std::make_shared<PartitionStream>(host_, group_of_partition(job->partition));
  PartitionStream::next(
      job->stream, [this, job, done = std::move(done)](Result<std::optional<std::string>> chunk) {
        if (!chunk || !current(job)) return done(chunk ? gone() : chunk.error());
        got_chunk(job, std::move(*chunk), done);
      });
}

void Backups::advance_there(const JobPtr& job, Callback<std::optional<std::string>> done) {
  const raft::GroupId group = group_of_partition(job->partition);
  if (job->sequence == 0) {
    job->peer = host_.any_member(group, job->attempts++);
    job->remote = ++last_;
  }
  if (job->peer == raft::kNobody) return done(no_replica(job->partition));
  host_.request(job->peer, net::Channel::kBulk, RequestKind::kBackup,
                encode_request(BackupRequest{group, job->header.id ^ job->remote, job->sequence}),
                host_.now() + kChunkWithin,
                [this, job, done = std::move(done)](std::optional<RpcReply> reply) {
                  if (!current(job)) return done(gone());
                  if (auto* chunk = reply ? std::get_if<BackupChunk>(&*reply) : nullptr) {
                    ++job->sequence;
                    return got_chunk(job, std::move(chunk->bytes), done);
                  }
                  // Another node may be asked as long as nothing of this partition has been given
                  // out.
                  if (job->sequence == 0 && job->attempts < kAttemptsMax)
                    return advance_there(job, done);
                  done(no_replica(job->partition));
                });
}

void Backups::got_chunk(const JobPtr& job, std::optional<std::string> chunk,
                        Callback<std::optional<std::string>> done) {
  if (chunk) {
    if (chunk->size() > kBackupBlockMax)
      return done(Error(Errc::kInternal, "a chunk is larger than a backup's block"));
    return done(std::optional(job->writer.chunk(job->partition, *chunk)));
  }
  ++job->partition;
  job->stream.reset();
  job->peer = raft::kNobody;
  job->sequence = 0;
  job->attempts = 0;
  advance(job, std::move(done));
}

// --- for peers
// ------------------------------------------------------------------------------------

void Backups::serve(raft::NodeId from, const BackupRequest& request, Callback<BackupChunk> done) {
  const ServedKey key{from, request.stream};
  auto found = served_.find(key);
  if (found == served_.end()) {
    if (request.sequence != 0) return done(gone());
    if (served_.size() >= kServedMax)
      return done(Error(Errc::kOverloaded, "too many backups read from this node"));
    auto fresh = std::make_shared<Served>();
    fresh->stream = std::make_shared<PartitionStream>(host_, request.group);
    found = served_.emplace(key, std::move(fresh)).first;
  }
  const std::shared_ptr<Served> served = found->second;
  if (served->busy || request.sequence != served->next ||
      request.group != served->stream->group()) {
    served_.erase(key);
    return done(gone());
  }
  served->busy = true;
  served->used = host_.now();
  PartitionStream::next(served->stream, [this, served, key, done = std::move(done)](
                                            Result<std::optional<std::string>> chunk) {
    served->busy = false;
    served->used = host_.now();
    ++served->next;
    if (!chunk || !chunk->has_value()) served_.erase(key);
    if (chunk)
      done(BackupChunk{std::move(*chunk)});
    else
      done(chunk.error());
  });
}

void Backups::tick() {
  const Micros late = host_.now() - kStandstill;
  std::erase_if(jobs_, [&](const auto& j) { return !j.second->busy && j.second->used < late; });
  std::erase_if(served_, [&](const auto& s) { return !s.second->busy && s.second->used < late; });
}

void Backups::stop() {
  jobs_.clear();
  served_.clear();
}

}  // namespace cairn::kv
