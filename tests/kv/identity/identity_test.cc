#include "kv/identity/identity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "kv/identity/founding_record.h"
#include "kv/identity/quarantine.h"
#include "kv/placement/hash.h"
#include "wal/memory_file_system.h"

namespace cairn::kv {
namespace {

constexpr std::uint64_t kNode = 1;
const std::string kDir = "data/n1";

net::FoundingRecord record_with(std::uint64_t incarnation) {
  net::FoundingRecord record;
  record.partitions = 16;
  record.replicas = 3;
  record.hash_id = kHashXxh3;
  record.founders = {{.node = 1, .address = "a:1", .incarnation = incarnation},
                     {.node = 2, .address = "b:1", .incarnation = 22},
                     {.node = 3, .address = "c:1", .incarnation = 33}};
  record.cluster_id = compute_cluster_id(record);
  return record;
}

class Identity_Directory : public ::testing::Test {
 protected:
  Result<Identity> start(std::uint64_t node = kNode) {
    return Identity::open(disk_, kDir, node, [this] { return ++random_ * 1'000; });
  }
  Identity started() { return start().value(); }
  Errc start_error(std::uint64_t node = kNode) {
    const auto result = start(node);
    return result ? Errc::kInternal : result.error().code;
  }
  void cut_power(std::uint64_t seed = 0) {
    disk_.crash(wal::MemoryFileSystem::Crash::kLoseUnsynced, seed);
  }

  wal::MemoryFileSystem disk_;
  std::uint64_t random_ = 0;
};

TEST_F(Identity_Directory, FirstStart_DrawsAnIncarnation) {
  const Identity me = started();
  EXPECT_NE(me.incarnation(), 0u);
  EXPECT_EQ(me.boot(), 1u);
  EXPECT_NE(me.nonce(), 0u);
  EXPECT_EQ(me.boots(), (std::vector<net::BootNonce>{{me.boot(), me.nonce()}}));
  EXPECT_FALSE(me.founded());
}

TEST_F(Identity_Directory, EachStart_IsANewBootOfTheSameIncarnation) {
  const Identity first = started();
  cut_power();
  const Identity second = started();
  EXPECT_EQ(second.incarnation(), first.incarnation());
  EXPECT_EQ(second.boot(), 2u);
  EXPECT_NE(second.nonce(), first.nonce());
  EXPECT_EQ(second.boots().front(), first.boots().front());
}

TEST_F(Identity_Directory, TheLastThousandBoots_AreKept) {
  for (int i = 0; i < 1'003; ++i) ASSERT_TRUE(start().has_value());
  const Identity me = started();
  EXPECT_EQ(me.boot(), 1'004u);
  ASSERT_EQ(me.boots().size(), kBootsKept);
  EXPECT_EQ(me.boots().front().boot, 5u);
  EXPECT_EQ(me.boots().back().boot, 1'004u);
}

TEST_F(Identity_Directory, RandomZero_IsNotTakenForNone) {
  const Identity me = Identity::open(disk_, kDir, kNode, [] { return 0; }).value();
  EXPECT_NE(me.incarnation(), 0u);
  EXPECT_NE(me.nonce(), 0u);
}

TEST_F(Identity_Directory, Founding_OutlivesAPowerCut) {
  Identity me = started();
  const auto record = record_with(me.incarnation());
  ASSERT_TRUE(me.record_founding(record).has_value());
  EXPECT_TRUE(me.founded());
  cut_power();
  EXPECT_EQ(started().founding(), record);
}

TEST_F(Identity_Directory, Founding_HappensOnce) {
  Identity me = started();
  const auto record = record_with(me.incarnation());
  ASSERT_TRUE(me.record_founding(record).has_value());
  EXPECT_TRUE(me.record_founding(record).has_value());
  EXPECT_EQ(me.record_founding(record_with(77)).error().code, Errc::kForeign);
  auto untrue = record;
  ++untrue.cluster_id;
  EXPECT_EQ(me.record_founding(untrue).error().code, Errc::kBadRequest);
}

TEST_F(Identity_Directory, Peers_OutliveAPowerCut) {
  Identity me = started();
  ASSERT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
  ASSERT_TRUE(me.record_peer(3, {33, 1, 11}).has_value());
  ASSERT_TRUE(me.record_peer(2, {22, 6, 66}).has_value());
  cut_power();
  const std::map<std::uint64_t, PeerTriple> expected = {{2, {22, 6, 66}}, {3, {33, 1, 11}}};
  EXPECT_EQ(started().peers(), expected);
}

TEST_F(Identity_Directory, KnownPeer_CostsNoWrite) {
  Identity me = started();
  ASSERT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
  const auto before = disk_.changes();
  ASSERT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
  EXPECT_EQ(disk_.changes(), before);
}

TEST_F(Identity_Directory, OtherNodesDirectory_IsForeign) {
  (void)started();
  EXPECT_EQ(start_error(2), Errc::kForeign);
  EXPECT_EQ(started().boot(), 2u) << "the refused start left no trace";
}

TEST_F(Identity_Directory, EveryBitFlipped_IsSeen) {
  Identity me = started();
  ASSERT_TRUE(me.record_founding(record_with(me.incarnation())).has_value());
  ASSERT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
  const auto whole = disk_.image();
  for (const std::string file : {"identity", "peers"}) {
    const std::string path = kDir + "/" + file;
    const std::size_t size = disk_.read_file(path).size();
    for (std::size_t at = 0; at < size; ++at) {
      disk_.load(whole);
      disk_.flip_bit(path, at, at % 8);
      const auto result = start();
      ASSERT_FALSE(result.has_value()) << file << " byte " << at;
      EXPECT_EQ(result.error().code, Errc::kCorrupt);
      EXPECT_EQ(result.error().detail.rfind(file + ":", 0), 0u) << result.error().detail;
    }
    for (std::size_t cut = 0; cut < size; ++cut) {
      disk_.load(whole);
      disk_.resize_file(path, cut);
      EXPECT_EQ(start_error(), Errc::kCorrupt) << file << " cut at " << cut;
    }
    disk_.load(whole);
    disk_.resize_file(path, 3u << 20);
    EXPECT_EQ(start_error(), Errc::kCorrupt);
  }
}

TEST_F(Identity_Directory, NewerFormat_IsSaidSo) {
  (void)started();
  // As version 2 would have sealed it: magic, kind 1, version 2, no payload.
  std::string bytes("cairn-id\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
  const std::uint64_t seal = hash_bytes({}, {.id = kHashXxh3, .seed = hash_bytes(bytes, {})});
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(seal >> (8 * i)));
  disk_.overwrite(kDir + "/identity", 0, bytes);
  disk_.resize_file(kDir + "/identity", bytes.size());
  EXPECT_EQ(start_error(), Errc::kNewerFormat);
}

// These bytes lie in directories: they may never change under version 1.
TEST_F(Identity_Directory, Version1_IsThis) {
  (void)started();
  const char expected[] =
      "cairn-id"
      "\x01\0\x01\0\0\0\0\0"              // kind, version, zero
      "\x28\0\0\0\0\0\0\0"                // payload bytes
      "\x35\xB0\xF0\xD9\x19\xC8\xA3\xBD"  // checksum
      "\x01\0\0\0\0\0\0\0"                // node
      "\xE8\x03\0\0\0\0\0\0"              // incarnation
      "\x01\0\0\0"                        // boots
      "\x01\0\0\0\0\0\0\0\xD0\x07\0\0\0\0\0\0"
      "\0\0\0\0";  // bytes of the founding record
  EXPECT_EQ(disk_.read_file(kDir + "/identity"), std::string(expected, sizeof expected - 1));
}

TEST_F(Identity_Directory, LostIdentityBesidePeers_IsCorrupt) {
  Identity me = started();
  ASSERT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
  ASSERT_TRUE(disk_.remove(kDir + "/identity").has_value());
  EXPECT_EQ(start_error(), Errc::kCorrupt);
}

TEST_F(Identity_Directory, PeersOfAnotherIncarnation_AreCorrupt) {
  Identity me = started();
  ASSERT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
  const std::string peers = disk_.read_file(kDir + "/peers");
  disk_.load({});
  (void)started();
  ASSERT_TRUE(disk_.open(kDir + "/peers", wal::OpenMode::kCreate).has_value());
  disk_.overwrite(kDir + "/peers", 0, peers);
  EXPECT_EQ(start_error(), Errc::kCorrupt);
}

TEST_F(Identity_Directory, FullDisk_HealsByItself) {
  Identity me = started();
  disk_.set_capacity(disk_.used_bytes() + 10);
  EXPECT_EQ(me.record_peer(2, {22, 5, 55}).error().code, Errc::kDiskFull);
  EXPECT_TRUE(me.peers().empty());
  disk_.set_capacity(0);
  EXPECT_TRUE(me.record_peer(2, {22, 5, 55}).has_value());
}

TEST_F(Identity_Directory, FailedSync_IsNeverTriedAgain) {
  Identity me = started();
  disk_.fail(wal::MemoryFileSystem::Call::kSync, 1, EIO);
  EXPECT_EQ(me.record_peer(2, {22, 5, 55}).error().code, Errc::kIo);
  const auto before = disk_.changes();
  EXPECT_EQ(me.record_peer(2, {22, 5, 55}).error().code, Errc::kIo);
  EXPECT_EQ(disk_.changes(), before);
}

/// What this directory has promised to somebody: none of it may be gone after a crash.
struct Promised {
  std::optional<std::uint64_t> incarnation;
  std::vector<net::BootNonce> boots;
  net::FoundingRecord founding;
  std::map<std::uint64_t, PeerTriple> peers;

  void note(const Identity& me) {
    incarnation = me.incarnation();
    if (boots.empty() || boots.back() != me.boots().back()) boots.push_back(me.boots().back());
    founding = me.founding();
    peers = me.peers();
  }
  void expect_kept(const Identity& me) const {
    if (incarnation) {
      EXPECT_EQ(me.incarnation(), *incarnation);
    }
    for (const net::BootNonce& boot : boots) {
      EXPECT_GT(me.boot(), boot.boot);
      EXPECT_EQ(std::count(me.boots().begin(), me.boots().end(), boot), 1) << boot.boot;
    }
    if (founding.cluster_id != 0) {
      EXPECT_EQ(me.founding(), founding);
    }
    for (const auto& [node, triple] : peers) {
      const auto kept = me.peers().find(node);
      ASSERT_NE(kept, me.peers().end());
      EXPECT_GE(kept->second.boot, triple.boot);
    }
  }
};

class Identity_Crash : public Identity_Directory {
 protected:
  /// A life of two starts, ended by the first failure.
  void live(Promised& promised) {
    for (std::uint64_t peer_boot : {1, 3}) {
      auto me = start();
      if (!me) return;
      promised.note(*me);
      if (!me->record_peer(2, {22, peer_boot, 100})) return;
      promised.note(*me);
      if (!me->record_founding(record_with(me->incarnation()))) return;
      promised.note(*me);
      if (!me->record_peer(2, {22, peer_boot + 1, 200})) return;
      promised.note(*me);
    }
    survived_ = true;
  }

  void crash_and_look(std::uint64_t kth, wal::MemoryFileSystem::Crash mode, std::uint64_t seed) {
    SCOPED_TRACE("change " + std::to_string(kth) + " mode " +
                 std::to_string(static_cast<int>(mode)) + " seed " + std::to_string(seed));
    disk_.load({});
    disk_.fail_changes(kth, EIO);
    Promised promised;
    live(promised);
    disk_.clear_faults();
    disk_.crash(mode, seed);
    const auto after = start();
    ASSERT_TRUE(after.has_value()) << after.error().message();
    promised.expect_kept(*after);
  }

  bool survived_ = false;
};

TEST_F(Identity_Crash, AtEveryChangeOfTheDisk_NothingPromisedIsLost) {
  using Crash = wal::MemoryFileSystem::Crash;
  std::uint64_t kth = 1;
  for (; !survived_; ++kth) {
    ASSERT_LT(kth, 200u);
    crash_and_look(kth, Crash::kLoseUnsynced, 0);
    crash_and_look(kth, Crash::kKeepAll, 0);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      crash_and_look(kth, Crash::kRandom, seed);
      crash_and_look(kth, Crash::kRandomTorn, seed);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(kth, 30u) << "the life has that many changes";
}

TEST_F(Identity_Directory, ClusterRecord_IsKept_OnlyNewerOnes) {
  Identity me = started();
  const auto founding = record_with(me.incarnation());
  ClusterRecord record = first_cluster_record(founding);
  record.epoch = 4;
  EXPECT_EQ(me.record_cluster(record, 0).error().code, Errc::kForeign) << "not founded yet";
  ASSERT_TRUE(me.record_founding(founding));
  ASSERT_TRUE(me.record_cluster(record, 3));
  cut_power();
  Identity again = started();
  EXPECT_EQ(again.cluster(), record);
  EXPECT_EQ(again.generation(), 3u);
  ClusterRecord older = record;
  older.epoch = 3;
  ASSERT_TRUE(again.record_cluster(older, 0));
  EXPECT_EQ(again.cluster().epoch, 4u);
  ClusterRecord foreign = record;
  foreign.epoch = 9;
  foreign.cluster_id += 1;
  EXPECT_EQ(again.record_cluster(foreign, 0).error().code, Errc::kForeign);
}

TEST_F(Identity_Directory, Join_CutAtEachChange_IsWholeOrNotAtAll) {
  for (std::uint64_t kth = 1; kth < 60; ++kth) {
    disk_.load({});
    Identity me = started();
    const auto founding = record_with(12'345);  // another incarnation's: this one comes back
    ClusterRecord record = first_cluster_record(founding);
    record.epoch = 5;
    disk_.fail_changes(kth, EIO);
    const bool done = me.record_joining(founding, record, 5).has_value();
    cut_power(kth);
    disk_.clear_faults();
    const Identity again = started();
    EXPECT_EQ(again.founded(), again.cluster().epoch == 5) << kth;
    if (done) {
      EXPECT_TRUE(again.founded());
      break;
    }
  }
}

/// The life of a directory that belonged to a cluster.
FormerLife life_of(const Identity& me) {
  FormerLife life;
  life.founding = me.founding();
  life.record = first_cluster_record(me.founding());
  life.why = "wal/wal-1 at 4096: bad record";
  life.wall_ms = 1'700'000'000'000;
  return life;
}

TEST_F(Identity_Directory, SetAside_MovesAllOfIt_AndANewLifeRemembersItsCluster) {
  Identity me = started();
  ASSERT_TRUE(me.record_founding(record_with(me.incarnation())));
  ASSERT_TRUE(disk_.create_directories(kDir + "/wal"));
  EXPECT_EQ(set_aside_if_marked(disk_, kDir).value(), "") << "nobody asked for it";
  EXPECT_FALSE(read_former_life(disk_, kDir)->has_value());
  ASSERT_TRUE(mark_for_setting_aside(disk_, kDir, life_of(me)));
  EXPECT_TRUE(is_marked_for_setting_aside(disk_, kDir).value());
  EXPECT_EQ(set_aside_if_marked(disk_, kDir).value(), kDir + "/quarantine/1");
  EXPECT_FALSE(is_marked_for_setting_aside(disk_, kDir).value());
  EXPECT_TRUE(disk_.exists(kDir + "/quarantine/1/wal").value());
  const auto note = disk_.image().files.at(kDir + "/quarantine/1/note");
  EXPECT_NE(note.find("wal/wal-1 at 4096: bad record"), std::string::npos) << note;
  EXPECT_NE(note.find("2023-11-14T22:13:20Z"), std::string::npos) << note;
  const Identity fresh = started();
  EXPECT_NE(fresh.incarnation(), me.incarnation());
  EXPECT_FALSE(fresh.founded());
  const auto former = read_former_life(disk_, kDir);
  ASSERT_TRUE(former && former->has_value());
  EXPECT_EQ((*former)->founding, me.founding());
  EXPECT_EQ((*former)->record, first_cluster_record(me.founding()));
  EXPECT_EQ((*former)->folder, 1u);
}

TEST_F(Identity_Directory, SetAside_KeepsTheNewestFolders) {
  Identity me = started();
  ASSERT_TRUE(me.record_founding(record_with(me.incarnation())));
  for (std::uint64_t life = 1; life <= kQuarantinesKept + 2; ++life) {
    ASSERT_TRUE(disk_.create_directories(kDir + "/wal"));
    ASSERT_TRUE(disk_.open(kDir + "/wal/segment", wal::OpenMode::kCreate));
    ASSERT_TRUE(mark_for_setting_aside(disk_, kDir, life_of(me)));
    const std::string folder = kDir + "/quarantine/" + std::to_string(life);
    EXPECT_EQ(set_aside_if_marked(disk_, kDir).value(), folder);
    EXPECT_TRUE(disk_.exists(folder + "/wal/segment").value());
  }
  EXPECT_EQ(quarantines(disk_, kDir), kQuarantinesKept);
  EXPECT_FALSE(disk_.exists(kDir + "/quarantine/2").value());
  EXPECT_TRUE(disk_.exists(kDir + "/quarantine/3/wal/segment").value());
}

TEST_F(Identity_Directory, SetAside_OnAFullDisk_MovesAllTheSame_AndTheNewLifeBeginsWithSpace) {
  Identity me = started();
  ASSERT_TRUE(me.record_founding(record_with(me.incarnation())));
  ASSERT_TRUE(disk_.create_directories(kDir + "/wal"));
  ASSERT_TRUE(mark_for_setting_aside(disk_, kDir, life_of(me)));
  disk_.set_capacity(disk_.used_bytes());
  EXPECT_EQ(set_aside_if_marked(disk_, kDir).value(), kDir + "/quarantine/1");
  EXPECT_FALSE(is_marked_for_setting_aside(disk_, kDir).value());
  disk_.set_capacity(disk_.used_bytes());  // nor is there what the mark took
  const auto refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDiskFull);
  disk_.set_capacity(0);
  const Identity fresh = started();
  EXPECT_NE(fresh.incarnation(), me.incarnation());
  EXPECT_FALSE(fresh.founded());
  EXPECT_TRUE(read_former_life(disk_, kDir)->has_value());
}

TEST_F(Identity_Directory, SetAside_CutAtEachChange_EndsInANewLifeThatMustNotFound) {
  for (std::uint64_t kth = 1; kth < 60; ++kth) {
    disk_.load({});
    Identity me = started();
    ASSERT_TRUE(me.record_founding(record_with(me.incarnation())));
    disk_.fail_changes(kth, EIO);
    const bool marked = mark_for_setting_aside(disk_, kDir, life_of(me)).has_value();
    const bool done = marked && set_aside_if_marked(disk_, kDir).has_value();
    cut_power(kth);
    disk_.clear_faults();
    ASSERT_TRUE(set_aside_if_marked(disk_, kDir)) << "goes on after the crash, " << kth;
    const Identity after = started();
    EXPECT_EQ(after.incarnation() == me.incarnation(), after.founded()) << kth;
    if (marked) {
      EXPECT_FALSE(after.founded()) << kth;
    }
    if (!after.founded()) {
      EXPECT_TRUE(read_former_life(disk_, kDir)->has_value()) << kth;
    }
    if (done) break;
  }
}

}  // namespace
}  // namespace cairn::kv
