// The side of a group's leader when states are compared key by key: frozen moments of its items,
// which another replica walks through. Home executor; reading runs on the read executor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "kv/node/replica.h"
#include "kv/node/state_rpc.h"
#include "kv/placement/member.h"

namespace cairn::kv {

class StateViewsHost {
 public:
  virtual ~StateViewsHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  [[nodiscard]] virtual Replica* replica(raft::GroupId group) = 0;
  [[nodiscard]] virtual std::shared_ptr<Engine> shared_engine() = 0;
  virtual void on_read(std::function<void()> work, std::function<void()> done) = 0;
};

class StateViews {
 public:
  explicit StateViews(StateViewsHost& host) : host_(host) {}
  /// Answers once: with the bytes of StateOpened, a page, records, or nothing (kClose).
  void serve(NodeNumber from, const StateAsk& ask, Micros deadline, Callback<std::string> done);
  /// Lets go of what nobody walks through any more.
  void tick();
  void stop() { views_.clear(); }

 private:
  struct Served {
    NodeNumber from = 0;
    std::shared_ptr<StateView> view;
    Micros used{0};
    bool busy = false;
  };
  void open(NodeNumber from, raft::GroupId group, const Callback<std::string>& done);
  void read(const std::shared_ptr<Served>& served,
            std::function<boost::system::result<std::string>(StateView&)> work,
            Callback<std::string> done);

  StateViewsHost& host_;
  std::map<std::uint64_t, std::shared_ptr<Served>> views_;  // by token
  std::uint64_t last_ = 0;
};

}  // namespace cairn::kv
