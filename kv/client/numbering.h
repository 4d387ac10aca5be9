// The sessions of a client, one in each partition it writes to: which numbers are given, and up to
// which the answers have come. Client thread only.
//
// A call keeps its number from attempt to attempt, so that it takes effect once; it gives it back
// when it ends. Should a node not know the session any more, the calls that were surely not carried
// out get numbers of a new one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "kv/client/call.h"

namespace cairn::kv::client {

class NumberingHost {
 public:
  virtual ~NumberingHost() = default;
  [[nodiscard]] virtual std::uint64_t random() = 0;
  /// It has its number: off it goes.
  virtual void numbered(const CallPtr& call) = 0;
  /// Asks a node; the answer is told to Numbering::opened().
  virtual void open_session(std::uint32_t partition, std::uint64_t client) = 0;
  virtual void refused(const CallPtr& call, const Error& error) = 0;
};

class Numbering {
 public:
  explicit Numbering(NumberingHost& host) : host_(host) {}

  void submit(const CallPtr& call);
  void opened(std::uint32_t partition, std::uint64_t client, const Result<door::Opened>& result);
  /// Writes the call's number, and what else the session says, into its request. False: its session
  /// is over, and with it the number.
  [[nodiscard]] bool stamp(Call& call);
  /// The node says that it does not know the call's session.
  void lost(const Call& call);
  /// The call has ended, or is to be numbered anew: its number is given back.
  void release(Call& call);

 private:
  struct Session {
    std::uint64_t client = 0;  // 0: none yet
    bool open = false;
    bool opening = false;
    std::uint64_t base = 1;       // the first number whose call has not ended
    std::deque<bool> not_ended;   // of base, base + 1, ...
    std::deque<CallPtr> waiting;  // for a number
  };
  Session& session_of(std::uint32_t partition);
  void go_on(std::uint32_t partition);

  NumberingHost& host_;
  std::vector<Session> sessions_;  // by partition
};

}  // namespace cairn::kv::client
