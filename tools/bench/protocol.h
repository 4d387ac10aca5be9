// An operation as an HTTP request, and what its answer means: Cairn's door, or etcd's JSON gateway.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tools/bench/answers.h"
#include "tools/bench/work.h"

namespace cairn::tools::bench {

/// Used by several threads.
class Protocol {
 public:
  virtual ~Protocol() = default;
  /// `host` is the endpoint's "Host: …\r\n".
  virtual void append(std::string& out, const Operation& operation,
                      std::string_view host) const = 0;
  [[nodiscard]] virtual Outcome judge(const Operation& operation, const Answer& answer) const = 0;
};

/// `stamps`: what gets read shall be told.
[[nodiscard]] std::unique_ptr<Protocol> cairn_protocol(const Work& work, bool stamps);
[[nodiscard]] std::unique_ptr<Protocol> etcd_protocol(const Work& work, bool stamps);

}  // namespace cairn::tools::bench
