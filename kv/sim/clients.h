// Clients of a run: closed loops that put, create, swap, remove, read, scan and delete by prefix,
// at one node at a time; and the record of what each call did and saw.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kv/sim/history.h"
#include "kv/sim/plan.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

/// One call as its client saw it; an operation that is retried under one idempotency key is one.
struct Seen {
  enum class Kind { kGet, kEventualGet, kPut, kCreate, kSwap, kRemove, kRemovePrefix, kScan };
  enum class Outcome { kOk, kMismatch, kNo, kUnknown };
  Kind kind = Kind::kGet;
  Outcome outcome = Outcome::kUnknown;
  std::string key;           // prefix of a prefix delete or scan
  std::string value;         // written
  Revision if_revision = 0;  // kSwap
  std::string if_value;      // kSwap: what that revision held
  std::string idempotency_key;
  raft::GroupId group = 0;
  raft::Index commit_at_begin = 0, commit_at_end = 0;  // highest that any node knew of
  Time begin{0}, end{0};
  // Of a yes:
  Revision revision = 0;
  std::uint64_t version = 0, deleted = 0;
  bool created = false, replayed = false;
  bool lease = false;        // a read under a lease, if there is one
  std::optional<Item> item;  // read
  std::vector<Item> items;   // scanned
  // Of a mismatch:
  Revision current = 0;
  std::string who;  // for people
};

class Clients {
 public:
  using CommitOf = std::function<raft::Index(raft::GroupId)>;
  Clients(World& world, const Plan& plan, CommitOf commit);
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  /// The cluster is founded: keys have their groups.
  void begin();
  void stop() { stopped_ = true; }
  [[nodiscard]] bool idle() const { return stopped_ && under_way_ == 0; }
  /// Only these are asked from now on.
  void prefer(std::vector<NodeId> nodes) { nodes_ = std::move(nodes); }
  /// This one, too.
  void also(NodeId node) { nodes_.push_back(node); }

  [[nodiscard]] const std::vector<std::shared_ptr<Seen>>& seen() const { return seen_; }
  [[nodiscard]] std::uint64_t succeeded() const { return succeeded_; }
  /// What of it a black-box check can judge: single keys, linearizable.
  [[nodiscard]] History history(const std::function<std::uint64_t(const Seen&)>& hint) const;
  /// A key of that group that no client uses.
  [[nodiscard]] std::string fresh_key(raft::GroupId group) const;

 private:
  struct Client {
    NodeId at = 1;
    raft::Random random{0};
    std::map<std::string, Item> last;  // as it saw the keys
  };
  using SeenPtr = std::shared_ptr<Seen>;

  void find_group(const std::string& key);
  void next(std::size_t client, bool failed);
  void act(std::size_t client);
  SeenPtr begin_call(std::size_t client, Seen::Kind kind, std::string key);
  void read(std::size_t client, const SeenPtr& seen, bool eventual);
  void put(std::size_t client, const SeenPtr& seen, int attempts);
  void remove(std::size_t client, const SeenPtr& seen);
  void remove_prefix(std::size_t client, const SeenPtr& seen);
  void scan(std::size_t client, const SeenPtr& seen);
  void ended(std::size_t client, const SeenPtr& seen, const std::optional<Error>& error);
  void tell(const Seen& seen, std::uint64_t call, NodeId at, bool begin, std::string_view detail);
  [[nodiscard]] std::string pick_key(raft::Random& random) const;
  [[nodiscard]] std::string new_value(raft::Random& random);
  [[nodiscard]] NodeId pick_node(raft::Random& random) const;

  World& world_;
  const Plan& plan_;
  CommitOf commit_;
  std::vector<Client> clients_;
  std::vector<NodeId> nodes_;
  std::vector<SeenPtr> seen_;
  std::map<const Seen*, std::uint64_t> numbers_;
  std::map<std::string, raft::GroupId> groups_;
  std::uint64_t values_ = 0;
  std::uint64_t succeeded_ = 0;
  int under_way_ = 0;
  bool stopped_ = false;
};

/// The number at the front of a client's value; 0: absent, or none of ours.
[[nodiscard]] std::uint64_t number_of(const std::optional<Item>& item);
[[nodiscard]] std::uint64_t number_of(const std::string& value);
[[nodiscard]] const char* word(Seen::Kind kind);

}  // namespace cairn::kv::sim
