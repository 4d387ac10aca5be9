#include "tests/kv/sim/sweep_story.h"

#include <utility>

namespace cairn::kv::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Files = wal::MemoryFileSystem;

constexpr Time kAnswerWithin = seconds{8};
constexpr Time kReadyWithin = seconds{20};
constexpr std::size_t kValueBytes = 6'000;

WorldOptions options(std::size_t nodes) {
  WorldOptions o;
  o.seed = 7;
  o.nodes = nodes;
  // Small enough that segments are born, filled and recycled, and the engine is flushed.
  o.adjust = [](Options& options) {
    options.log_entries_kept = 100;
    options.log_bytes_kept = 1u << 20;
    options.segment_bytes = 64u << 10;
    options.timeout = milliseconds{3'000};
  };
  return o;
}

std::string value_of(const std::string& key) {
  std::string value = "value of " + key + ' ';
  value.resize(kValueBytes, '.');
  return value;
}

}  // namespace

SweepStory::SweepStory(std::size_t nodes, std::optional<DiskFault> fault)
    : fault_(fault), world_(options(nodes)) {
  for (NodeId id = 1; id <= nodes; ++id) world_.allow_failure(id);
}

Outcome SweepStory::run() {
  Files& disk = world_.disk(1);
  if (fault_) disk.fail(fault_->call, fault_->kth, fault_->error);
  live();
  for (std::size_t i = 0; i < Files::kCalls; ++i) {
    calls_[i] = disk.calls(static_cast<Files::Call>(i));
  }
  judge();
  for (const std::string& failure : world_.failures()) broke(failure);
  if (!broken_.empty()) return Outcome::kLost;
  if (fenced_) return Outcome::kFenced;
  return refused_ ? Outcome::kRefused : Outcome::kSucceeded;
}

/// Three lives: a founding, a start after an orderly stop, a start after a kill.
void SweepStory::live() {
  begin_life();
  writes(0, 50);
  look_at_fence();
  if (!world_.stop(1)) broke("the node did not stop in time");
  begin_life();
  writes(50, 80);
  remove_prefix(1, "k1");
  remove(1, "k2");
  look_at_fence();
  world_.crash(1, CrashKind::kProcess);
  begin_life();
  writes(80, 110);
  look_at_fence();
}

/// The first start may be refused, or end unready because of the fault; the next must not: the
/// fault was one call.
void SweepStory::begin_life() {
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    if (world_.running(id)) continue;
    if (auto started = world_.start(id); !started) {
      refused_ = true;
      if (started.error().detail.empty()) broke("a start was refused without a word");
      if (id != 1) broke("a start was refused on a good disk");
      if (auto again = world_.start(id); !again) {
        broke("refused again: " + again.error().message());
        return;
      }
    }
  }
  if (world_.run_until([&] { return world_.all_ready(); }, kReadyWithin)) return;
  look_at_fence();
  if (!fault_ || !world_.running(1)) return broke("not ready");
  refused_ = true;
  world_.crash(1, CrashKind::kProcess);
  if (auto again = world_.start(1); !again) {
    return broke("after an unready life: " + again.error().message());
  }
  if (!world_.run_until([&] { return world_.all_ready(); }, kReadyWithin)) {
    broke("not ready in the life after an unready one");
  }
}

template <class T>
std::optional<Error> SweepStory::finish(const CallPtr<T>& call) {
  if (!world_.run_until([&] { return call->done(); }, kAnswerWithin)) {
    broke("a call had no answer");
    return Error(Errc::kOutcomeUnknown, {}, Committed::kUnknown);
  }
  if (call->ok()) return std::nullopt;
  refused_ = true;
  return call->answer->error();
}

void SweepStory::settle_write(const std::string& key, Fate wished, const std::string& value,
                              const std::optional<Error>& error) {
  Promise& promise = promises_[key];
  if (error && error->committed == Committed::kNo) return;  // as it was, for ever
  promise.fate = error ? Fate::kUnknown : wished;
  promise.value = value;
  if (!error) ++acknowledged_;
}

void SweepStory::put(NodeId at, const std::string& key) {
  const std::string value = value_of(key);
  settle_write(key, Fate::kThere, value, finish(world_.put(at, key, value)));
}

void SweepStory::remove(NodeId at, const std::string& key) {
  settle_write(key, Fate::kGone, value_of(key), finish(world_.remove(at, key)));
}

void SweepStory::remove_prefix(NodeId at, const std::string& prefix) {
  const auto error = finish(world_.remove_prefix(at, prefix));
  for (auto& [key, promise] : promises_) {
    if (!key.starts_with(prefix) || promise.fate == Fate::kGone) continue;
    settle_write(key, Fate::kGone, promise.value, error);
  }
}

void SweepStory::writes(int from, int to) {
  for (int i = from; i < to; ++i) {
    const NodeId at = 1 + static_cast<NodeId>(i) % world_.nodes();
    if (!world_.running(at)) continue;
    put(at, "k" + std::to_string(i));
    world_.run_for(milliseconds{5});
  }
  world_.run_for(milliseconds{300});  // upkeep: flushes, trims, spares
}

/// A node that is fenced says so, takes no write, still answers eventual reads, and stops in time.
void SweepStory::look_at_fence() {
  if (!world_.running(1)) return;
  bool fenced = false;
  for (const std::string& reason : world_.node(1).not_ready_reasons()) {
    fenced = fenced || reason.starts_with("fenced");
  }
  if (!fenced) return;
  fenced_ = true;
  const auto write = world_.put(1, "fenced", "never");
  if (!finish(write)) {
    broke("a fenced node took a write");
  } else if (write->answer->error().committed != Committed::kNo) {
    broke("a fenced node does not know that a write was not taken");
  }
}

/// Power cut, then nothing that was promised may be missing, and the store must work.
void SweepStory::judge() {
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    world_.crash(id, CrashKind::kLoseUnsynced);
    world_.disk(id).clear_faults();
  }
  for (NodeId id = 1; id <= world_.nodes(); ++id) {
    if (auto started = world_.start(id); !started) {
      return broke("no start after the power cut: " + started.error().message());
    }
  }
  if (!world_.run_until([&] { return world_.all_ready(); }, kReadyWithin)) {
    return broke("not ready after the power cut");
  }
  for (NodeId at = 1; at <= world_.nodes(); ++at) {
    for (const auto& [key, promise] : promises_) check_key(at, key, promise);
  }
  const bool was_refused = refused_;
  if (finish(world_.put(1, "after", "all"))) broke("no write goes through after the power cut");
  refused_ = was_refused;
}

void SweepStory::check_key(NodeId at, const std::string& key, const Promise& promise) {
  const auto call = world_.get(at, key);
  if (!world_.run_until([&] { return call->done(); }, kAnswerWithin) || !call->ok()) {
    return broke(key + " cannot be read");
  }
  const auto& item = (*call->answer)->item;
  if (!item && promise.fate == Fate::kThere) broke(key + " was acknowledged, and is lost");
  if (item && promise.fate == Fate::kGone) broke(key + " is there, against a promise");
  if (item && item->value != promise.value && promise.fate != Fate::kGone) {
    broke(key + " has another value");
  }
}

}  // namespace cairn::kv::sim
