// A log on a disk in memory, and the small verbs that the stories are told in.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/wal/log_model.h"
#include "wal/manual_executor.h"
#include "wal/memory_file_system.h"
#include "wal/wal.h"

namespace cairn::wal::test {

/// A log with its executors and the model of what it was given. Several may follow one another on
/// the same disk.
class LogRig {
 public:
  explicit LogRig(MemoryFileSystem& memory_disk) : files(memory_disk) {
    options.cluster_id = 0x1111;
    options.node_id = 3;
    options.segment_bytes = 8192;
    options.record_bytes_max = 1 << 20;
    options.batch_bytes_max = 16384;
    options.spare_segments = 1;
  }
  ~LogRig() { vanish(); }

  MemoryFileSystem& files;
  WalOptions options;
  ManualExecutor home;
  ManualExecutor disk;
  std::unique_ptr<Wal> wal;
  std::string detail;
  LogModel model;

  boost::system::error_code open() {
    vanish();
    detail.clear();
    auto opened = Wal::open(files, "log", options, home, disk, &detail);
    if (!opened) return opened.error();
    wal = std::move(*opened);
    return {};
  }
  /// The process is gone, with all that its executors had to do.
  void vanish() {
    wal.reset();
    home.drop_all();
    disk.drop_all();
  }
  void run() { run_until_idle(home, disk); }

  void append(GroupId group, std::uint64_t index, std::uint64_t term, std::string data) {
    wal->append(group, index, term, 1, data);
    ModelGroup& g = model.group(group);
    g.entries.erase(g.entries.lower_bound(index), g.entries.end());
    g.entries[index] = {term, std::move(data)};
    model.recorded();
  }
  /// The next entry of the group, in its last term.
  void append(GroupId group, std::string data) {
    const ModelGroup& g = model.group(group);
    append(group, g.last() + 1, std::max<std::uint64_t>(1, g.last_term()), std::move(data));
  }
  void vote(GroupId group, LogHardState state) {
    wal->set_hard_state(group, state);
    model.group(group).hard_state = state;
    model.recorded();
  }
  void configure(GroupId group, const std::string& config) {
    wal->set_config(group, config);
    model.group(group).config = config;
    model.recorded();
  }
  void reset(GroupId group, std::uint64_t index, std::uint64_t term, const std::string& config) {
    wal->reset(group, index, term, config);
    ModelGroup& g = model.group(group);
    g.entries.clear();
    g.start = index;
    g.start_term = term;
    g.config = config;
    model.recorded();
  }
  void trim(GroupId group, std::uint64_t index) {
    ModelGroup& g = model.group(group);
    const std::uint64_t term = g.entries.at(index).first;
    wal->trim(group, index, term);
    g.start = index;
    g.start_term = term;
  }
  /// Asks for durability; the model learns of it when it is told.
  void commit() {
    wal->commit([this, issued = model.issued()](Result<void> r) {
      answers.push_back(r ? boost::system::error_code() : r.error());
      if (r) model.ack(issued);
    });
  }
  boost::system::error_code commit_and_run() {
    commit();
    run();
    return answers.back();
  }
  boost::system::error_code close() {
    boost::system::error_code answer = WalError::kClosed;
    wal->close([&](Result<void> r) {
      answer = r ? boost::system::error_code() : r.error();
      if (r) model.ack(model.issued());
    });
    run();
    return answer;
  }

  std::optional<RecoveredGroup> found(GroupId group) const {
    for (const RecoveredGroup& g : wal->recovered()) {
      if (g.group == group) return g;
    }
    return std::nullopt;
  }
  /// "1:a 2:b" for what the log holds of a group.
  std::string entries(GroupId group) {
    std::string out;
    const auto g = found(group);
    if (!g) return "none";
    for (std::uint64_t i = g->start_index + 1; i <= g->last_index; ++i) {
      const auto got = wal->read_now(group, i, i, 1 << 20);
      if (!got) return got.error().message();
      out += (out.empty() ? "" : " ") + std::to_string(i) + ":" + got->front().data;
    }
    return out;
  }
  /// Checks what was recovered against the model and goes on from there.
  ::testing::AssertionResult consistent() {
    const auto at = model.match(*wal);
    if (!at) return ::testing::AssertionFailure() << model.describe(*wal);
    model.adopt(*at, *wal);
    return ::testing::AssertionSuccess();
  }

  std::vector<std::string> segments() const {
    std::vector<std::string> names;
    for (const auto& [path, bytes] : files.image().files) {
      if (path.starts_with("log/wal-")) names.push_back(path);
    }
    return names;
  }
  std::string newest_segment() const { return segments().back(); }

  std::vector<boost::system::error_code> answers;
};

/// The disk comes before the rig that writes to it.
struct DiskHolder {
  MemoryFileSystem memory;
};

class LogTest : public ::testing::Test, private DiskHolder, public LogRig {
 protected:
  LogTest() : LogRig(DiskHolder::memory) {}
  void SetUp() override { ASSERT_FALSE(open()); }

  /// Power cut, then the machine comes up again.
  void power_cut(MemoryFileSystem::Crash mode = MemoryFileSystem::Crash::kLoseUnsynced,
                 std::uint64_t seed = 0) {
    vanish();
    files.crash(mode, seed);
  }
  /// The process is killed; the page cache stays.
  void kill() {
    vanish();
    files.kill_process();
  }
};

}  // namespace cairn::wal::test
