// Calls on a store in this process.
#pragma once

#include <optional>

#include "cairn/kv/store.h"
#include "tools/bench/driver.h"
#include "tools/bench/values.h"

namespace cairn::tools::bench {

class StoreTarget final : public CallTarget {
 public:
  /// The store in `directory`, alone.
  StoreTarget(const Work& work, std::string directory);

  std::string open() override;
  std::size_t doors() const override { return 1; }
  void call(std::size_t door, const Operation& operation, Done done) override;

 private:
  const Work& work_;
  const std::string directory_;
  const ValuePool values_;
  std::optional<kv::Store> store_;
};

}  // namespace cairn::tools::bench
