// A few nodes, each a PeerSet and a recording PeerEvents, on one FakeNetwork.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/peer_set.h"
#include "tests/net/fake_transport.h"

namespace cairn::net::test {

using Verdict = HelloReply::Verdict;

inline std::string address_of(raft::NodeId node) {
  return "node" + std::to_string(node) + ":1";
}

/// Writes down what it is told: "up 2 control", "down 2 bulk", "refused 2 3", "hello 2 control".
class RecordingEvents : public PeerEvents {
 public:
  explicit RecordingEvents(raft::NodeId node) : self(node) {}

  Hello make_hello(raft::NodeId to, Channel channel) override {
    Hello hello;
    hello.channel = channel;
    hello.node = self;
    hello.to = to;
    hello.incarnation = incarnation;
    hello.boot = boot;
    hello.nonce = boot * 1000 + self;
    hello.boots = {{hello.boot, hello.nonce}};
    hello.frame_bytes_max = frame_bytes_max;
    hello.protocol_min = hello.protocol_max = protocol;
    return hello;
  }
  void on_hello(const Hello& hello, std::function<void(Verdict)> say) override {
    note("hello", hello.node, hello.channel);
    if (hold_verdicts) {
      held.push_back(std::move(say));
    } else {
      say(verdict);
    }
  }
  void on_refused(raft::NodeId peer, Verdict why) override {
    log.push_back("refused " + std::to_string(peer) + " " + std::to_string(static_cast<int>(why)));
  }
  void on_up(raft::NodeId peer, Channel channel, const Hello& hello) override {
    note("up", peer, channel);
    boots_seen[peer] = hello.boot;
  }
  void on_down(raft::NodeId peer, Channel channel) override { note("down", peer, channel); }
  void on_message(raft::NodeId from, Channel channel, PeerMessage message) override {
    note("message", from, channel);
    messages.push_back(std::move(message));
    if (react) react(messages.back());
  }

  [[nodiscard]] std::size_t count(const std::string& line) const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), line));
  }

  const raft::NodeId self;
  std::uint64_t incarnation = 1, boot = 1;
  std::uint64_t frame_bytes_max = kFrameBytesMax;
  std::uint16_t protocol = kProtocolMax;
  Verdict verdict = Verdict::kAccepted;
  bool hold_verdicts = false;
  std::vector<std::function<void(Verdict)>> held;
  std::vector<std::string> log;
  std::vector<PeerMessage> messages;
  std::map<raft::NodeId, std::uint64_t> boots_seen;
  std::function<void(PeerMessage&)> react;

 private:
  void note(const char* what, raft::NodeId peer, Channel channel) {
    log.push_back(std::string(what) + " " + std::to_string(peer) +
                  (channel == Channel::kControl ? " control" : " bulk"));
  }
};

struct PeerNode {
  PeerNode(FakeNetwork& network, ManualLoop& loop, raft::NodeId id, PeerSetOptions options)
      : events(id),
        transport(network, address_of(id)),
        peers(transport, loop, loop, events, options) {}

  RecordingEvents events;
  FakeTransport transport;
  PeerSet peers;
};

class PeerWorld : public ::testing::Test {
 protected:
  /// A node that knows the nodes 1 to `world_size`; not started yet.
  PeerNode& add(raft::NodeId id, raft::NodeId world_size = 3) {
    PeerSetOptions options;
    options.self = id;
    options.control_queue_bytes_max = control_queue_bytes_max;
    auto node = std::make_unique<PeerNode>(network, loop, id, options);
    for (raft::NodeId other = 1; other <= world_size; ++other) {
      node->peers.add_peer(other, address_of(other));
    }
    nodes[id] = std::move(node);
    return *nodes[id];
  }
  void start_all() {
    for (auto& [id, node] : nodes) ASSERT_TRUE(node->peers.start());
  }
  void run(int milliseconds) { loop.run_for(std::chrono::milliseconds(milliseconds)); }
  PeerNode& node(raft::NodeId id) { return *nodes.at(id); }
  bool up(raft::NodeId a, raft::NodeId b, Channel channel = Channel::kControl) {
    return node(a).peers.up(b, channel) && node(b).peers.up(a, channel);
  }
  static raft::Message heartbeat(raft::NodeId from, raft::NodeId to, raft::Index commit = 1) {
    return {from, to, 1, raft::Heartbeat{commit, 0}};
  }

  ManualLoop loop;
  FakeNetwork network{loop};
  std::size_t control_queue_bytes_max = 64u << 20;
  std::map<raft::NodeId, std::unique_ptr<PeerNode>> nodes;
};

}  // namespace cairn::net::test
