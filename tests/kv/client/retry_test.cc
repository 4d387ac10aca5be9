// What the client repeats, and what it must not: against a node that a test plays.
#include <algorithm>
#include <atomic>
#include <latch>
#include <map>

#include "tests/kv/client/client_fixture.h"
#include "tests/kv/client/fake_node.h"

namespace cairn::kv {
namespace {

using Action = FakeNode::Action;
using door::Failure;
using door::Opened;
using door::Reply;
using door::Request;
using door::Written;

Reply ok(const Request& request, Revision revision = 1) {
  if (std::holds_alternative<door::OpenSession>(request.body)) return {request.id, Opened{}};
  if (std::holds_alternative<Command>(request.body))
    return {request.id, Written{revision, 1, 0, true, false, {}}};
  return {request.id, ReadResult{Item{"k", "v", 1, 1, 1}, 1}};
}

Reply no(const Request& request, Errc code, NodeNumber leader = 0) {
  const Committed committed = code == Errc::kOutcomeUnknown ? Committed::kUnknown : Committed::kNo;
  return {request.id, Failure{Error(code, "said the test", committed), false, false, leader}};
}

const Command* write_of(const Request& request) {
  return std::get_if<Command>(&request.body);
}

ClientOptions without_sessions() {
  ClientOptions options;
  options.sessions = false;
  return options;
}

class RetryTest : public testing::Test {
 protected:
  Client connect(const FakeNode& node, ClientOptions options = {}) {
    auto client = Client::connect({node.address()}, options);
    if (!client) ADD_FAILURE() << client.error().message();
    return std::move(client.value());
  }
};

TEST_F(RetryTest, Answers_InReverseOrder_FindTheirCalls) {
  std::vector<Request> held;
  FakeNode node(1, [&](const Request& request) -> Action {
    held.push_back(request);
    if (held.size() < 50) return {};
    Action action;
    for (auto r = held.rbegin(); r != held.rend(); ++r) {
      const std::string& key = std::get<door::Get>(r->body).key;
      action.say.push_back({r->id, ReadResult{Item{key, "of " + key, 1, 1, 1}, 1}});
    }
    return action;
  });
  node.start();
  Client client = connect(node);
  std::latch all(50);
  for (int i = 0; i < 50; ++i) {
    const std::string key = "k" + std::to_string(i);
    client.async_get(key, {}, [&, key](const Result<ReadResult>& r) {
      EXPECT_TRUE(r && r->item && r->item->value == "of " + key);
      all.count_down();
    });
  }
  all.wait();
}

TEST_F(RetryTest, LostAnswer_NoSession_IsUnknownAndNotRepeated) {
  std::atomic<int> writes{0};
  FakeNode node(1, [&](const Request& request) -> Action {
    writes += write_of(request) != nullptr;
    return {{}, true};
  });
  node.start();
  Client client = connect(node, without_sessions());
  const auto result = client.put("k", "v");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kOutcomeUnknown);
  EXPECT_EQ(result.error().committed, Committed::kUnknown);
  EXPECT_EQ(writes, 1);
  EXPECT_EQ(client.stats().unknown, 1u);
}

TEST_F(RetryTest, LostAnswer_UnderASession_IsRepeatedWithTheSameNumber) {
  std::vector<SessionStamp> stamps;
  FakeNode node(1, [&](const Request& request) -> Action {
    if (const Command* write = write_of(request)) stamps.push_back(write->session);
    if (stamps.size() == 1) return {{}, true};
    return {{ok(request, 9)}, false};
  });
  node.start();
  Client client = connect(node);
  const auto result = client.put("k", "v");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->revision, 9u);
  ASSERT_EQ(stamps.size(), 2u);
  EXPECT_NE(stamps[0].client, 0u);
  EXPECT_EQ(stamps[0].client, stamps[1].client);
  EXPECT_EQ(stamps[0].sequence, 1u);
  EXPECT_EQ(stamps[1].sequence, 1u);
  ASSERT_TRUE(client.put("k", "v"));
  EXPECT_EQ(stamps[2].sequence, 2u);
  EXPECT_EQ(stamps[2].acknowledged, 1u);
}

TEST_F(RetryTest, LostAnswer_WithAnIdempotencyKey_IsRepeatedWithIt) {
  std::vector<std::string> keys;
  FakeNode node(1, [&](const Request& request) -> Action {
    if (const Command* write = write_of(request)) keys.push_back(write->idempotency_key);
    if (keys.size() == 1) return {{}, true};
    return {{ok(request)}, false};
  });
  node.start();
  Client client = connect(node, without_sessions());
  WriteOptions once;
  once.idempotency_key = "once";
  EXPECT_TRUE(client.put("k", "v", once));
  EXPECT_EQ(keys, (std::vector<std::string>{"once", "once"}));
}

TEST_F(RetryTest, LostAnswer_OfARead_IsRepeated) {
  std::atomic<int> reads{0};
  FakeNode node(1, [&](const Request& request) -> Action {
    if (++reads < 3) return {{}, true};
    return {{ok(request)}, false};
  });
  node.start();
  Client client = connect(node);
  EXPECT_TRUE(client.get("k"));
  EXPECT_EQ(reads, 3);
}

TEST_F(RetryTest, NotProposed_NoSession_IsRepeated) {
  std::atomic<int> writes{0};
  FakeNode node(1, [&](const Request& request) -> Action {
    if (++writes < 3) return {{no(request, Errc::kNoLeader)}, false};
    return {{ok(request)}, false};
  });
  node.start();
  Client client = connect(node, without_sessions());
  EXPECT_TRUE(client.put("k", "v"));
  EXPECT_EQ(writes, 3);
}

TEST_F(RetryTest, OutcomeUnknown_SaidByTheNode_NoSession_IsNotRepeated) {
  std::atomic<int> writes{0};
  FakeNode node(1, [&](const Request& request) -> Action {
    ++writes;
    return {{no(request, Errc::kOutcomeUnknown)}, false};
  });
  node.start();
  Client client = connect(node, without_sessions());
  EXPECT_EQ(client.put("k", "v").error().committed, Committed::kUnknown);
  EXPECT_EQ(writes, 1);
}

TEST_F(RetryTest, RefusalAfterALostAnswer_IsUnknown_NotNo) {
  std::atomic<int> writes{0};
  FakeNode node(1, [&](const Request& request) -> Action {
    if (write_of(request) == nullptr) return {{ok(request)}, false};
    if (++writes == 1) return {{}, true};
    return {{no(request, Errc::kTooLarge)}, false};
  });
  node.start();
  Client client = connect(node);
  const auto result = client.put("k", "v");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kOutcomeUnknown);
  EXPECT_EQ(result.error().committed, Committed::kUnknown);
}

TEST_F(RetryTest, SessionUnknown_NothingWasLost_GoesOnUnderANewOne) {
  std::map<std::uint64_t, int> sessions;
  bool forgot = false;
  FakeNode node(1, [&](const Request& request) -> Action {
    const Command* write = write_of(request);
    if (write == nullptr) return {{ok(request)}, false};
    ++sessions[write->session.client];
    if (!std::exchange(forgot, true)) {
      Failure gone{Error(Errc::kBadRequest, ""), true, false, 0};
      return {{Reply{request.id, gone}}, false};
    }
    return {{ok(request)}, false};
  });
  node.start();
  Client client = connect(node);
  EXPECT_TRUE(client.put("k", "v"));
  EXPECT_EQ(sessions.size(), 2u);
}

TEST_F(RetryTest, SessionUnknown_AfterALostAnswer_IsUnknown) {
  std::atomic<int> writes{0};
  FakeNode node(1, [&](const Request& request) -> Action {
    if (write_of(request) == nullptr) return {{ok(request)}, false};
    if (++writes == 1) return {{}, true};
    return {{Reply{request.id, Failure{Error(Errc::kBadRequest, ""), true, false, 0}}}, false};
  });
  node.start();
  Client client = connect(node);
  EXPECT_EQ(client.put("k", "v").error().code, Errc::kOutcomeUnknown);
  EXPECT_EQ(writes, 2);
}

TEST_F(RetryTest, Redirect_NamesAnotherNode_IsFollowedAtOnce) {
  FakeNode leader(2, [](const Request& request) -> Action { return {{ok(request, 5)}, false}; });
  leader.start();
  FakeNode first(1, [](const Request& request) -> Action {
    return {{no(request, Errc::kNoLeader, 2)}, false};
  });
  first.map().doors = {{1, first.address()}, {2, leader.address()}};
  first.map().partitions = {{1, 1, {1, 2}}};
  first.start();
  Client client = connect(first, without_sessions());
  const auto result = client.put("k", "v");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->revision, 5u);
  EXPECT_GE(client.stats().redirects, 1u);
  ASSERT_TRUE(client.put("k", "v"));
  EXPECT_EQ(leader.requests(), 2);
}

TEST_F(RetryTest, TwoNodesNameEachOther_CallEndsInTime) {
  FakeNode a(1, [](const Request& r) -> Action { return {{no(r, Errc::kNoLeader, 2)}, false}; });
  FakeNode b(2, [](const Request& r) -> Action { return {{no(r, Errc::kNoLeader, 1)}, false}; });
  a.map().doors = b.map().doors = {{1, a.address()}, {2, b.address()}};
  a.map().partitions = b.map().partitions = {{1, 1, {1, 2}}};
  a.start();
  b.start();
  Client client = connect(a, without_sessions());
  WriteOptions soon;
  soon.timeout = milliseconds{500};
  const auto result = client.put("k", "v", soon);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kNoLeader);
  EXPECT_EQ(result.error().committed, Committed::kNo);
  EXPECT_LT(a.requests() + b.requests(), 200);  // not as fast as it can
}

TEST_F(RetryTest, SilentNode_ReadGoesElsewhere) {
  FakeNode silent(1, [](const Request&) -> Action { return {}; });
  FakeNode other(2, [](const Request& request) -> Action { return {{ok(request)}, false}; });
  silent.map().doors = {{1, silent.address()}, {2, other.address()}};
  silent.map().partitions = {{1, 1, {1, 2}}};
  silent.start();
  other.map() = silent.map();
  other.start();
  ClientOptions options;
  options.stall_timeout = milliseconds{50};
  Client client = connect(silent, options);
  EXPECT_TRUE(client.get("k"));
  EXPECT_EQ(other.requests(), 1);
}

TEST_F(RetryTest, SilentNode_WriteWithoutASession_EndsUnknownAtItsDeadline) {
  std::atomic<int> writes{0};
  FakeNode silent(1, [&](const Request&) -> Action {
    ++writes;
    return {};
  });
  silent.start();
  ClientOptions options = without_sessions();
  options.stall_timeout = milliseconds{50};
  Client client = connect(silent, options);
  WriteOptions soon;
  soon.timeout = milliseconds{200};
  EXPECT_EQ(client.put("k", "v", soon).error().code, Errc::kOutcomeUnknown);
  EXPECT_EQ(writes, 1);
}

TEST_F(RetryTest, AnswerOfAnotherKind_IsNoAnswer) {
  FakeNode node(1, [](const Request& request) -> Action {
    return {{Reply{request.id, ReadResult{}}}, false};
  });
  node.start();
  Client client = connect(node, without_sessions());
  EXPECT_EQ(client.put("k", "v").error().code, Errc::kOutcomeUnknown);
}

TEST_F(RetryTest, OtherClustersNode_IsNotAsked) {
  FakeNode ours(1, [](const Request& r) -> Action { return {{ok(r)}, false}; });
  FakeNode foreign(2, [](const Request& r) -> Action { return {{ok(r)}, false}; });
  foreign.map().cluster_id = 78;
  ours.map().doors = {{1, ours.address()}, {2, foreign.address()}};
  ours.map().partitions = {{2, 1, {1, 2}}};  // the foreign one is said to lead
  ours.start();
  foreign.start();
  Client client = connect(ours, without_sessions());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.put("k", "v"));
  EXPECT_EQ(foreign.requests(), 0);
  EXPECT_EQ(ours.requests(), 10);
}

// --- the same with a real node behind: what a lost answer's write did ---------------------------

class LostAnswerTest : public ClientFixture {};

/// Between client and node: passes requests on, and swallows the answers of one connection.
class Swallower {
 public:
  explicit Swallower(const std::string& node) {
    acceptor_.open(boost::asio::ip::tcp::v4());
    acceptor_.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor_.listen();
    const auto colon = node.rfind(':');
    node_ = {boost::asio::ip::make_address(node.substr(0, colon)),
             static_cast<std::uint16_t>(std::stoi(node.substr(colon + 1)))};
    thread_ = std::thread([this] { run(); });
  }
  ~Swallower() {
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  /// From now on answers are swallowed; the connection goes when one has been.
  void swallow() { swallowing_ = true; }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  void run() {
    boost::system::error_code error;
    Socket client = acceptor_.accept(error);
    if (error) return;
    acceptor_.close(error);  // whoever comes again goes to the node itself
    Socket node(context_);
    node.connect(node_);
    std::thread up([&] {
      boost::system::error_code e;
      std::string piece(65536, '\0');
      for (;;) {
        const std::size_t n = client.read_some(boost::asio::buffer(piece), e);
        if (e) break;
        boost::asio::write(node, boost::asio::buffer(piece.data(), n), e);
      }
    });
    std::string piece(65536, '\0');
    for (;;) {
      const std::size_t n = node.read_some(boost::asio::buffer(piece), error);
      if (error || swallowing_) break;
      boost::asio::write(client, boost::asio::buffer(piece.data(), n), error);
    }
    ::shutdown(client.native_handle(), SHUT_RDWR);
    ::shutdown(node.native_handle(), SHUT_RDWR);
    up.join();
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_{context_};
  boost::asio::ip::tcp::endpoint node_;
  std::atomic<bool> swallowing_{false};
  std::thread thread_;
};

TEST_F(LostAnswerTest, PutUnderASession_IsAppliedOnce) {
  start(1);
  Swallower between(endpoints()[0]);
  Client client = connect({between.address()});
  put(client, "k", "1");
  between.swallow();
  const PutResult second = put(client, "k", "2");
  EXPECT_EQ(second.version, 2u) << "applied twice";
  EXPECT_GE(client.stats().retries, 1u) << "the answer was not lost: the test tells nothing";
  const auto item = client.get("k");
  ASSERT_TRUE(item && *item);
  EXPECT_EQ((*item)->version, 2u);
  EXPECT_EQ((*item)->mod_revision, second.revision);
}

TEST_F(LostAnswerTest, ConditionalPutUnderASession_GetsItsFirstAnswer) {
  start(1);
  Swallower between(endpoints()[0]);
  Client client = connect({between.address()});
  put(client, "other", "1");
  between.swallow();
  WriteOptions only_new;
  only_new.if_absent = true;
  // Sent again as a new write it would be refused: the key exists by then.
  const auto created = client.put("k", "1", only_new);
  ASSERT_TRUE(created) << created.error().message();
  EXPECT_TRUE(created->created);
  EXPECT_GE(client.stats().retries, 1u);
}

}  // namespace
}  // namespace cairn::kv
