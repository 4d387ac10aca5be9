// One connection to a node's native door: the hello, and the requests that wait for their answers.
// Client thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kv/client/call.h"
#include "net/framed_socket.h"

namespace cairn::kv::client {

class LinkHost {
 public:
  virtual ~LinkHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  /// 0: not known yet.
  [[nodiscard]] virtual std::uint64_t cluster_id() const = 0;
  /// False: it is another cluster's, or none's.
  [[nodiscard]] virtual bool hello(Link& link, std::uint64_t cluster_id, NodeNumber node,
                                   door::ServerHello hello) = 0;
  virtual void map_changed(ClusterMap map) = 0;
  virtual void answered(Link& link, CallPtr call, door::Reply reply) = 0;
  /// All that came at once has been told.
  virtual void caught_up(Link& link) = 0;
  /// The link is gone; these calls had no answer.
  virtual void link_lost(Link& link, std::vector<CallPtr> calls, const std::string& why) = 0;
  /// The node wants no more requests on this link.
  virtual void link_refused(Link& link, const door::Goodbye& word) = 0;
};

class Link final : public net::FramedSocket::Owner {
 public:
  /// Dials. `host` outlives it.
  Link(LinkHost& host, boost::asio::io_context& context, std::uint64_t client_number,
       const std::string& address);
  ~Link();

  [[nodiscard]] bool up() const { return state_ == State::kUp; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] NodeNumber node() const { return node_; }
  [[nodiscard]] Micros begun() const { return begun_; }
  /// When the last bytes came, or the first of what is under way was sent.
  [[nodiscard]] Micros heard_at() const { return heard_at_; }
  /// There is place for one more request of so many bytes.
  [[nodiscard]] bool has_room(std::size_t bytes) const;
  [[nodiscard]] std::size_t frame_bytes_max() const { return limits_.frame_bytes_max; }

  /// The call's request, as it now is, with what is left of its time. Needs room.
  void send(const CallPtr& call, std::uint32_t left_ms);
  /// Its answer is not waited for any more.
  void forget(Call& call);
  /// Calls under way that may be sent elsewhere as well.
  [[nodiscard]] std::vector<CallPtr> repeatable() const;
  /// Closes; what was under way is told as lost.
  void lose(const std::string& why);
  /// Closes without a word; what was under way comes back.
  [[nodiscard]] std::vector<CallPtr> close();

 private:
  enum class State { kDialling, kHello, kUp, kRefused, kClosed };
  struct Slot {
    CallPtr call;  // null: free, or forgotten
    std::uint32_t generation = 0;
  };

  void on_connected() override;
  void on_frame(const net::FrameHeader& header, std::string_view payload) override;
  void on_read_end() override;
  void on_bad_frame(const char* reason) override { lose(reason); }
  void on_closed(const char* reason) override { lose(reason); }

  void on_hello(const net::FrameHeader& header, std::string_view payload);
  void on_answer(std::string_view payload);
  void release(std::uint32_t slot, std::size_t bytes);

  LinkHost& host_;
  const std::uint64_t client_number_;
  const std::shared_ptr<net::FramedSocket> socket_;
  State state_ = State::kDialling;
  NodeNumber node_ = 0;
  door::ServerHello limits_;  // its map was handed on
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t in_flight_ = 0;
  std::size_t bytes_in_flight_ = 0;
  Micros begun_;
  Micros heard_at_;
  std::string broken_;  // close when what is being read has been told: why
};

}  // namespace cairn::kv::client
