// Every file of scenarios/ is a test. CAIRN_REWRITE=1 writes what the core does now into the files:
// commit only what you understand.
#include "tests/raft/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace cairn::raft::test {
namespace {

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CAIRN_SCENARIO_DIR)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class RaftScenario : public ::testing::TestWithParam<std::string> {};

TEST_P(RaftScenario, Runs_AsWritten) {
  const std::filesystem::path path =
      std::filesystem::path(CAIRN_SCENARIO_DIR) / (GetParam() + ".txt");
  std::stringstream expected;
  expected << std::ifstream(path).rdbuf();
  const std::string actual = Scenario().run(expected.str());
  if (std::getenv("CAIRN_REWRITE") != nullptr) {
    std::ofstream(path) << actual;
  } else {
    EXPECT_EQ(expected.str(), actual);
  }
  EXPECT_EQ(actual.find("\nerror: unknown"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Files, RaftScenario, ::testing::ValuesIn(files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace cairn::raft::test
