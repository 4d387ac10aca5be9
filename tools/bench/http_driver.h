// Load over HTTP: one or two threads, each with its loop and its share of the connections.
#pragma once

#include "tools/bench/driver.h"
#include "tools/bench/http_loop.h"

namespace cairn::tools::bench {

class HttpDriver final : public Driver {
 public:
  HttpDriver(const Work& work, std::unique_ptr<Protocol> protocol, std::vector<Endpoint> endpoints,
             const Concurrency& concurrency, Clock::duration timeout, Audit* audit);

  std::string open() override;
  RunResult run(const Phase& phase, const Progress& progress) override;

 private:
  const Work& work_;
  Audit* const audit_;
  std::unique_ptr<Protocol> protocol_;
  std::vector<std::unique_ptr<HttpLoop>> loops_;
};

}  // namespace cairn::tools::bench
