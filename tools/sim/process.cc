#include "tools/sim/process.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <utility>
#include <vector>

namespace cairn::sim_tool {

namespace {

using kv::sim::RunRequest;
using kv::sim::RunResult;

constexpr rlim_t kMemoryBytes = rlim_t{4} << 30;

// One fact a line: a word, a number, perhaps a name; the failure last, whatever it holds.
std::string encode(const RunResult& result) {
  std::ostringstream out;
  out << "hash " << result.trace_hash << "\nevents " << result.events << "\nmicros "
      << result.virtual_time.count() << "\n";
  for (const auto& [name, times] : result.faults) out << "fault " << times << " " << name << "\n";
  for (const auto& [name, times] : result.probes) out << "probe " << times << " " << name << "\n";
  out << "end 0 " << result.failure;
  return out.str();
}

bool decode(const std::string& said, Outcome* outcome) {
  std::istringstream in(said);
  std::string word;
  std::string name;
  std::uint64_t n = 0;
  while (in >> word >> n) {
    if (word == "hash") outcome->trace_hash = n;
    if (word == "events") outcome->events = n;
    if (word == "micros") outcome->virtual_seconds = static_cast<double>(n) / 1e6;
    if (word == "fault" && in >> name) outcome->faults[name] = n;
    if (word == "probe" && in >> name) outcome->probes[name] = n;
    if (word == "end") {
      in.get();
      std::getline(in, outcome->failure, '\0');
      return true;
    }
  }
  return false;
}

[[noreturn]] void be_child(const RunRequest& request, int pipe, unsigned seconds) {
  const rlimit time{seconds, seconds};
  (void)setrlimit(RLIMIT_CPU, &time);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit memory{kMemoryBytes, kMemoryBytes};
  (void)setrlimit(RLIMIT_AS, &memory);
#endif
  const rlimit no_core{0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  const std::string said = encode(kv::sim::run(request));
  for (std::size_t at = 0; at < said.size();) {
    const ssize_t n = write(pipe, said.data() + at, said.size() - at);
    if (n <= 0) _exit(1);
    at += static_cast<std::size_t>(n);
  }
  _exit(0);
}

}  // namespace

std::string Outcome::last_line() const {
  RunResult result;
  result.trace_hash = trace_hash;
  result.failure = failure;
  return result.last_line(request.seed);
}

bool Processes::start(const RunRequest& request) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    be_child(request, ends[1], seconds_);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return false;
  }
  children_[pid] = {ends[0], request, {}};
  return true;
}

/// Takes what the children say, so that none waits for room in its pipe. False: all are silent now.
bool Processes::read_some() {
  std::vector<pollfd> pipes;
  std::vector<pid_t> who;
  for (const auto& [pid, child] : children_) {
    pipes.push_back({child.pipe, POLLIN, 0});
    who.push_back(pid);
  }
  if (poll(pipes.data(), pipes.size(), -1) <= 0) return true;
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    if (pipes[i].revents == 0) continue;
    char bytes[4096];
    const ssize_t n = read(pipes[i].fd, bytes, sizeof bytes);
    if (n <= 0) return false;  // it has ended
    children_.at(who[i]).said.append(bytes, static_cast<std::size_t>(n));
  }
  return true;
}

Outcome Processes::wait() {
  while (read_some()) {
  }
  int status = 0;
  pid_t pid = -1;
  do {
    pid = waitpid(-1, &status, 0);
  } while (!children_.contains(pid));
  Child child = std::move(children_.at(pid));
  children_.erase(pid);
  char bytes[4096];
  for (ssize_t n = 0; (n = read(child.pipe, bytes, sizeof bytes)) > 0;) {
    child.said.append(bytes, static_cast<std::size_t>(n));
  }
  close(child.pipe);
  Outcome outcome;
  outcome.request = std::move(child.request);
  if (decode(child.said, &outcome)) return outcome;
  outcome.failure = "PROCESS: it ended without a word";
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const bool slow = signal == SIGXCPU || signal == SIGKILL;
    outcome.failure = slow ? "HANG: it used up its processor time"
                           : "CRASH: it died of signal " + std::to_string(signal);
  }
  return outcome;
}

Outcome run_apart(const RunRequest& request) {
  Processes one(1);
  if (!one.start(request)) {
    Outcome none;
    none.request = request;
    none.failure = "PROCESS: none is to be had";
    return none;
  }
  return one.wait();
}

}  // namespace cairn::sim_tool
