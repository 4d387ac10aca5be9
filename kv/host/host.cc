#include "kv/host/host.h"

#include <sys/random.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "kv/identity/quarantine.h"

namespace cairn::kv {

namespace {

using std::chrono::milliseconds;

// The node promises about two seconds; what is left is for joining.
constexpr milliseconds kNodeStop{2'300};
constexpr milliseconds kStop{3'000};
constexpr milliseconds kSpaceRetry{1'000};

std::uint64_t system_random() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
    // Interrupted, early at boot: nothing else can make a request of 8 bytes fail.
  }
  return value;
}

/// Waits until the thread has run what was posted to it before.
void run_out(wal::ThreadExecutor& executor) {
  std::promise<void> done;
  executor.post([&done] { done.set_value(); });
  done.get_future().wait();
}

/// The program's on_failure at most once, whoever of us notices first.
std::function<void(const Error&)> once(std::function<void(const Error&)> callback) {
  if (!callback) return [](const Error&) {};
  auto told = std::make_shared<std::atomic<bool>>(false);
  return [told, callback = std::move(callback)](const Error& e) {
    if (told->exchange(true)) return;
    try {
      callback(e);
    } catch (...) {
      // The program's own matter; we have told it.
    }
  };
}

std::string words_of(const std::exception_ptr& what) {
  try {
    std::rethrow_exception(what);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "not a std::exception";
  }
}

std::optional<DiskSpace> disk_space(const std::string& directory) {
  struct statvfs now {};
  if (::statvfs(directory.c_str(), &now) != 0) return std::nullopt;
  return DiskSpace{std::uint64_t{now.f_bavail} * now.f_frsize,
                   std::uint64_t{now.f_blocks} * now.f_frsize};
}

}  // namespace

Host::Host(Options options)
    : options_(std::move(options)),
      loop_(thread_name("loop"), [this](std::exception_ptr e) { broken(std::move(e)); }),
      log_(thread_name("log"), [this](std::exception_ptr e) { broken(std::move(e)); }),
      background_(thread_name("ldb"), [this](std::exception_ptr e) { broken(std::move(e)); }),
      apply_(thread_name("apply"), [this](std::exception_ptr e) { broken(std::move(e)); }),
      read_(thread_name("read"), [this](std::exception_ptr e) { broken(std::move(e)); }),
      scrub_(thread_name("scrub"), [this](std::exception_ptr e) { broken(std::move(e)); }) {
  options_.on_failure = once(std::move(options_.on_failure));
}

Host::~Host() = default;

std::string Host::thread_name(const char* what) const {
  return "cairn" + std::to_string(options_.node_id % 1000) + "-" + what;
}

Result<std::shared_ptr<Host>> Host::open(Options options) {
  std::shared_ptr<Host> host(new Host(std::move(options)));
  if (auto started = host->start(); !started) {
    host->stopped_ = true;
    host->loop_.start();  // so that what open() posted can end
    host->tear_down();
    return started.error();
  }
  host->loop_.start();
  return host;
}

Result<void> Host::start() {
  try {
    if (!options_.peer.empty()) {
      transport_ = std::make_unique<net::AsioTransport>(loop_.context(), options_.peer);
    }
    auto node = Node::open(seams(), options_);
    if (!node && may_open_again(node.error())) {
      run_out(log_);
      node = Node::open(seams(), options_);
    }
    if (!node) return node.error();
    node_ = std::move(*node);
    if (auto listening = open_door(); !listening) return listening.error();
    return node_->start();
  } catch (const std::exception& e) {  // this thread is the executor for now
    return Error(Errc::kInternal, e.what());
  }
}

/// It listens now and is served when the loop runs.
Result<void> Host::open_door() {
  if (options_.client.empty()) return {};
  door::DoorSeams seams;
  seams.context = &loop_.context();
  seams.clock = &loop_;
  seams.node = [this]() -> Node& { return *node_; };
  seams.broken = [this](std::exception_ptr e) { broken(std::move(e)); };
  door_ = std::make_unique<door::DoorServer>(std::move(seams), options_);
  return door_->listen();
}

std::vector<Sample> Host::metrics() const {
  std::vector<Sample> samples = node_->metrics();
  add_thread_metrics(samples);
  if (door_) door_->add_metrics(samples);
  return samples;
}

NodeSeams Host::seams() {
  NodeSeams seams;
  seams.files = &files_;
  seams.clock = &loop_;
  seams.transport = transport_.get();
  seams.home = &loop_;
  seams.log = &log_;
  seams.apply = &apply_;
  seams.read = &read_;
  seams.scrub = &scrub_;
  seams.background = &background_;
  seams.disk_space = [directory = options_.data_dir] { return disk_space(directory); };
  seams.random = system_random;
  seams.reopen = [this] { reopen(); };
  return seams;
}

// An executor's edge, on its thread: an invariant of ours is broken. Serve nothing any more.
void Host::broken(std::exception_ptr what) noexcept {
  try {
    const std::string words = words_of(what);
    loop_.post([this, words] {
      if (node_) node_->fail(words);
    });
    options_.on_failure(Error(Errc::kInternal, words));
  } catch (...) {
    // No memory to say it with.
  }
}

void Host::log_error(const char* what) noexcept {
  try {
    if (options_.log) {
      options_.log({LogLine::Level::kError, std::string("a callback threw: ") + what});
    }
  } catch (...) {
    // A log sink that throws is not heard.
  }
}

std::shared_ptr<RevocableView> Host::lend(std::shared_ptr<const PartitionsView> view) {
  auto lent = std::make_shared<RevocableView>(std::move(view));
  const std::lock_guard lock(views_mutex_);
  if (views_revoked_) {
    lent->revoke();
  } else {
    std::erase_if(views_, [](const auto& v) { return v.expired(); });
    views_.push_back(lent);
  }
  return lent;
}

void Host::revoke_views(bool for_good) {
  std::vector<std::weak_ptr<RevocableView>> views;
  {
    const std::lock_guard lock(views_mutex_);
    views_revoked_ = views_revoked_ || for_good;
    views.swap(views_);
  }
  for (const auto& weak : views) {
    if (const auto view = weak.lock()) view->revoke();
  }
}

// --- the end -----------------------------------------------------------------------------------

void Host::stop() {
  const bool first = !stopped_.exchange(true);
  const bool on_loop = loop_.on_loop_thread();
  std::thread closer;
  if (first) {
    closer = std::thread([self = shared_from_this()] {
      self->stop_node();
      self->tear_down();
    });
  }
  bool closed = false;
  if (!on_loop) {
    std::unique_lock lock(mutex_);
    closed = closed_cv_.wait_for(lock, kStop, [this] { return closed_; });
  }
  if (!first) return;
  if (closed) {
    closer.join();
  } else {
    closer.detach();  // it owns us, and ends when what it waits for does
  }
}

void Host::stop_node() {
  struct Done {
    std::mutex mutex;
    std::condition_variable set;
    bool is_set = false;
  };
  auto done = std::make_shared<Done>();
  loop_.post([this, done] {
    if (door_) door_->stop_accepting();
    node_->stop([this, done] {
      if (door_) door_->finish();
      const std::lock_guard lock(done->mutex);
      done->is_set = true;
      done->set.notify_one();
    });
  });
  std::unique_lock lock(done->mutex);
  done->set.wait_for(lock, kNodeStop, [&] { return done->is_set; });
}

void Host::reopen() {
  loop_.post([this] {
    if (stopped_) return;
    node_->stop([this] {
      revoke_views(false);
      // Whatever the node had under way elsewhere has ended when this comes back.
      scrub_.post([this] {
        read_.post([this] {
          apply_.post([this] { log_.post([this] { loop_.post([this] { open_anew(); }); }); });
        });
      });
    });
  });
}

/// Its data are damaged and go aside when it is opened again.
bool Host::may_open_again(const Error& error) {
  if (error.code != Errc::kCorrupt) return false;
  const auto marked = is_marked_for_setting_aside(files_, options_.data_dir);
  return marked && *marked;
}

void Host::open_anew() {
  if (stopped_) return;
  node_->release();
  transport_ = std::make_unique<net::AsioTransport>(loop_.context(), options_.peer);
  auto node = Node::open(seams(), options_);
  if (!node && may_open_again(node.error())) {
    log_.post([this] { loop_.post([this] { open_anew(); }); });
    return;
  }
  Result<void> started = node ? (*node)->start() : Result<void>(node.error());
  if (started) {
    node_ = std::move(*node);
    waits_for_space_ = false;
    return;
  }
  if (started.error().code == Errc::kDiskFull) return wait_for_space(started.error());
  // The old node stays and says that it is stopping.
  options_.on_failure(started.error());
}

/// What the new life needs is a few files: it begins as soon as they fit. Nobody else would start
/// it again: that the old one is fenced may have been said already, and a program may live on with
/// that.
void Host::wait_for_space(const Error& full) {
  if (!std::exchange(waits_for_space_, true) && options_.log) {
    call_out([&] {
      options_.log({LogLine::Level::kError, "begins anew once there is space: " + full.message()});
    });
  }
  loop_.call_after(kSpaceRetry, [this] { open_anew(); });
}

// The loop ends first, so that nothing asks for more; LevelDB's thread after the engine, which
// waits for it. What is dropped on the way is answered by its OneAnswer.
void Host::tear_down() {
  loop_.stop();
  revoke_views(true);
  read_.stop(wal::ThreadExecutor::Queued::kDrop);
  scrub_.stop(wal::ThreadExecutor::Queued::kDrop);
  apply_.stop(wal::ThreadExecutor::Queued::kDrop);
  log_.stop(wal::ThreadExecutor::Queued::kDrop);
  node_.reset();
  door_.reset();  // after the node: its callbacks point there
  background_.stop(wal::ThreadExecutor::Queued::kFinish);
  transport_.reset();
  // Completion handlers of the last answers were dispatched to a loop that had no thread any more.
  loop_.context().restart();
  call_out([this] { loop_.context().poll(); });
  const std::lock_guard lock(mutex_);
  closed_ = true;
  closed_cv_.notify_all();
}

}  // namespace cairn::kv
