#include "kv/engine/flusher.h"

#include <leveldb/write_batch.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace cairn::kv {
namespace {

/// LevelDB makes a writer wait when this many files are at level 0.
constexpr int kLevel0StopFiles = 12;

void merge(std::vector<AppliedIndex>& into, std::span<const AppliedIndex> from) {
  for (const AppliedIndex& one : from) {
    const auto at =
        std::lower_bound(into.begin(), into.end(), one.first,
                         [](const AppliedIndex& a, raft::GroupId g) { return a.first < g; });
    if (at != into.end() && at->first == one.first) {
      at->second = one.second;
    } else {
      into.insert(at, one);
    }
  }
}

}  // namespace

void Flusher::attach(leveldb::DB* db) {
  const std::lock_guard lock(mutex_);
  db_ = db;
}

void Flusher::seed(std::vector<AppliedIndex> applied) {
  const std::lock_guard lock(mutex_);
  applied_ = applied;
  flushed_.applied = std::move(applied);
}

void Flusher::close() {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    db_ = nullptr;
    if (running_) {
      answer(running_->waiting, make_error_code(EngineError::kFailed), calls);
      running_.reset();
    }
    fail_wanted(calls);
  }
  for (const auto& call : calls) call();
}

leveldb::Status Flusher::write(leveldb::WriteBatch& batch, std::span<const AppliedIndex> applied) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = true;
  }
  const leveldb::Status status = db_->Write(leveldb::WriteOptions(), &batch);
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    if (status.ok()) {
      merge(applied_, applied);
      ++changes_;
      written_bytes_ += batch.ApproximateSize();
    }
    advance(calls);
  }
  post(calls);
  return status;
}

void Flusher::flush(Done done) {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    wanted_.push_back(std::move(done));
    advance(calls);
  }
  post(calls);
}

void Flusher::item_ended() {
  Calls calls;
  {
    const std::lock_guard lock(mutex_);
    advance(calls);
  }
  for (const auto& call : calls) call();
}

void Flusher::post(Calls& calls) {
  for (auto& call : calls) env_.post(std::move(call));
}

void Flusher::advance(Calls& calls) {
  if (db_ == nullptr) return fail_wanted(calls);
  if (running_) check_running(calls);
  if (!running_ && !wanted_.empty() && !writing_) begin_round(calls);
}

void Flusher::check_running(Calls& calls) {
  // Idle is looked at first: once LevelDB is idle the log's fate is settled.
  const bool idle = env_.idle();
  if (!env_.log_live(running_->log)) {
    flushed_ = running_->point;
    flushed_changes_ = running_->changes;
    flushed_bytes_ = running_->bytes;
    ++flushes_;
    answer(running_->waiting, running_->point, calls);
    running_.reset();
  } else if (idle) {
    answer(running_->waiting, make_error_code(EngineError::kFailed), calls);
    running_.reset();
    fail_wanted(calls);
  }
}

void Flusher::begin_round(Calls& calls) {
  if (env_.health().broken()) return fail_wanted(calls);
  if (changes_ == flushed_changes_) return answer(wanted_, flushed_, calls);
  const bool idle = env_.idle();
  std::string files;
  int level0 = 0;
  if (db_->GetProperty("leveldb.num-files-at-level0", &files)) {
    std::from_chars(files.data(), files.data() + files.size(), level0);
  }
  if (env_.flushing() || level0 >= kLevel0StopFiles) {
    // A full memtable is under way, or compaction behind: the next end of an item comes back here.
    if (idle) fail_wanted(calls);
    return;
  }
  Round round;
  round.log = env_.newest_log();
  round.point.applied = applied_;
  round.changes = changes_;
  round.bytes = written_bytes_;
  if (!db_->Write(leveldb::WriteOptions(), nullptr).ok()) return fail_wanted(calls);
  round.waiting = std::move(wanted_);
  wanted_.clear();
  running_ = std::move(round);
}

void Flusher::fail_wanted(Calls& calls) {
  answer(wanted_, make_error_code(EngineError::kFailed), calls);
}

void Flusher::answer(std::vector<Done>& waiting, const boost::system::result<FlushPoint>& outcome,
                     Calls& calls) {
  for (Done& done : waiting) {
    calls.push_back([done = std::move(done), outcome] { done(outcome); });
  }
  waiting.clear();
}

}  // namespace cairn::kv
