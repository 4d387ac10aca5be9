// Reads of one partition: here, after a read index where asked for, or at a node that has a
// replica. Every read ends with a value or a typed error before its deadline (hazard Q4). Home
// executor only.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kv/node/replica.h"
#include "kv/node/rpc.h"
#include "net/wire.h"

namespace cairn::kv {

class ReadHost {
 public:
  virtual ~ReadHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  [[nodiscard]] virtual Replica* replica(raft::GroupId group) = 0;
  [[nodiscard]] virtual std::shared_ptr<Engine> shared_engine() = 0;
  [[nodiscard]] virtual bool fenced() const = 0;
  [[nodiscard]] virtual raft::NodeId leader_of(raft::GroupId group) const = 0;
  /// The replica here hears no leader, and the cluster's record does not want it: its group may
  /// have gone on without it.
  [[nodiscard]] virtual bool left_behind(raft::GroupId group) const = 0;
  [[nodiscard]] virtual raft::NodeId any_member(raft::GroupId group, unsigned attempt) const = 0;
  virtual void redirected(raft::GroupId group, raft::NodeId node, raft::NodeId leader) = 0;
  virtual void on_read(std::function<void()> work, std::function<void()> done) = 0;
  /// nullopt: surely not answered (sent nowhere, connection lost, or no reply by the deadline).
  virtual void request(raft::NodeId to, net::Channel channel, RequestKind kind, std::string body,
                       Micros deadline, std::function<void(std::optional<RpcReply>)> done) = 0;
};

/// How fresh a read must be.
struct Freshness {
  bool eventual = false;
  Revision min_revision = 0;
  /// A leader's lease is enough, where there is one; else as if it was not said.
  bool lease = false;
};

class Reads {
 public:
  explicit Reads(ReadHost& host) : host_(host) {}

  void get(raft::GroupId group, std::string key, Freshness fresh, Micros deadline,
           Callback<ReadResult> done);
  void page(raft::GroupId group, EngineView::Range range, Freshness fresh, Micros deadline,
            Callback<PageReply> done);

  /// The same for a peer that asks: from the replica here, or a refusal; never forwarded again.
  void get_here(raft::GroupId group, std::string key, Freshness fresh, Micros deadline,
                Callback<ReadResult> done);
  void page_here(raft::GroupId group, EngineView::Range range, Freshness fresh, Micros deadline,
                 Callback<PageReply> done);

  /// done(ok) when a state at least that fresh is applied here. Needs a replica here.
  void await(raft::GroupId group, Freshness fresh, Micros deadline,
             std::function<void(std::optional<Error>)> done);

  /// Asks again where there was no answer; ends what is past its deadline.
  void tick();
  void end_all(const Error& error);

 private:
  struct Remote {
    raft::GroupId group = 0;
    net::Channel channel = net::Channel::kControl;
    RequestKind kind = RequestKind::kRead;
    std::string body;
    bool eventual = false;
    Micros deadline{0};
    unsigned attempts = 0;
    bool under_way = false;
    bool ended = false;
    Micros idle_since{0};
    std::function<void(Result<RpcReply>)> done;
  };
  /// A replica is here, and another node may answer at once from its lease.
  [[nodiscard]] bool better_elsewhere(raft::GroupId group, const Freshness& fresh) const;
  /// `read` gives its answer once a state that is fresh enough is applied here.
  template <class T>
  void read_fresh(raft::GroupId group, Freshness fresh, Micros deadline,
                  std::function<void(Callback<T>)> read, Callback<T> done);
  void remote(std::shared_ptr<Remote> call);
  void attempt(const std::shared_ptr<Remote>& call);
  void read_item(raft::GroupId group, std::string key, Micros deadline, Callback<ReadResult> done);
  void read_page(raft::GroupId group, const EngineView::Range& range, Micros deadline,
                 Callback<PageReply> done);

  /// A read on the read executor. Once ended it is not begun there any more.
  struct Local {
    std::uint64_t id = 0;
    Micros deadline{0};
    std::atomic<bool> ended{false};
    std::function<void(Error)> fail;
  };
  /// Null: too many are queued there.
  std::shared_ptr<Local> begin_local(Micros deadline, std::function<void(Error)> fail);
  /// False: its caller has an answer already.
  bool end_local(const std::shared_ptr<Local>& local);

  ReadHost& host_;
  std::list<std::shared_ptr<Remote>> remotes_;
  std::map<std::uint64_t, std::shared_ptr<Local>> locals_;  // by id
  std::uint64_t last_local_ = 0;
  Micros get_cost_{0};  // moving average of a point get on the loop
};

}  // namespace cairn::kv
