// The client's thread and what lives on it: calls are taken in, numbered, sent, repeated, ended.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cairn/kv/client.h"
#include "kv/client/call.h"
#include "kv/client/numbering.h"
#include "kv/client/retry_budget.h"
#include "kv/client/routes.h"
#include "net/asio_loop.h"

namespace cairn::kv::client {

class Core final : private LinkHost, private NumberingHost {
 public:
  /// `options` are valid.
  Core(std::vector<std::string> endpoints, const ClientOptions& options);
  /// stop() came before.
  ~Core() override;

  void start() { loop_.start(); }
  [[nodiscard]] bool on_thread() const { return loop_.on_loop_thread(); }
  [[nodiscard]] const ClientOptions& options() const { return options_; }
  /// Any thread. The call ends by its callback, once.
  void submit(CallPtr call);
  /// Any thread. A first node has told its map, or not in time.
  void await_first_node(std::function<void(Result<void>)> done);
  /// Any thread.
  void look(std::function<void(ClientStats)> done);
  /// Not on the client's thread.
  void stop();

 private:
  using Deadlines = boost::intrusive::list<Call, boost::intrusive::constant_time_size<false>>;

  // --- calls, in core.cc
  [[nodiscard]] std::optional<Error> refuse(const Call& call);
  void take_in();
  void begin(const CallPtr& call);
  void route(const CallPtr& call);
  /// False: no connection has room for it now.
  [[nodiscard]] bool try_route(const CallPtr& call);
  void route_parked();
  void again(const CallPtr& call, Micros pause);
  void end(const CallPtr& call, door::Reply reply);
  void end(const CallPtr& call, Error error);
  void expire(const CallPtr& call);
  template <class Give>
  void give(const CallPtr& ending, Give how);
  void end_all();
  void schedule_tick();
  void tick();
  void end_late(Micros moment);
  void look_at_links(Micros moment);

  // --- what becomes of an attempt, in outcomes.cc
  void session_over(const CallPtr& call);
  void fate_unknown(const CallPtr& call, const std::string& why);
  void failed(Link& link, const CallPtr& call, door::Failure failure);
  void no_leader(Link& link, const CallPtr& call, const door::Failure& failure);
  void final_failure(const CallPtr& call, Error error);
  [[nodiscard]] Micros pause_of(const Call& call);

  // --- LinkHost, NumberingHost
  Micros now() const override { return loop_.monotonic(); }
  std::uint64_t cluster_id() const override { return routes_.cluster_id(); }
  bool hello(Link& link, std::uint64_t cluster, NodeNumber node, door::ServerHello hello) override;
  void map_changed(ClusterMap map) override;
  void answered(Link& link, CallPtr call, door::Reply reply) override;
  void caught_up(Link& link) override;
  void link_lost(Link& link, std::vector<CallPtr> calls, const std::string& why) override;
  void link_refused(Link& link, const door::Goodbye& word) override;
  std::uint64_t random() override;
  void numbered(const CallPtr& call) override { route(call); }
  void open_session(std::uint32_t partition, std::uint64_t client) override;
  void refused(const CallPtr& call, const Error& error) override;

  std::shared_ptr<Link> dial(Door& door);
  void learned();
  [[nodiscard]] std::string what_doors_said() const;

  const ClientOptions options_;
  net::AsioLoop loop_;
  const std::uint64_t number_;  // the client's, in its frames

  // Any thread.
  std::atomic<std::size_t> under_way_{0};
  std::atomic<std::size_t> bytes_{0};
  std::mutex mutex_;  // guards the two below
  std::vector<CallPtr> inbox_;
  enum class Inbox { kOpen, kWoken, kClosed } inbox_state_ = Inbox::kOpen;

  // The client's thread.
  std::vector<CallPtr> taken_;
  ClientRoutes routes_;
  Numbering numbering_;
  RetryBudget budget_;
  std::map<std::chrono::milliseconds, Deadlines> deadlines_;  // by timeout: each in order
  std::deque<CallPtr> parked_;                                // until a connection has room
  std::multimap<Micros, CallPtr> pausing_;                    // before the next attempt
  std::vector<std::shared_ptr<Link>> gone_;  // links that may be on the stack still
  struct FirstNode {
    Micros deadline{0};
    std::function<void(Result<void>)> done;
  };
  std::vector<FirstNode> first_node_;
  bool tick_due_ = false;
  bool stopping_ = false;
  ClientStats stats_;
};

}  // namespace cairn::kv::client
