#include "cairn/kv/test_cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "kv/host/store_impl.h"

namespace cairn::kv {

namespace {

constexpr std::size_t kNodesMax = 7;
constexpr std::chrono::milliseconds kReadyTimeout{20'000};
constexpr int kStartAttempts = 5;

// Below the range that the system gives to outgoing connections: a member's port stays free while
// it is stopped, and nobody who dials it can meet himself there.
constexpr std::uint32_t kPortMin = 10'000;
constexpr std::uint32_t kPortMax = 32'000;

bool is_free(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return bound;
}

std::vector<std::uint16_t> free_ports(std::size_t count) {
  std::set<std::uint16_t> ports;
  for (int attempt = 0; attempt < 10'000 && ports.size() < count; ++attempt) {
    std::uint32_t chance = 0;
    if (::getrandom(&chance, sizeof chance, 0) != sizeof chance) continue;
    const auto port = static_cast<std::uint16_t>(kPortMin + chance % (kPortMax - kPortMin));
    if (is_free(port)) ports.insert(port);
  }
  return {ports.begin(), ports.end()};
}

/// A directory of its own, gone at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() = default;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] Result<void> make() {
    std::error_code error;
    const auto parent = std::filesystem::temp_directory_path(error);
    if (error) return Error(Errc::kIo, "temporary directory: " + error.message());
    std::string pattern = (parent / "cairn-cluster-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      return Error(Errc::kIo, "mkdtemp " + pattern + ": " +
                                  std::error_code(errno, std::generic_category()).message());
    }
    path_ = pattern;
    return {};
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

struct TestCluster::Impl {
  TemporaryDirectory directory;
  std::map<std::uint64_t, Options> options;
  std::map<std::uint64_t, std::optional<Store>> stores;  // after the directory: dies first

  [[nodiscard]] Result<void> prepare(std::size_t nodes,
                                     const std::function<void(Options&)>& adjust) {
    if (auto made = directory.make(); !made) return made;
    const std::vector<std::uint16_t> ports = free_ports(2 * nodes);
    if (ports.size() < 2 * nodes) return Error(Errc::kAddressInUse, "no free ports on loopback");
    std::vector<Member> members;
    for (std::size_t i = 0; i < nodes; ++i) {
      members.push_back({i + 1, "127.0.0.1:" + std::to_string(ports[i])});
    }
    for (const Member& member : members) {
      Options& o = options[member.id];
      o.data_dir = (directory.path() / ("node" + std::to_string(member.id))).string();
      o.node_id = member.id;
      o.peer = member.peer;
      o.cluster = members;
      o.client = "127.0.0.1:" + std::to_string(ports[nodes + member.id - 1]);
      if (adjust) adjust(o);
      stores[member.id];
    }
    return {};
  }

  [[nodiscard]] Result<void> open(std::uint64_t id) {
    auto store = Store::open(options.at(id));
    if (!store) return store.error();
    stores.at(id).emplace(std::move(*store));
    return {};
  }

  [[nodiscard]] Result<void> open_all() {
    for (const auto& [id, options_of] : options) {
      if (auto opened = open(id); !opened) return opened;
    }
    return {};
  }
};

TestCluster::TestCluster(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TestCluster::~TestCluster() = default;
TestCluster::TestCluster(TestCluster&&) noexcept = default;
TestCluster& TestCluster::operator=(TestCluster&&) noexcept = default;

Result<TestCluster> TestCluster::start(std::size_t nodes,
                                       const std::function<void(Options&)>& adjust) {
  if (nodes < 1 || nodes > kNodesMax) {
    return Error(Errc::kConfiguration, "nodes: must be from 1 to 7");
  }
  for (int attempt = 1;; ++attempt) {
    auto impl = std::make_unique<Impl>();
    Result<void> opened = impl->prepare(nodes, adjust);
    if (opened) opened = impl->open_all();
    if (!opened) {
      // Somebody else took a port between the look and the start.
      if (opened.error().code == Errc::kAddressInUse && attempt < kStartAttempts) continue;
      return opened.error();
    }
    TestCluster cluster(std::move(impl));
    if (auto ready = cluster.wait_ready(kReadyTimeout); !ready) return ready.error();
    return cluster;
  }
}

std::size_t TestCluster::size() const {
  return impl_->stores.size();
}

Store& TestCluster::node(std::uint64_t id) {
  auto& store = impl_->stores.at(id);
  if (!store) throw std::logic_error("TestCluster: this member does not run");
  return *store;
}

std::vector<std::string> TestCluster::client_endpoints() const {
  std::vector<std::string> endpoints;
  for (const auto& [id, options] : impl_->options)
    if (!options.client.empty()) endpoints.push_back(options.client);
  return endpoints;
}

bool TestCluster::running(std::uint64_t id) const {
  return impl_->stores.at(id).has_value();
}

void TestCluster::stop(std::uint64_t id) {
  impl_->stores.at(id).reset();
}

Result<void> TestCluster::restart(std::uint64_t id) {
  if (running(id)) stop(id);
  return impl_->open(id);
}

Result<void> TestCluster::wait_ready(std::chrono::milliseconds timeout) {
  std::optional<std::chrono::microseconds> deadline;  // of the clock that all members share
  for (auto& [id, store] : impl_->stores) {
    if (!store) continue;
    const auto now = StoreAccess::host(*store).loop().monotonic();
    if (!deadline) deadline = now + timeout;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - now);
    if (auto ready = store->wait_ready(std::max(left, std::chrono::milliseconds{1})); !ready) {
      Error error = ready.error();
      error.detail = "node " + std::to_string(id) + ": " + error.detail;
      return error;
    }
  }
  return {};
}

}  // namespace cairn::kv
