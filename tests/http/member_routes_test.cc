// Changing members and leaders over the door.
#include "http/json_reader.h"
#include "tests/http/server_fixture.h"

namespace cairn::http {
namespace {

class MemberRoutes : public ServerTest {
 protected:
  void SetUp() override { start(); }
  Answer post(std::string_view target, std::string_view body) {
    return ask(request("POST", target, body));
  }
};

TEST_F(MemberRoutes, Change_IsRead_AndItsPlanShown) {
  kv::GroupPlan group;
  group.partition = 0;
  group.voters_before = {1, 2, 3};
  group.voters_after = {1, 2, 4};
  group.phases = {{"now", {1, 2, 3}, {}, 1}, {"joint", {1, 2, 4}, {1, 2, 3}, -1}};
  group.bytes_to_ship = 7;
  on_loop([&](FakeBackend& backend) {
    backend.plan.change = 5;
    backend.plan.groups = {group};
    backend.plan.failures_tolerated = -1;
  });
  const Answer answer = post(
      "/v1/cluster/nodes",
      R"( {"add":[{"id":4,"peer":"h\/4:1","learner":true}], "remove":[3,9], "dry_run":false} )");
  EXPECT_EQ(answer.status, 202) << answer.body;
  const auto json = json_of(answer);
  EXPECT_EQ(json.at("change").as_string(), "5");
  EXPECT_EQ(json.at("failures_tolerated").as_int64(), -1);
  const auto& shown = json.at("partitions").at(0);
  EXPECT_EQ(shown.at("voters_after").at(2).as_int64(), 4);
  EXPECT_EQ(shown.at("phases").at(1).at("and_majority_of").at(2).as_int64(), 3);
  on_loop([&](FakeBackend& backend) {
    const kv::MemberChange& change = backend.last_change;
    EXPECT_EQ(change.add.size(), 1u);
    EXPECT_EQ(change.add.at(0).id, 4u);
    EXPECT_EQ(change.add.at(0).peer, "h/4:1");
    EXPECT_TRUE(change.add.at(0).learner);
    EXPECT_EQ(change.remove, (std::vector<std::uint64_t>{3, 9}));
  });
}

TEST_F(MemberRoutes, DryRun_IsNotAccepted_ButAnswered) {
  const Answer answer = post("/v1/cluster/nodes", R"({"remove":[3],"dry_run":true})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(json_of(answer).at("change").is_null());
}

TEST_F(MemberRoutes, BodiesThatAreNoChange_AreNamed) {
  for (const char* body :
       {"", "[]", "{", "{\"add\":{}}", "{\"add\":[{\"id\":-1}]}", "{\"remove\":[1.5]}",
        "{\"remove\":[01]}", "{\"remove\":[99999999999999999999]}", "{\"what\":1}",
        "{\"remove\":[1],\"remove\":[2]}", "{\"dry_run\":1}", "{\"remove\":[1]} x",
        "{\"add\":[{\"id\":4,\"peer\":\"a\nb\"}]}", "{\"add\":[{\"peer\":\"\\u00e9\"}]}"}) {
    const Answer answer = post("/v1/cluster/nodes", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(code_of(answer), "bad_request") << body;
    EXPECT_EQ(member(answer, "committed"), "no") << body;
  }
}

TEST_F(MemberRoutes, PromoteAndLeader_TakeTheirNumbersFromThePath) {
  EXPECT_EQ(post("/v1/cluster/nodes/7/promote", "").status, 200);
  const Answer moved = post("/v1/cluster/partitions/3/leader", R"({"to":2})");
  EXPECT_EQ(moved.body, "{\"partition\":3,\"leader\":2}\n");
  on_loop([&](FakeBackend& backend) {
    EXPECT_EQ(backend.calls, (std::vector<std::string>{"promote 7", "lead 3 2"}));
  });
  EXPECT_EQ(post("/v1/cluster/partitions/3/leader", "{}").status, 400);
  EXPECT_EQ(post("/v1/cluster/partitions/x/leader", R"({"to":2})").status, 400);
  EXPECT_EQ(post("/v1/cluster/partitions/5000/leader", R"({"to":2})").status, 400);
  EXPECT_EQ(post("/v1/cluster/nodes/07/promote", "").status, 400);
  EXPECT_EQ(post("/v1/cluster/nodes//promote", "").status, 404);
  EXPECT_EQ(post("/v1/cluster/nodes/1/2/promote", "").status, 404);
  EXPECT_EQ(post("/v1/cluster/nodes?x=1", "{}").status, 400);
  const Answer wrong = ask(request("GET", "/v1/cluster/nodes"));
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.field("allow"), "POST");
}

TEST_F(MemberRoutes, DiffAndHeal_NameReplicaAndKeys) {
  on_loop([&](FakeBackend& backend) {
    backend.report.partition = 3;
    backend.report.node = 2;
    backend.report.against = 1;
    backend.report.index = 77;
    backend.report.quarantined = true;
    backend.report.buckets = {5};
    backend.report.differing = 2;
    backend.report.keys = {{"k", 9, 8}, {"\xff", 0, 7}};
  });
  const Answer diff = post("/v1/cluster/partitions/3/diff", R"({"node":2,"deep":true})");
  EXPECT_EQ(diff.body,
            "{\"partition\":3,\"node\":2,\"against\":1,\"index\":\"77\",\"quarantined\":true,"
            "\"buckets\":[5],\"differing\":\"2\",\"healed\":\"0\",\"keys\":["
            "{\"key\":\"k\",\"revision\":9,\"revision_against\":8},"
            "{\"key_base64\":\"/w==\",\"revision\":null,\"revision_against\":7}]}\n");
  on_loop([&](FakeBackend& backend) {
    EXPECT_EQ(backend.last_comparison.node, 2u);
    EXPECT_TRUE(backend.last_comparison.deep);
    EXPECT_FALSE(backend.last_comparison.heal);
  });
  EXPECT_EQ(post("/v1/cluster/partitions/metadata/heal", R"({"node":2})").status, 200);
  on_loop([&](FakeBackend& backend) {
    EXPECT_TRUE(backend.last_comparison.metadata);
    EXPECT_TRUE(backend.last_comparison.heal);
    EXPECT_EQ(backend.calls, (std::vector<std::string>{"diff", "heal"}));
  });
  for (const char* body : {"", "{}", R"({"node":"2"})", R"({"node":2,"deep":true})"})
    EXPECT_EQ(post("/v1/cluster/partitions/3/heal", body).status, 400) << body;
  EXPECT_EQ(post("/v1/cluster/partitions/x/diff", R"({"node":2})").status, 400);
}

TEST_F(MemberRoutes, Refusals_KeepTheirCodes) {
  const std::pair<kv::Errc, int> expected[] = {
      {kv::Errc::kChangeUnderWay, 409}, {kv::Errc::kQuorumLost, 409},
      {kv::Errc::kUnknownNode, 404},    {kv::Errc::kMemberExists, 409},
      {kv::Errc::kNotCaughtUp, 409},    {kv::Errc::kUnchanged, 409}};
  for (const auto& [code, status] : expected) {
    on_loop(
        [&, code = code](FakeBackend& backend) { backend.fail_with = kv::Error(code, "because"); });
    const Answer answer = post("/v1/cluster/nodes", R"({"remove":[3]})");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(code_of(answer), kv::name(code));
    EXPECT_EQ(member(answer, "detail"), "because");
    EXPECT_EQ(member(answer, "committed"), "no");
  }
}

}  // namespace
}  // namespace cairn::http
