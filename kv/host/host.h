// The production host of a node: real disk, clock, network and threads. Which thread does what
// stands in README.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cairn/kv/store.h"
#include "kv/door/door_server.h"
#include "kv/host/revocable_view.h"
#include "kv/node/node.h"
#include "net/asio_loop.h"
#include "net/asio_transport.h"
#include "wal/posix_file_system.h"
#include "wal/thread_executor.h"

namespace cairn::kv {

class Host : public std::enable_shared_from_this<Host> {
 public:
  /// Opens and starts the node; its loop runs when this returns. `options` are valid.
  [[nodiscard]] static Result<std::shared_ptr<Host>> open(Options options);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  /// After stop(), or after a failed open().
  ~Host();

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] net::AsioLoop& loop() { return loop_; }
  [[nodiscard]] const net::AsioLoop& loop() const { return loop_; }
  /// Loop thread only.
  [[nodiscard]] Node& node() { return *node_; }
  /// Loop thread only. The node's, and those of the native door.
  [[nodiscard]] std::vector<Sample> metrics() const;

  /// Runs `task` on the loop: now, if this is the loop's thread and the node is not on the stack;
  /// else soon. Dropped once the loop has stopped.
  template <class Work>
  void run(Work&& work) {
    if (!loop_.on_loop_thread() || callbacks_on_stack_ > 0) {
      loop_.post(std::forward<Work>(work));
      return;
    }
    try {
      work();
    } catch (...) {  // an executor's edge: what is broken is ours, not the caller's
      broken(std::current_exception());
    }
  }
  /// Runs an embedding program's callback: while it runs, the node is on the stack, and what it
  /// throws is its own matter, not a broken invariant of ours.
  template <class F>
  void call_out(F&& callback) noexcept {
    const bool here = loop_.on_loop_thread();
    if (here) ++callbacks_on_stack_;
    try {
      callback();
    } catch (const std::exception& e) {
      log_error(e.what());
    } catch (...) {
      log_error("not a std::exception");
    }
    if (here) --callbacks_on_stack_;
  }

  /// What the node's threads have spent. Loop thread.
  void add_thread_metrics(std::vector<Sample>& out) const;

  /// A view that stop() takes back.
  [[nodiscard]] std::shared_ptr<RevocableView> lend(std::shared_ptr<const PartitionsView> view);

  /// Bounded by about three seconds; joins every thread. Should a disk hang for longer, what still
  /// waits for it is left to a thread of its own, and ends when the disk does. Called on the loop's
  /// thread it returns at once, and that thread does it all.
  void stop();
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  explicit Host(Options options);

  [[nodiscard]] Result<void> start();
  [[nodiscard]] NodeSeams seams();
  [[nodiscard]] Result<void> open_door();
  [[nodiscard]] std::string thread_name(const char* what) const;
  void broken(std::exception_ptr what) noexcept;
  void log_error(const char* what) noexcept;
  void stop_node();
  /// The node asks to begin anew over the same directory: loop thread.
  void reopen();
  [[nodiscard]] bool may_open_again(const Error& error);
  void open_anew();
  void wait_for_space(const Error& full);
  void tear_down();
  /// `for_good`: what is lent later is revoked at once.
  void revoke_views(bool for_good);

  // In the order of making; what stands above outlives what stands below.
  Options options_;
  wal::PosixFileSystem files_;
  net::AsioLoop loop_;
  wal::ThreadExecutor log_;
  wal::ThreadExecutor background_;
  wal::ThreadExecutor apply_;
  wal::ThreadExecutor read_;
  wal::ThreadExecutor scrub_;
  std::unique_ptr<net::AsioTransport> transport_;
  std::unique_ptr<door::DoorServer> door_;  // null without Options::client
  std::shared_ptr<Node> node_;
  int callbacks_on_stack_ = 0;    // loop thread
  bool waits_for_space_ = false;  // to open the node anew; loop thread

  std::atomic<bool> stopped_{false};  // stop() has begun
  std::mutex mutex_;                  // guards the two below
  std::condition_variable closed_cv_;
  bool closed_ = false;  // everything has ended
  std::mutex views_mutex_;
  std::vector<std::weak_ptr<RevocableView>> views_;
  bool views_revoked_ = false;
};

}  // namespace cairn::kv
