// kvd: one Cairn node with its HTTP door. The process's manners live here, and only here: signals,
// exit status, stderr, limits.
#include "tools/kvd.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "cairn/kv/store.h"

namespace cairn::tools {
namespace {

// With the store's own bound of about three seconds the whole stop stays below five.
constexpr std::chrono::milliseconds kHttpStopTimeout{1500};
constexpr int kReadyPollMs = 10;

enum Exit { kClean = 0, kCannotGoOn = 1, kBadConfiguration = 2 };

// One write a line, so that lines of several threads stay whole.
void say(const std::string& text) {
  const std::string line = text + "\n";
  [[maybe_unused]] auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

int fail(Exit status, const std::string& text) {
  say("error: " + text);
  return status;
}

void log_line(const kv::LogLine& line) {
  std::timespec now{};
  std::timespec_get(&now, TIME_UTC);
  std::tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  std::array<char, 32> stamp{};
  const std::size_t length = std::strftime(stamp.data(), stamp.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(stamp.data() + length, stamp.size() - length, ".%03ldZ", now.tv_nsec / 1'000'000);
  const char* level = line.level == kv::LogLine::Level::kInfo      ? " info "
                      : line.level == kv::LogLine::Level::kWarning ? " warning "
                                                                   : " error ";
  say(stamp.data() + std::string(level) + line.text);
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

// What the main thread waits for: a signal to end, or the store's word that it cannot go on.
class Events {
 public:
  // Before any thread is made: they all inherit the mask, and only the descriptor tells of signals.
  Events() {
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    failures_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  ~Events() {
    ::close(signals_);
    ::close(failures_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // On a thread of the store.
  void store_failed(const kv::Error& error) {
    if (error.code == kv::Errc::kFenced) {
      // Its disk failed: others lead from now on, and eventual reads are still answered here.
      say("error: the disk failed: " + error.detail +
          "; this node serves eventual reads alone until it is replaced");
      return;
    }
    {
      std::lock_guard lock(mutex_);
      failure_ = error.message();
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] auto written = ::write(failures_, &one, sizeof one);
  }

  enum class Kind { kNothing, kSignal, kFailure };
  Kind wait(int timeout_ms) {
    std::array<pollfd, 2> waits{{{signals_, POLLIN, 0}, {failures_, POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), timeout_ms) <= 0) return Kind::kNothing;
    return waits[1].revents != 0 ? Kind::kFailure : Kind::kSignal;
  }
  std::string failure() {
    std::lock_guard lock(mutex_);
    return failure_;
  }

  // From here on a further signal ends the process at once.
  void next_signal_ends_at_once() {
    signalfd_siginfo first{};
    [[maybe_unused]] auto got = ::read(signals_, &first, sizeof first);
    struct sigaction action {};
    action.sa_handler = [](int) { _exit(kCannotGoOn); };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }

 private:
  int signals_ = -1;
  int failures_ = -1;
  std::mutex mutex_;  // guards failure_
  std::string failure_;
};

// Serves until a signal or a failure; prints the ready line when it is due.
Events::Kind serve(Events& events, kv::Store& store, const http::Server& server) {
  bool ready = false;
  for (;;) {
    const auto event = events.wait(ready ? -1 : kReadyPollMs);
    if (event != Events::Kind::kNothing) return event;
    if (!ready && store.not_ready_reasons().empty()) {
      ready = true;
      say("ready node=" + std::to_string(store.node_id()) + " http=" + server.address());
    }
  }
}

int run(KvdOptions options) {
  Events events;
  options.store.log = log_line;
  options.store.on_failure = [&events](const kv::Error& error) { events.store_failed(error); };
  options.http.stop_timeout = kHttpStopTimeout;

  auto store = kv::Store::open(std::move(options.store));
  if (store.has_error()) {
    const bool configuration = store.error().code == kv::Errc::kConfiguration;
    return fail(configuration ? kBadConfiguration : kCannotGoOn, store.error().message());
  }
  auto server = http::Server::start(*store, std::move(options.http));
  if (server.has_error()) {
    const bool configuration = server.error().code == kv::Errc::kConfiguration;
    return fail(configuration ? kBadConfiguration : kCannotGoOn, server.error().message());
  }

  const auto event = serve(events, *store, *server);
  if (event == Events::Kind::kFailure) say("error: " + events.failure());
  events.next_signal_ends_at_once();
  server->stop();
  store->stop();
  return event == Events::Kind::kFailure ? kCannotGoOn : kClean;
}

constexpr const char* kUsage =
    "usage: kvd [flags]\n\n"
    "One Cairn node: durable alone in ./cairn-data, or with --cluster a member.\n\n"
    "  kvd\n"
    "  kvd --id 1 --data-dir d1 --http 127.0.0.1:8001 --peer 127.0.0.1:9001 \\\n"
    "      --cluster 1=127.0.0.1:9001,2=127.0.0.1:9002,3=127.0.0.1:9003\n"
    "  kvd --client 127.0.0.1:7001    # the native door beside HTTP\n"
    "  kvd --id 4 --data-dir d4 --http 127.0.0.1:8004 --peer 127.0.0.1:9004 \\\n"
    "      --cluster 1=127.0.0.1:9001    # joins: kvctl member add 4=127.0.0.1:9004\n\n"
    "Each flag is also a key of the file of --config and a variable CAIRN_...; a flag beats a\n"
    "variable, a variable beats the file. Exit status: 0 clean, 1 cannot start or go on,\n"
    "2 configuration.\n\n";

int kvd_main(const std::vector<std::string>& arguments) {
  Settings settings(kvd_settings());
  if (auto error = settings.load(arguments, Settings::process_environment())) {
    return fail(kBadConfiguration, *error);
  }
  if (settings.on("help")) {
    std::printf("%s%s", kUsage, settings.help().c_str());
    return kClean;
  }
  if (settings.on("version")) {
    std::printf("kvd %s\n", CAIRN_VERSION);
    return kClean;
  }
  if (!settings.positional().empty()) {
    return fail(kBadConfiguration,
                "unexpected argument \"" + settings.positional().front() + "\"; see --help");
  }
  KvdOptions options;
  if (auto error = read_kvd_options(settings, options)) return fail(kBadConfiguration, *error);
  if (auto valid = kv::validate(options.store); valid.has_error()) {
    return fail(kBadConfiguration, valid.error().detail);
  }
  if (settings.on("print-config")) {
    std::printf("%s", settings.print_config().c_str());
    return kClean;
  }
  raise_file_limit();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a write past the size limit is an error like any other
  return run(std::move(options));
}

}  // namespace
}  // namespace cairn::tools

int main(int argc, char** argv) {
  return cairn::tools::kvd_main(std::vector<std::string>(argv + 1, argv + argc));
}
