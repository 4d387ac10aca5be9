// Power cuts, kills and failing calls at every moment: what was acknowledged is never lost, what is
// found is always a state that the log was in.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

#include "tests/wal/log_workload.h"

namespace cairn::wal::test {
namespace {

using Crash = MemoryFileSystem::Crash;

/// CAIRN_SEED replays one run.
std::pair<std::uint64_t, std::uint64_t> seeds(std::uint64_t count) {
  if (const char* one = std::getenv("CAIRN_SEED")) {
    const std::uint64_t seed = std::strtoull(one, nullptr, 10);
    return {seed, seed + 1};
  }
  return {1, count + 1};
}

WalOptions small(WalOptions options, Dice& dice) {
  options.segment_bytes = dice.one_in(2) ? 4096 : 16384;
  options.total_bytes_max = options.segment_bytes * (4 + dice.below(8));
  options.spare_segments = static_cast<unsigned>(dice.below(3));
  options.batch_bytes_max = dice.one_in(2) ? 2000 : 100000;
  return options;
}

Crash any_crash(Dice& dice) {
  constexpr Crash kAll[] = {Crash::kLoseUnsynced, Crash::kKeepAll, Crash::kRandom,
                            Crash::kRandomTorn};
  return kAll[dice.below(4)];
}

/// Several lives on one disk, each ended by a power cut, a kill or a failing call.
void live_and_die(std::uint64_t seed) {
  SCOPED_TRACE("CAIRN_SEED=" + std::to_string(seed));
  MemoryFileSystem files;
  LogRig rig(files);
  Dice dice(seed);
  rig.options = small(rig.options, dice);
  ASSERT_FALSE(rig.open()) << rig.detail;
  for (int life = 0; life < 4; ++life) {
    Workload work(rig, dice.next());
    work.steps(static_cast<int>(dice.below(60)));
    const std::uint64_t end = dice.below(4);
    if (end == 0) {
      files.fail_changes(1 + dice.below(12), EIO);  // the power goes in the middle of something
      work.steps(40);
      if (!rig.wal->fenced()) rig.commit();
      rig.run();
    }
    if (end == 1) {
      ASSERT_FALSE(rig.close());
    }
    rig.vanish();
    if (dice.one_in(4)) {
      files.kill_process();
    } else {
      files.crash(any_crash(dice), dice.next());
    }
    // And again while it opens: what the half-done open left must be as good.
    files.fail_changes(1 + dice.below(10), EIO);
    if (rig.open()) {
      files.crash(any_crash(dice), dice.next());
      ASSERT_FALSE(rig.open()) << rig.detail;
    }
    files.clear_faults();
    ASSERT_TRUE(rig.consistent());
    // From here on the node votes and acknowledges on the ground of what it read (hazard W13).
    rig.model.ack(rig.model.issued());
    if (dice.one_in(2)) {
      rig.vanish();
      files.crash(Crash::kLoseUnsynced, 0);
      ASSERT_FALSE(rig.open()) << rig.detail;
      ASSERT_TRUE(rig.consistent()) << "power cut right after opening";
    }
  }
}

TEST(LogCrash, ManySeeds_AnyMoment_NothingAckedIsLost) {
  const auto [first, end] = seeds(1500);
  for (std::uint64_t seed = first; seed < end; ++seed) {
    live_and_die(seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

/// A fixed scenario that touches everything: batches, rotation, trimming, copying, reset.
void scenario(LogRig& rig) {
  Workload work(rig, 42);
  work.steps(250);
  if (!rig.wal->fenced()) rig.commit();
  rig.run();
}

WalOptions scenario_options(WalOptions options) {
  options.segment_bytes = 4096;
  options.total_bytes_max = 20000;
  options.batch_bytes_max = 3000;
  return options;
}

/// Ends the scenario's disk at its k-th change; false when the scenario has fewer.
bool cut_at_change(std::uint64_t k, Crash mode) {
  SCOPED_TRACE("k=" + std::to_string(k) + " mode=" + std::to_string(static_cast<int>(mode)));
  MemoryFileSystem files;
  LogRig rig(files);
  rig.options = scenario_options(rig.options);
  files.fail_changes(k, EIO);
  bool reached = rig.open().failed();
  if (!reached) {
    scenario(rig);
    reached = rig.wal->fenced() || files.changes() >= k;
  }
  rig.vanish();
  files.crash(mode, k);
  const auto error = rig.open();
  EXPECT_FALSE(error) << error.message() << ' ' << rig.detail;
  if (error) return false;
  EXPECT_TRUE(rig.consistent());
  rig.vanish();
  files.crash(Crash::kLoseUnsynced, 0);
  EXPECT_FALSE(rig.open());
  EXPECT_TRUE(rig.consistent());
  return reached && !::testing::Test::HasFailure();
}

TEST(LogCrash, EveryChange_EveryMode_NothingAckedIsLost) {
  for (const Crash mode :
       {Crash::kLoseUnsynced, Crash::kKeepAll, Crash::kRandom, Crash::kRandomTorn}) {
    std::uint64_t k = 1;
    while (cut_at_change(k, mode)) ++k;
    EXPECT_GT(k, 100u);
    if (HasFailure()) return;
  }
}

/// One call fails, the machine stays up. The log may refuse or be fenced, and a restart heals it.
bool fail_one_call(MemoryFileSystem::Call call, std::uint64_t k, int error) {
  SCOPED_TRACE("call=" + std::to_string(static_cast<int>(call)) + " k=" + std::to_string(k) +
               " errno=" + std::to_string(error));
  MemoryFileSystem files;
  LogRig rig(files);
  rig.options = scenario_options(rig.options);
  files.fail(call, k, error);
  if (rig.open()) {
    rig.options = scenario_options(rig.options);
    EXPECT_FALSE(rig.open()) << "a second attempt, without the fault";
  }
  if (!rig.wal) return false;
  scenario(rig);
  if (!rig.wal->fenced() && !rig.answers.empty() && rig.answers.back()) {
    EXPECT_FALSE(rig.commit_and_run()) << "a refusal that heals";
  }
  const bool reached = files.calls(call) >= k;
  rig.vanish();
  files.crash(Crash::kLoseUnsynced, 0);
  const auto reopened = rig.open();
  EXPECT_FALSE(reopened) << reopened.message() << ' ' << rig.detail;
  if (reopened) return false;
  EXPECT_TRUE(rig.consistent());
  return reached && !::testing::Test::HasFailure();
}

TEST(LogCrash, EveryCall_EveryErrno_NothingAckedIsLost) {
  using Call = MemoryFileSystem::Call;
  for (const Call call : {Call::kOpen, Call::kWrite, Call::kSync, Call::kRename, Call::kRemove,
                          Call::kSyncDirectory, Call::kMakeDirectory, Call::kLook, Call::kRead}) {
    for (const int error : {EIO, ENOSPC, EMFILE}) {
      std::uint64_t k = 1;
      while (fail_one_call(call, k, error)) ++k;
      if (HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace cairn::wal::test
