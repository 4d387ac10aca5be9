#include "kv/sim/history.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

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

/// The search for an order: a set of operations that have taken effect, and the state they left.
class Search {
 public:
  Search(std::vector<Operation> operations, std::size_t budget)
      : operations_(std::move(operations)), budget_(budget) {
    for (Operation& o : operations_) {
      if (o.unknown) o.returned = kNever;
    }
    std::stable_sort(operations_.begin(), operations_.end(),
                     [](const auto& a, const auto& b) { return a.invoked < b.invoked; });
    for (const Operation& o : operations_) required_ += o.unknown ? 0 : 1;
  }

  Verdict run() {
    std::vector<Configuration> stack;
    stack.push_back({std::string(operations_.size(), '0'), 0, 0});
    while (!stack.empty()) {
      const Configuration here = std::move(stack.back());
      stack.pop_back();
      if (here.required_done == required_) return Verdict::kLinearizable;
      if (!visited_.insert(here.done + std::to_string(here.state)).second) continue;
      if (visited_.size() > budget_) return Verdict::kInconclusive;
      expand(here, stack);
    }
    return Verdict::kViolation;
  }

 private:
  struct Configuration {
    std::string done;  // '1' at the operations that took effect
    std::uint64_t state = 0;
    std::size_t required_done = 0;
  };

  // Next may come whatever began before the first end of those that are left.
  void expand(const Configuration& here, std::vector<Configuration>& stack) const {
    Time first_end = kNever;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (operations_[i].invoked > first_end) break;
      if (here.done[i] == '0') first_end = std::min(first_end, operations_[i].returned);
    }
    std::vector<std::size_t> able;
    for (std::size_t i = 0; i < operations_.size() && operations_[i].invoked <= first_end; ++i) {
      if (here.done[i] == '0') able.push_back(i);
    }
    // What only looks, and may look now, can as well look now: it changes nothing for the others.
    for (const std::size_t i : able) {
      std::uint64_t state = here.state;
      if (is_write(operations_[i]) || !apply(operations_[i], &state)) continue;
      Configuration next = here;
      next.done[i] = '1';
      ++next.required_done;
      stack.push_back(std::move(next));
      return;
    }
    // Pushed last to first, so that the most likely is tried first.
    std::stable_sort(able.begin(), able.end(), [this](std::size_t a, std::size_t b) {
      return operations_[a].hint < operations_[b].hint;
    });
    for (std::size_t k = able.size(); k-- > 0;) {
      const std::size_t i = able[k];
      const Operation& o = operations_[i];
      std::uint64_t state = here.state;
      if (!apply(o, &state)) continue;
      Configuration next = here;
      next.done[i] = '1';
      next.state = state;
      next.required_done += o.unknown ? 0 : 1;
      stack.push_back(std::move(next));
    }
  }

  std::vector<Operation> operations_;
  std::size_t budget_;
  std::size_t required_ = 0;
  std::unordered_set<std::string> visited_;
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
