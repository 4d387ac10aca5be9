// Batches on their way: begun one after the other, and what their ends mean.
#include <utility>

#include "wal/wal_impl.h"

namespace cairn::wal {
namespace {

constexpr std::size_t kKeptBufferBytesMax = 8u << 20;

}  // namespace

void WalImpl::commit(Done done) {
  if (fenced_ || closed_) {
    finish_later(std::move(done), fenced_ ? WalError::kFenced : WalError::kClosed);
    return;
  }
  if (queue_.empty()) {
    finish_later(std::move(done), {});
    return;
  }
  queue_.back()->dones.push_back(std::move(done));
  queue_.back()->wanted = true;
  stalled_ = false;
  kick();
}

void WalImpl::close(Done done) {
  if (fenced_ || closed_) {
    finish_later(std::move(done), fenced_ ? WalError::kFenced : WalError::kClosed);
    return;
  }
  if (!queue_.empty() && !queue_.back()->sealed) seal(*queue_.back());
  RecordHeader record;
  record.kind = RecordKind::kCleanStop;
  put(record, {});
  closed_ = true;
  queue_.back()->dones.push_back(std::move(done));
  queue_.back()->wanted = true;
  stalled_ = false;
  kick();
}

void WalImpl::finish_later(Done done, Result<void> result) {
  home_.post([alive = Weak(alive_), done = std::move(done), result = std::move(result)] {
    if (living(alive) != nullptr) done(result);
  });
}

void WalImpl::kick() {
  if (in_flight_ || stalled_ || fenced_ || queue_.empty()) return;
  Batch& batch = *queue_.front();
  if (!batch.wanted && queue_.size() == 1) return;
  if (!batch.sealed) seal(batch);
  in_flight_ = true;
  if (!batch.write->birth) batch.write->segment = segments_[batch.segment].file;
  disk_.post([store = store_, write = batch.write, home = &home_, alive = Weak(alive_)] {
    if (store->abandoned()) return;
    WriteOutcome outcome;
    if (write->birth) outcome = store->bear(*write->birth, write->birth_bytes);
    if (outcome.kind == WriteOutcome::Kind::kDurable && !write->bytes.empty()) {
      SegmentFilePtr born = std::move(outcome.born);
      outcome = store->write(born ? *born : *write->segment, write->offset, write->bytes);
      outcome.born = std::move(born);
    }
    write->segment.reset();
    home->post([alive, outcome = std::move(outcome)] {
      if (WalImpl* self = living(alive)) self->on_written(outcome);
    });
  });
}

void WalImpl::on_written(const WriteOutcome& outcome) {
  in_flight_ = false;
  switch (outcome.kind) {
    case WriteOutcome::Kind::kDurable:
      return on_durable(outcome);
    case WriteOutcome::Kind::kRefused:
      return on_refused(outcome.error);
    case WriteOutcome::Kind::kBroken:
      return on_broken(outcome.error);
  }
}

void WalImpl::on_durable(const WriteOutcome& outcome) {
  const std::unique_ptr<Batch> batch = std::move(queue_.front());
  queue_.pop_front();
  pending_bytes_ -= batch->bytes();
  if (outcome.born) segments_[batch->segment].file = outcome.born;
  durable_segment_ = batch->segment;
  durable_end_ = batch->write->offset + batch->write->bytes.size();
  durable_batch_ = batch->number;
  ++counters_.batches;
  counters_.syncs += batch->write->birth ? 2 : 1;
  counters_.records += batch->records;
  counters_.bytes += batch->bytes();
  counters_.last_sync_us = outcome.sync_us;
  apply_when_durable(*batch);
  if (spare_buffer_.capacity() == 0 && batch->write->bytes.capacity() <= kKeptBufferBytesMax) {
    spare_buffer_ = std::move(batch->write->bytes);
    spare_buffer_.clear();
  }
  kick();        // the disk works on while the completions run
  wake_reads();  // before a completion trims what they wait for
  const Weak alive(alive_);
  if (!finish(alive, std::move(batch->dones), {})) return;
  upkeep();
  if (batch->write->birth) want_spare();
}

/// No room for a segment, and nothing was touched: all records stay where they are in the queue,
/// and the next commit() tries again.
void WalImpl::on_refused(boost::system::error_code error) {
  stalled_ = true;
  std::vector<Done> dones;
  for (const auto& batch : queue_) {
    for (Done& done : batch->dones) dones.push_back(std::move(done));
    batch->dones.clear();
  }
  const Weak alive(alive_);
  if (!finish(alive, std::move(dones), error)) return;
  if (stalled_) fail_waiting_reads(error);
}

void WalImpl::on_broken(boost::system::error_code error) {
  fenced_ = true;
  counters_.fenced = true;
  std::deque<std::unique_ptr<Batch>> queue = std::move(queue_);
  queue_.clear();
  pending_bytes_ = 0;
  const Weak alive(alive_);
  bool first = true;
  for (const auto& batch : queue) {
    const Result<void> result = first ? error : make_error_code(WalError::kFenced);
    if (!finish(alive, std::move(batch->dones), result)) return;
    first = false;
  }
  fail_waiting_reads(WalError::kFenced);
}

/// False when a completion destroyed the log.
bool WalImpl::finish(const Weak& alive, std::vector<Done> dones, Result<void> result) {
  for (const Done& done : dones) {
    if (alive.expired()) return false;
    if (done) done(result);
  }
  return !alive.expired();
}

}  // namespace cairn::wal
