// Clients that read and write a few keys while the world is being broken, and what they saw.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kv/sim/history.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

struct WorkloadOptions {
  int clients = 5;
  int keys = 3;
  Time pause{15'000};  // between an answer and the next call, at most
};

/// Closed-loop clients, each at one node at a time, changing it after a failure.
class Workload {
 public:
  Workload(World& world, WorkloadOptions options);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  void stop() { stopped_ = true; }
  [[nodiscard]] bool idle() const { return stopped_ && under_way_ == 0; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] std::uint64_t succeeded() const { return succeeded_; }

 private:
  struct Client {
    NodeId at = 1;
    raft::Random random{0};
  };

  void next(std::size_t client);
  void get(std::size_t client, const std::string& key);
  void put(std::size_t client, const std::string& key, bool create);
  void remove(std::size_t client, const std::string& key);
  template <class T>
  void ended(std::size_t client, const Call<T>& call);
  void record_write(const std::string& key, Operation operation, const std::optional<Error>& error);
  [[nodiscard]] static std::string text(std::uint64_t value) {
    return "value" + std::to_string(value);
  }

  World& world_;
  WorkloadOptions options_;
  std::vector<Client> clients_;
  History history_;
  std::uint64_t values_ = 0;
  std::uint64_t succeeded_ = 0;
  int under_way_ = 0;
  bool stopped_ = false;
};

/// Crashes, restarts and cuts at seeded moments; at most a minority is down at a time, most times.
class Trouble {
 public:
  explicit Trouble(World& world);
  Trouble(const Trouble&) = delete;
  Trouble& operator=(const Trouble&) = delete;
  /// No more of it: links heal, all nodes run.
  void end();

 private:
  void next();
  void crash_one();
  void start_later(NodeId victim);
  void cut_some();

  World& world_;
  raft::Random random_;
  bool ended_ = false;
};

}  // namespace cairn::kv::sim
