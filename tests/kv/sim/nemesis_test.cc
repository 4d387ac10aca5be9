// What a node says of its own data, judged by who knows what was done to them.
#include "kv/sim/nemesis.h"

#include <gmock/gmock.h>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SimNemesis : public testing::Test {
 protected:
  static WorldOptions three() {
    WorldOptions o;
    o.nodes = 3;
    return o;
  }
  void distrusts(NodeId node, Distrust what) {
    nemesis_.on_node({NodeEvent::Kind::kDistrusts, Time(1), node, 1, Time(0), "why", what});
  }
  [[nodiscard]] const std::vector<std::string>& failures() const { return world_.failures(); }

  World world_{three()};
  Plan plan_ = *draw_plan({.seed = 1, .profile = "disk"});
  Nemesis nemesis_{world_, plan_};
};

TEST_F(SimNemesis, DamageThatNobodyDid_IsSeen) {
  for (const Distrust what : {Distrust::kSetsAside, Distrust::kRebuilds, Distrust::kServesNone}) {
    const std::size_t before = failures().size();
    distrusts(1 + before, what);
    ASSERT_EQ(failures().size(), before + 1);
    EXPECT_THAT(failures().back(), HasSubstr("DAMAGE"));
  }
}

TEST_F(SimNemesis, NodeTakenForAnOlderLifeOfItself_IsSeen_OneThatWasReplacedIsNot) {
  distrusts(1, Distrust::kReplaced);
  EXPECT_THAT(failures(), IsEmpty());
  distrusts(1, Distrust::kDisowned);
  EXPECT_THAT(failures(), ElementsAre(HasSubstr("DISOWNED")));
}

/// Remembers what nodes say of their data.
class Ear final : public Observer {
 public:
  void on_node(const NodeEvent& event) override {
    if (event.kind == NodeEvent::Kind::kDistrusts) heard.emplace_back(event.node, event.distrust);
  }
  std::vector<std::pair<NodeId, Distrust>> heard;
};

TEST_F(SimNemesis, RolledBackDirectory_IsDisownedByItsPeers_AndSaysSo) {
  Ear ear;
  Story story(7);
  story.world.observe(&ear);
  ASSERT_TRUE(story.up());
  ASSERT_TRUE(story.put(1, "k", "v"));
  story.world.run_for(seconds{1});
  const auto old = story.world.disk(2).image();
  story.world.crash(2, CrashKind::kProcess);
  ASSERT_TRUE(story.world.start(2));
  ASSERT_TRUE(story.ready());
  story.world.run_for(seconds{1});
  EXPECT_THAT(ear.heard, IsEmpty());
  story.world.crash(2, CrashKind::kProcess);
  story.world.disk(2).load(old);
  ASSERT_TRUE(story.world.start(2));
  story.world.run_for(seconds{10});
  EXPECT_THAT(ear.heard, Contains(std::pair(NodeId{2}, Distrust::kDisowned)));
}

}  // namespace
}  // namespace cairn::kv::sim
