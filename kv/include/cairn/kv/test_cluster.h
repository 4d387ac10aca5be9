// A cluster in one process, for the tests of programs that embed Cairn: real members, real disks in
// a temporary directory, real sockets on loopback.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/kv/store.h"

namespace cairn::kv {

class TestCluster {
 public:
  /// Starts `nodes` (1 .. 7) durable members with ids 1 .. nodes and waits until they are ready.
  /// `adjust` may change each one's options before it is opened.
  [[nodiscard]] static Result<TestCluster> start(std::size_t nodes,
                                                 const std::function<void(Options&)>& adjust = {});
  ~TestCluster();  // stops all, removes the directory
  TestCluster(TestCluster&&) noexcept;
  TestCluster& operator=(TestCluster&&) noexcept;

  [[nodiscard]] std::size_t size() const;
  /// The member with this id (1 .. size()); it must be running.
  [[nodiscard]] Store& node(std::uint64_t id);
  /// Of all members' native doors, for <cairn/kv/client.h>, in the order of their ids.
  [[nodiscard]] std::vector<std::string> client_endpoints() const;
  [[nodiscard]] bool running(std::uint64_t id) const;
  /// Stops a member in order; its directory stays.
  void stop(std::uint64_t id);
  /// Starts it again.
  Result<void> restart(std::uint64_t id);
  Result<void> wait_ready(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit TestCluster(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn::kv
