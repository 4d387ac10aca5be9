// Calls over the native door of running nodes.
#pragma once

#include <string>
#include <vector>

#include "cairn/kv/client.h"
#include "tools/bench/driver.h"
#include "tools/bench/values.h"

namespace cairn::tools::bench {

class NativeTarget final : public CallTarget {
 public:
  /// One client, with its thread and connections, for each thread of the load generator.
  NativeTarget(const Work& work, std::vector<std::string> endpoints, std::size_t threads,
               kv::ClientOptions options);

  std::string open() override;
  std::size_t doors() const override { return clients_.size(); }
  void call(std::size_t door, const Operation& operation, Done done) override;

 private:
  const Work& work_;
  const std::vector<std::string> endpoints_;
  const std::size_t threads_;
  const kv::ClientOptions options_;
  const ValuePool values_;
  std::vector<kv::Client> clients_;
};

}  // namespace cairn::tools::bench
