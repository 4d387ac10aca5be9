#include "kv/node/reads.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kv/node/scans.h"

namespace cairn::kv {
namespace {

/// Point gets run on the loop while they cost less than waking the read thread and back.
constexpr Micros kLoopGetMax{200};
constexpr Micros kAttemptTimeout = std::chrono::milliseconds{1000};
constexpr Micros kRetryAfter = std::chrono::milliseconds{20};
constexpr std::size_t kRemotesMax = 65'536;
constexpr std::size_t kLocalsMax = 65'536;

Error error_of(BarrierResult result) {
  switch (result) {
    case BarrierResult::kNoLeader:
    case BarrierResult::kOk: {
      Error e(Errc::kNoLeader, "the partition has no leader that this node can reach");
      e.retry_after_ms = 500;
      return e;
    }
    case BarrierResult::kTimeout:
      return Error(Errc::kTimeout, "no quorum confirmed the read in time");
    case BarrierResult::kOverloaded: {
      Error e(Errc::kOverloaded, "too many reads wait for a quorum");
      e.retry_after_ms = 100;
      return e;
    }
  }
  return Error(Errc::kInternal);
}

Error engine_error(const boost::system::error_code& code) {
  return Error(Errc::kIo, "the engine could not read: " + code.message());
}

Error too_many() {
  Error e(Errc::kOverloaded, "too many reads wait for the disk");
  e.retry_after_ms = 100;
  return e;
}

/// Refusals that another node, or the same one a little later, would only repeat.
bool final_refusal(const Refusal& refusal) {
  return refusal.error.code == Errc::kBadRequest || refusal.error.code == Errc::kOverloaded;
}

/// The engine publishes its revision after the write that carries it: the item may be newer.
ReadResult read_result(Revision revision, std::optional<Item> item) {
  if (item) revision = std::max(revision, item->mod_revision);
  return {std::move(item), revision};
}

}  // namespace

void Reads::await(raft::GroupId group, Freshness fresh, Micros deadline,
                  std::function<void(std::optional<Error>)> done) {
  Replica* replica = host_.replica(group);
  const std::shared_ptr<Engine> engine = host_.shared_engine();
  if (replica == nullptr || !replica->has_state() || !engine) {
    done(error_of(BarrierResult::kNoLeader));
    return;
  }
  if (replica->odd()) {
    done(Error(Errc::kFenced,
               "this node's state of the partition is not the others': another answers"));
    return;
  }
  if (fresh.eventual && engine->revision(group) >= fresh.min_revision) {
    done(std::nullopt);
    return;
  }
  if (host_.fenced()) {
    done(Error(Errc::kFenced, "this node's disk failed; it serves eventual reads only"));
    return;
  }
  auto applied = [done = std::move(done)](BarrierResult result) {
    if (result == BarrierResult::kOk)
      done(std::nullopt);
    else
      done(error_of(result));
  };
  const auto index = fresh.lease ? replica->lease_index() : std::nullopt;
  if (index)
    replica->await_applied(*index, deadline, std::move(applied));
  else
    replica->barrier(deadline, std::move(applied));
}

/// The index is taken under the lease, then the state is read, then the lease is looked at again:
/// what took so long that it ran out meanwhile is read anew after a quorum's word (hazard Q5).
template <class T>
void Reads::read_fresh(raft::GroupId group, Freshness fresh, Micros deadline,
                       std::function<void(Callback<T>)> read, Callback<T> done) {
  const Replica* replica = host_.replica(group);
  fresh.lease = fresh.lease && replica != nullptr && replica->lease_index().has_value();
  await(group, fresh, deadline,
        [this, group, fresh, deadline, read = std::move(read),
         done = std::move(done)](std::optional<Error> error) mutable {
          if (error) {
            done(std::move(*error));
            return;
          }
          if (!fresh.lease) {
            read(std::move(done));
            return;
          }
          read([this, group, fresh, deadline, read, done](Result<T> result) mutable {
            const Replica* here = host_.replica(group);
            if (here != nullptr && here->lease_index()) {
              done(std::move(result));
              return;
            }
            fresh.lease = false;
            read_fresh<T>(group, fresh, deadline, std::move(read), std::move(done));
          });
        });
}

/// The leader has a lease and this replica none, or this one would never be told how far to read.
bool Reads::better_elsewhere(raft::GroupId group, const Freshness& fresh) const {
  if (host_.leader_of(group) == raft::kNobody) return false;
  const Replica* here = host_.replica(group);
  if (fresh.lease && here->leases() && !here->leads()) return true;
  return !fresh.eventual && host_.left_behind(group);
}

std::shared_ptr<Reads::Local> Reads::begin_local(Micros deadline, std::function<void(Error)> fail) {
  if (locals_.size() >= kLocalsMax) return nullptr;
  auto local = std::make_shared<Local>();
  local->deadline = deadline;
  local->fail = std::move(fail);
  local->id = ++last_local_;
  locals_.emplace(local->id, local);
  return local;
}

bool Reads::end_local(const std::shared_ptr<Local>& local) {
  locals_.erase(local->id);
  return !local->ended.exchange(true);
}

void Reads::read_item(raft::GroupId group, std::string key, Micros deadline,
                      Callback<ReadResult> done) {
  const std::shared_ptr<Engine> engine = host_.shared_engine();
  if (get_cost_ > kLoopGetMax) {
    get_cost_ -= get_cost_ / 64;  // the loop gets another chance
    const auto local = begin_local(deadline, done);
    if (!local) {
      done(too_many());
      return;
    }
    auto result = std::make_shared<Result<ReadResult>>(ReadResult{});
    host_.on_read(
        [engine, group, key = std::move(key), local, result] {
          if (local->ended) return;
          const Revision revision = engine->revision(group);
          auto item = engine->get(group, key);
          if (item)
            *result = read_result(revision, std::move(*item));
          else
            *result = engine_error(item.error());
        },
        [this, local, result, done = std::move(done)] {
          if (end_local(local)) done(std::move(*result));
        });
    return;
  }
  const Micros begun = host_.now();
  const Revision revision = engine->revision(group);
  auto item = engine->get(group, key);
  get_cost_ += (host_.now() - begun - get_cost_) / 8;
  if (!item) {
    done(engine_error(item.error()));
    return;
  }
  done(read_result(revision, std::move(*item)));
}

void Reads::get_here(raft::GroupId group, std::string key, Freshness fresh, Micros deadline,
                     Callback<ReadResult> done) {
  if (!fresh.lease) {  // nearly all of them: no second look afterwards
    await(group, fresh, deadline,
          [this, group, key = std::move(key), deadline,
           done = std::move(done)](std::optional<Error> error) mutable {
            if (error)
              done(std::move(*error));
            else
              read_item(group, std::move(key), deadline, std::move(done));
          });
    return;
  }
  read_fresh<ReadResult>(
      group, fresh, deadline,
      [this, group, key = std::move(key), deadline](Callback<ReadResult> answer) {
        read_item(group, key, deadline, std::move(answer));
      },
      std::move(done));
}

void Reads::page_here(raft::GroupId group, EngineView::Range range, Freshness fresh,
                      Micros deadline, Callback<PageReply> done) {
  read_fresh<PageReply>(
      group, fresh, deadline,
      [this, group, range = std::move(range), deadline](Callback<PageReply> answer) {
        read_page(group, range, deadline, std::move(answer));
      },
      std::move(done));
}

void Reads::read_page(raft::GroupId group, const EngineView::Range& range, Micros deadline,
                      Callback<PageReply> done) {
  const auto local = begin_local(deadline, done);
  if (!local) {
    done(too_many());
    return;
  }
  auto result = std::make_shared<Result<PageReply>>(PageReply{});
  host_.on_read(
      [engine = host_.shared_engine(), group, range, local, result] {
        if (local->ended) return;
        const auto view = engine->view();
        auto page = scan_fully(*view, group, range);
        if (page)
          *result = PageReply{std::move(*page), view->revision(group)};
        else
          *result = engine_error(page.error());
      },
      [this, local, result, done = std::move(done)] {
        if (end_local(local)) done(std::move(*result));
      });
}

void Reads::get(raft::GroupId group, std::string key, Freshness fresh, Micros deadline,
                Callback<ReadResult> done) {
  if (const Replica* here = host_.replica(group);
      here != nullptr && here->may_show() && !better_elsewhere(group, fresh)) {
    get_here(group, std::move(key), fresh, deadline, std::move(done));
    return;
  }
  auto call = std::make_shared<Remote>();
  call->group = group;
  call->body = encode_request(
      ReadRequest{group, std::move(key), fresh.eventual, fresh.min_revision, fresh.lease});
  call->eventual = fresh.eventual;
  call->deadline = deadline;
  call->done = [done = std::move(done)](Result<RpcReply> reply) {
    if (!reply)
      done(reply.error());
    else if (auto* read = std::get_if<ReadResult>(&*reply))
      done(std::move(*read));
    else
      done(Error(Errc::kTimeout, "a peer gave an answer of another kind"));
  };
  remote(std::move(call));
}

void Reads::page(raft::GroupId group, EngineView::Range range, Freshness fresh, Micros deadline,
                 Callback<PageReply> done) {
  if (const Replica* here = host_.replica(group);
      here != nullptr && here->may_show() && !better_elsewhere(group, fresh)) {
    page_here(group, std::move(range), fresh, deadline, std::move(done));
    return;
  }
  auto call = std::make_shared<Remote>();
  call->group = group;
  call->channel = net::Channel::kBulk;
  call->kind = RequestKind::kScan;
  call->body = encode_request(
      ScanRequest{group, std::move(range), fresh.eventual, fresh.min_revision, fresh.lease});
  call->eventual = fresh.eventual;
  call->deadline = deadline;
  call->done = [done = std::move(done)](Result<RpcReply> reply) {
    if (!reply)
      done(reply.error());
    else if (auto* page = std::get_if<PageReply>(&*reply))
      done(std::move(*page));
    else
      done(Error(Errc::kTimeout, "a peer gave an answer of another kind"));
  };
  remote(std::move(call));
}

void Reads::remote(std::shared_ptr<Remote> call) {
  if (remotes_.size() >= kRemotesMax) {
    call->done(error_of(BarrierResult::kOverloaded));
    return;
  }
  remotes_.push_back(call);
  attempt(call);
}

void Reads::attempt(const std::shared_ptr<Remote>& call) {
  raft::NodeId to = call->eventual ? raft::kNobody : host_.leader_of(call->group);
  if (to == raft::kNobody) to = host_.any_member(call->group, call->attempts);
  ++call->attempts;
  call->idle_since = host_.now();
  if (to == raft::kNobody) return;
  call->under_way = true;
  const Micros deadline = std::min(call->deadline, host_.now() + kAttemptTimeout);
  const Micros attempt_deadline = call->kind == RequestKind::kScan ? call->deadline : deadline;
  host_.request(to, call->channel, call->kind, call->body, attempt_deadline,
                [this, call, to](std::optional<RpcReply> reply) {
                  call->under_way = false;
                  call->idle_since = host_.now();
                  if (call->ended) return;
                  if (reply && !std::holds_alternative<Refusal>(*reply)) {
                    call->ended = true;
                    call->done(std::move(*reply));
                    return;
                  }
                  const auto* refusal = reply ? std::get_if<Refusal>(&*reply) : nullptr;
                  if (refusal != nullptr && final_refusal(*refusal)) {
                    call->ended = true;
                    call->done(refusal->error);
                    return;
                  }
                  host_.redirected(call->group, to, refusal != nullptr ? refusal->leader : 0);
                });
}

void Reads::tick() {
  const Micros now = host_.now();
  std::vector<std::shared_ptr<Remote>> late, again;
  for (const auto& call : remotes_) {
    if (call->ended) continue;
    if (call->deadline <= now)
      late.push_back(call);
    else if (!call->under_way && call->idle_since + kRetryAfter <= now)
      again.push_back(call);
  }
  for (const auto& call : late) {
    call->ended = true;
    call->done(error_of(host_.leader_of(call->group) == raft::kNobody ? BarrierResult::kNoLeader
                                                                      : BarrierResult::kTimeout));
  }
  for (const auto& call : again)
    if (!call->ended) attempt(call);
  std::vector<std::shared_ptr<Local>> overdue;
  for (const auto& [id, local] : locals_)
    if (local->deadline <= now && !local->ended) overdue.push_back(local);
  for (const auto& local : overdue)
    if (!local->ended.exchange(true)) local->fail(error_of(BarrierResult::kTimeout));
  remotes_.remove_if([](const std::shared_ptr<Remote>& call) { return call->ended; });
}

void Reads::end_all(const Error& error) {
  for (const auto& call : std::exchange(remotes_, {})) {
    if (call->ended) continue;
    call->ended = true;
    call->done(error);
  }
  for (const auto& [id, local] : std::exchange(locals_, {}))
    if (!local->ended.exchange(true)) local->fail(error);
}

}  // namespace cairn::kv
