// Carries a plan's faults out: each kind at its own seeded moments, on victims of its own choosing,
// undone after a while. It also does an operator's work: what died is started again, what was
// fenced is restarted, and who the members are changes.
//
// Fairness (who may be hurt how): only the nodes that the plan names are ever damaged, and only
// where damage can be found: bytes that later syncs have followed, directories of an earlier boot
// that every peer can contradict. See README.md.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kv/sim/observer.h"
#include "kv/sim/plan.h"
#include "kv/sim/roster.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

class Nemesis final : public Observer {
 public:
  Nemesis(World& world, const Plan& plan);
  Nemesis(const Nemesis&) = delete;
  Nemesis& operator=(const Nemesis&) = delete;

  /// Before the first start: what holds from the beginning.
  void prepare();
  void begin();
  /// If nothing has struck yet, something does: a run without a fault proves nothing about them.
  void make_sure();
  /// No new faults. Those that last go on until heal().
  void end() { ended_ = true; }
  /// Everything that hurts `core` or its links ends, and its nodes run; the rest stays as it is.
  /// What is damaged is no part of it. `all_links`: those of the rest are whole as well, since a
  /// leader among it that reaches a part of the core would leave the others behind.
  void heal(const std::set<NodeId>& core, bool all_links);
  /// Leaves nodes outside the core in a lasting plight. True: in the same one towards each of the
  /// core, so that none of them can lead whom a part of the core does not hear.
  bool break_for_good(const std::set<NodeId>& core);

  [[nodiscard]] const std::map<Fault, std::uint64_t>& fired() const { return fired_; }
  [[nodiscard]] const std::set<NodeId>& damaged() const { return damaged_; }
  /// Nodes that the running faults keep from serving, for as long as they last.
  [[nodiscard]] bool is_dead(NodeId node) const { return dead_.contains(node); }
  /// Its disk tells the truth: it is not damaged, and not that of a member that was.
  [[nodiscard]] bool is_sound(NodeId node) const {
    return !damaged_.contains(node) && !lost_.contains(node);
  }
  /// Its directory is still the one whose member it speaks as: what it promised must be on it, or
  /// it must not speak, however damaged it is.
  [[nodiscard]] bool must_remember(NodeId node) const { return !lost_.contains(node); }
  /// It was removed, and switched off for good.
  [[nodiscard]] bool is_off(NodeId node) const { return off_.contains(node); }
  /// Nobody joins, leaves or comes back, and nobody has asked for it.
  [[nodiscard]] bool members_settled();
  /// Nodes that lost their directories and came back as other members.
  [[nodiscard]] std::uint64_t returned() const { return returned_; }
  /// What operators got done besides: it is seen in the roster.
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }
  [[nodiscard]] std::uint64_t added_again() const { return added_again_; }
  [[nodiscard]] std::uint64_t promoted() const { return promoted_; }
  /// Nodes whose damage was found, and who came back as other members with what the others gave.
  [[nodiscard]] std::uint64_t repaired() const { return repaired_; }
  /// Hears of each node that is added to the world.
  void on_newcomer(std::function<void(NodeId)> hear) { on_newcomer_ = std::move(hear); }

  void on_node(const NodeEvent& event) override;
  void on_ended(const FrameEnded& event) override;
  void on_sent(const FrameSent& event) override;

 private:
  using Links = std::vector<std::pair<NodeId, NodeId>>;
  struct Stream {
    raft::Random random{0};
    Time mean{0};
  };

  void schedule(Fault fault);
  [[nodiscard]] bool strike(Fault fault, raft::Random& random);
  [[nodiscard]] NodeId victim(raft::Random& random) const;
  [[nodiscard]] std::optional<NodeId> running_victim(raft::Random& random) const;
  [[nodiscard]] Time span(raft::Random& random, Time low, Time high) const;
  void link(NodeId from, NodeId to, bool mute, bool deaf);
  std::uint64_t told(Fault fault, NodeId node, std::string_view detail);
  void told_end(Fault fault, std::uint64_t which, NodeId node);
  /// Undoes a lasting fault after a while, unless heal() or a broken core came first.
  void undo_later(Fault fault, NodeId node, Time after, std::string_view detail,
                  std::function<void()> undo);
  [[nodiscard]] bool disk_troubled(NodeId node) const {
    const auto at = disk_troubles_.find(node);
    return at != disk_troubles_.end() && at->second > 0;
  }
  [[nodiscard]] bool spares(NodeId node) const { return !ended_ || core_.contains(node); }

  // nemesis_network.cc
  [[nodiscard]] bool strike_network(Fault fault, raft::Random& random);
  [[nodiscard]] bool strike_connection(Fault fault, raft::Random& random);
  [[nodiscard]] bool strike_links(Fault fault, raft::Random& random);
  bool change_law(Fault fault, raft::Random& random);
  void cut(Fault fault, const Links& links, Time after, std::string_view detail);
  void flap(Links links, int times, Time every);
  void swizzle(raft::Random& random);
  [[nodiscard]] Links links_of(Fault fault, raft::Random& random) const;
  [[nodiscard]] Links between(const std::set<NodeId>& a, const std::set<NodeId>& b) const;

  // nemesis_process.cc
  [[nodiscard]] bool strike_process(Fault fault, raft::Random& random);
  [[nodiscard]] bool strike_clock(Fault fault, raft::Random& random);
  void crash(NodeId node, CrashKind kind, raft::Random& random);
  void start_later(NodeId node, Time after);
  void start(NodeId node);
  void starve(NodeId node, raft::Random& random);
  void stop_in_order(NodeId node, std::optional<Time> killed_after, Time down);
  void strobe(NodeId node, int times, std::int64_t ms, Time every);

  // nemesis_disk.cc
  [[nodiscard]] bool strike_disk(Fault fault, raft::Random& random);
  bool fail_calls(Fault fault, NodeId node, raft::Random& random);
  bool damage(Fault fault, raft::Random& random);
  bool rot(NodeId node, Fault fault, raft::Random& random);
  [[nodiscard]] bool shows(NodeId node, const std::string& path) const;
  [[nodiscard]] bool is_another(NodeId node, raft::NodeId was) const;
  void watch_damage();
  void distrusted(const NodeEvent& event);
  void watch_for_return(const FrameSent& event);
  bool lose_directory(NodeId node, Fault fault, raft::Random& random);
  void roll_back_soon(NodeId node, int looks);
  [[nodiscard]] bool all_know(LifeId life, NodeId node);
  void keep_images();

  // nemesis_members.cc
  [[nodiscard]] bool strike_members(Fault fault, raft::Random& random);
  [[nodiscard]] std::size_t fewest_members() const;
  NodeId newcomer(const Roster& roster);
  bool add_or_remove(Fault fault, const Roster& roster, raft::Random& random);
  bool promote(const Roster& roster, raft::Random& random);
  bool give_up(const Roster& roster, raft::Random& random);
  bool add_again(const Roster& roster, raft::Random& random);
  struct Ask {
    std::function<void(Node&, Callback<MemberPlan>)> call;
    std::uint64_t* taken = nullptr;  // counts
  };
  void ask_for_change(MemberChange change, raft::Random& random, std::uint64_t* taken = nullptr);
  void ask_for(Ask ask, int attempts, std::uint64_t seed);
  void ask_again(Ask ask, int attempts, raft::Random& random);
  bool move_leader(const Roster& roster, raft::Random& random);
  void watch_members();

  World& world_;
  const Plan& plan_;
  std::map<Fault, Stream> streams_;
  std::map<Fault, std::uint64_t> fired_;
  std::uint64_t last_fault_ = 0;
  bool ended_ = false;
  std::set<NodeId> core_;
  std::set<NodeId> damaged_;
  std::set<NodeId> dead_;                // damaged so that they don't start any more
  std::map<NodeId, int> disk_troubles_;  // reasons why a call of theirs may fail just now
  std::set<NodeId> starting_;            // start_later is under way
  std::set<NodeId> stopping_;
  std::map<NodeId, raft::NodeId> lost_;  // lost their directories; the members that they were
  std::map<NodeId, LifeId> lost_in_;     // of these, whom the nemesis robbed: the life it ended
  std::map<NodeId, raft::NodeId> members_seen_;  // as which a node was seen last
  std::uint64_t returned_ = 0;
  std::uint64_t given_up_ = 0, added_again_ = 0, promoted_ = 0;
  std::map<NodeId, raft::NodeId> rotten_;  // of damaged_: the members that they were
  std::uint64_t repaired_ = 0;
  std::set<NodeId> removed_;     // somebody has asked for it
  std::set<NodeId> departures_;  // of these, who went for sure
  std::set<NodeId> off_;
  std::set<NodeId>
      wanted_again_;           // went, and was added again: its old directory counts for nothing
  bool change_asked_ = false;  // and not known to be taken
  std::function<void(NodeId)> on_newcomer_;

  /// What a disk held earlier, for stale and rolled-back ones.
  struct OldImage {
    wal::MemoryFileSystem::Image image;
    std::uint64_t syncs = 0;
    LifeId life = 0;
    std::uint64_t batches = 0;  // of its log, in that life
    raft::NodeId member = 0;
  };
  std::map<NodeId, OldImage> recent_;       // a while ago
  std::map<NodeId, OldImage> before_boot_;  // as the life before the present one left it
  std::map<std::uint64_t, std::pair<LifeId, NodeId>> under_way_;  // frames
  std::map<LifeId, std::set<NodeId>> heard_;                      // a life -> who got a frame of it
};

}  // namespace cairn::kv::sim
