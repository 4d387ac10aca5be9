// Snapshots on their way: out to followers that fell behind the log, in from leaders. State
// machines on the home executor; reading runs on the read executor, installing on the apply
// executor, both in bounded chunks over the bulk connection, so heartbeats never wait behind them
// (hazard Z10).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "kv/engine/engine.h"
#include "kv/node/replica.h"
#include "net/wire.h"

namespace cairn::kv {

class SnapshotHost {
 public:
  virtual ~SnapshotHost() = default;
  [[nodiscard]] virtual Micros now() const = 0;
  [[nodiscard]] virtual Replica* replica(raft::GroupId group) = 0;
  [[nodiscard]] virtual std::shared_ptr<Engine> shared_engine() = 0;
  virtual bool send_bulk(raft::NodeId to, const net::PeerMessage& message) = 0;
  [[nodiscard]] virtual bool bulk_has_room(raft::NodeId to) const = 0;
  /// Runs `work` on the read (or apply) executor, then `done` on home if the node still lives.
  virtual void on_read(std::function<void()> work, std::function<void()> done) = 0;
  virtual void on_apply(std::function<void(Engine&)> work, std::function<void()> done) = 0;
  /// Flushes the engine; done(true) on home once all that is applied now is on disk.
  virtual void flush_engine(std::function<void(bool)> done) = 0;
  /// Resets the group's log to begin after the snapshot; `done` on home once durable.
  virtual void reset_log(raft::GroupId group, const raft::SnapshotMeta& meta,
                         std::function<void()> done) = 0;
};

struct SnapshotCounters {
  std::uint64_t sent = 0, send_failed = 0, installed = 0, install_failed = 0;
};

/// Streams to followers; at most one a (group, peer), a few at once a node.
class SnapshotOutbox {
 public:
  explicit SnapshotOutbox(SnapshotHost& host) : host_(host) {}
  void start(raft::GroupId group, raft::NodeId peer, raft::Term term);
  void on_ack(raft::NodeId from, const net::SnapshotAck& ack);
  void peer_down(raft::NodeId peer);
  /// Ends the group's streams to who is not in it any more (hazard M11).
  void keep_members(raft::GroupId group, const raft::Configuration& config);
  /// Sends on where there is room; gives up streams that stand still.
  void tick();
  /// Lowest index that a stream under way of this group will leave its follower at.
  [[nodiscard]] std::optional<raft::Index> pinned(raft::GroupId group) const;
  [[nodiscard]] const SnapshotCounters& counters() const { return counters_; }
  void stop() { streams_.clear(); }

 private:
  struct Stream {
    std::uint64_t id = 0;
    raft::GroupId group = 0;
    raft::NodeId peer = 0;
    raft::Term term = 0;
    raft::Index floor = 0;  // applied as it began: the snapshot will not be older
    std::shared_ptr<SnapshotSource> source;
    std::string held;  // read, waits to learn whether it is the last
    bool has_held = false;
    bool ended = false;  // source has no more
    bool reading = false;
    std::uint64_t next = 0;  // sequence to send
    std::uint64_t acknowledged = 0;
    Micros progress{0};
  };
  using Streams = std::map<std::uint64_t, std::shared_ptr<Stream>>;
  void open(const std::shared_ptr<Stream>& stream);
  void advance(const std::shared_ptr<Stream>& stream);
  void was_read(const std::shared_ptr<Stream>& stream,
                boost::system::result<std::optional<std::string>> chunk);
  /// False: not queued, the stream cannot go on.
  [[nodiscard]] bool send(Stream& stream, bool last);
  void end(const std::shared_ptr<Stream>& stream, bool ok);

  SnapshotHost& host_;
  Streams streams_;  // by id
  std::uint64_t last_id_ = 0;
  SnapshotCounters counters_;
};

/// Streams from leaders; one installer a group (hazard R15).
class SnapshotInbox {
 public:
  explicit SnapshotInbox(SnapshotHost& host) : host_(host) {}
  void on_chunk(raft::NodeId from, net::SnapshotChunk chunk);
  /// Streams die with their connection: a sender that starts anew may number them alike.
  void peer_down(raft::NodeId peer);
  /// The flip is under way, or the log's reset after it.
  [[nodiscard]] bool finishing(raft::GroupId group) const;
  /// Ends an install that is not finishing: the group leaves this node.
  void drop(raft::GroupId group);
  void tick();
  [[nodiscard]] const SnapshotCounters& counters() const { return counters_; }
  void stop();

 private:
  struct Install {
    raft::GroupId group = 0;
    raft::NodeId from = 0;
    std::uint64_t stream = 0;
    raft::Term term = 0;
    raft::SnapshotMeta meta;
    std::uint64_t next = 0;  // sequence awaited
    bool finishing = false;
    Micros progress{0};
    std::shared_ptr<SnapshotSink> sink;                // touched on the apply executor only
    std::shared_ptr<boost::system::error_code> error;  // likewise, then read on home
  };
  bool begin(raft::NodeId from, const net::SnapshotChunk& chunk);
  void add(const std::shared_ptr<Install>& install, std::string bytes, bool last);
  void finish(const std::shared_ptr<Install>& install);
  void flipped(const std::shared_ptr<Install>& install, const EngineGroup& state);
  void fail(const std::shared_ptr<Install>& install);
  void drop_sink(const std::shared_ptr<Install>& install);
  void acknowledge(const Install& install, bool done, bool failed);
  [[nodiscard]] bool current(const std::shared_ptr<Install>& install) const;

  SnapshotHost& host_;
  std::map<raft::GroupId, std::shared_ptr<Install>> installs_;
  SnapshotCounters counters_;
};

}  // namespace cairn::kv
