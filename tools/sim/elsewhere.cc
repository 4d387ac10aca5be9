#include "tools/sim/elsewhere.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <string>

namespace cairn::sim_tool {

int run_build_with_bugs(const char* const* argv) {
  std::array<char, PATH_MAX> self{};
  (void)!readlink("/proc/self/exe", self.data(), self.size() - 1);
  const std::string here(self.data());
  const std::string bin = here.substr(0, here.rfind('/'));
  const std::string there = bin + "/../../mutants/bin/kvsim";
  if (access(there.c_str(), X_OK) == 0) {
    std::fprintf(stderr, "kvsim: the planted bugs are in build/mutants/bin/kvsim; running that\n");
    std::fflush(nullptr);
    execv(there.c_str(), const_cast<char* const*>(argv));
  }
  std::fprintf(stderr,
               "kvsim: this build has no planted bugs; tests/sim/plant.py makes one that has, "
               "build/mutants/bin/kvsim\n");
  return 2;
}

}  // namespace cairn::sim_tool
