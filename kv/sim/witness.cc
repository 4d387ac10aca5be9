#include "kv/sim/witness.h"

#include <set>

namespace cairn::kv::sim {

namespace {

using Kind = Seen::Kind;
using Outcome = Seen::Outcome;

bool same_item(const std::optional<Item>& a, const std::optional<Item>& b) {
  if (!a || !b) return !a && !b;
  return a->key == b->key && a->value == b->value && a->create_revision == b->create_revision &&
         a->mod_revision == b->mod_revision && a->version == b->version;
}

std::string text(const std::optional<Item>& item) {
  if (!item) return "nothing";
  return item->value.substr(0, 8) + " of revision " + std::to_string(item->mod_revision);
}

class Judge {
 public:
  Judge(const Model& model, bool scans, WitnessVerdict& verdict)
      : model_(model), scans_(scans), verdict_(verdict) {}

  void judge(const Seen& s) {
    seen_ = &s;
    ++verdict_.judged;
    switch (s.outcome) {
      case Outcome::kOk:
        return s.kind <= Kind::kEventualGet ? read() : s.kind == Kind::kScan ? scan() : wrote();
      case Outcome::kMismatch:
        return refused();
      case Outcome::kNo:
        return did_not();
      case Outcome::kUnknown:
        return maybe();
    }
  }

 private:
  void fail(const std::string& what) {
    verdict_.failures.push_back(std::string("WITNESS: ") + word(seen_->kind) + " of " + seen_->key +
                                " by " + seen_->who + ", " + std::to_string(seen_->begin.count()) +
                                " .. " + std::to_string(seen_->end.count()) + " us: " + what);
  }

  /// A linearizable answer at `index` is not older than what was committed before the call, nor
  /// newer than its end.
  void within(raft::Index index, raft::Index next) {
    if (next <= seen_->commit_at_begin) {
      fail("answered from index " + std::to_string(index) + ", but " +
           std::to_string(seen_->commit_at_begin) + " was committed before it began");
    }
    if (index > seen_->commit_at_end) {
      fail("answered from index " + std::to_string(index) + ", which was not committed");
    }
  }

  void read() {
    const raft::Index index = model_.index_of(seen_->revision);
    if (index == 0 && seen_->revision != 0) return fail("at a revision that nobody stamped");
    const auto item = model_.at(seen_->key, index);
    if (!same_item(item, seen_->item)) {
      fail("saw " + text(seen_->item) + ", the log says " + text(item));
    }
    if (seen_->kind == Kind::kGet) within(index, model_.next_command(index));
  }

  void scan() {
    if (!scans_) return;  // over several partitions it is not one moment
    const raft::Index index = model_.index_of(seen_->revision);
    if (index == 0 && seen_->revision != 0) return fail("at a revision that nobody stamped");
    const std::vector<Item> items = model_.at_prefix(seen_->key, index);
    bool same = items.size() == seen_->items.size();
    for (std::size_t i = 0; same && i < items.size(); ++i) {
      same = same_item(items[i], seen_->items[i]);
    }
    if (!same) {
      fail("saw " + std::to_string(seen_->items.size()) + " items, the log has " +
           std::to_string(items.size()) + " or others");
    }
    within(index, model_.next_command(index));
  }

  void wrote() {
    // Deletes by prefix over several partitions end with the highest of their revisions.
    if (seen_->kind == Kind::kRemovePrefix && !scans_) return;
    const raft::Index index = model_.index_of(seen_->revision);
    if (index == 0)
      return fail("yes, but no entry has revision " + std::to_string(seen_->revision));
    if (index > seen_->commit_at_end) fail("answered before it was committed");
    if (index <= seen_->commit_at_begin) fail("its entry is older than the call");
    if (seen_->value.empty()) return;
    const auto writes = model_.writes_of(seen_->value);
    if (writes.size() != 1 || writes.front() != index) {
      return fail("took effect " + std::to_string(writes.size()) + " times, or elsewhere");
    }
    const auto item = model_.at(seen_->key, index);
    if (item->version != seen_->version || seen_->created != (item->version == 1)) {
      fail("was told version " + std::to_string(seen_->version));
    }
  }

  void refused() {
    if (!model_.writes_of(seen_->value).empty()) return fail("was refused, and took effect");
    if (!model_.had_revision(seen_->key, seen_->current, seen_->commit_at_begin,
                             seen_->commit_at_end)) {
      fail("was refused because of revision " + std::to_string(seen_->current) +
           ", which the key did not have meanwhile");
    }
  }

  void did_not() {
    if (seen_->value.empty() || model_.writes_of(seen_->value).empty()) return;
    fail("was told no, and took effect");
  }

  void maybe() {
    if (seen_->value.empty()) return;
    const auto writes = model_.writes_of(seen_->value);
    if (writes.size() > 1) fail("took effect " + std::to_string(writes.size()) + " times");
    if (writes.size() == 1 && writes.front() <= seen_->commit_at_begin) {
      fail("took effect before it began");
    }
  }

  const Model& model_;
  const bool scans_;
  WitnessVerdict& verdict_;
  const Seen* seen_ = nullptr;
};

}  // namespace

Places::Places(const std::vector<std::shared_ptr<Seen>>& calls,
               const std::map<raft::GroupId, Model>& models)
    : models_(models) {
  std::set<std::pair<raft::GroupId, raft::Index>> owned;
  for (const auto& s : calls) {
    const auto model = models.find(s->group);
    if (s->kind != Kind::kRemove || s->outcome != Outcome::kOk || model == models.end()) continue;
    owned.emplace(s->group, model->second.index_of(s->revision));
  }
  for (const auto& s : calls) {
    const auto model = models.find(s->group);
    if (s->kind != Kind::kRemove || s->outcome != Outcome::kUnknown) continue;
    if (model == models.end()) continue;
    for (const raft::Index index : model->second.removals_of(s->key)) {
      if (index <= s->commit_at_begin || !owned.emplace(s->group, index).second) continue;
      removals_[s.get()] = index;
      break;
    }
  }
}

std::uint64_t Places::of(const Seen& seen) const {
  const auto at = models_.find(seen.group);
  if (at == models_.end()) return 0;
  const Model& model = at->second;
  if (seen.outcome == Outcome::kMismatch) return seen.commit_at_begin * 2 + 1;
  if (!seen.value.empty()) {
    const auto writes = model.writes_of(seen.value);
    return writes.empty() ? UINT64_MAX : writes.front() * 2;
  }
  if (seen.outcome == Outcome::kUnknown) {
    const auto removal = removals_.find(&seen);
    return removal == removals_.end() ? UINT64_MAX : removal->second * 2;
  }
  return model.index_of(seen.revision) * 2 + (seen.kind == Kind::kRemove ? 0 : 1);
}

WitnessVerdict judge_calls(const std::vector<std::shared_ptr<Seen>>& calls,
                           const std::map<raft::GroupId, Model>& models, std::uint32_t partitions) {
  WitnessVerdict verdict;
  for (const auto& seen : calls) {
    const auto model = models.find(seen->group);
    if (model == models.end()) continue;
    Judge(model->second, partitions == 1, verdict).judge(*seen);
  }
  return verdict;
}

}  // namespace cairn::kv::sim
