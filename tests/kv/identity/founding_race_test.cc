// Founders that are lost, cut off and restarted while the cluster is being founded, over
// connections that deliver late: whatever happens, directories that exist hold one record.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "kv/identity/founding.h"
#include "kv/identity/founding_record.h"
#include "raft/random.h"

namespace cairn::kv {
namespace {

using Kind = Founding::Decision::Kind;

constexpr std::uint64_t kNodes = 3;

class FoundingRace {
 public:
  explicit FoundingRace(std::uint64_t seed) : random_(seed) {
    for (std::uint64_t id = 1; id <= kNodes; ++id) start(id);
  }

  /// Trouble first, then quiet: all reach each other, nobody is lost any more.
  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      switch (random_.between(0, 11)) {
        case 0:
          random_connection([&](Connection& c) { close(c); });
          break;
        case 1:
          if (random_.between(0, 3) == 0) restart(any());
          break;
        case 2:
          if (random_.between(0, 5) == 0) wipe(any());
          break;
        case 3:
        case 4:
          connect(any(), any());
          break;
        case 5:
          write_done(any());
          break;
        default:
          random_connection([&](Connection& c) { deliver(c, random_.between(0, 1)); });
      }
    }
    for (const auto& c : connections_) close(*c);  // two between the same nodes, of the trouble
    for (int round = 0; round < 40; ++round) {
      for (std::uint64_t id = 1; id <= kNodes; ++id) {
        write_done(id);
        for (std::uint64_t to = id + 1; to <= kNodes; ++to)
          if (!connected(id, to)) connect(id, to);
      }
      std::list<std::shared_ptr<Connection>> all = connections_;
      for (const auto& c : all)
        for (const std::size_t side : {0, 1})
          while (!c->queue[side].empty()) deliver(*c, side);
    }
  }

  std::string verdict() {
    std::optional<net::FoundingRecord> one;
    for (auto& node : nodes_) {
      if (!node.record) continue;
      if (one && *one != *node.record) return "two records";
      one = node.record;
    }
    return one ? "founded" : "unfounded";
  }
  [[nodiscard]] int wipes() const { return wipes_; }

 private:
  struct Closed {};
  using Message = std::variant<net::Hello, net::FoundingWord, Closed>;
  struct Connection {
    std::array<std::uint64_t, 2> ends{};  // queue[i] goes to ends[i]
    std::array<std::uint64_t, 2> lives{};
    std::array<std::deque<Message>, 2> queue;
    std::array<std::optional<net::FoundingWord>, 2> said;  // last, by ends[i]
    bool closed = false;
  };
  struct Node {
    std::uint64_t incarnation = 0, boot = 0, life = 0;
    std::optional<net::FoundingRecord> record, writing;
    std::optional<Founding> founding;
    std::array<Connection*, kNodes + 1> current{};
  };

  Node& node(std::uint64_t id) { return nodes_[id - 1]; }
  std::uint64_t any() { return random_.between(1, kNodes); }

  void start(std::uint64_t id) {
    Node& n = node(id);
    if (n.incarnation == 0) n.incarnation = ++incarnations_;
    ++n.boot;
    n.life = ++lives_;
    n.current = {};
    FoundingPlan plan;
    for (std::uint64_t m = 1; m <= kNodes; ++m) plan.members.push_back({m, std::to_string(m)});
    n.founding.emplace(id, n.incarnation, plan, n.boot);
  }
  void end_life(std::uint64_t id) {
    for (const auto& c : connections_)
      if (c->ends[0] == id || c->ends[1] == id) close(*c);
    // A write that was under way may have become durable.
    if (node(id).writing && random_.between(0, 1) == 0) node(id).record = node(id).writing;
    node(id).writing.reset();
  }
  void restart(std::uint64_t id) {
    end_life(id);
    start(id);
  }
  void wipe(std::uint64_t id) {
    end_life(id);
    node(id) = Node();
    ++wipes_;
    start(id);
  }

  void connect(std::uint64_t a, std::uint64_t b) {
    if (a == b) return;
    auto c = std::make_shared<Connection>();
    c->ends = {a, b};
    c->lives = {node(a).life, node(b).life};
    c->queue[0].push_back(hello(b));
    c->queue[1].push_back(hello(a));
    connections_.push_back(c);
  }
  bool connected(std::uint64_t a, std::uint64_t b) {
    for (const auto& c : connections_)
      if (!c->closed && c->ends[0] + c->ends[1] == a + b && (c->ends[0] == a || c->ends[1] == a))
        return true;
    return false;
  }
  net::Hello hello(std::uint64_t id) {
    Node& n = node(id);
    net::Hello h;
    h.node = id;
    h.incarnation = n.incarnation;
    h.boot = n.boot;
    h.founding = n.record ? *n.record : n.founding->proposal();
    return h;
  }
  /// What is on its way still arrives, or is lost with the connection.
  void close(Connection& c) {
    if (std::exchange(c.closed, true)) return;
    for (auto& queue : c.queue) {
      if (random_.between(0, 1) == 0) queue.clear();
      queue.emplace_back(Closed{});
    }
  }
  template <class Act>
  void random_connection(Act act) {
    std::erase_if(connections_, [](const auto& c) {
      return c->closed && c->queue[0].empty() && c->queue[1].empty();
    });
    if (connections_.empty()) return;
    auto at = connections_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.between(0, connections_.size() - 1)));
    const auto held = *at;
    act(*held);
  }

  void deliver(Connection& c, std::size_t side) {
    if (c.queue[side].empty()) return;
    const Message message = c.queue[side].front();
    c.queue[side].pop_front();
    const std::uint64_t id = c.ends[side], from = c.ends[1 - side];
    Node& n = node(id);
    if (n.life != c.lives[side]) return;
    if (std::holds_alternative<Closed>(message)) {
      if (n.current[from] == &c) {
        n.current[from] = nullptr;
        n.founding->lost(from);
      }
    } else if (n.record) {
      return;  // the judge's business
    } else if (const auto* h = std::get_if<net::Hello>(&message)) {
      n.current[from] = &c;
      n.founding->heard(*h);
    } else if (n.current[from] == &c) {
      n.founding->told(from, std::get<net::FoundingWord>(message));
    }
    after(id);
  }
  void after(std::uint64_t id) {
    Node& n = node(id);
    if (n.record || n.writing) return;
    for (std::uint64_t to = 1; to <= kNodes; ++to) {
      Connection* c = n.current[to];
      if (c == nullptr || c->closed) continue;
      const std::size_t mine = c->ends[0] == id ? 0 : 1;
      const auto word = n.founding->word_to(to);
      if (!word || word == c->said[mine]) continue;
      c->said[mine] = word;
      c->queue[1 - mine].emplace_back(*word);
    }
    const auto decision = n.founding->decide();
    if (decision.kind == Kind::kFound || decision.kind == Kind::kAdopt) {
      EXPECT_EQ(find_founder(decision.record, id)->incarnation, n.incarnation);
      n.writing = decision.record;
    }
  }
  void write_done(std::uint64_t id) {
    Node& n = node(id);
    if (!n.writing) return;
    n.record = std::exchange(n.writing, std::nullopt);
    for (const auto& c : connections_)
      if (c->ends[0] == id || c->ends[1] == id) close(*c);
  }

  raft::Random random_;
  std::array<Node, kNodes> nodes_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::uint64_t incarnations_ = 0, lives_ = 0;
  int wipes_ = 0;
};

TEST(FoundingRaces, LossesCutsRestartsLateWords_OneRecord) {
  std::uint64_t first = 1, last = 4'000;
  if (const char* one = std::getenv("CAIRN_SEED")) first = last = std::strtoull(one, nullptr, 10);
  if (const char* many = std::getenv("CAIRN_SEEDS")) last = std::strtoull(many, nullptr, 10);
  int founded = 0, with_losses = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    FoundingRace race(seed);
    race.run(static_cast<int>(40 + seed % 160));
    const std::string verdict = race.verdict();
    ASSERT_NE(verdict, "two records") << "replay: CAIRN_SEED=" << seed;
    if (race.wipes() == 0) {
      EXPECT_EQ(verdict, "founded") << "nobody was lost; replay: CAIRN_SEED=" << seed;
    }
    founded += verdict == "founded" ? 1 : 0;
    with_losses += race.wipes() > 0 ? 1 : 0;
  }
  if (first == last) return;
  EXPECT_GT(founded, 1'000);
  EXPECT_GT(with_losses, 1'000);
}

}  // namespace
}  // namespace cairn::kv
