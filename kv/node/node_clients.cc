// Writes of clients: checks, the one choke point of writes, and the way to the partition.
#include <algorithm>
#include <utility>

#include "kv/command/limits.h"
#include "kv/node/node_impl.h"
#include "kv/node/scans.h"

namespace cairn::kv {
namespace {

constexpr std::size_t kIdempotencyKeyMax = 256;
constexpr std::chrono::milliseconds kTimeoutMax = std::chrono::hours{24};

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

template <class T, class Convert>
std::function<void(Result<Answer>)> answer_to(Callback<T> done, Convert convert) {
  return [done = std::move(done), convert](Result<Answer> answer) {
    if (!answer)
      done(answer.error());
    else if (answer->error)
      done(refusal_of(*answer));
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
    e.detail = "this node belongs to no cluster yet";
    return e;
  }
  if (removed_) {
    Error e = no_leader();
    e.detail = "this node was removed from the cluster: ask another";
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

/// Deletes go on as long as there is room for their own records.
std::optional<Error> NodeImpl::refuse_for_space(const Command& command) {
  std::uint64_t data = 0;
  for (const Operation& op : command.operations)
    if (op.kind == Operation::Kind::kPut) data += op.key.size() + op.value.size();
  if (data == 0 ? !disk_.exhausted() : !disk_.low()) {
    disk_.took(data);
    return std::nullopt;
  }
  Error e(Errc::kDiskFull, "the disk is nearly full; writes are taken again when there is space");
  e.retry_after_ms = 1000;
  return e;
}

Micros NodeImpl::deadline_of(std::chrono::milliseconds timeout) const {
  return now() + (timeout.count() > 0 ? std::min(timeout, kTimeoutMax) : options_.timeout);
}

/// Every write passes here, whatever door it came in by: the place where rights will be checked.
void NodeImpl::write_command(Command command, Micros deadline,
                             std::function<void(Result<Answer>)> done) {
  if (auto refused = refuse_write()) {
    done(std::move(*refused));
    return;
  }
  if (auto refused = refuse_for_space(command)) {
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
    if (command.session.client != 0) return relay(group, command, deadline, done);
    forwarder_.submit(group, std::move(command), deadline, std::move(done));
    return;
  }
  if (wal_->overloaded()) {
    ++refused_["log"];
    done(overloaded("the log is behind"));
    return;
  }
  r->propose_entry(encode_entry(command), deadline,
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
  else if (deadline <= now() || !again || again->session.client != 0)
    done(no_leader());  // (a client's own session: it sends it again itself)
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

/// A cursor is the client's word: its key becomes part of a command (hazard Z3).
bool cursor_fits(const ScanCursor& cursor, std::string_view prefix) {
  return cursor.key.empty() || (cursor.key.size() <= kCommandKeyBytesMax &&
                                cursor.key.compare(0, prefix.size(), prefix) == 0);
}

/// A prefix delete on its way through the partitions.
struct PrefixDelete {
  std::string prefix;
  ScanCursor at;
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
  const auto cursor = options.cursor.empty() ? std::optional<ScanCursor>(ScanCursor{})
                                             : decode_cursor(options.cursor);
  if (options.limit < 1 || options.limit > 10'000 || prefix.empty() || !cursor ||
      cursor->partition >= routes_.partitions() || prefix.size() > options_.key_bytes_max ||
      !cursor_fits(*cursor, prefix)) {
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
             if (!answer && answer.error().committed == Committed::kUnknown &&
                 job->result.deleted > 0) {
               Error partial = answer.error();
               partial.committed = Committed::kPartial;
               job->done(std::move(partial));
               return;
             }
             if (!answer || answer->error) {
               // Earlier steps stand: their count is the answer, and the cursor goes on from here.
               if (job->result.deleted > 0) {
                 job->result.next = encode_cursor(job->at);
                 job->done(std::move(job->result));
               } else {
                 job->done(answer ? refusal_of(*answer) : answer.error());
               }
               return;
             }
             job->result.deleted += answer->deleted;
             job->result.revision = std::max(job->result.revision, answer->revision);
             job->left -=
                 std::min<std::uint32_t>(job->left, static_cast<std::uint32_t>(answer->deleted));
             job->at = answer->more ? ScanCursor{job->at.partition, answer->last_key}
                                    : ScanCursor{job->at.partition + 1, {}};
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

}  // namespace cairn::kv
