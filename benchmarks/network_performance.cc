// The peer transport over loopback: frames there and back, and as many as go one way.
#include <benchmark/benchmark.h>

#include <future>
#include <string>

#include "net/asio_loop.h"
#include "net/asio_transport.h"
#include "net/codec.h"
#include "net/wire.h"

namespace cairn::net {
namespace {

/// One end with its loop. What comes in is answered with the same bytes, or counted.
class End {
 public:
  explicit End(bool echo) : echo_(echo) {
    loop_.start();
    on_loop([this] {
      transport_ = std::make_unique<AsioTransport>(loop_.context(), "127.0.0.1:0");
      Transport::Callbacks callbacks;
      callbacks.on_open = [this](ConnectionId id, bool) {
        transport_->trust(id);
        opened_.set_value(id);
      };
      callbacks.on_frame = [this](ConnectionId id, std::string frame) {
        bytes_ += frame.size();
        if (echo_) (void)transport_->send(id, std::move(frame));
        if (bytes_ >= awaited_ && on_awaited_) std::exchange(on_awaited_, nullptr)();
      };
      callbacks.on_close = [](ConnectionId, const char*) {};
      transport_->start(std::move(callbacks)).value();
    });
  }
  ~End() {
    on_loop([this] {
      transport_->stop();
      transport_.reset();
    });
    loop_.stop();
  }

  ConnectionId dial(const End& other) {
    const std::string address = "127.0.0.1:" + std::to_string(other.transport_->port());
    on_loop([&] { transport_->dial(address); });
    return opened_.get_future().get();
  }

  /// Sends the frame so many times; `then` runs on the loop.
  void send(ConnectionId id, const std::string& frame, std::int64_t times) {
    loop_.post([this, id, frame, times] {
      for (std::int64_t i = 0; i < times; ++i) (void)transport_->send(id, frame);
    });
  }
  /// Ends once so many bytes more have come.
  std::future<void> await(std::uint64_t bytes) {
    auto done = std::make_shared<std::promise<void>>();
    on_loop([&] {
      awaited_ = bytes_ + bytes;
      on_awaited_ = [done] { done->set_value(); };
    });
    return done->get_future();
  }

 private:
  template <class F>
  void on_loop(F f) {
    std::promise<void> done;
    loop_.post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }

  const bool echo_;
  AsioLoop loop_{"bench", [](const std::exception_ptr&) { std::terminate(); }};
  std::unique_ptr<AsioTransport> transport_;
  std::promise<ConnectionId> opened_;
  std::uint64_t bytes_ = 0;  // the loop's, as all below
  std::uint64_t awaited_ = 0;
  std::function<void()> on_awaited_;
};

std::string frame_of(std::size_t body) {
  std::string out;
  encode_frame(Reply{1, std::string(body, 'b')}, 7, 1, 2, out);
  return out;
}

/// Argument: bytes of a frame's body.
void BM_RoundTrip(benchmark::State& state) {
  End server(true);
  End client(false);
  const ConnectionId id = client.dial(server);
  const std::string frame = frame_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto back = client.await(frame.size());
    client.send(id, frame, 1);
    back.wait();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_RoundTrip)->Arg(64)->Arg(4096)->UseRealTime()->Unit(benchmark::kMicrosecond);

void BM_OneWay(benchmark::State& state) {
  End server(false);
  End client(false);
  const ConnectionId id = client.dial(server);
  const std::string frame = frame_of(static_cast<std::size_t>(state.range(0)));
  constexpr std::int64_t kFrames = 256;
  for (auto _ : state) {
    auto there = server.await(kFrames * frame.size());
    client.send(id, frame, kFrames);
    there.wait();
  }
  state.SetItemsProcessed(state.iterations() * kFrames);
  state.SetBytesProcessed(state.iterations() * kFrames * static_cast<std::int64_t>(frame.size()));
}
BENCHMARK(BM_OneWay)->Arg(64)->Arg(4096)->Arg(65'536)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace cairn::net
