// One run as a picture: a page that a browser shows alone, with the nodes as lines, the messages
// between them, who led, what broke and what clients got. Bounded however long the run is.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "kv/sim/observer.h"

namespace cairn::kv::sim {

struct ReportTitle {
  std::uint64_t seed = 0;
  std::string profile;
  std::string hash;     // of the trace, as kvsim prints it
  std::string verdict;  // "ok", or "failed: ORACLE ..."
  std::size_t nodes = 0;
};

struct ReportLimits {
  /// Messages kept at the begin, and as many at the end; the page says what lies between.
  std::size_t messages_each_end = 15'000;
  std::size_t marks = 40'000;  // of each other kind
};

/// Watches a run and remembers what the page shows.
class ReportRecorder final : public Observer {
 public:
  explicit ReportRecorder(ReportLimits limits = {}) : limits_(limits) {}

  void on_node(const NodeEvent& event) override;
  void on_group(const GroupEvent& event) override;
  void on_sent(const FrameSent& frame) override;
  void on_ended(const FrameEnded& frame) override;
  void on_installed(const SnapshotInstalled& event) override;
  void on_client(const ClientEvent& event) override;
  void on_fault(const FaultEvent& event) override;
  void on_failure(Time at, std::string_view what) override;

  /// The whole page; `end` is when the run ended.
  [[nodiscard]] std::string html(const ReportTitle& title, Time end) const;

 private:
  struct Sent {
    std::uint64_t frame = 0;
    Time at{0}, ended{-1};
    NodeId from = 0, to = 0;
    bool delivered = false;
    raft::GroupId group = 0;
    int kind = 0;
    raft::Term term = 0;
    std::uint64_t numbers[4] = {};  // what they are depends on the kind
  };
  struct Role {
    Time at{0};
    NodeId node = 0;
    raft::GroupId group = 0;
    GroupEvent::State now;
  };
  struct Advance {
    Time at{0};
    NodeId node = 0;
    raft::GroupId group = 0;
    raft::Index from = 0, to = 0;
  };
  struct Mark {
    Time at{0}, until{-1};
    NodeId node = 0;
    std::string kind, text;
  };

  template <class T>
  bool room(const std::vector<T>& marks) const {
    return marks.size() < limits_.marks;
  }
  void keep(Sent sent);
  Sent* find(std::uint64_t frame);
  static void describe(const raft::Message& message, Sent& sent);
  void add_messages(std::string& out) const;
  void add_roles(std::string& out) const;
  void add_marks(std::string& out) const;
  [[nodiscard]] std::string data(const ReportTitle& title, Time end) const;

  const ReportLimits limits_;
  std::vector<Sent> first_;
  std::deque<Sent> last_;  // of those that did not fit into first_
  std::uint64_t messages_ = 0;
  std::vector<Role> roles_;
  std::vector<Advance> commits_;
  std::vector<Mark> nodes_, faults_, calls_, failures_, installs_;
  std::map<std::uint64_t, std::size_t> open_calls_, open_faults_;
};

}  // namespace cairn::kv::sim
