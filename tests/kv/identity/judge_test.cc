// Node 1 judges what its peers say; the peers are real identities on disks of their own.
#include "kv/identity/judge.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "kv/identity/founding_record.h"
#include "kv/placement/hash.h"
#include "wal/memory_file_system.h"

namespace cairn::kv {
namespace {

using Verdict = net::HelloReply::Verdict;

/// A machine: a disk with one node's directory, started at will.
class Machine {
 public:
  explicit Machine(std::uint64_t node) : node_(node), random_(node * 1'000'000) {}

  void start() {
    identity_.emplace(Identity::open(disk_, "d", node_, [this] { return ++random_; }).value());
  }
  void wipe() { disk_.load({}); }
  wal::MemoryFileSystem::Image copy() const { return disk_.image(); }
  void restore(const wal::MemoryFileSystem::Image& image) { disk_.load(image); }
  Identity& me() { return *identity_; }

  net::Hello hello(std::uint64_t to) const {
    net::Hello hello;
    hello.node = node_;
    hello.to = to;
    hello.incarnation = identity_->incarnation();
    hello.boot = identity_->boot();
    hello.nonce = identity_->nonce();
    hello.boots = identity_->boots();
    hello.founding = identity_->founding();
    return hello;
  }

 private:
  std::uint64_t node_;
  std::uint64_t random_;
  wal::MemoryFileSystem disk_;
  std::optional<Identity> identity_;
};

class Judge_Story : public ::testing::Test {
 protected:
  void SetUp() override {
    for (Machine* machine : {&one_, &two_, &three_}) machine->start();
  }

  net::FoundingRecord record() {
    net::FoundingRecord record;
    record.partitions = 1;
    record.replicas = 3;
    record.hash_id = kHashXxh3;
    record.founders = {{.node = 1, .address = "a:1", .incarnation = one_.me().incarnation()},
                       {.node = 2, .address = "b:1", .incarnation = two_.me().incarnation()},
                       {.node = 3, .address = "c:1", .incarnation = three_.me().incarnation()}};
    record.cluster_id = compute_cluster_id(record);
    return record;
  }
  void found() {
    const auto same = record();
    for (Machine* machine : {&one_, &two_, &three_}) {
      ASSERT_TRUE(machine->me().record_founding(same).has_value());
    }
  }
  /// As node 1 knows them: with the record's incarnations, once it is founded.
  std::vector<KnownMember> members() {
    std::vector<KnownMember> known{{1, 0}, {2, 0}, {3, 0}};
    for (KnownMember& member : known)
      if (const auto* founder = find_founder(one_.me().founding(), member.id))
        member.incarnation = founder->incarnation;
    return known;
  }
  Judgement judged(const net::Hello& hello) { return judge(hello, one_.me(), members(), 1); }
  Verdict as_fourth(const net::Hello& hello, std::uint64_t incarnation) {
    std::vector<KnownMember> known = members();
    known.push_back({4, incarnation});
    return judge(hello, one_.me(), known, 2).verdict;
  }
  Verdict verdict(const net::Hello& hello) { return judged(hello).verdict; }
  /// As the host does: judged, and what must be stored is stored.
  Verdict meet(const Machine& peer) {
    const net::Hello hello = peer.hello(1);
    const Judgement judgement = judged(hello);
    if (judgement.store_first) {
      EXPECT_TRUE(one_.me().record_peer(hello.node, triple_of(hello)).has_value());
      EXPECT_FALSE(judged(hello).store_first);
    }
    return judgement.verdict;
  }

  Machine one_{1}, two_{2}, three_{3};
};

TEST_F(Judge_Story, FoundersOfOneCluster_AreAccepted) {
  found();
  EXPECT_EQ(meet(two_), Verdict::kAccepted);
  EXPECT_EQ(meet(three_), Verdict::kAccepted);
}

TEST_F(Judge_Story, Restarts_AreAccepted) {
  found();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(meet(two_), Verdict::kAccepted);
    two_.start();
    if (i % 3 == 0) two_.start();  // once without meeting us
    if (i % 5 == 0) one_.start();  // and we restart too
  }
}

TEST_F(Judge_Story, NewBoot_IsStoredFirst) {
  found();
  EXPECT_TRUE(judged(two_.hello(1)).store_first);
  EXPECT_EQ(meet(two_), Verdict::kAccepted);
  EXPECT_FALSE(judged(two_.hello(1)).store_first);
  two_.start();
  EXPECT_TRUE(judged(two_.hello(1)).store_first);
}

TEST_F(Judge_Story, WipedDirectory_IsWiped) {
  found();
  ASSERT_EQ(meet(two_), Verdict::kAccepted);
  two_.wipe();
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kWiped);
}

TEST_F(Judge_Story, WipedBeforeWeEverMet_IsWipedByTheRecord) {
  found();
  two_.wipe();
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kWiped);
}

TEST_F(Judge_Story, RolledBackDirectory_IsWiped) {
  found();
  ASSERT_EQ(meet(two_), Verdict::kAccepted);
  const auto old = two_.copy();
  two_.start();
  two_.start();
  ASSERT_EQ(meet(two_), Verdict::kAccepted);
  two_.restore(old);
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kWiped) << "an earlier boot";
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kWiped) << "the same boot number, another nonce";
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kWiped) << "a later boot that never was the one we know";
}

TEST_F(Judge_Story, CopiedDirectory_OneOfTheTwoIsWiped) {
  found();
  Machine copy{2};
  copy.restore(two_.copy());
  for (int i = 0; i < 5; ++i) copy.start();  // draws other nonces than the original will
  two_.start();
  ASSERT_EQ(meet(two_), Verdict::kAccepted);
  // The copy draws from the same seed in this test; make its list differ as chance would.
  net::Hello hello = copy.hello(1);
  for (auto& boot : hello.boots) {
    if (boot.boot > 1) boot.nonce += 7;
  }
  hello.nonce += 7;
  EXPECT_EQ(verdict(hello), Verdict::kWiped);
}

TEST_F(Judge_Story, AThousandBootsUnseen_IsRefused) {
  found();
  ASSERT_EQ(meet(two_), Verdict::kAccepted);
  for (int i = 0; i < 999; ++i) two_.start();
  EXPECT_EQ(verdict(two_.hello(1)), Verdict::kAccepted) << "boot 1 still stands in the list";
  two_.start();
  EXPECT_EQ(verdict(two_.hello(1)), Verdict::kWiped);
}

TEST_F(Judge_Story, OtherCluster_IsForeign) {
  found();
  auto hello = two_.hello(1);
  hello.founding.founders[2].incarnation += 1;
  hello.founding.cluster_id = compute_cluster_id(hello.founding);
  EXPECT_EQ(verdict(hello), Verdict::kForeignCluster);
}

TEST_F(Judge_Story, SameIdOverOtherContent_IsForeign) {
  found();
  auto hello = two_.hello(1);
  hello.founding.founders[2].address = "elsewhere:1";
  EXPECT_EQ(verdict(hello), Verdict::kForeignCluster);
}

TEST_F(Judge_Story, UnknownNode_IsRefused) {
  found();
  auto hello = two_.hello(1);
  hello.node = 4;
  EXPECT_EQ(verdict(hello), Verdict::kUnknownNode);
}

TEST_F(Judge_Story, MemberAddedLater_IsAcceptedAndHeldToItsTriple) {
  found();
  Machine four{4};
  four.start();
  EXPECT_EQ(as_fourth(four.hello(1), 0), Verdict::kAccepted) << "not met yet";
  const std::uint64_t met = four.me().incarnation();
  ASSERT_TRUE(one_.me().record_peer(4, triple_of(four.hello(1))).has_value());
  EXPECT_EQ(as_fourth(four.hello(1), met), Verdict::kAccepted);
  four.wipe();
  four.start();
  EXPECT_EQ(as_fourth(four.hello(1), met), Verdict::kWiped);
  EXPECT_EQ(as_fourth(four.hello(1), four.me().incarnation()), Verdict::kAccepted)
      << "the record took it back: the stored triple is an earlier incarnation's";
}

TEST_F(Judge_Story, MemberAddedAgain_WithTheDirectoryOfItsEarlierLife_IsWiped) {
  found();
  Machine four{4};
  four.start();
  ASSERT_TRUE(four.me().record_founding(record()).has_value());
  EXPECT_EQ(as_fourth(four.hello(1), 0), Verdict::kWiped);
}

TEST_F(Judge_Story, SenderWithANewerRecord_IsNotJudgedByAnOlderOne) {
  found();
  Machine four{4};
  four.start();
  auto hello = four.hello(1);
  hello.record_epoch = 3;
  EXPECT_EQ(as_fourth(hello, 12345), Verdict::kBusy);
  hello.record_epoch = 2;
  EXPECT_EQ(as_fourth(hello, 12345), Verdict::kWiped);
}

TEST_F(Judge_Story, WrongDoor_IsRefused) {
  found();
  EXPECT_EQ(verdict(two_.hello(3)), Verdict::kUnknownNode) << "meant for node 3";
  auto hello = two_.hello(1);
  hello.node = 1;
  EXPECT_EQ(verdict(hello), Verdict::kUnknownNode) << "under our own id";
}

TEST_F(Judge_Story, Protocol_MustOverlap) {
  found();
  auto hello = two_.hello(1);
  hello.protocol_max = net::kProtocolMax + 5;
  const Judgement judgement = judged(hello);
  EXPECT_EQ(judgement.verdict, Verdict::kAccepted);
  EXPECT_EQ(judgement.protocol, net::kProtocolMax);
  hello.protocol_min = net::kProtocolMax + 1;
  EXPECT_EQ(verdict(hello), Verdict::kProtocol);
  hello.protocol_min = 0;
  hello.protocol_max = 0;
  EXPECT_EQ(verdict(hello), Verdict::kProtocol);
  hello.protocol_min = 2;
  hello.protocol_max = 1;
  EXPECT_EQ(verdict(hello), Verdict::kProtocol);
}

TEST_F(Judge_Story, HelloThatContradictsItself_IsWiped) {
  found();
  for (int i = 0; i < 3; ++i) two_.start();
  const auto refused = [&](auto change) {
    auto hello = two_.hello(1);
    change(hello);
    EXPECT_EQ(verdict(hello), Verdict::kWiped);
  };
  refused([](auto& h) { h.boots.clear(); });
  refused([](auto& h) { h.boots.pop_back(); });
  refused([](auto& h) { h.boots.erase(h.boots.begin() + 1); });
  refused([](auto& h) { std::swap(h.boots[0], h.boots[1]); });
  refused([](auto& h) { h.nonce += 1; });
  refused([](auto& h) { h.boots[0].nonce = 0; });
  refused([](auto& h) { h.incarnation = 0; });
  refused([](auto& h) { h.boots.insert(h.boots.begin(), 1'000, h.boots[0]); });
}

TEST_F(Judge_Story, FounderThatHasNotWrittenTheRecordYet_IsAccepted) {
  ASSERT_TRUE(one_.me().record_founding(record()).has_value());
  EXPECT_EQ(meet(two_), Verdict::kAccepted);
}

TEST_F(Judge_Story, Unfounded_MeetsUnfounded) {
  EXPECT_EQ(meet(two_), Verdict::kAccepted);
  two_.wipe();
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kAccepted) << "nothing was promised yet";
}

TEST_F(Judge_Story, IncarnationsBeforeTheFounding_AreForgotten) {
  ASSERT_EQ(meet(two_), Verdict::kAccepted);
  const auto earlier = two_.hello(1);
  two_.wipe();
  two_.start();
  found();  // with the second incarnation, while we have stored the first
  EXPECT_EQ(verdict(earlier), Verdict::kWiped);
  EXPECT_EQ(meet(two_), Verdict::kAccepted);
  two_.start();
  EXPECT_EQ(meet(two_), Verdict::kAccepted);
}

TEST_F(Judge_Story, Unfounded_MeetsAClusterThatListsIt) {
  const auto same = record();
  ASSERT_TRUE(two_.me().record_founding(same).has_value());
  EXPECT_EQ(meet(two_), Verdict::kAccepted) << "we shall adopt it";
  one_.wipe();
  one_.start();
  EXPECT_EQ(meet(two_), Verdict::kAccepted) << "that we are wiped is for Founding to say";
}

TEST_F(Judge_Story, Unfounded_MeetsAClusterWithoutIt) {
  auto other = record();
  other.founders.erase(other.founders.begin());
  other.cluster_id = compute_cluster_id(other);
  ASSERT_TRUE(two_.me().record_founding(other).has_value());
  EXPECT_EQ(meet(two_), Verdict::kAccepted) << "it may have been added to that one";
}

TEST_F(Judge_Story, Unfounded_MeetsARecordThatContradictsItself) {
  auto hello = two_.hello(1);
  hello.founding = record();
  hello.founding.cluster_id += 1;
  EXPECT_EQ(verdict(hello), Verdict::kForeignCluster);
}

}  // namespace
}  // namespace cairn::kv
