// Calls of clients: checks, the one choke point of writes, and the way to the partition.
#include <algorithm>
#include <utility>

#include "kv/node/node_impl.h"
#include "kv/node/scans.h"
#include "kv/range.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kIdempotencyKeyMax = 256;

Error no_leader() {
  Error e(Errc::kNoLeader, "the partition has no leader that this node can reach");
  e.retry_after_ms = 500;
  return e;
}

Error overloaded(const char* what) {
  Error e(Errc::kOverloaded, what);
  e.retry_after_ms = 100;
  return e;
}

/// What an applied command's refusal means to its caller.
Error error_of(const Answer& answer) {
  Error e(*answer.error);
  switch (*answer.error) {
    case Errc::kRevisionMismatch:
      e.detail = "the condition on the key's revision does not hold";
      e.revision = answer.revision;
      break;
    case Errc::kIdempotencyMismatch:
      e.detail = "this idempotency key was used with another request";
      break;
    case Errc::kOverloaded:
      e = overloaded("the partition's table of sessions or idempotency keys is full");
      break;
    default:
      if (answer.wrong_epoch) e.detail = "the partition's placement changed: ask again";
      break;
  }
  return e;
}

template <class T, class Convert>
std::function<void(Result<Answer>)> answer_to(Callback<T> done, Convert convert) {
  return [done = std::move(done), convert](Result<Answer> answer) {
    if (!answer)
      done(answer.error());
    else if (answer->error)
      done(error_of(*answer));
    else
      done(convert(std::move(*answer)));
  };
}

}  // namespace

std::optional<Error> NodeImpl::refuse_write() const {
  if (failed_) return Error(Errc::kInternal, "this node has stopped serving");
  if (fenced_) return Error(Errc::kFenced, fenced_why_);
  if (state_ == State::kStopping || state_ == State::kStopped)
    return Error(Errc::kShuttingDown, "this node is stopping");
  if (disk_full_) {
    Error e(Errc::kDiskFull, "the disk is full; writes are taken again when there is space");
    e.retry_after_ms = 1000;
    return e;
  }
  if (state_ == State::kUnfounded) {
    Error e = no_leader();
    e.detail = "the cluster is not founded yet";
    return e;
  }
  return std::nullopt;
}

std::optional<Error> NodeImpl::check_key(std::string_view key) const {
  if (key.empty()) return Error(Errc::kKeyEmpty, "the key is empty");
  if (key.size() > options_.key_bytes_max)
    return Error(Errc::kKeyTooLarge,
                 "the key is over " + std::to_string(options_.key_bytes_max) + " bytes");
  return std::nullopt;
}

Micros NodeImpl::deadline_of(std::chrono::milliseconds timeout) const {
  return now() + (timeout.count() > 0 ? timeout : options_.timeout);
}

/// Every write passes here, whatever door it came in by: the place where rights will be checked.
void NodeImpl::write_command(Command command, Micros deadline,
                             std::function<void(Result<Answer>)> done) {
  if (auto refused = refuse_write()) {
    done(std::move(*refused));
    return;
  }
  if (command.idempotency_key.size() > kIdempotencyKeyMax) {
    done(Error(Errc::kBadRequest, "the idempotency key is over 256 bytes"));
    return;
  }
  if (!command.idempotency_key.empty()) {
    command.idempotency_window_ms = static_cast<std::uint32_t>(options_.idempotency_window.count());
    command.idempotency_keys_max = options_.idempotency_keys_max;
  }
  std::size_t bytes = 0;
  std::optional<raft::GroupId> group;
  for (const Operation& op : command.operations) {
    if (auto bad = check_key(op.key)) {
      done(std::move(*bad));
      return;
    }
    if (op.value.size() > options_.value_bytes_max) {
      done(Error(Errc::kTooLarge,
                 "the value is over " + std::to_string(options_.value_bytes_max) + " bytes"));
      return;
    }
    bytes += op.key.size() + op.value.size();
    const raft::GroupId mine = routes_.group_of(op.key);
    if (group && *group != mine) {
      done(Error(Errc::kCrossPartition,
                 "the batch's keys live in different partitions: give them a common {tag}"));
      return;
    }
    group = mine;
  }
  if (!group || command.operations.size() > options_.batch_operations_max) {
    done(group ? Error(Errc::kTooLarge, "the batch has more than " +
                                            std::to_string(options_.batch_operations_max) +
                                            " operations")
               : Error(Errc::kBadRequest, "the batch is empty"));
    return;
  }
  if (command.operations.size() > 1 && bytes > options_.batch_bytes_max) {
    done(Error(Errc::kTooLarge,
               "the batch is over " + std::to_string(options_.batch_bytes_max) + " bytes"));
    return;
  }
  submit(*group, std::move(command), deadline, std::move(done));
}

void NodeImpl::submit(raft::GroupId group, Command command, Micros deadline,
                      std::function<void(Result<Answer>)> done) {
  command.epoch = routes_.epoch();
  Replica* r = replica(group);
  if (r == nullptr || !r->leads()) {
    forwarder_.submit(group, std::move(command), deadline, std::move(done));
    return;
  }
  if (wal_->overloaded()) {
    ++refused_["log"];
    done(overloaded("the log is behind"));
    return;
  }
  r->propose(encode_command(command), deadline,
             [this, group, deadline, done = std::move(done)](ProposeResult result) {
               if (result.kind == ProposeResult::Kind::kAnswer)
                 done(std::move(result.answer));
               else
                 not_proposed(group, deadline, result, done);
             });
}

void NodeImpl::not_proposed(raft::GroupId group, Micros deadline, const ProposeResult& result,
                            const std::function<void(Result<Answer>)>& done) {
  if (result.kind == ProposeResult::Kind::kOverloaded) {
    ++refused_["proposals"];
    done(overloaded("too many writes are under way in this partition"));
    return;
  }
  if (result.kind == ProposeResult::Kind::kUnknown) {
    done(Error(Errc::kOutcomeUnknown, "leadership was lost, or no quorum answered in time",
               Committed::kUnknown));
    return;
  }
  // It never takes effect as proposed, so it may be sent anew, to whoever leads now.
  auto again = decode_command(result.command);
  if (auto refused = refuse_write())
    done(std::move(*refused));
  else if (deadline <= now() || !again)
    done(no_leader());
  else
    forwarder_.submit(group, std::move(*again), deadline, done);
}

void NodeImpl::put(std::string key, std::string value, WriteOptions options,
                   Callback<PutResult> done) {
  Command command;
  command.operations.push_back({Operation::Kind::kPut, std::move(key), std::move(value)});
  command.condition = {options.if_absent, options.if_revision};
  command.return_previous = options.return_previous;
  command.idempotency_key = std::move(options.idempotency_key);
  write_command(
      std::move(command), deadline_of(options.timeout),
      answer_to<PutResult>(std::move(done), [](Answer a) {
        return PutResult{a.revision, a.version, a.created, std::move(a.previous), a.replayed};
      }));
}

void NodeImpl::remove(std::string key, WriteOptions options, Callback<RemoveResult> done) {
  Command command;
  command.operations.push_back({Operation::Kind::kRemove, std::move(key), {}});
  command.condition = {options.if_absent, options.if_revision};
  command.return_previous = options.return_previous;
  command.idempotency_key = std::move(options.idempotency_key);
  write_command(std::move(command), deadline_of(options.timeout),
                answer_to<RemoveResult>(std::move(done), [](Answer a) {
                  return RemoveResult{a.deleted > 0, a.revision, std::move(a.previous), a.replayed};
                }));
}

void NodeImpl::write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done) {
  Command command;
  for (const WriteBatch::Operation& op : batch.operations())
    command.operations.push_back(
        {op.remove ? Operation::Kind::kRemove : Operation::Kind::kPut, op.key, op.value});
  command.condition = {options.if_absent, options.if_revision};
  command.idempotency_key = std::move(options.idempotency_key);
  write_command(std::move(command), deadline_of(options.timeout),
                answer_to<BatchResult>(std::move(done), [](const Answer& a) {
                  return BatchResult{a.revision, a.deleted, a.replayed};
                }));
}

namespace {

/// A prefix delete on its way through the partitions.
struct PrefixDelete {
  std::string prefix;
  Cursor at;
  std::uint32_t left = 0;
  RemovePrefixResult result;
  Callback<RemovePrefixResult> done;
};

}  // namespace

void NodeImpl::remove_prefix(std::string prefix, RemovePrefixOptions options,
                             Callback<RemovePrefixResult> done) {
  if (auto refused = refuse_write()) {
    done(std::move(*refused));
    return;
  }
  const auto cursor =
      options.cursor.empty() ? std::optional<Cursor>(Cursor{}) : decode_cursor(options.cursor);
  if (options.limit < 1 || options.limit > 10'000 || prefix.empty() || !cursor ||
      cursor->partition >= routes_.partitions() || prefix.size() > options_.key_bytes_max) {
    done(Error(Errc::kBadRequest,
               prefix.empty() ? "a prefix is needed"
                              : "limit must be 1 to 10000, and cursor one of this store's"));
    return;
  }
  auto job = std::make_shared<PrefixDelete>();
  job->prefix = std::move(prefix);
  job->at = *cursor;
  job->left = options.limit;
  job->done = std::move(done);
  const Micros deadline = deadline_of(options.timeout);
  // Steps one partition after the other; the function keeps itself alive through the callbacks.
  auto step = std::make_shared<std::function<void()>>();
  *step = [this, job, deadline, weak = std::weak_ptr<std::function<void()>>(step)] {
    Command command;
    command.kind = CommandKind::kRemovePrefix;
    command.prefix = job->prefix;
    command.start_after = job->at.key;
    command.limit = job->left;
    submit(group_of_partition(job->at.partition), std::move(command), deadline,
           [this, job, self = weak.lock()](Result<Answer> answer) {
             if (!answer || answer->error) {
               // Earlier steps stand: their count is the answer, and the cursor goes on from here.
               if (job->result.deleted > 0) {
                 job->result.next = encode_cursor(job->at);
                 job->done(std::move(job->result));
               } else {
                 job->done(answer ? error_of(*answer) : answer.error());
               }
               return;
             }
             job->result.deleted += answer->deleted;
             job->result.revision = std::max(job->result.revision, answer->revision);
             job->left -=
                 std::min<std::uint32_t>(job->left, static_cast<std::uint32_t>(answer->deleted));
             job->at = answer->more ? Cursor{job->at.partition, answer->last_key}
                                    : Cursor{job->at.partition + 1, {}};
             if (job->at.partition >= routes_.partitions()) {
               job->done(std::move(job->result));
             } else if (job->left == 0 || answer->more) {
               job->result.next = encode_cursor(job->at);
               job->done(std::move(job->result));
             } else {
               (*self)();
             }
           });
  };
  (*step)();
}

Result<Freshness> NodeImpl::freshness(const ReadOptions& options) const {
  const Revision newest_sane = revision_at(seams_.clock->wall_ms() + kMinRevisionLeadMs);
  if (options.min_revision > newest_sane) {
    Revision newest = 0;
    if (engine_)
      for (const auto& [group, replica] : replicas_)
        newest = std::max(newest, engine_->revision(group));
    if (options.min_revision > newest + (kMinRevisionLeadMs << kRevisionCounterBits))
      return Error(Errc::kBadRequest, "min_revision is further ahead than any clock here");
  }
  return Freshness{options.consistency == Consistency::kEventual, options.min_revision};
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

class LocalView final : public FrozenView {
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
    if (options.count_only) range->limit = UINT64_MAX;
    std::vector<PageReply> pages;
    for (std::uint32_t p = 0; p < routes_.partitions(); ++p) {
      const raft::GroupId group = group_of_partition(p);
      auto page = view_->scan(group, *range);
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

void NodeImpl::view(ReadOptions options, Callback<std::shared_ptr<const FrozenView>> done) {
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
    if (replica(group_of_partition(p)) == nullptr) {
      done(Error(Errc::kBadRequest, "partition " + std::to_string(p) + " has no replica here"));
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
                     done(std::shared_ptr<const FrozenView>(
                         std::make_shared<LocalView>(engine_->view(), routes_)));
                   }
                 });
  }
}

}  // namespace cairn::kv
