#include "tools/bench/cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "tools/lib/http_client.h"
#include "tools/lib/json_view.h"

namespace cairn::tools::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kReadyTimeout{60};
constexpr std::chrono::seconds kStopTimeout{5};
constexpr std::chrono::milliseconds kLook{20};

/// Runs it on the thread and waits for its answer.
template <class F>
auto on(wal::ThreadExecutor& thread, F f) {
  std::packaged_task<decltype(f())()> task(std::move(f));
  auto answer = task.get_future();
  auto shared = std::make_shared<decltype(task)>(std::move(task));
  thread.post([shared] { (*shared)(); });
  return answer.get();
}

std::string own_directory() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

std::string make_directory() {
  const char* given = std::getenv("TMPDIR");
  // Not /tmp, which may be memory: what is measured is durable.
  std::string name = std::string(given != nullptr ? given : "/var/tmp") + "/kvbench-XXXXXX";
  return ::mkdtemp(name.data()) == nullptr ? "" : name;
}

// In the child: only what is safe after a fork.
[[noreturn]] void become(const std::vector<char*>& arguments, int log, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

bool is_ready(const Endpoint& endpoint) {
  HttpClient client(endpoint);
  HttpRequest request;
  request.target = "/readyz";
  const auto exchange = client.send(request, SteadyClock::now() + std::chrono::seconds(1));
  return exchange.response && exchange.response->status == 200;
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid;
}

}  // namespace

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::vector<int> held;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < count; ++i) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    held.push_back(socket);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(socket, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      break;
    }
    ports.push_back(ntohs(address.sin_port));
  }
  for (const int socket : held) ::close(socket);
  return ports;
}

Cluster::Cluster(Plan plan) : plan_(std::move(plan)), keeper_("kvbench-nodes") {}

Cluster::~Cluster() {
  abandon();
}

void Cluster::abandon() {
  // Two may come here at once: the second one waits for the first.
  on(keeper_, [this] {
    end_all();
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  });
}

std::string Cluster::start() {
  if (auto error = on(keeper_, [this] { return prepare(); }); !error.empty()) return error;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (auto error = start_again(i); !error.empty()) return error;
  }
  return wait_ready();
}

std::string Cluster::prepare() {
  if (::access((own_directory() + "/kvd").c_str(), X_OK) != 0) {
    return "--cluster needs the program kvd in " + own_directory();
  }
  directory_ = make_directory();
  if (directory_.empty()) return "no temporary directory: " + std::string(std::strerror(errno));
  const auto ports = free_ports(3 * plan_.nodes);
  if (ports.size() < 3 * plan_.nodes) return "no free ports on 127.0.0.1";
  std::vector<Relay::Route> routes;
  for (std::size_t i = 0; i < plan_.nodes; ++i) {
    Node node;
    node.http = ports[3 * i];
    node.peer = ports[3 * i + 1];
    node.listed = plan_.relayed ? ports[3 * i + 2] : node.peer;
    node.log = directory_ + "/node" + std::to_string(i + 1) + ".log";
    routes.push_back({node.listed, node.peer});
    nodes_.push_back(node);
  }
  if (!plan_.relayed) return "";
  relay_ = std::make_unique<Relay>(std::move(routes));
  return relay_->start();
}

std::string Cluster::wait_ready() {
  const auto until = SteadyClock::now() + kReadyTimeout;
  for (std::size_t i = 0; i < nodes_.size();) {
    if (is_ready({"127.0.0.1", nodes_[i].http})) {
      ++i;
      continue;
    }
    const bool ended = on(keeper_, [&] { return has_ended(nodes_[i].pid); });
    if (ended || SteadyClock::now() > until) {
      return "node " + std::to_string(i + 1) + (ended ? " has ended" : " is not ready in time") +
             ": " + last_words(nodes_[i]);
    }
    std::this_thread::sleep_for(kLook);
  }
  return "";
}

std::vector<std::string> Cluster::command(std::size_t i) const {
  std::string members;
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    members += (k == 0 ? "" : ",") + std::to_string(k + 1) +
               "=127.0.0.1:" + std::to_string(nodes_[k].listed);
  }
  const std::string id = std::to_string(i + 1);
  std::vector<std::string> words{own_directory() + "/kvd",
                                 "--id",
                                 id,
                                 "--data-dir",
                                 directory_ + "/node" + id,
                                 "--http",
                                 "127.0.0.1:" + std::to_string(nodes_[i].http)};
  if (nodes_.size() > 1) {
    words.insert(words.end(),
                 {"--peer", "127.0.0.1:" + std::to_string(nodes_[i].peer), "--cluster", members});
  }
  words.insert(words.end(), plan_.flags.begin(), plan_.flags.end());
  return words;
}

std::string Cluster::spawn(std::size_t i) {
  Node& node = nodes_[i];
  std::vector<std::string> words = command(i);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int log = ::open(node.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return node.log + ": " + std::strerror(errno);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(arguments, log, self);
  const int failure = errno;
  ::close(log);
  if (pid < 0) return "a node cannot be started: " + std::string(std::strerror(failure));
  node.pid = pid;
  if (relay_) relay_->set_process(i, pid);
  return "";
}

std::string Cluster::last_words(const Node& node) const {
  std::ifstream file(node.log);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last.empty() ? "it said nothing" : last;
}

std::vector<Endpoint> Cluster::endpoints() const {
  std::vector<Endpoint> all;
  for (const Node& node : nodes_) all.push_back({"127.0.0.1", node.http});
  return all;
}

std::size_t Cluster::leader() const {
  std::uint64_t newest = 0;
  std::size_t leader = nodes_.size();
  for (const Endpoint& endpoint : endpoints()) {
    HttpClient client(endpoint);
    HttpRequest request;
    request.target = "/v1/cluster";
    const auto exchange = client.send(request, SteadyClock::now() + std::chrono::milliseconds(500));
    if (!exchange.response) continue;
    const auto view = json_object(exchange.response->body);
    const auto& partitions = json_array(view, "partitions");
    if (partitions.empty() || !partitions.at(0).is_object()) continue;
    const auto& partition = partitions.at(0).as_object();
    const std::uint64_t id = json_number(partition, "leader");
    const std::uint64_t term = json_number(partition, "term");
    if (id == 0 || id > nodes_.size() || term < newest) continue;
    newest = term;
    leader = id - 1;
  }
  return leader;
}

void Cluster::kill(std::size_t i) {
  on(keeper_, [this, i] {
    Node& node = nodes_[i];
    if (node.pid == 0) return;
    ::kill(node.pid, SIGKILL);
    ::waitpid(node.pid, nullptr, 0);
    node.pid = 0;
  });
}

std::string Cluster::start_again(std::size_t i) {
  return on(keeper_, [this, i]() -> std::string {
    if (ended_) return "the run is over";
    return nodes_[i].pid != 0 ? "" : spawn(i);
  });
}

void Cluster::stop(std::size_t i) {
  on(keeper_, [this, i] {
    if (nodes_[i].pid != 0) ::kill(nodes_[i].pid, SIGSTOP);
  });
}

void Cluster::go_on(std::size_t i) {
  on(keeper_, [this, i] {
    if (nodes_[i].pid != 0) ::kill(nodes_[i].pid, SIGCONT);
  });
}

void Cluster::cut(std::size_t i) {
  if (relay_) relay_->cut(i);
}

void Cluster::heal(std::size_t i) {
  if (relay_) relay_->heal(i);
}

void Cluster::end_all() {
  ended_ = true;
  for (const Node& node : nodes_) {
    if (node.pid == 0) continue;
    ::kill(node.pid, SIGCONT);
    ::kill(node.pid, SIGTERM);
  }
  const auto until = SteadyClock::now() + kStopTimeout;
  for (Node& node : nodes_) {
    if (node.pid == 0) continue;
    while (!has_ended(node.pid) && SteadyClock::now() < until) std::this_thread::sleep_for(kLook);
    ::kill(node.pid, SIGKILL);
    ::waitpid(node.pid, nullptr, 0);
    node.pid = 0;
  }
}

}  // namespace cairn::tools::bench
