// The log's state machine on the home executor. Four files: wal_impl.cc (adding records),
// wal_batches.cc (writing them), wal_read.cc (reads), wal_upkeep.cc (what lets old segments go).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wal/batch.h"
#include "wal/group_log.h"
#include "wal/log_read.h"
#include "wal/recovery.h"
#include "wal/segment_store.h"
#include "wal/wal.h"

namespace cairn::wal {

/// Everything about a record (segment, offset, chain) is settled when it is encoded, which is when
/// it is added: batches are then only written, in order. A batch is under way while in_flight_.
///
/// Lifetime: tasks on the disk executor share the store and the batch's bytes; tasks on the home
/// executor hold a weak reference and do nothing once the log is gone.
class WalImpl final : public Wal {
 public:
  WalImpl(std::shared_ptr<SegmentStore> store, RecoveredLog log, const WalOptions& options,
          Executor& home, Executor& disk);
  ~WalImpl() override;

  const std::vector<RecoveredGroup>& recovered() const override { return recovered_; }
  void append(GroupId group, std::uint64_t index, std::uint64_t term, std::uint8_t kind,
              std::string_view data) override;
  void set_hard_state(GroupId group, const LogHardState& state) override;
  void set_config(GroupId group, std::string_view config) override;
  void reset(GroupId group, std::uint64_t index, std::uint64_t term,
             std::string_view config) override;
  void trim(GroupId group, std::uint64_t index, std::uint64_t term) override;
  void commit(Done done) override;
  void read(GroupId group, std::uint64_t from, std::uint64_t to, std::size_t max_bytes,
            ReadDone done) override;
  Result<std::vector<LogEntry>> read_now(GroupId group, std::uint64_t from, std::uint64_t to,
                                         std::size_t max_bytes) override;
  std::optional<std::uint64_t> term_at(GroupId group, std::uint64_t index) const override;
  void close(Done done) override;
  bool fenced() const override { return fenced_; }
  bool overloaded() const override { return pending_bytes_ > options_.pending_bytes_max; }
  WalMetrics metrics() const override;
  std::uint64_t live_bytes(GroupId group) const override;
  const std::string& damage() const override { return damage_; }

 private:
  using Weak = std::weak_ptr<WalImpl*>;
  /// For tasks on the home executor. A plain pointer: a lock kept would hide that a completion has
  /// destroyed the log.
  static WalImpl* living(const Weak& alive) {
    const auto self = alive.lock();
    return self ? *self : nullptr;
  }

  struct WaitingRead {
    GroupId group = 0;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::size_t max_bytes = 0;
    ReadDone done;
  };
  /// Live entries of the oldest segment on their way into the newest.
  struct CopyJob {
    std::uint32_t segment = 0;  // 0 = none
    GroupId group = 0;          // where to look next
    std::uint64_t index = 0;
    bool reading = false;
    std::uint64_t batch = 0;  // that carries the last step; the next begins after it
  };

  // wal_impl.cc
  bool accepts() const;
  Slot put(RecordHeader record, std::string_view payload);
  Batch& batch_with_room(std::uint64_t bytes);
  Batch& new_batch();
  void begin_segment(std::uint64_t need);
  void seal(Batch& batch);
  void note_trimmed(Batch& batch);
  void add_slot(GroupLog& group, const Slot& slot);
  void drop_slot(Batch& batch, GroupLog& group, std::uint64_t index);

  // wal_batches.cc
  void kick();
  void on_written(const WriteOutcome& outcome);
  void on_durable(const WriteOutcome& outcome);
  void on_refused(boost::system::error_code error);
  void on_broken(boost::system::error_code error);
  void finish_later(Done done, Result<void> result);
  static bool finish(const Weak& alive, std::vector<Done> dones, Result<void> result);

  // wal_read.cc
  bool durable(const Slot& slot) const;
  Result<std::vector<ReadItem>> plan_read(GroupId group, std::uint64_t from, std::uint64_t to,
                                          std::size_t max_bytes, bool* must_wait) const;
  void start_read(std::vector<ReadItem> items, ReadDone done);
  void wake_reads();
  void fail_waiting_reads(boost::system::error_code error);

  // wal_upkeep.cc
  void upkeep();
  void apply_when_durable(const Batch& batch);
  void retire_unpinned();
  void write_trims();
  void copy_forward();
  bool worth_copying(const SegmentInfo& oldest) const;
  std::vector<ReadItem> next_to_copy();
  void on_copy_read(const std::vector<ReadItem>& items,
                    const Result<std::vector<LogEntry>>& entries);
  void want_spare();

  const std::shared_ptr<SegmentStore> store_;
  const WalOptions options_;
  Executor& home_;
  Executor& disk_;
  std::vector<RecoveredGroup> recovered_;

  GroupMap groups_;
  SegmentMap segments_;
  LogTail tail_;
  std::deque<std::unique_ptr<Batch>> queue_;  // the last may be open, the first may be in flight
  std::string spare_buffer_;                  // of a batch that is done, for a later one
  bool in_flight_ = false;
  bool stalled_ = false;  // refused for want of room: until the next commit
  bool fenced_ = false;
  bool closed_ = false;
  std::uint64_t pending_bytes_ = 0;

  // All records before this place are durable.
  std::uint32_t durable_segment_ = 0;
  std::uint64_t durable_end_ = 0;
  std::uint64_t durable_batch_ = 0;

  std::deque<WaitingRead> waiting_reads_;
  std::map<std::uint64_t, ReadDone> reads_;  // on the disk executor, by number
  std::uint64_t next_read_ = 1;

  std::uint64_t trim_batch_ = 0;  // that carries the last kTrim records
  CopyJob copy_;
  bool preparing_spare_ = false;
  WalMetrics counters_;
  std::string damage_;  // the last place where a read found what it must not

  std::shared_ptr<WalImpl*> alive_;
};

}  // namespace cairn::wal
