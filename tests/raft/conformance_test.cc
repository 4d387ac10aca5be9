// docs/raft-conformance.md cites the papers section by section and names tests: every one of them
// is there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// `Suite.Name` of every TEST in tests/raft, and `scenario_file`.
std::set<std::string> known_names() {
  const fs::path here = fs::path(CAIRN_SCENARIO_DIR).parent_path();
  std::set<std::string> names;
  const std::regex test(R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  for (const auto& entry : fs::directory_iterator(here)) {
    if (entry.path().extension() != ".cc") continue;
    const std::string source = text_of(entry.path());
    for (std::sregex_iterator it(source.begin(), source.end(), test), end; it != end; ++it) {
      names.insert((*it)[1].str() + "." + (*it)[2].str());
    }
  }
  for (const auto& entry : fs::directory_iterator(CAIRN_SCENARIO_DIR)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TEST(RaftConformance, EveryNamedTest_Exists) {
  const std::set<std::string> names = known_names();
  const std::string table = text_of(CAIRN_CONFORMANCE);
  const std::regex quoted(R"(`(\w+\.\w+)`)");
  std::size_t cited = 0;
  for (std::sregex_iterator it(table.begin(), table.end(), quoted), end; it != end; ++it, ++cited) {
    EXPECT_TRUE(names.count((*it)[1].str()) == 1) << (*it)[1].str() << " is no test";
  }
  EXPECT_GT(cited, 80u);
}

TEST(RaftConformance, EveryScenario_IsCited) {
  const std::string table = text_of(CAIRN_CONFORMANCE);
  for (const auto& entry : fs::directory_iterator(CAIRN_SCENARIO_DIR)) {
    const std::string name = entry.path().filename().string();
    EXPECT_NE(table.find("`" + name + "`"), std::string::npos) << name;
  }
}

}  // namespace
