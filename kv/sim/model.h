// What the committed log of a group says its state was after each entry: computed anew from the
// commands, by other code than the engine's, and compared with what applying them answered.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kv/sim/ledger.h"

namespace cairn::kv::sim {

class Model {
 public:
  /// Replays the log. `failures()` says where answers were wrong.
  Model(raft::GroupId group, const std::vector<CommittedEntry>& log);

  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

  /// Index of the command that was stamped with this revision; 0: none was.
  [[nodiscard]] raft::Index index_of(Revision revision) const;
  /// Index of the first command after this one; one past the log if none.
  [[nodiscard]] raft::Index next_command(raft::Index index) const;
  /// The item after entry `index`.
  [[nodiscard]] std::optional<Item> at(const std::string& key, raft::Index index) const;
  [[nodiscard]] std::vector<Item> at_prefix(const std::string& prefix, raft::Index index) const;
  /// Entries that wrote this value.
  [[nodiscard]] std::vector<raft::Index> writes_of(const std::string& value) const;
  /// Entries that removed the key, in order.
  [[nodiscard]] std::vector<raft::Index> removals_of(const std::string& key) const;
  /// Did the key's mod revision (0: absent) become or stay this one, somewhere in [from, to]?
  [[nodiscard]] bool had_revision(const std::string& key, Revision revision, raft::Index from,
                                  raft::Index to) const;
  [[nodiscard]] raft::Index last() const { return last_; }
  /// Commands that took effect.
  [[nodiscard]] std::uint64_t effects() const { return effects_; }

 private:
  struct Version {
    raft::Index index = 0;
    std::optional<Item> item;
  };

  void apply(raft::Index index, const CommittedEntry& entry);
  void write(raft::Index index, const Stamp& stamp, const Command& command, const Answer& answer);
  void remove_prefix(raft::Index index, const Command& command, const Answer& answer);
  [[nodiscard]] bool executes(const Stamp& stamp, const Command& command,
                              const std::optional<Answer>& answer);
  [[nodiscard]] const Item* current(const std::string& key) const;
  void set(const std::string& key, raft::Index index, std::optional<Item> item);
  void fail(raft::Index index, const std::string& what);

  raft::GroupId group_;
  std::map<std::string, std::vector<Version>> keys_;
  std::map<Revision, raft::Index> revisions_;
  std::set<raft::Index> commands_;
  std::map<std::string, std::vector<raft::Index>> writes_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, raft::Index> executed_;  // (client, sequence)
  std::set<std::string> keyed_;                                              // idempotency keys
  raft::Index last_ = 0;
  std::uint64_t effects_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace cairn::kv::sim
