// What clients did and saw, and whether one register a key explains it: the black-box check of
// linearizability (Wing & Gong 1993, with the memo of Lowe 2017), key by key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kv/sim/event_queue.h"

namespace cairn::kv::sim {

/// One operation of one client on one key. Values are numbers, unique among a key's writes; 0 is
/// "absent".
struct Operation {
  enum class Kind {
    kGet,         // saw `value`
    kPut,         // wrote `value`
    kRemove,      // wrote 0
    kCreate,      // wrote `value` because the key was absent
    kFound,       // a create that was refused: the key was there
    kSwap,        // wrote `value` because the key held `expected`
    kNotSwapped,  // a swap that was refused: the key held something else
  };
  Kind kind = Kind::kGet;
  std::uint64_t value = 0;
  Time invoked{0};
  Time returned{0};
  bool unknown = false;        // of a write: it may have taken effect, at any time since, or never
  std::string what{};          // for people
  std::uint64_t expected = 0;  // of swaps
  /// Where to look first: smaller ones are tried earlier. The verdict does not depend on it.
  std::uint64_t hint = 0;
};

class History {
 public:
  void add(const std::string& key, Operation operation) {
    keys_[key].push_back(std::move(operation));
  }
  [[nodiscard]] std::size_t size() const;
  /// "" if linearizable; else the first key that is not, with its operations. A search that passes
  /// its budget is told as "inconclusive", and is no success.
  [[nodiscard]] std::string check() const;

 private:
  std::map<std::string, std::vector<Operation>> keys_;
};

/// Of one key. The budget is in configurations looked at.
enum class Verdict { kLinearizable, kViolation, kInconclusive };
[[nodiscard]] Verdict check_register(std::vector<Operation> operations,
                                     std::size_t budget = 2'000'000);

}  // namespace cairn::kv::sim
