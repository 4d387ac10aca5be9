// A network in virtual time, in memory: connections between FakeTransports keep their order, arrive
// after a latency, and can be cut, stalled, or damaged. Deterministic.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "net/frame.h"
#include "net/transport.h"
#include "tests/net/manual_loop.h"

namespace cairn::net::test {

class FakeTransport;

class FakeNetwork {
 public:
  explicit FakeNetwork(ManualLoop& loop) : loop_(loop) {}

  std::chrono::microseconds latency{100};
  /// May change the bytes of a message under way.
  std::function<void(std::string&)> damage;

  /// From now on nothing that `from` sends reaches `to`, and dials between them hang: one way.
  void stall(const std::string& from, const std::string& to) { stalled_.insert({from, to}); }
  /// What was stuck arrives now.
  void heal();
  [[nodiscard]] bool stalled(const std::string& from, const std::string& to) const {
    return stalled_.count({from, to}) != 0;
  }
  /// Breaks every connection between the two, as a reset by the network does.
  void cut(const std::string& a, const std::string& b);

 private:
  friend class FakeTransport;
  ManualLoop& loop_;
  std::map<std::string, FakeTransport*> listening_;
  ConnectionId last_id_ = 0;  // one count for all: a restarted node's ids are new ones
  std::set<std::pair<std::string, std::string>> stalled_;
};

class FakeTransport final : public Transport {
 public:
  FakeTransport(FakeNetwork& network, std::string address)
      : network_(network), address_(std::move(address)) {}
  ~FakeTransport() override { stop(); }

  boost::system::result<void> start(Callbacks callbacks) override {
    callbacks_ = std::move(callbacks);
    if (!network_.listening_.emplace(address_, this).second) {
      return make_error_code(boost::system::errc::address_in_use);
    }
    return {};
  }

  ConnectionId dial(const std::string& address) override {
    const ConnectionId id = ++network_.last_id_;
    ends_[id] = {address, 0, 0, {}};
    ++dials;
    post(
        [this, id, address] {
          const auto at = network_.listening_.find(address);
          if (network_.stalled(address_, address) || network_.stalled(address, address_)) return;
          if (at == network_.listening_.end()) return finish(id, "refused");
          FakeTransport& other = *at->second;
          const ConnectionId theirs = ++network_.last_id_;
          other.ends_[theirs] = {address_, id, 0, {}};
          ends_.at(id).far = theirs;
          other.post([&other, theirs] { other.callbacks_.on_open(theirs, false); }, theirs);
          callbacks_.on_open(id, true);
        },
        id);
    return id;
  }

  bool send(ConnectionId id, std::string frames) override {
    const auto at = ends_.find(id);
    if (at == ends_.end() || at->second.queued + frames.size() > queue_bytes_max) return false;
    if (network_.stalled(address_, at->second.peer)) {
      at->second.queued += frames.size();
      at->second.stuck += frames;
    } else {
      pass_on(at->second, std::move(frames));
    }
    return true;
  }

  [[nodiscard]] std::size_t queued_bytes(ConnectionId id) const override {
    const auto at = ends_.find(id);
    return at == ends_.end() ? 0 : at->second.queued;
  }

  void close(ConnectionId id) override {
    if (ends_.count(id) == 0) return;
    closing_.insert(id);
    tell_far_end(id);
    ends_.erase(id);
    network_.loop_.post([this, alive = std::weak_ptr<int>(alive_), id] {
      if (!alive.expired() && closing_.erase(id) != 0) callbacks_.on_close(id, "closed");
    });
  }

  void trust(ConnectionId id) override { trusted.insert(id); }

  void stop() override {
    while (!ends_.empty()) {
      tell_far_end(ends_.begin()->first);
      ends_.erase(ends_.begin());
    }
    closing_.clear();
    const auto at = network_.listening_.find(address_);
    if (at != network_.listening_.end() && at->second == this) network_.listening_.erase(at);
    alive_ = std::make_shared<int>(0);  // what is under way finds nobody
  }

  /// The process is gone without a word: peers find out by their timeouts.
  void vanish() {
    ends_.clear();
    stop();
  }

  [[nodiscard]] std::size_t connections() const { return ends_.size(); }
  const std::string& address() const { return address_; }

  std::size_t queue_bytes_max = 96u << 20;
  std::uint64_t dials = 0;
  std::set<ConnectionId> trusted;

 private:
  friend class FakeNetwork;
  struct End {
    std::string peer;
    ConnectionId far = 0;    // 0: not established
    std::size_t queued = 0;  // bytes stuck behind a stall
    std::string stuck;
  };

  void pass_on(const End& end, std::string frames) {
    if (network_.damage) network_.damage(frames);
    const auto at = network_.listening_.find(end.peer);
    if (at == network_.listening_.end()) return;
    FakeTransport* const other = at->second;
    other->post([other, far = end.far, bytes = std::move(frames)] { other->arrive(far, bytes); },
                end.far);
  }

  /// After the latency, if this transport and the connection are still there.
  void post(std::function<void()> task, ConnectionId id) {
    const auto run = [this, id, alive = std::weak_ptr<int>(alive_), task = std::move(task)] {
      if (!alive.expired() && ends_.count(id) != 0) task();
    };
    network_.loop_.call_after(network_.latency, run);
  }

  void arrive(ConnectionId id, const std::string& bytes) {
    std::string_view rest = bytes;
    while (!rest.empty() && ends_.count(id) != 0) {
      const auto header = parse_frame_header(rest, kFrameBytesMax);
      if (!header) return finish(id, close_reason(header.error()));
      if (rest.size() < header->frame_bytes()) return finish(id, "garbage");
      const auto frame = rest.substr(0, header->frame_bytes());
      if (!payload_matches(*header, frame.substr(kFrameHeaderBytes))) return finish(id, "checksum");
      callbacks_.on_frame(id, std::string(frame));
      rest.remove_prefix(frame.size());
    }
  }

  void finish(ConnectionId id, const char* reason) {
    tell_far_end(id);
    ends_.erase(id);
    callbacks_.on_close(id, reason);
  }

  void tell_far_end(ConnectionId id) {
    const End& end = ends_.at(id);
    const auto at = network_.listening_.find(end.peer);
    if (end.far == 0 || at == network_.listening_.end()) return;
    if (network_.stalled(address_, end.peer)) return;
    FakeTransport* const other = at->second;
    other->post(
        [other, far = end.far] {
          other->ends_.erase(far);
          other->callbacks_.on_close(far, "closed");
        },
        end.far);
  }

  FakeNetwork& network_;
  const std::string address_;
  Callbacks callbacks_;
  std::map<ConnectionId, End> ends_;
  std::set<ConnectionId> closing_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

inline void FakeNetwork::heal() {
  stalled_.clear();
  for (const auto& [address, transport] : listening_) {
    for (auto& [id, end] : transport->ends_) {
      if (end.stuck.empty()) continue;
      end.queued = 0;
      transport->pass_on(end, std::exchange(end.stuck, {}));
    }
  }
}

inline void FakeNetwork::cut(const std::string& a, const std::string& b) {
  for (const auto& [near, far] : {std::pair(a, b), std::pair(b, a)}) {
    const auto at = listening_.find(near);
    if (at == listening_.end()) continue;
    FakeTransport* const transport = at->second;
    for (const auto& [id, end] : transport->ends_) {
      if (end.peer != far) continue;
      loop_.post([transport, id = id, alive = std::weak_ptr<int>(transport->alive_)] {
        if (alive.expired() || transport->ends_.erase(id) == 0) return;
        transport->callbacks_.on_close(id, "closed");
      });
    }
  }
}

}  // namespace cairn::net::test
