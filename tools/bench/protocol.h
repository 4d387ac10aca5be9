// An operation as an HTTP request, and what its answer means: Cairn's door, or etcd's JSON gateway.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tools/bench/lane.h"
#include "tools/lib/http_message.h"

namespace cairn::tools::bench {

struct Verdict {
  enum class Kind { kOk, kAbsent, kError } kind = Kind::kOk;
  std::string code;  // of an error
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  /// `host` is the endpoint's "Host: …\r\n".
  virtual void append(std::string& out, const Operation& operation,
                      std::string_view host) const = 0;
  [[nodiscard]] virtual Verdict judge(const Operation& operation,
                                      const HttpResponse& response) const = 0;
};

[[nodiscard]] std::unique_ptr<Protocol> cairn_protocol(const Work& work);
[[nodiscard]] std::unique_ptr<Protocol> etcd_protocol(const Work& work);

}  // namespace cairn::tools::bench
