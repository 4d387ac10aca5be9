// Reads of clients: checks, how fresh they must be, and frozen views.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"
#include "kv/node/scans.h"

namespace cairn::kv {

Result<Freshness> NodeImpl::freshness(const ReadOptions& options) const {
  if (options.min_revision != 0 &&
      options.min_revision > revision_at(seams_.clock->wall_ms() + kMinRevisionLeadMs)) {
    Revision newest = 0;
    if (engine_)
      for (const auto& [group, replica] : replicas_)
        newest = std::max(newest, engine_->revision(group));
    if (options.min_revision > newest + (kMinRevisionLeadMs << kRevisionCounterBits))
      return Error(Errc::kBadRequest, "min_revision is further ahead than any clock here");
  }
  return Freshness{options.consistency == Consistency::kEventual, options.min_revision,
                   options.consistency == Consistency::kLease};
}

void NodeImpl::get(std::string key, ReadOptions options, Callback<ReadResult> done) {
  if (auto bad = check_key(key)) {
    done(std::move(*bad));
    return;
  }
  const auto fresh = freshness(options);
  if (failed_ || state_ != State::kServing || !fresh) {
    done(fresh ? *refuse_write() : fresh.error());
    return;
  }
  const raft::GroupId group = routes_.group_of(key);
  reads_.get(group, std::move(key), *fresh, deadline_of(options.timeout), std::move(done));
}

void NodeImpl::scan(ScanOptions options, Callback<ScanResult> done) {
  const auto fresh = freshness(options.read);
  if (failed_ || state_ != State::kServing || !fresh) {
    done(fresh ? *refuse_write() : fresh.error());
    return;
  }
  std::vector<raft::GroupId> groups;
  for (std::uint32_t p = 0; p < routes_.partitions(); ++p) groups.push_back(group_of_partition(p));
  const Micros deadline = deadline_of(options.read.timeout);
  scan_groups(
      groups, std::move(options),
      [this, fresh = *fresh, deadline](raft::GroupId group, EngineView::Range range,
                                       Callback<PageReply> page) {
        reads_.page(group, std::move(range), fresh, deadline, std::move(page));
      },
      std::move(done));
}

namespace {

class LocalView final : public PartitionsView {
 public:
  LocalView(std::unique_ptr<EngineView> view, Routes routes)
      : view_(std::move(view)), routes_(std::move(routes)) {}

  Result<std::optional<Item>> get(std::string_view key) const override {
    auto item = view_->get(routes_.group_of(key), key);
    if (!item) return Error(Errc::kIo, item.error().message());
    return std::move(*item);
  }

  Result<ScanResult> scan(const ScanOptions& options) const override {
    auto range = range_of(options);
    if (!range) return range.error();
    std::vector<PageReply> pages;
    for (std::uint32_t p = 0; p < routes_.partitions(); ++p) {
      const raft::GroupId group = group_of_partition(p);
      auto page = scan_fully(*view_, group, *range);
      if (!page) return Error(Errc::kIo, page.error().message());
      pages.push_back({std::move(*page), view_->revision(group)});
    }
    return merge_pages(options, std::move(pages));
  }

 private:
  std::unique_ptr<EngineView> view_;
  Routes routes_;
};

}  // namespace

void NodeImpl::view(ReadOptions options, Callback<std::shared_ptr<const PartitionsView>> done) {
  // A view stands for long: a lease would spare it little, and it asks a quorum.
  if (options.consistency == Consistency::kLease) options.consistency = Consistency::kLinearizable;
  const auto fresh = freshness(options);
  if (failed_ || state_ != State::kServing || !fresh) {
    done(fresh ? *refuse_write() : fresh.error());
    return;
  }
  struct Job {
    std::size_t missing = 0;
    bool ended = false;
  };
  auto job = std::make_shared<Job>();
  job->missing = routes_.partitions();
  for (std::uint32_t p = 0; p < routes_.partitions(); ++p) {
    const Replica* here = replica(group_of_partition(p));
    if (here == nullptr || !here->has_state()) {
      done(Error(Errc::kBadRequest, "partition " + std::to_string(p) + " has no replica here"));
      return;
    }
    if (here->odd()) {
      done(Error(Errc::kFenced,
                 "this node's state of partition " + std::to_string(p) + " is not the others'"));
      return;
    }
  }
  const Micros deadline = deadline_of(options.timeout);
  for (std::uint32_t p = 0; p < routes_.partitions(); ++p) {
    reads_.await(group_of_partition(p), *fresh, deadline,
                 [this, job, done](std::optional<Error> error) {
                   if (job->ended) return;
                   if (error) {
                     job->ended = true;
                     done(std::move(*error));
                   } else if (--job->missing == 0) {
                     job->ended = true;
                     done(std::shared_ptr<const PartitionsView>(
                         std::make_shared<LocalView>(engine_->view(), routes_)));
                   }
                 });
  }
}

// --- backups
// --------------------------------------------------------------------------------------

BackupHeader NodeImpl::backup_header() {
  const net::FoundingRecord& founding = identity_->founding();
  BackupHeader header;
  header.cluster = founding.cluster_id;
  header.partitions = founding.partitions;
  header.hash_id = founding.hash_id;
  header.hash_seed = founding.hash_seed;
  header.wall_ms = seams_.clock->wall_ms();
  header.id = seams_.random();
  return header;
}

void NodeImpl::await_newest(raft::GroupId group, Micros deadline,
                            std::function<void(std::optional<Error>)> done) {
  reads_.await(group, Freshness{}, deadline, std::move(done));
}

void NodeImpl::backup(Callback<std::uint64_t> done) {
  if (failed_ || fenced_ || state_ != State::kServing) {
    done(*refuse_write());
    return;
  }
  done(backups_.begin());
}

void NodeImpl::backup_next(std::uint64_t handle, Callback<std::optional<std::string>> done) {
  if (failed_ || state_ == State::kStopped) {
    done(Error(Errc::kShuttingDown, "this node has stopped"));
    return;
  }
  backups_.next(handle, std::move(done));
}

}  // namespace cairn::kv
