// What a report remembers of a run, and that its page is whole. How it looks in a browser is
// tests/sim/report_test.py's matter.
#include "kv/sim/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/kv/sim/story.h"

namespace cairn::kv::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Tells a recorder a story of three nodes.
class Teller {
 public:
  explicit Teller(ReportRecorder& recorder) : recorder_(recorder) {}

  void start(NodeId node) {
    recorder_.on_node({NodeEvent::Kind::kStarted, at_, node, node, Time{0}, {}});
  }
  void crash(NodeId node) {
    recorder_.on_node({NodeEvent::Kind::kCrashed, at_, node, node, Time{0}, "power"});
  }
  void is(NodeId node, raft::Role role, raft::Term term, NodeId leader) {
    GroupEvent::State now = states_[node];
    now.role = role;
    now.term = term;
    now.leader = leader;
    change(node, now);
  }
  void commits(NodeId node, raft::Index index) {
    GroupEvent::State now = states_[node];
    now.commit = index;
    change(node, now);
  }
  /// Arrives after 2 ms, or is lost.
  void send(NodeId from, NodeId to, raft::Term term, raft::Body body, bool lost = false) {
    net::GroupMessage message{1, {from, to, term, std::move(body)}};
    recorder_.on_sent({++frame_, at_, from, to, from, std::span(&message, 1)});
    recorder_.on_ended({frame_, at_ + Time{2'000}, from, to, !lost});
  }
  void pass(int ms) { at_ += Time{ms * 1'000}; }
  [[nodiscard]] Time now() const { return at_; }

 private:
  void change(NodeId node, const GroupEvent::State& now) {
    recorder_.on_group({at_, node, node, 1, states_[node], now});
    states_[node] = now;
  }

  ReportRecorder& recorder_;
  Time at_{0};
  std::uint64_t frame_ = 0;
  std::map<NodeId, GroupEvent::State> states_;
};

void elect(Teller& tell) {
  for (const NodeId node : {1, 2, 3}) tell.start(node);
  for (const NodeId node : {1, 2, 3}) tell.is(node, raft::Role::kFollower, 1, 0);
  tell.pass(20);
  tell.is(2, raft::Role::kCandidate, 2, 0);
  for (const NodeId peer : {1, 3}) tell.send(2, peer, 2, raft::VoteRequest{});
  tell.pass(4);
  tell.send(1, 2, 2, raft::VoteReply{false, true});
  tell.pass(3);
  tell.is(2, raft::Role::kLeader, 2, 2);
  tell.send(2, 1, 2, raft::AppendRequest{0, 0, 0, {raft::Entry{1, 2}}});
  tell.send(2, 3, 2, raft::AppendRequest{0, 0, 0, {raft::Entry{1, 2}}}, true);
  tell.pass(5);
  tell.commits(2, 1);
}

std::string page_of(const ReportRecorder& recorder, Time end) {
  return recorder.html({7, "calm", "00ff", "ok", 3}, end);
}

TEST(SimReport, Election_Recorded_IsInThePagesData) {
  ReportRecorder recorder;
  Teller tell(recorder);
  elect(tell);
  tell.crash(3);
  tell.pass(10);
  const std::string page = page_of(recorder, tell.now());
  EXPECT_THAT(page, HasSubstr("[20000,22000,1,2,1,1,2,2,0,0,0,0]")) << "the vote request";
  EXPECT_THAT(page, HasSubstr("[27000,2,1,3,2,2]")) << "node 2 leads term 2";
  EXPECT_THAT(page, HasSubstr("[27000,29000,0,2,3,1,4,2,0,0,1,0]")) << "the lost append";
  EXPECT_THAT(page, HasSubstr("[32000,-1,3,\"crash\",\"power\"]"));
}

TEST(SimReport, RealNodes_LeaderCrashes_PageShowsTheElections) {
  ReportRecorder recorder;
  Story story(3);
  story.world.observe(&recorder);
  ASSERT_TRUE(story.up());
  ASSERT_TRUE(story.put(1, "k", "v"));
  const NodeId leader = story.leader_up();
  story.world.crash(leader, CrashKind::kPower);
  ASSERT_TRUE(story.put_until_ok(story.other_than(leader), "k", "w"));
  ASSERT_TRUE(story.up());
  story.converge();
  const std::string page = page_of(recorder, story.world.now());
  std::size_t leads = 0;
  const std::string role_of_leader = ",1,3,";  // group 1, leader
  for (auto at = page.find(role_of_leader); at != std::string::npos;
       at = page.find(role_of_leader, at + 1)) {
    ++leads;
  }
  EXPECT_GE(leads, 2u) << "before the crash and after it";
  EXPECT_THAT(page, HasSubstr(",\"crash\","));
  if (const char* out = std::getenv("CAIRN_REPORT_OUT")) std::ofstream(out) << page;
}

TEST(SimReport, Page_AnyText_StandsAloneAndStaysInItsScript) {
  ReportRecorder recorder;
  recorder.on_failure(Time{5}, "</script><script>alert(1)</script> & \"quotes\" \xff");
  const std::string page = page_of(recorder, Time{10});
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, HasSubstr("\\u003c/script\\u003e"));
  for (const char* loads : {"src=", "href=", "@import", "url(http", "fetch("}) {
    EXPECT_THAT(page, Not(HasSubstr(loads))) << "it must not need a network";
  }
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST(SimReport, LongRun_Bounded_KeepsBothEndsAndSaysSo) {
  ReportRecorder recorder({.messages_each_end = 10, .marks = 5});
  Teller tell(recorder);
  for (int i = 0; i < 1'000; ++i) {
    tell.send(1, 2, 1, raft::Heartbeat{});
    tell.crash(1);
    tell.pass(1);
  }
  const std::string page = page_of(recorder, tell.now());
  EXPECT_THAT(page, HasSubstr("\"sent\":1000,\"gap\":[9000,990000]"));
  EXPECT_THAT(page, HasSubstr("[999000,1001000,1,1,2,"));
  EXPECT_THAT(page, Not(HasSubstr("[500000,")));
}

}  // namespace
}  // namespace cairn::kv::sim
