#include "tests/raft/scenario.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace cairn::raft::test {

namespace {

std::uint64_t number(const std::string& text) {
  return std::stoull(text);
}

std::uint64_t number(const std::map<std::string, std::string>& named, const std::string& key,
                     std::uint64_t otherwise) {
  auto it = named.find(key);
  return it == named.end() ? otherwise : number(it->second);
}

// key=1,2,3
std::vector<NodeId> list(const std::map<std::string, std::string>& named, const std::string& key) {
  std::vector<NodeId> ids;
  auto it = named.find(key);
  std::istringstream in(it == named.end() ? "" : it->second);
  for (std::string id; std::getline(in, id, ',');) ids.push_back(number(id));
  return ids;
}

// "1>2 t3 append prev ..." is of type "append".
bool of_type(const Packet& packet, std::string type) {
  std::replace(type.begin(), type.end(), '_', ' ');
  std::string text = describe(packet);
  text = text.substr(text.find(" t") + 1);
  text = text.substr(text.find(' ') + 1);
  return text.compare(0, type.size(), type) == 0;
}

}  // namespace

Scenario::Words Scenario::parse(const std::string& line) {
  Words words;
  std::istringstream in(line);
  std::string word;
  while (in >> word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      words.plain.push_back(word);
    } else {
      words.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return words;
}

std::string Scenario::run(const std::string& text) {
  std::istringstream in(text);
  std::string line;
  std::string result;
  std::vector<std::string> verbs;
  bool skipping = false;  // the old output, up to an empty line
  while (std::getline(in, line)) {
    if (skipping) {
      if (!line.empty()) continue;
      skipping = false;
    }
    result += line + "\n";
    if (line == "----") {
      result += run_block(verbs);
      verbs.clear();
      skipping = true;
    } else if (!line.empty() && line[0] != '#') {
      verbs.push_back(line);
    }
  }
  return result;
}

std::string Scenario::run_block(const std::vector<std::string>& verbs) {
  out_.clear();
  for (const std::string& line : verbs) {
    Words words = parse(line);
    const std::string name = words.plain.front();
    words.plain.erase(words.plain.begin());
    try {
      verb(name, words);
    } catch (const std::exception& e) {
      say(std::string("error: ") + e.what());
    }
  }
  return out_.empty() ? "ok\n" : out_;
}

void Scenario::verb(const std::string& name, const Words& words) {
  if (name == "nodes") {
    make_cluster(words);
  } else if (!cluster_verb(name, words) && !disk_verb(name, words) && !fault_verb(name, words) &&
             !question_verb(name, words)) {
    throw std::runtime_error("unknown verb " + name);
  }
}

// nodes 3 learners=1 quiet=1 lease=1 pre_vote=0 check_quorum=0 append_bytes=100 tail_bytes=0
// window=2 unapplied=100
void Scenario::make_cluster(const Words& words) {
  CoreOptions options;
  options.quiet = number(words.named, "quiet", 0) != 0;
  options.lease = number(words.named, "lease", 0) != 0;
  options.pre_vote = number(words.named, "pre_vote", 1) != 0;
  options.check_quorum = number(words.named, "check_quorum", 1) != 0;
  options.append_bytes_max = number(words.named, "append_bytes", options.append_bytes_max);
  options.tail_bytes_max = number(words.named, "tail_bytes", options.tail_bytes_max);
  options.inflight_messages_max = number(words.named, "window", options.inflight_messages_max);
  options.unapplied_bytes_max = number(words.named, "unapplied", options.unapplied_bytes_max);
  options.uncommitted_bytes_max = number(words.named, "uncommitted", options.uncommitted_bytes_max);
  cluster_ =
      std::make_unique<Cluster>(static_cast<int>(number(words.plain.at(0))),
                                static_cast<int>(number(words.named, "learners", 0)), options);
  cluster_->on_ready = [this](Member& m, const Ready& ready) { show_ready(m, ready); };
}

bool Scenario::cluster_verb(const std::string& name, const Words& words) {
  if (name == "campaign") {  // campaign 1
    cluster().campaign(number(words.plain.at(0)));
  } else if (name == "tick") {  // tick 2 n=5; tick all n=5; tick 1 2
    for (std::uint64_t i = number(words.named, "n", 1); i > 0; --i) {
      for (NodeId id : members(words, 0)) cluster().tick(id);
    }
  } else if (name == "propose") {  // propose 1 x y: two proposals taken in one Ready
    std::vector<std::shared_ptr<const std::string>> all;
    for (std::size_t i = 1; i < words.plain.size(); ++i) {
      all.push_back(std::make_shared<const std::string>(words.plain[i]));
    }
    const NodeId id = number(words.plain.at(0));
    static const char* const kOutcomes[] = {"", "not leader", "overloaded", "failed",
                                            "transferring"};
    Proposed proposed = cluster().core(id).propose(std::move(all));
    if (proposed.outcome != ProposeOutcome::kAccepted) {
      say(kOutcomes[static_cast<int>(proposed.outcome)]);
    }
    cluster().drain(id);
  } else if (name == "change") {  // change 1 voters=2,3 learners=4
    const NodeId id = number(words.plain.at(0));
    const Configuration wanted{list(words.named, "voters"), {}, list(words.named, "learners")};
    static const char* const kOutcomes[] = {"accepted",  "not leader",    "not ready",
                                            "under way", "not caught up", "no quorum",
                                            "invalid",   "unchanged",     "failed"};
    const Changed changed = cluster().core(id).change_membership(wanted);
    say(std::string(kOutcomes[static_cast<int>(changed.outcome)]) +
        (changed.node == kNobody ? "" : " " + std::to_string(changed.node)));
    cluster().drain(id);
  } else if (name == "transfer") {  // transfer 1 2
    static const char* const kOutcomes[] = {"started",   "not leader", "not a voter",
                                            "under way", "already",    "failed"};
    const NodeId id = number(words.plain.at(0));
    say(kOutcomes[static_cast<int>(
        cluster().core(id).transfer_leadership(number(words.plain.at(1))))]);
    cluster().drain(id);
  } else if (name == "clock") {  // clock 50000: all are told the time, in microseconds
    for (NodeId id : cluster().ids()) {
      if (cluster().up(id)) cluster().core(id).clock(number(words.plain.at(0)));
    }
  } else if (name == "lease") {  // lease 1 60000: may it read under its lease then?
    const auto index =
        cluster().core(number(words.plain.at(0))).lease_read(number(words.plain.at(1)));
    say(index ? "lease read at " + std::to_string(*index) : "no lease");
  } else if (name == "join") {  // join 4: a new member that holds nothing
    cluster().join(number(words.plain.at(0)));
  } else if (name == "read") {  // read 1 77
    static const char* const kOutcomes[] = {"", "no leader", "overloaded"};
    ReadOutcome outcome = cluster().read(number(words.plain.at(0)), number(words.plain.at(1)));
    if (outcome != ReadOutcome::kAccepted) say(kOutcomes[static_cast<int>(outcome)]);
  } else if (name == "deliver") {  // deliver from=1 to=2 type=append n=1 [drop|keep]
    deliver(words);
  } else if (name == "stabilize") {  // stabilize [quiet]: everything, until nothing is left to do
    quiet_ = !words.plain.empty();
    if (!cluster().settle()) say("does not come to rest");
    quiet_ = false;
  } else if (name == "run") {  // run n=30 [quiet]: a tick for all, then stabilize, n times
    quiet_ = !words.plain.empty();
    for (std::uint64_t i = number(words.named, "n", 1); i > 0; --i) {
      cluster().tick_all();
      if (!cluster().settle()) say("does not come to rest");
    }
    quiet_ = false;
  } else if (name == "resign") {  // resign 1 [forever]
    cluster().resign(number(words.plain.at(0)), words.plain.size() > 1);
  } else if (name == "compact") {  // compact 1 5
    cluster().compact(number(words.plain.at(0)), number(words.plain.at(1)));
  } else {
    return false;
  }
  return true;
}

bool Scenario::disk_verb(const std::string& name, const Words& words) {
  if (name == "disks") {  // disks slow|fast
    cluster().slow_disks = words.plain.at(0) == "slow";
  } else if (name ==
             "persist") {  // persist 1 [n=2]: the oldest writes end and the core hears of it
    for (std::uint64_t i = number(words.named, "n", 1); i > 0; --i) {
      for (NodeId id : members(words, 0)) {
        cluster().write_one(id);
        cluster().confirm_one(id);
      }
    }
  } else if (name == "write") {  // write 1: durable, but the core has not heard
    cluster().write_one(number(words.plain.at(0)));
  } else if (name == "confirm") {  // confirm 1
    cluster().confirm_one(number(words.plain.at(0)));
  } else if (name == "given") {  // given 2 1 1 4 term=6 commit=1: restarts 2 with this log
    std::vector<Term> terms;
    for (std::size_t i = 1; i < words.plain.size(); ++i) terms.push_back(number(words.plain[i]));
    const Term last = terms.empty() ? 0 : terms.back();
    cluster().given(number(words.plain.at(0)), terms, number(words.named, "term", last),
                    number(words.named, "commit", 0));
  } else if (name == "apply") {  // apply slow|fast; apply 1
    if (words.plain.at(0) == "slow" || words.plain.at(0) == "fast") {
      cluster().slow_apply = words.plain.at(0) == "slow";
    } else {
      cluster().apply_one(number(words.plain.at(0)));
    }
  } else {
    return false;
  }
  return true;
}

bool Scenario::fault_verb(const std::string& name, const Words& words) {
  if (name == "crash") {  // crash 1
    cluster().crash(number(words.plain.at(0)));
  } else if (name == "restart") {  // restart 1 tail=0 applied=3
    cluster().restart(number(words.plain.at(0)), number(words.named, "tail", SIZE_MAX),
                      number(words.named, "applied", UINT64_MAX));
  } else if (name == "isolate") {  // isolate 1
    cluster().isolate(number(words.plain.at(0)));
  } else if (name == "cut") {  // cut 1 2: what 1 says no longer reaches 2
    cluster().cut(number(words.plain.at(0)), number(words.plain.at(1)));
  } else if (name == "heal") {  // heal
    cluster().heal();
  } else if (name == "hang") {  // hang 1; hang none: its disk, and whose writes do not end
    cluster().hung_disk = words.plain.at(0) == "none" ? kNobody : number(words.plain.at(0));
  } else if (name == "forget") {  // forget: everything in flight is lost
    cluster().network.clear();
  } else if (name == "snapshot-failed") {  // snapshot-failed 1 3: 1's stream to 3 broke
    cluster().snapshot_failed(number(words.plain.at(0)), number(words.plain.at(1)));
  } else if (name == "unreachable") {  // unreachable 1 2: 1's transport lost 2
    cluster().core(number(words.plain.at(0))).unreachable(number(words.plain.at(1)));
    cluster().drain(number(words.plain.at(0)));
  } else {
    return false;
  }
  return true;
}

bool Scenario::question_verb(const std::string& name, const Words& words) {
  if (name == "status") {  // status [1 2]
    for (NodeId id : members(words, 0)) {
      say(cluster().up(id) ? describe(cluster().core(id).status()) : std::to_string(id) + " down");
    }
  } else if (name == "log") {  // log [1 2]: terms by index; ! what is not durable
    for (NodeId id : members(words, 0)) show_log(id);
  } else if (name == "applied") {  // applied [1 2]
    for (NodeId id : members(words, 0)) {
      std::string line = std::to_string(id) + ":";
      for (const std::string& text : cluster().applied(id)) line += " " + text;
      say(line);
    }
  } else if (name == "config") {  // config [1 2]: in force; * while it is not committed
    for (NodeId id : members(words, 0)) {
      if (!cluster().up(id)) continue;
      const Status status = cluster().core(id).status();
      say(std::to_string(id) + ": " + describe(status.config) +
          (status.config_index > status.commit ? " *" : ""));
    }
  } else if (name == "network") {  // network: what is in flight
    for (const Packet& packet : cluster().network) say(describe(packet));
  } else if (name == "trace") {  // trace event apply; trace all; trace none
    trace_ = std::set<std::string>(words.plain.begin(), words.plain.end());
    if (trace_.count("all") != 0) trace_.clear();
  } else {
    return false;
  }
  return true;
}

void Scenario::deliver(const Words& words) {
  auto has = [&](const char* word) {
    return std::find(words.plain.begin(), words.plain.end(), word) != words.plain.end();
  };
  const NodeId from = number(words.named, "from", kNobody);
  const NodeId to = number(words.named, "to", kNobody);
  const auto type = words.named.find("type");
  std::uint64_t left = number(words.named, "n", UINT64_MAX);
  std::vector<Packet> chosen;
  for (auto it = cluster().network.begin(); it != cluster().network.end() && left > 0;) {
    const bool match = (from == kNobody || it->message.from == from) &&
                       (to == kNobody || it->message.to == to) &&
                       (type == words.named.end() || of_type(*it, type->second));
    if (!match) {
      ++it;
      continue;
    }
    --left;
    chosen.push_back(*it);
    it = has("keep") ? std::next(it) : cluster().network.erase(it);
  }
  for (const Packet& packet : chosen) {
    if (has("drop")) {
      say("lost " + describe(packet));
    } else {
      if (trace_.empty()) say("got " + describe(packet));
      cluster().deliver(packet);
    }
  }
}

void Scenario::show_log(NodeId id) {
  const Member& m = cluster().member(id);
  std::string line = std::to_string(id) + ": after " + std::to_string(m.written.start) + "/" +
                     std::to_string(m.written.start_term) + ":";
  for (const Entry& entry : m.written.entries) {
    line += " " + std::to_string(entry.term);
    if (m.durable.term_at(entry.index) != entry.term) line += "!";
  }
  say(line);
}

void Scenario::show_ready(const Member& m, const Ready& ready) {
  if (quiet_) return;
  std::istringstream lines(describe(ready));
  std::string line;
  bool shown = false;
  while (std::getline(lines, line)) {
    const std::string kind = line.substr(0, line.find(' '));
    if (!kind.empty()) shown = trace_.empty() || trace_.count(kind) != 0;  // "  then" follows suit
    if (shown) say(std::to_string(m.id) + ": " + line);
  }
}

std::vector<NodeId> Scenario::members(const Words& words, std::size_t place) {
  if (words.plain.size() <= place || words.plain[place] == "all") return cluster().ids();
  std::vector<NodeId> ids;
  for (std::size_t i = place; i < words.plain.size(); ++i) ids.push_back(number(words.plain[i]));
  return ids;
}

Cluster& Scenario::cluster() {
  if (!cluster_) throw std::runtime_error("no nodes yet");
  return *cluster_;
}

}  // namespace cairn::raft::test
