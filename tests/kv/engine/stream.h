// Random but replayable logs, and a naive state machine that says what applying them must give.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kv/command/command.h"
#include "raft/types.h"

namespace cairn::kv::test {

/// splitmix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

struct StreamShape {
  std::uint64_t keys = 40;
  std::uint64_t value_bytes_max = 200;
  bool sessions = true;
  bool idempotency = true;
};

/// A log of `entries` entries from index 1: puts, removes, batches, conditions, previous items,
/// prefix removals, sessions with repeats, idempotency keys with repeats and misuse, time that
/// jumps, no-ops, configurations and bytes that are no command.
std::vector<raft::Entry> random_log(std::uint64_t seed, std::size_t entries,
                                    const StreamShape& shape = {});

/// What a log does to items, told in the plainest way. It knows no sessions or idempotency keys.
class Model {
 public:
  /// The answer of a command entry.
  Answer apply(const raft::Entry& entry);
  const std::map<std::string, Item>& items() const { return items_; }

 private:
  Answer write(const Stamp& stamp, const Command& command);
  Answer remove_prefix(const Stamp& stamp, const Command& command);

  std::map<std::string, Item> items_;
};

}  // namespace cairn::kv::test
