#include "tools/sim/bug_run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "kv/sim/run.h"
#include "tools/sim/planted.h"

namespace cairn::sim_tool {

namespace {

std::string directory_of_this_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string whole(path.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  return whole.substr(0, whole.rfind('/'));
}

/// The words behind "CAIRN_SEED=n: " in what the test says of a seed that fails.
std::string verdict_in(const std::string& said, std::uint64_t seed) {
  const std::string mark = "CAIRN_SEED=" + std::to_string(seed) + ": ";
  const std::size_t at = said.find(mark);
  if (at == std::string::npos) return "raft_random_test failed";
  const std::size_t begin = at + mark.size();
  return said.substr(begin, said.find('\n', begin) - begin);
}

SeedOutcome run_cores(std::string_view bug, std::uint64_t seed) {
  setenv("CAIRN_BUG", std::string(bug).c_str(), 1);
  setenv("CAIRN_SEED", std::to_string(seed).c_str(), 1);
  setenv("CAIRN_SHOW", "0", 1);
  const std::string command = "'" + directory_of_this_program() +
                              "/raft_random_test' --gtest_brief=1 "
                              "--gtest_filter='*EverySeed*' 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {false, "raft_random_test cannot be started"};
  std::string said;
  std::array<char, 4096> bytes{};
  for (std::size_t n = 0; (n = fread(bytes.data(), 1, bytes.size(), pipe)) > 0;) {
    said.append(bytes.data(), n);
  }
  const int status = pclose(pipe);
  if (status == 0) return {true, {}};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return {false, "HARNESS: there is no raft_random_test"};
  }
  return {false, "CORES: " + verdict_in(said, seed)};
}

}  // namespace

SeedOutcome run_for_bug(std::string_view bug, std::string_view run, std::uint64_t seed) {
  if (run == "cores") return run_cores(bug, seed);
  kv::sim::RunRequest request;
  if (const std::string wrong = kv::sim::parse_line(run, &request); !wrong.empty()) {
    return {false, "HARNESS: " + wrong};
  }
  request.seed = seed;
  plant(bug);
  const kv::sim::RunResult result = kv::sim::run(request);
  return {result.failure.empty(), result.failure.substr(0, result.failure.find('\n'))};
}

}  // namespace cairn::sim_tool
