// The real executor and clock: one thread that runs an io_context. In kvd one loop serves network
// and Raft; further loops serve as the WAL writer and apply threads, whose tasks may block.
#pragma once

#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "net/clock.h"
#include "wal/executor.h"

namespace cairn::net {

class AsioLoop final : public wal::Executor, public Clock {
 public:
  /// `name` (at most 15 bytes) is the thread's. `on_broken` is told, on the loop's thread, what a
  /// task or handler threw: a broken invariant. The loop runs on, so that its owner can stop.
  AsioLoop(std::string name, std::function<void(std::exception_ptr)> on_broken);
  /// Stops first.
  ~AsioLoop() override;
  AsioLoop(const AsioLoop&) = delete;
  AsioLoop& operator=(const AsioLoop&) = delete;

  /// Once. What was posted before runs now.
  void start();
  /// Runs what was posted before this call, drops timers and what is posted later, joins the
  /// thread. Not from the loop's own thread; a second call does nothing.
  void stop();
  /// For sockets. Outlives the thread; what lives on it must go before the loop does.
  [[nodiscard]] boost::asio::io_context& context();
  [[nodiscard]] bool on_loop_thread() const;

  void post(wal::Task task) override;

  [[nodiscard]] std::chrono::microseconds monotonic() const override;
  [[nodiscard]] std::uint64_t wall_ms() const override;
  /// On the loop's thread, or before start().
  void call_after(std::chrono::microseconds delay, wal::Task task) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::net
