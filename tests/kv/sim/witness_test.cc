// Logs replayed by the model, and calls judged by them: what must not pass.
#include <gmock/gmock.h>

#include "kv/sim/witness.h"

namespace cairn::kv::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

/// A log of one group, and calls judged by it.
class SimWitness : public testing::Test {
 protected:
  Answer& put(const std::string& key, const std::string& value, Condition condition = {},
              std::uint64_t client = 0, std::uint64_t sequence = 0) {
    Command command;
    command.condition = condition;
    command.session = {client, sequence, 0};
    command.operations = {{kv::Operation::Kind::kPut, key, value}};
    const raft::Index index = log_.size() + 1;
    CommittedEntry entry;
    entry.entry = {index, 1, raft::EntryKind::kCommand,
                   make_entry({index * 10, 0, 0}, encode_command(command))};
    entry.answer.emplace().revision = index * 10;
    log_.push_back(std::move(entry));
    return *log_.back().answer;
  }
  static Seen read(const std::string& key, const std::string& value, Revision mod,
                   Revision revision) {
    Seen seen;
    seen.kind = Seen::Kind::kGet;
    seen.outcome = Seen::Outcome::kOk;
    seen.key = key;
    seen.group = 1;
    seen.revision = revision;
    seen.item = Item{key, value, mod, mod, 1};
    seen.commit_at_end = 100;
    return seen;
  }
  static Seen wrote(const std::string& key, const std::string& value, Revision revision) {
    Seen seen = read(key, value, revision, revision);
    seen.kind = Seen::Kind::kPut;
    seen.value = value;
    seen.version = 1;
    seen.created = true;
    return seen;
  }
  std::vector<std::string> judge(const Seen& seen) {
    std::map<raft::GroupId, Model> models;
    models.try_emplace(1, 1, log_);
    std::vector<std::string> failures = models.at(1).failures();
    for (auto& f : judge_calls({std::make_shared<Seen>(seen)}, models, 1).failures) {
      failures.push_back(f);
    }
    return failures;
  }

  std::vector<CommittedEntry> log_;
};

TEST_F(SimWitness, HonestCalls_Pass) {
  put("a", "v1");
  EXPECT_THAT(judge(read("a", "v1", 10, 10)), IsEmpty());
  EXPECT_THAT(judge(wrote("a", "v1", 10)), IsEmpty());
}

TEST_F(SimWitness, StaleRead_IsSeen) {
  put("a", "v1");
  put("b", "v2");
  Seen seen = read("a", "v1", 10, 10);
  seen.commit_at_begin = 2;
  EXPECT_THAT(judge(seen), Contains(HasSubstr("was committed before it began")));
  seen.kind = Seen::Kind::kEventualGet;
  EXPECT_THAT(judge(seen), IsEmpty());
}

TEST_F(SimWitness, ReadOfWhatNeverWas_IsSeen) {
  put("a", "v1");
  EXPECT_THAT(judge(read("a", "v9", 10, 10)), Contains(HasSubstr("the log says")));
  EXPECT_THAT(judge(read("a", "v1", 10, 11)), Contains(HasSubstr("nobody stamped")));
}

TEST_F(SimWitness, LostWrite_IsSeen) {
  put("a", "v1");
  EXPECT_THAT(judge(wrote("b", "v2", 20)), Contains(HasSubstr("no entry")));
}

TEST_F(SimWitness, RefusedWriteThatTookEffect_IsSeen) {
  put("a", "v1");
  Seen seen = wrote("a", "v1", 0);
  seen.outcome = Seen::Outcome::kNo;
  EXPECT_THAT(judge(seen), Contains(HasSubstr("told no")));
}

TEST_F(SimWitness, WriteThatTookEffectTwice_IsSeen) {
  put("a", "v1");
  put("a", "v1");
  Seen seen = wrote("a", "v1", 0);
  seen.outcome = Seen::Outcome::kUnknown;
  EXPECT_THAT(judge(seen), Contains(HasSubstr("2 times")));
}

TEST_F(SimWitness, CommandOfASessionExecutedTwice_IsSeen) {
  put("a", "v1", {}, 5, 1);
  put("a", "v2", {}, 5, 1);
  EXPECT_THAT(judge(read("a", "v2", 20, 20)), Contains(HasSubstr("executed twice")));
}

TEST_F(SimWitness, ConditionJudgedWrongly_IsSeen) {
  put("a", "v1");
  put("a", "v2", {.if_absent = true});
  EXPECT_THAT(judge(read("a", "v2", 20, 20)), Contains(HasSubstr("condition does not hold")));
  log_.pop_back();
  Answer& refused = put("b", "v2", {.if_absent = true});
  refused.error = Errc::kRevisionMismatch;
  EXPECT_THAT(judge(read("a", "v1", 10, 20)), Contains(HasSubstr("though its condition holds")));
}

TEST_F(SimWitness, RevisionsThatDoNotRise_AreSeen) {
  put("a", "v1");
  log_.back().entry.data = make_entry({30, 0, 0}, split_entry(*log_.back().entry.data)->command);
  log_.back().answer->revision = 30;
  put("a", "v2");
  EXPECT_THAT(judge(read("a", "v2", 20, 20)), Contains(HasSubstr("revision 20 after 30")));
}

}  // namespace
}  // namespace cairn::kv::sim
