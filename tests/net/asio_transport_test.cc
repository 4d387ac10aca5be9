// AsioTransport over loopback. Timeouts are made short where one is waited for, else long.
#include "net/asio_transport.h"

#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "net/codec.h"
#include "net/frame.h"
#include "tests/net/random_messages.h"
#include "tests/net/tcp_end.h"

namespace cairn::net::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

std::string frame_with(std::size_t body_bytes, std::uint64_t id = 1) {
  std::string out;
  encode_frame(Reply{id, std::string(body_bytes, 'b')}, kCluster, kFrom, kTo, out);
  return out;
}

/// A client that speaks bytes, from the test's own thread.
class RawClient {
 public:
  explicit RawClient(TcpEnd& end) {
    const auto port = on_loop(end.loop, [&] { return end.transport->port(); });
    socket_.connect({asio::ip::address_v4::loopback(), port});
  }
  void write(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }
  /// Waits for the other side's close.
  bool closed() {
    boost::system::error_code error;
    char byte = 0;
    asio::read(socket_, asio::buffer(&byte, 1), error);
    return error == asio::error::eof || error == asio::error::connection_reset;
  }

 private:
  asio::io_context context_;
  tcp::socket socket_{context_};
};

TEST(AsioTransport, Frames_BothWays_ArriveWholeAndInOrder) {
  TcpEnd a;
  TcpEnd b;
  const ConnectionId from_a = a.dial(b.address());
  ASSERT_TRUE(a.told.wait("dialled"));
  ASSERT_TRUE(b.told.wait("open"));
  EXPECT_TRUE(a.send(from_a, frame_with(10, 1) + frame_with(20, 2)));
  EXPECT_TRUE(a.send(from_a, frame_with(30, 3)));
  EXPECT_TRUE(b.send(b.opened(0), frame_with(40, 4)));
  ASSERT_TRUE(b.told.wait_for_lines(4));
  EXPECT_EQ(b.received(),
            (std::vector<std::string>{frame_with(10, 1), frame_with(20, 2), frame_with(30, 3)}));
  ASSERT_TRUE(a.told.wait_for_lines(2));
  EXPECT_EQ(a.received(), std::vector<std::string>{frame_with(40, 4)});
}

TEST(AsioTransport, Frames_OfAllSizes_ComeThroughTheBuffersEdges) {
  TcpEnd a;
  TcpEnd b;
  a.trust_all = b.trust_all = true;
  const ConnectionId id = a.dial(b.address());
  ASSERT_TRUE(a.told.wait("dialled"));
  ASSERT_TRUE(b.told.wait("open"));
  Random random(17);
  std::vector<std::string> sent;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const std::size_t sizes[] = {1, 1000, 65536, 131072, 300000};
    sent.push_back(frame_with(random.below(sizes[random.below(5)]), i));
  }
  sent.push_back(frame_with(kFrameBytesMax - frame_with(0).size()));
  for (const std::string& frame : sent) ASSERT_TRUE(a.send(id, frame));
  ASSERT_TRUE(b.told.wait_for_lines(1 + sent.size()));
  EXPECT_TRUE(b.received() == sent);
  EXPECT_EQ(on_loop(a.loop, [&] { return a.transport->queued_bytes(id); }), 0u);
}

TEST(AsioTransport, Bytes_OneAtATime_MakeFrames) {
  TcpEnd b;
  RawClient client(b);
  for (const char c : frame_with(5) + frame_with(9)) client.write(std::string(1, c));
  ASSERT_TRUE(b.told.wait_for_lines(3));
  EXPECT_EQ(b.received(), (std::vector<std::string>{frame_with(5), frame_with(9)}));
}

TEST(AsioTransport, Garbage_ClosesWithItsReason) {
  TcpEnd b;
  const auto closes = [&](std::string bytes, const char* reason) {
    RawClient client(b);
    client.write(bytes);
    return b.told.wait(std::string("close ") + reason) && client.closed();
  };
  EXPECT_TRUE(closes("GET / HTTP/1.1\r\nHost: a-name-long-enough-for-a-header\r\n\r\n", "garbage"));
  std::string frame = frame_with(100);
  frame[100] = 'X';
  EXPECT_TRUE(closes(frame, "checksum"));
  frame = frame_with(100);
  frame[4] = 9;
  EXPECT_TRUE(closes(frame, "version"));
  EXPECT_TRUE(closes(frame_with(kUntrustedFrameBytesMax).substr(0, kFrameHeaderBytes),
                     "too_large"));  // by the header alone
  EXPECT_TRUE(b.received().empty());
}

TEST(AsioTransport, Trust_RaisesTheFrameCap) {
  TcpEnd b;
  b.trust_all = true;
  RawClient client(b);
  ASSERT_TRUE(b.told.wait("open"));
  client.write(frame_with(kUntrustedFrameBytesMax));
  EXPECT_TRUE(b.told.wait("frame " + std::to_string(frame_with(kUntrustedFrameBytesMax).size())));
}

TEST(AsioTransport, Untrusted_PastItsTime_IsClosed_TrustedIsNot) {
  AsioTransportLimits limits;
  limits.untrusted_timeout = std::chrono::milliseconds(50);
  TcpEnd b(limits);
  b.trust_all = true;
  RawClient good(b);
  ASSERT_TRUE(b.told.wait("open"));
  on_loop(b.loop, [&] { return b.trust_all = false; });
  std::promise<void> later;  // so that the second deadline is not met with the first
  b.loop.post(
      [&] { b.loop.call_after(std::chrono::milliseconds(25), [&] { later.set_value(); }); });
  later.get_future().wait();
  RawClient silent(b);
  ASSERT_TRUE(b.told.wait("close timeout"));
  EXPECT_TRUE(silent.closed());
  good.write(frame_with(2));
  EXPECT_TRUE(b.told.wait("frame " + std::to_string(frame_with(2).size())));
  EXPECT_EQ(b.told.count("close timeout"), 1u);
}

TEST(AsioTransport, Untrusted_BeyondTheirNumber_AreTurnedAway) {
  AsioTransportLimits limits;
  limits.untrusted_connections_max = 2;
  TcpEnd b(limits);
  RawClient first(b);
  RawClient second(b);
  ASSERT_TRUE(b.told.wait("open", 2));
  RawClient third(b);
  EXPECT_TRUE(third.closed());
  EXPECT_EQ(on_loop(b.loop, [&] { return b.transport->turned_away(); }), 1u);
  b.trust(b.opened(0));  // makes room
  RawClient fourth(b);
  EXPECT_TRUE(b.told.wait("open", 3));
}

TEST(AsioTransport, Queue_ThatWouldOverflow_RefusesAndKeepsWhatItHas) {
  AsioTransportLimits limits;
  limits.queue_bytes_max = 1 << 20;
  TcpEnd a(limits);
  TcpEnd b;
  a.trust_all = b.trust_all = true;
  const ConnectionId id = a.dial(b.address());
  ASSERT_TRUE(a.told.wait("dialled"));
  ASSERT_TRUE(b.told.wait("open"));
  const std::string frame = frame_with(100'000);
  const std::size_t sent = on_loop(a.loop, [&] {  // within one turn: nothing is written meanwhile
    std::size_t n = 0;
    while (n < 100 && a.transport->send(id, frame)) ++n;
    EXPECT_EQ(a.transport->queued_bytes(id), n * frame.size());
    return n;
  });
  EXPECT_EQ(sent, limits.queue_bytes_max / frame.size());
  EXPECT_TRUE(b.told.wait("frame " + std::to_string(frame.size()), sent));
  EXPECT_FALSE(a.send(id + 1000, frame));
}

TEST(AsioTransport, SlowReader_OfManySmallFrames_GetsThemAllUnharmed) {
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  TcpEnd a;
  a.trust_all = true;
  const ConnectionId id = a.dial("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  tcp::socket reader = acceptor.accept();
  ASSERT_TRUE(a.told.wait("dialled"));
  std::string sent;
  const auto send = [&](std::size_t bytes) {
    sent += frame_with(bytes, sent.size());
    EXPECT_TRUE(a.send(id, frame_with(bytes, sent.size() - frame_with(bytes).size())));
    for (int turn = 0; turn < 50; ++turn) {
      const auto left = on_loop(a.loop, [&] { return a.transport->queued_bytes(id); });
      if (left == 0) return false;
    }
    return true;  // so many turns later: it is stuck
  };
  while (!send(7000)) {  // one a turn, until the write of one is stuck
  }
  for (std::size_t i = 0; i < 100; ++i) send(i);
  std::string read(sent.size(), '\0');
  asio::read(reader, asio::buffer(read));
  EXPECT_TRUE(read == sent);
}

TEST(AsioTransport, Dial_OfNobody_IsRefused) {
  TcpEnd a;
  for (const char* address : {"127.0.0.1:1", "", "nonsense", "127.0.0.1:99999", "127.0.0.1:0",
                              ":80", "::1:80", "[127.0.0.1]:80", "no.such.host.invalid:80"}) {
    const auto before = a.told.count("close refused");
    a.dial(address);
    EXPECT_TRUE(a.told.wait("close refused", before + 1)) << address;
  }
}

TEST(AsioTransport, Dial_ByName_Resolves) {
  TcpEnd a;
  TcpEnd b;
  a.dial("localhost" + b.address().substr(b.address().find(':')));
  EXPECT_TRUE(a.told.wait("dialled"));
  EXPECT_TRUE(b.told.wait("open"));
}

TEST(AsioTransport, Start_OnATakenPort_SaysSo) {
  TcpEnd a;
  TcpEnd b({}, a.address());
  ASSERT_TRUE(b.started.has_error());
  EXPECT_EQ(b.started.error(), asio::error::address_in_use);
  TcpEnd c({}, "nonsense");
  EXPECT_TRUE(c.started.has_error());
}

TEST(AsioTransport, Start_OnAPortJustLeft_Succeeds) {
  std::string address;
  {
    TcpEnd a;
    TcpEnd b;
    address = b.address();
    a.dial(address);
    ASSERT_TRUE(b.told.wait("open"));
  }  // b closes first: its end stays in TIME_WAIT
  TcpEnd again({}, address);
  EXPECT_TRUE(again.started);
}

TEST(AsioTransport, WithoutListener_DialsAll) {
  TcpEnd a({}, "");
  TcpEnd b;
  EXPECT_EQ(on_loop(a.loop, [&] { return a.transport->port(); }), 0);
  a.dial(b.address());
  EXPECT_TRUE(b.told.wait("open"));
}

TEST(AsioTransport, Close_IsToldToBothSides_NeverInsideTheCall) {
  TcpEnd a;
  TcpEnd b;
  const ConnectionId id = a.dial(b.address());
  ASSERT_TRUE(a.told.wait("dialled"));
  ASSERT_TRUE(b.told.wait("open"));
  on_loop(a.loop, [&] {
    a.transport->close(id);
    EXPECT_EQ(a.told.count("close closed"), 0u);
    EXPECT_FALSE(a.transport->send(id, frame_with(1)));
    a.transport->close(id);
    return 0;
  });
  EXPECT_TRUE(a.told.wait("close closed"));
  EXPECT_TRUE(b.told.wait("close closed"));
  EXPECT_EQ(on_loop(a.loop, [&] { return a.told.count("close closed"); }), 1u);
}

TEST(AsioTransport, Close_WhileFramesOfTheSameReadWait_DropsThem) {
  TcpEnd b;
  b.react = [&](ConnectionId id, std::string&) { b.transport->close(id); };
  RawClient client(b);
  client.write(frame_with(1) + frame_with(2) + frame_with(3));
  ASSERT_TRUE(b.told.wait("close closed"));
  EXPECT_EQ(b.received().size(), 1u);
}

TEST(AsioTransport, Stop_WithTrafficUnderWay_IsSilentAndFinal) {
  TcpEnd a;
  TcpEnd b;
  a.trust_all = b.trust_all = true;
  const ConnectionId id = a.dial(b.address());
  ASSERT_TRUE(a.told.wait("dialled"));
  ASSERT_TRUE(b.told.wait("open"));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(a.send(id, frame_with(200'000)));
  ASSERT_TRUE(b.told.wait_for_lines(3));
  const std::size_t told = on_loop(b.loop, [&] {
    b.transport->stop();
    return b.told.lines().size();
  });
  EXPECT_TRUE(a.told.wait("close closed"));
  EXPECT_EQ(on_loop(b.loop, [&] { return b.told.lines().size(); }), told);
}

TEST(AsioTransport, Callback_ThatThrows_LosesNoLaterFrame) {
  TcpEnd b;
  b.react = [&](ConnectionId, std::string& frame) {
    if (frame == frame_with(1)) throw std::logic_error("of the first frame");
  };
  RawClient client(b);
  client.write(frame_with(1) + frame_with(200));
  EXPECT_TRUE(b.told.wait("broken: of the first frame"));
  EXPECT_TRUE(b.told.wait("frame " + std::to_string(frame_with(200).size())));
  client.write(frame_with(300));
  EXPECT_TRUE(b.told.wait("frame " + std::to_string(frame_with(300).size())));
}

TEST(AsioTransport, Stop_FromInsideACallback_IsAllowed) {
  TcpEnd b;
  b.react = [&](ConnectionId, std::string&) { b.transport->stop(); };
  RawClient client(b);
  client.write(frame_with(1) + frame_with(2));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(b.received().size(), 1u);
}

}  // namespace
}  // namespace cairn::net::test
