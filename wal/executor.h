// The executor seam: where work runs. In kvd an executor is a thread or the event loop; in the
// simulator it is an event at a later virtual time.
#pragma once

#include <functional>

namespace cairn::wal {

using Task = std::function<void()>;

/// Runs tasks one after another, in the order posted, never inside post(). post() may be called
/// from any thread and never blocks. What a task throws is caught at the executor's edge and
/// reported to the node's owner as a broken invariant.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Task task) = 0;
};

}  // namespace cairn::wal
