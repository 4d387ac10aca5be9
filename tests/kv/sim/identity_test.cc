// A node that cannot write its identity any more says so.
#include <cerrno>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

TEST(SimIdentity, PeersNewBootCannotBeStored_NodeIsFenced_AndARestartHeals) {
  for (const std::uint64_t seed : seeds(5)) {
    Story story(seed);
    ASSERT_TRUE(story.up());
    story.world.allow_failure(1);
    story.world.disk(1).fail(wal::MemoryFileSystem::Call::kOpen, 1, EMFILE, true);
    story.world.crash(2, CrashKind::kProcess);
    ASSERT_TRUE(story.world.start(2));
    ASSERT_TRUE(story.world.run_until(
        [&] {
          const auto reasons = story.world.node(1).not_ready_reasons();
          return !reasons.empty() && reasons.front().starts_with("fenced");
        },
        seconds{10}))
        << story.reasons();
    story.world.crash(1, CrashKind::kProcess);
    ASSERT_TRUE(story.world.start(1));
    EXPECT_TRUE(story.ready());
    story.converge();
  }
}

}  // namespace
}  // namespace cairn::kv::sim
