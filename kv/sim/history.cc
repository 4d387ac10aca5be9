#include "kv/sim/history.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "raft/random.h"

namespace cairn::kv::sim {

namespace {

using Kind = Operation::Kind;

constexpr Time kNever = Time::max();

bool is_write(const Operation& o) {
  return o.kind == Kind::kPut || o.kind == Kind::kRemove || o.kind == Kind::kCreate ||
         o.kind == Kind::kSwap;
}

/// May `o` take effect on `state`, and what is the state then?
bool apply(const Operation& o, std::uint64_t* state) {
  switch (o.kind) {
    case Kind::kGet:
      return *state == o.value;
    case Kind::kFound:
      return *state != 0;
    case Kind::kCreate:
      if (*state != 0) return false;
      *state = o.value;
      return true;
    case Kind::kSwap:
      if (*state != o.expected) return false;
      *state = o.value;
      return true;
    case Kind::kNotSwapped:
      return *state != o.expected;
    case Kind::kPut:
      *state = o.value;
      return true;
    case Kind::kRemove:
      *state = 0;
      return true;
  }
  return false;
}

// A put of unknown outcome whose value nobody saw may as well never have happened, unless something
// but a get could have noticed it.
void drop_unseen(std::vector<Operation>& operations) {
  std::set<std::uint64_t> seen;
  for (const Operation& o : operations) {
    if (o.kind == Kind::kFound || o.kind == Kind::kCreate || o.kind == Kind::kNotSwapped) return;
    if (o.kind == Kind::kGet) seen.insert(o.value);
    if (o.kind == Kind::kSwap) seen.insert(o.expected);
  }
  std::erase_if(operations, [&](const Operation& o) {
    return o.unknown && o.kind == Kind::kPut && !seen.contains(o.value);
  });
}

/// Of a set of operations and a state. Two sets that look alike would need 128 bits to agree.
struct Mark {
  std::uint64_t a = 0, b = 0;
  friend bool operator==(const Mark&, const Mark&) = default;
  void toggle(std::uint64_t n) {
    a ^= raft::Random(n).next();
    b ^= raft::Random(n ^ 0x5bd1e995'9d1c9a6bull).next();
  }
};
struct HashOfMark {
  std::size_t operator()(const Mark& mark) const { return mark.a; }
};

/// The search for an order: a set of operations that have taken effect, and the state they left.
/// There is one set, changed in going down and back: histories are long, and what is never known to
/// have ended stays open in all of them.
class Search {
 public:
  Search(std::vector<Operation> operations, std::size_t budget)
      : operations_(std::move(operations)), budget_(budget) {
    for (Operation& o : operations_) {
      if (o.unknown) o.returned = kNever;
    }
    std::stable_sort(operations_.begin(), operations_.end(),
                     [](const auto& a, const auto& b) { return a.invoked < b.invoked; });
    for (const Operation& o : operations_) left_ += o.unknown ? 0 : 1;
    const auto size = static_cast<std::uint32_t>(operations_.size());
    for (std::uint32_t at = 0; at <= size; ++at) {
      next_.push_back(at == size ? 0 : at + 1);
      previous_.push_back(at == 0 ? size : at - 1);
    }
  }

  Verdict run() {
    if (left_ == 0) return Verdict::kLinearizable;
    std::vector<Level> levels{{moves(), 0, 0}};
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.tried == level.moves.size()) {
        levels.pop_back();
        if (!levels.empty()) undo(levels.back());
        continue;
      }
      level.state = state_;
      redo(level);
      Mark here = done_;
      here.toggle(~state_);
      if (left_ == 0) return Verdict::kLinearizable;
      if (!visited_.insert(here).second) {
        undo(level);
        continue;
      }
      if (visited_.size() > budget_) return Verdict::kInconclusive;
      levels.push_back({moves(), 0, 0});
    }
    return Verdict::kViolation;
  }

 private:
  struct Level {
    std::vector<std::uint32_t> moves;  // operations that may come next, the most likely first
    std::size_t tried = 0;
    std::uint64_t state = 0;  // before the one that was tried last
  };

  /// The next of the level's moves takes effect.
  void redo(Level& level) {
    const std::uint32_t i = level.moves[level.tried++];
    (void)apply(operations_[i], &state_);
    const std::uint32_t at = i + 1;
    next_[previous_[at]] = next_[at];
    previous_[next_[at]] = previous_[at];
    done_.toggle(i);
    if (!operations_[i].unknown) --left_;
  }

  void undo(const Level& level) {
    const std::uint32_t i = level.moves[level.tried - 1];
    const std::uint32_t at = i + 1;
    next_[previous_[at]] = at;
    previous_[next_[at]] = at;
    done_.toggle(i);
    if (!operations_[i].unknown) ++left_;
    state_ = level.state;
  }

  // Next may come whatever began before the first end of those that are left.
  [[nodiscard]] std::vector<std::uint32_t> moves() const {
    Time first_end = kNever;
    for (std::uint32_t at = next_[0]; at != 0 && open(at).invoked <= first_end; at = next_[at]) {
      first_end = std::min(first_end, open(at).returned);
    }
    std::vector<std::uint32_t> able;
    for (std::uint32_t at = next_[0]; at != 0 && open(at).invoked <= first_end; at = next_[at]) {
      std::uint64_t state = state_;
      if (!apply(open(at), &state)) continue;
      // What only looks, and may look now, can as well look now: it changes nothing for the others.
      if (!is_write(open(at))) return {at - 1};
      able.push_back(at - 1);
    }
    std::stable_sort(able.begin(), able.end(), [this](std::uint32_t a, std::uint32_t b) {
      return operations_[a].hint < operations_[b].hint;
    });
    return able;
  }

  // Those that are left are a ring in the order of their beginnings; operation i stands at i + 1,
  // and 0 is its head.
  [[nodiscard]] const Operation& open(std::uint32_t at) const { return operations_[at - 1]; }

  std::vector<Operation> operations_;
  std::size_t budget_;
  std::vector<std::uint32_t> next_, previous_;
  Mark done_;
  std::uint64_t state_ = 0;
  std::size_t left_ = 0;  // of those that must take effect
  std::unordered_set<Mark, HashOfMark> visited_;
};

const char* word(Kind kind) {
  switch (kind) {
    case Kind::kGet:
      return "get";
    case Kind::kPut:
      return "put";
    case Kind::kRemove:
      return "remove";
    case Kind::kCreate:
      return "create";
    case Kind::kFound:
      return "create refused";
    case Kind::kSwap:
      return "swap to";
    case Kind::kNotSwapped:
      return "swap refused";
  }
  return "?";
}

std::string describe(const std::string& key, const std::vector<Operation>& operations) {
  std::string text = "key " + key + ":\n";
  for (const Operation& o : operations) {
    text += "  " + std::to_string(o.invoked.count()) + " .. " +
            (o.unknown ? "?" : std::to_string(o.returned.count())) + " us  " + word(o.kind) + " " +
            std::to_string(o.value) + "  " + o.what + "\n";
  }
  return text;
}

}  // namespace

std::size_t History::size() const {
  std::size_t size = 0;
  for (const auto& [key, operations] : keys_) size += operations.size();
  return size;
}

std::string History::check() const {
  for (const auto& [key, operations] : keys_) {
    switch (check_register(operations)) {
      case Verdict::kLinearizable:
        break;
      case Verdict::kViolation:
        return "not linearizable: " + describe(key, operations);
      case Verdict::kInconclusive:
        return "inconclusive: " + describe(key, operations);
    }
  }
  return {};
}

Verdict check_register(std::vector<Operation> operations, std::size_t budget) {
  std::erase_if(operations, [](const Operation& o) { return o.unknown && !is_write(o); });
  drop_unseen(operations);
  return Search(std::move(operations), budget).run();
}

}  // namespace cairn::kv::sim
