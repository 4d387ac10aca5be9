// Writes for partitions that this node does not lead. Each partition written to has a session of
// this boot of this node; its numbered commands may be sent again, to any leader, and take effect
// once (dissertation 6.3). Home executor only.
//
// A command ends with its answer; with "no" when it was never proposed anywhere; or with "unknown"
// when its deadline passes after an attempt whose fate is not known.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kv/command/command.h"
#include "kv/node/replica.h"
#include "kv/node/rpc.h"

namespace cairn::kv {

class ForwarderHost {
 public:
  virtual ~ForwarderHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  [[nodiscard]] virtual std::uint64_t random() = 0;
  /// Leader of the group, or nobody. May be this node.
  [[nodiscard]] virtual raft::NodeId leader_of(raft::GroupId group) const = 0;
  /// A member to ask when no leader is known: its redirect tells. Differs from attempt to attempt.
  [[nodiscard]] virtual raft::NodeId any_member(raft::GroupId group, unsigned attempt) const = 0;
  /// `node` says that it does not lead `group`, and who does (or nobody).
  virtual void redirected(raft::GroupId group, raft::NodeId node, raft::NodeId leader) = 0;
  /// Proposes here, or sends; false: surely neither.
  virtual bool send_write(raft::NodeId to, raft::GroupId group, const std::string& command,
                          Micros deadline,
                          std::function<void(Result<Answer>, raft::NodeId)> done) = 0;
};

class Forwarder {
 public:
  using Done = std::function<void(Result<Answer>)>;

  explicit Forwarder(ForwarderHost& host) : host_(host) {}

  void submit(raft::GroupId group, Command command, Micros deadline, Done done);
  /// A leader became known: what waits for one goes on.
  void leader_known(raft::GroupId group);
  /// Sends again what had no reply, or no leader; ends what is past its deadline.
  void tick();
  void end_all(const Error& error);
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  struct Call {
    std::uint64_t sequence = 0;
    Command command;
    Micros deadline{0};
    Micros sent_at{0};
    unsigned attempts = 0;         // of any kind
    unsigned redirects = 0;        // since the last timer-driven try
    std::uint64_t attempt_id = 0;  // replies to earlier attempts are ignored
    bool under_way = false;
    bool maybe_done = false;  // an attempt's fate is unknown
    std::size_t bytes = 0;
    Done done;  // null once it has ended
  };
  struct Session {
    std::uint64_t client = 0;
    bool open = false;
    bool opening = false;
    Micros opening_since{0};
    unsigned opening_attempts = 0;
    Micros full_until{0};     // the group's session table was full: refused until then
    bool numbering = false;   // number_waiting() is at work: an answer inside it only makes room
    std::uint64_t epoch = 0;  // of this object; late answers to an older one are ignored
    std::uint64_t next_sequence = 1;
    std::map<std::uint64_t, std::shared_ptr<Call>> calls;  // numbered, not ended
    std::deque<std::shared_ptr<Call>> unnumbered;          // wait for the session, or for room
    std::size_t bytes = 0;
  };

  void open(raft::GroupId group, Session& session);
  void opened(raft::GroupId group, std::uint64_t epoch, Result<Answer> answer, raft::NodeId from);
  void number_waiting(raft::GroupId group, Session& session);
  void attempt(raft::GroupId group, Session& session, const std::shared_ptr<Call>& call);
  void answered(raft::GroupId group, const std::shared_ptr<Call>& call, std::uint64_t attempt_id,
                Result<Answer> answer, raft::NodeId from);
  void session_lost(raft::GroupId group, Session& session);
  /// Ends a call that is in no queue any more; once, whatever the callbacks before it did.
  void end(Session& session, const std::shared_ptr<Call>& call, Result<Answer> result);
  void finish(Session& session, const std::shared_ptr<Call>& call, Result<Answer> result);
  raft::NodeId target(raft::GroupId group, unsigned attempt) const;
  void refuse_waiting(Session& session);
  static Error deadline_error(const Call& call);

  ForwarderHost& host_;
  std::map<raft::GroupId, Session> sessions_;
  std::size_t waiting_ = 0;
};

}  // namespace cairn::kv
