// Carries committed entries of all groups to the engine: what gathers while one batch is applied
// becomes the next batch, in one WriteBatch. A state machine on the home executor; the work is
// posted to the apply executor, its end comes back as a task.
#pragma once

#include <boost/system/error_code.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "kv/engine/engine.h"
#include "wal/executor.h"

namespace cairn::kv {

class ApplyStage : public std::enable_shared_from_this<ApplyStage> {
 public:
  struct Events {
    std::function<void(std::vector<ApplyResult>)> applied;
    std::function<void(boost::system::error_code)> failed;  // the engine is of no more use
  };
  ApplyStage(std::shared_ptr<Engine> engine, wal::Executor& home, wal::Executor& apply,
             Events events);

  /// Queues entries; kick() sets them going. Bounded by the cores' unapplied_bytes_max.
  void add(raft::GroupId group, std::vector<raft::Entry> entries);
  /// `hurried`: somebody waits. Else a small batch gathers on, to be set going by a later kick: two
  /// wake-ups are dearer than what they would carry.
  void kick(bool hurried);
  /// What is added of this group from here on waits until it is raised past it or released; the
  /// last index added before, 0: none was.
  [[nodiscard]] raft::Index hold(raft::GroupId group);
  void raise(raft::GroupId group, raft::Index index);
  void release(raft::GroupId group);
  /// Runs `work` on the apply executor, after everything added before; then `done` here with its
  /// result. Used for installs, flushes and upkeep, which share the engine's one writer.
  template <class T>
  void run(std::function<T(Engine&)> work, std::function<void(T)> done) {
    push_pending();
    apply_.post([self = weak_from_this(), engine = engine_, work = std::move(work),
                 done = std::move(done), &home = home_]() {
      auto result = std::make_shared<T>(work(*engine));
      home.post([self, result, done] {
        if (const auto stage = self.lock(); stage && !stage->stopped_) done(std::move(*result));
      });
    });
  }
  /// Nothing queued, nothing under way.
  [[nodiscard]] bool idle() const { return pending_.empty() && batches_under_way_ == 0; }
  /// No callback runs from here on.
  void stop() { stopped_ = true; }

 private:
  using Batch = std::vector<ApplyItem>;
  struct Held {
    raft::Index upto = 0;
    Batch items;
  };
  void let_go(Held& held);
  void push_pending();
  void post_batch(Batch batch);
  void finished(boost::system::result<std::vector<ApplyResult>> results);

  std::shared_ptr<Engine> engine_;
  wal::Executor& home_;
  wal::Executor& apply_;
  Events events_;
  Batch pending_;
  std::map<raft::GroupId, Held> held_;
  std::map<raft::GroupId, raft::Index> last_;  // that was added
  std::size_t pending_bytes_ = 0;
  bool hurried_ = false;  // of what is pending
  std::size_t batches_under_way_ = 0;
  bool stopped_ = false;
};

}  // namespace cairn::kv
