// Runs a scenario file: blocks of verbs, `----`, the output they must give, an empty line. Verbs
// are listed in scenario.cc, an example above each. Output is raft/describe's, one line a fact,
// with the member's number before it; "ok" when there is none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/raft/cluster.h"

namespace cairn::raft::test {

class Scenario {
 public:
  /// The same text with the blocks' output as it is now.
  std::string run(const std::string& text);

 private:
  struct Words {
    std::vector<std::string> plain;
    std::map<std::string, std::string> named;  // key=value
  };
  static Words parse(const std::string& line);

  std::string run_block(const std::vector<std::string>& verbs);
  void verb(const std::string& name, const Words& words);
  bool cluster_verb(const std::string& name, const Words& words);
  bool disk_verb(const std::string& name, const Words& words);
  bool fault_verb(const std::string& name, const Words& words);
  bool question_verb(const std::string& name, const Words& words);

  void make_cluster(const Words& words);
  void deliver(const Words& words);
  void show_log(NodeId id);
  void show_ready(const Member& m, const Ready& ready);
  std::vector<NodeId> members(const Words& words, std::size_t place);
  void say(const std::string& line) { out_ += line + "\n"; }
  Cluster& cluster();

  std::unique_ptr<Cluster> cluster_;
  std::set<std::string> trace_;  // empty: everything
  bool quiet_ = false;
  std::string out_;
};

}  // namespace cairn::raft::test
