#include "kv/sim/run.h"
#include <cstdio>
#include <cstdlib>
using namespace cairn::kv::sim;
int main(int argc, char** argv) {
  RunRequest r;
  r.seed = std::strtoull(argv[1], nullptr, 10);
  if (argc > 2) r.profile = argv[2];
  RunResult res = run(r);
  if (!res.failure.empty()) { std::printf("%s\n%s", res.plan.c_str(), res.log.c_str());
    for (auto& f : res.failures) std::printf("%s\n", f.c_str()); }
  std::printf("%llu events %lld ms calls %llu ok %llu\n", (unsigned long long)res.events, (long long)res.virtual_time.count()/1000, (unsigned long long)res.calls, (unsigned long long)res.succeeded);
  std::printf("%s\n", res.last_line(r.seed).c_str());
}
