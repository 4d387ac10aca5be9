// Reads again, at a set rate, what lies on the disk and nobody asks for: the live entries of the
// log and every block of the database's tables, so that rot is found while the others still have
// what it destroyed (hazard W11). On the home executor; the reading itself is done on executors.
//
// A pass begins soon after the start and then now and then, and goes through log and tables once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kv/node/durations.h"
#include "raft/types.h"
#include "wal/file_system.h"
#include "wal/wal.h"

namespace cairn::kv {

class ScrubHost {
 public:
  virtual ~ScrubHost() = default;
  /// By group: the entries of the log that are live and durable.
  struct Stretch {
    raft::GroupId group = 0;
    raft::Index first = 0, last = 0;
  };
  [[nodiscard]] virtual std::vector<Stretch> log_stretches() const = 0;
  virtual void read_log_again(raft::GroupId group, raft::Index from, raft::Index to,
                              std::size_t bytes_max, wal::Wal::ReadDone done) = 0;
  /// `work` runs elsewhere, `done` on home.
  virtual void on_scrub(std::function<void()> work, std::function<void()> done) = 0;
  /// As on_scrub(), where LevelDB writes its tables: none is half written while `work` runs.
  virtual void between_tables(std::function<void()> work, std::function<void()> done) = 0;
  /// File, offset and what; empty: the log's last read knows.
  virtual void scrub_found(const std::string& what) = 0;
};

struct ScrubCounters {
  std::uint64_t bytes = 0;
  std::uint64_t passes = 0;  // finished
  std::uint64_t finds = 0;
};

class Scrubber {
 public:
  /// `rate` in bytes a second; 0: nothing is done.
  Scrubber(ScrubHost& host, wal::FileSystem& files, std::string engine, std::uint64_t rate)
      : host_(host), files_(files), engine_(std::move(engine)), rate_(rate) {}

  /// A few times a second.
  void tick(std::chrono::microseconds now);
  void stop() { rate_ = 0; }
  [[nodiscard]] const ScrubCounters& counters() const { return counters_; }

 private:
  enum class Phase { kResting, kLog, kTables };

  void begin_pass();
  void step();
  void step_log();
  void list_tables();
  void step_table();
  void look_again(const std::string& path);
  void spent(std::uint64_t bytes);
  void found(const std::string& what);

  ScrubHost& host_;
  wal::FileSystem& files_;
  const std::string engine_;
  std::uint64_t rate_;
  Phase phase_ = Phase::kResting;
  bool busy_ = false;
  std::chrono::microseconds last_{0}, next_pass_{0};
  std::int64_t credit_ = 0;  // bytes that may be read now; below 0: read ahead of time
  std::vector<ScrubHost::Stretch> stretches_;
  std::vector<std::string> tables_;
  ScrubCounters counters_;
};

}  // namespace cairn::kv
