// What single commands do, as a caller sees it.
#include "tests/kv/engine/fixture.h"

#include <stdexcept>

#include "raft/core.h"
#include "tests/kv/engine/stream.h"

namespace cairn::kv::test {
namespace {

using ApplyTest = EngineTest;

TEST_F(ApplyTest, Put_NewKey_IsCreatedAtItsRevision) {
  const Answer answer = run(put("k", "v"));
  EXPECT_FALSE(answer.error);
  EXPECT_TRUE(answer.created);
  EXPECT_EQ(answer.version, 1u);
  EXPECT_EQ(answer.revision, last_revision());
  const Item item = get("k").value();
  EXPECT_EQ(item.value, "v");
  EXPECT_EQ(item.create_revision, answer.revision);
  EXPECT_EQ(item.mod_revision, answer.revision);
  EXPECT_EQ(engine_->revision(kGroup), answer.revision);
}

TEST_F(ApplyTest, Put_Again_CountsVersionsAndKeepsTheCreation) {
  const Revision first = run(put("k", "1")).revision;
  run(put("k", "2"));
  const Answer third = run(put("k", "3"));
  EXPECT_FALSE(third.created);
  EXPECT_EQ(third.version, 3u);
  const Item item = get("k").value();
  EXPECT_EQ(item.create_revision, first);
  EXPECT_EQ(item.mod_revision, third.revision);
  EXPECT_EQ(item.version, 3u);
}

TEST_F(ApplyTest, Remove_ThenPut_BeginsVersionsAnew) {
  run(put("k", "1"));
  run(put("k", "2"));
  EXPECT_EQ(run(remove("k")).deleted, 1u);
  EXPECT_EQ(value("k"), "<none>");
  const Answer again = run(put("k", "3"));
  EXPECT_TRUE(again.created);
  EXPECT_EQ(again.version, 1u);
}

TEST_F(ApplyTest, Remove_AbsentKey_DeletesNothingAtItsRevision) {
  const Answer answer = run(remove("k"));
  EXPECT_FALSE(answer.error);
  EXPECT_EQ(answer.deleted, 0u);
  EXPECT_EQ(answer.revision, last_revision());
}

TEST_F(ApplyTest, Condition_NotMet_ChangesNothingAndTellsTheRevision) {
  const Revision first = run(put("k", "1")).revision;
  Command create = put("k", "2");
  create.condition.if_absent = true;
  Answer answer = run(create);
  EXPECT_EQ(answer.error, Errc::kRevisionMismatch);
  EXPECT_EQ(answer.revision, first);

  Command swap = put("absent", "2");
  swap.condition.if_revision = first;
  answer = run(swap);
  EXPECT_EQ(answer.error, Errc::kRevisionMismatch);
  EXPECT_EQ(answer.revision, 0u);
  EXPECT_EQ(value("k"), "1");
  EXPECT_EQ(value("absent"), "<none>");
}

TEST_F(ApplyTest, Condition_Met_SeesEarlierCommandsOfTheSameBatch) {
  Command create = put("k", "2");
  create.condition.if_absent = true;
  const std::vector<Answer> answers = run_batch({remove("k"), create, create});
  EXPECT_FALSE(answers[1].error);
  EXPECT_EQ(answers[2].error, Errc::kRevisionMismatch);
  EXPECT_EQ(answers[2].revision, answers[1].revision);
}

TEST_F(ApplyTest, Batch_SeveralOperations_HappenTogether) {
  run(put("gone", "x"));
  Command batch = put("a", "1");
  batch.operations.push_back({Operation::Kind::kPut, "b", "2"});
  batch.operations.push_back({Operation::Kind::kRemove, "gone", {}});
  batch.operations.push_back({Operation::Kind::kPut, "a", "3"});
  const Answer answer = run(batch);
  EXPECT_EQ(answer.deleted, 1u);
  EXPECT_EQ(value("a"), "3");
  EXPECT_EQ(get("a")->version, 2u);
  EXPECT_EQ(get("b")->mod_revision, get("a")->mod_revision);
  EXPECT_EQ(keys(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(ApplyTest, ReturnPrevious_GivesTheItemAsItWas_EvenWithinABatch) {
  Command second = put("k", "2");
  second.return_previous = true;
  const std::vector<Answer> answers = run_batch({second, put("k", "1"), second, second});
  EXPECT_FALSE(answers[0].previous);
  EXPECT_EQ(answers[2].previous->value, "1");
  EXPECT_EQ(answers[3].previous->value, "2");
  EXPECT_EQ(answers[3].previous->version, 3u);
  Command last = remove("k");
  last.return_previous = true;
  EXPECT_EQ(run(last).previous->version, 4u);
}

TEST_F(ApplyTest, RemovePrefix_InSteps_ReachesAllAndOnlyThatPrefix) {
  for (const char* key : {"p", "p/1", "p/2", "p/3", "p/4", "p0", "q"}) run(put(key, "v"));
  Answer step = run(remove_prefix("p/", 3));
  EXPECT_EQ(step.deleted, 3u);
  ASSERT_TRUE(step.more);
  EXPECT_EQ(step.last_key, "p/3");
  step = run(remove_prefix("p/", 3, step.last_key));
  EXPECT_EQ(step.deleted, 1u);
  EXPECT_FALSE(step.more);
  EXPECT_EQ(keys(), (std::vector<std::string>{"p", "p0", "q"}));
}

TEST_F(ApplyTest, RemovePrefix_BetweenWritesOfOneBatch_SeesThemAndIsSeen) {
  const std::vector<Answer> answers =
      run_batch({put("p/1", "a"), put("p/2", "b"), remove_prefix("p/", 10), put("p/2", "c")});
  EXPECT_EQ(answers[2].deleted, 2u);
  EXPECT_TRUE(answers[3].created);
  EXPECT_EQ(keys(), std::vector<std::string>{"p/2"});
}

TEST_F(ApplyTest, RemovePrefix_StartsAfterOtherKeys_StaysWithinThePrefix) {
  for (const char* key : {"a", "p/1", "p/2", "z"}) run(put(key, "v"));
  EXPECT_EQ(run(remove_prefix("p/", 10, "z")).deleted, 0u);
  EXPECT_EQ(run(remove_prefix("p/", 10, "p/1")).deleted, 1u);
  EXPECT_EQ(run(remove_prefix("p/", 10, "a")).deleted, 1u);
  EXPECT_EQ(keys(), (std::vector<std::string>{"a", "z"}));
}

TEST_F(ApplyTest, Epoch_AnotherThanTheGroups_IsRefusedWithoutEffect) {
  Command stray = put("k", "v");
  stray.epoch = kEpoch + 1;
  const Answer answer = run(stray);
  EXPECT_EQ(answer.error, Errc::kNoLeader);
  EXPECT_TRUE(answer.wrong_epoch);
  EXPECT_EQ(value("k"), "<none>");
  stray.epoch = kEpoch;
  EXPECT_FALSE(run(stray).error);
}

TEST_F(ApplyTest, Founding_Once_IsKeptUnderItsKey) {
  Command found;
  found.kind = CommandKind::kFound;
  found.record = "the founders";
  EXPECT_TRUE(run(found).created);
  found.record = "others";
  EXPECT_EQ(run(found).error, Errc::kRevisionMismatch);
  EXPECT_EQ(value(kFoundingKey), "the founders");
}

TEST_F(ApplyTest, EmptyCommand_MovesRevisionAndCeiling) {
  Command empty;
  empty.kind = CommandKind::kEmpty;
  const Answer answer = run(empty, 50);
  EXPECT_EQ(answer.revision, last_revision());
  EXPECT_EQ(group().last_revision, last_revision());
  EXPECT_GT(group().ceiling, last_revision());
}

TEST_F(ApplyTest, ConfigEntry_BecomesTheGroupsConfiguration) {
  raft::Configuration config;
  config.voters = {1, 2};
  config.learners = {9};
  ASSERT_TRUE(apply_entry(raft::EntryKind::kConfig,
                          std::make_shared<const std::string>(raft::encode_configuration(config))));
  EXPECT_EQ(group().config, config);
  EXPECT_EQ(group().config_index, 1u);
  EXPECT_EQ(group().applied_term, 9u);
}

TEST_F(ApplyTest, Noop_MovesTheAppliedIndexAlone) {
  ASSERT_TRUE(apply_entry(raft::EntryKind::kNoop, nullptr));
  EXPECT_EQ(group().applied, 1u);
  EXPECT_EQ(group().last_revision, 0u);
}

TEST_F(ApplyTest, AnyBytes_AreAnsweredAndNeverStopTheGroup) {
  Random random(11);
  const std::string good = *entry_bytes(1'000'001ull << 13, put("k", "v"));
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    if (random.one_in(3)) bytes.resize(random.below(bytes.size() + 1));
    for (int flips = 0; flips < 3 && !bytes.empty(); ++flips) {
      bytes[random.below(bytes.size())] ^= static_cast<char>(1u << random.below(8));
    }
    const raft::Index before = group().applied;
    if (apply_entry(raft::EntryKind::kCommand, std::make_shared<const std::string>(bytes))) {
      ASSERT_EQ(group().applied, before + 1) << "flip " << i;
    } else {  // it happened to say that it is of a newer version
      ASSERT_EQ(group().applied, before) << "flip " << i;
    }
  }
  ASSERT_TRUE(apply_entry(raft::EntryKind::kCommand, nullptr));
  EXPECT_FALSE(engine_->metrics().failed);
  EXPECT_FALSE(run(put("still", "here")).error);
}

TEST_F(ApplyTest, NewerEntryOrCommand_InABatch_LeavesNoTrace) {
  run(put("k", "before"));
  // Where the entry's version stands, and the command's: behind the head of 32 bytes, the message's
  // segment table and its root pointer.
  for (const std::size_t version_at : {0, 32 + 8 + 8}) {
    std::string newer = *entry_bytes(last_revision() + 1, put("k", "newer"));
    ASSERT_EQ(newer[version_at], 1);
    newer[version_at] = 2;
    std::vector<ApplyItem> items;
    items.push_back({kGroup, command_entry(2, last_revision() + 1, put("k", "after"))});
    items.push_back({kGroup, command_entry(3, last_revision() + 2, put("k", "after"))});
    items[1].entry.data = std::make_shared<const std::string>(newer);
    const auto results = engine_->apply(items);
    ASSERT_FALSE(results) << version_at;
    EXPECT_EQ(results.error(), EngineError::kUnknownCommand);
    EXPECT_EQ(group().applied, 1u);
  }
  EXPECT_EQ(value("k"), "before");
  EXPECT_FALSE(run(put("k", "on")).error);  // other groups, and this one by a newer program, go on
}

TEST_F(ApplyTest, EntryOutOfOrder_IsABrokenInvariantThatFailsTheEngine) {
  run(put("k", "v"));
  const ApplyItem gap{kGroup, command_entry(3, last_revision() + 1, put("k", "w"))};
  EXPECT_THROW((void)engine_->apply(std::span(&gap, 1)), std::logic_error);
  const ApplyItem next{kGroup, command_entry(2, last_revision() + 1, put("k", "w"))};
  const auto refused = engine_->apply(std::span(&next, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), EngineError::kFailed);
  EXPECT_TRUE(engine_->metrics().failed);
  EXPECT_EQ(value("k"), "v");
}

TEST_F(ApplyTest, Groups_ShareADatabaseAndNothingElse) {
  ASSERT_TRUE(engine_->create_group(kGroup + 1, three_voters(), 0));
  run(put("k", "mine"));
  const ApplyItem other{kGroup + 1, command_entry(1, 4096, put("k", "theirs"))};
  ASSERT_TRUE(engine_->apply(std::span(&other, 1)));
  EXPECT_EQ(value("k"), "mine");
  EXPECT_EQ(engine_->get(kGroup + 1, "k").value()->value, "theirs");
  EXPECT_EQ(engine_->get(99, "k").error(), EngineError::kNoGroup);
  EXPECT_EQ(engine_->groups().size(), 2u);
  EXPECT_EQ(engine_->groups()[0].group, kGroup);
}

TEST_F(ApplyTest, Reopen_AfterAFlush_HasEverything) {
  run(put("k", "v"));
  run(remove("absent"));
  const std::string before = digest();
  const EngineGroup was = group();
  ASSERT_TRUE(flush());
  reopen();
  EXPECT_EQ(value("k"), "v");
  EXPECT_EQ(digest(), before);
  EXPECT_EQ(group().applied, was.applied);
  EXPECT_EQ(group().last_revision, was.last_revision);
  EXPECT_EQ(group().config, was.config);
}

TEST_F(ApplyTest, Reopen_WithoutAFlush_IsTheStateBefore) {
  run(put("k", "v"));
  ASSERT_TRUE(flush());
  run(put("k", "w"));
  reopen();
  EXPECT_EQ(value("k"), "v");
  EXPECT_EQ(group().applied, 1u);
}

TEST_F(ApplyTest, Open_ByAnotherNodeOrCluster_IsForeign) {
  ASSERT_TRUE(flush());
  close();
  EXPECT_EQ(open_error(kCluster, kNode + 1), EngineError::kForeign);
  EXPECT_EQ(open_error(kCluster + 1, kNode), EngineError::kForeign);
  EXPECT_FALSE(detail_.empty());
  open();
}

TEST_F(ApplyTest, Open_Twice_IsRefused) {
  EXPECT_EQ(open_error(), EngineError::kFailed);
  EXPECT_NE(detail_.find("LOCK"), std::string::npos) << detail_;
}

}  // namespace
}  // namespace cairn::kv::test
