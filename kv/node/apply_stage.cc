#include "kv/node/apply_stage.h"

#include <algorithm>
#include <utility>

namespace cairn::kv {
namespace {

constexpr std::size_t kGatheredMax = 256;
constexpr std::size_t kGatheredBytesMax = 256u << 10;

}  // namespace

ApplyStage::ApplyStage(std::shared_ptr<Engine> engine, wal::Executor& home, wal::Executor& apply,
                       Events events)
    : engine_(std::move(engine)), home_(home), apply_(apply), events_(std::move(events)) {}

void ApplyStage::add(raft::GroupId group, std::vector<raft::Entry> entries) {
  if (entries.empty()) return;
  last_[group] = entries.back().index;
  const auto held = held_.find(group);
  const bool holds = held != held_.end();
  pending_.reserve(pending_.size() + (holds ? 0 : entries.size()));
  for (raft::Entry& entry : entries) {
    if (holds && entry.index > held->second.upto) {
      held->second.items.push_back({group, std::move(entry)});
      continue;
    }
    pending_bytes_ += entry.bytes();
    pending_.push_back({group, std::move(entry)});
  }
}

raft::Index ApplyStage::hold(raft::GroupId group) {
  const auto last = last_.find(group);
  const raft::Index upto = last == last_.end() ? 0 : last->second;
  held_.try_emplace(group).first->second.upto = upto;
  return upto;
}

void ApplyStage::raise(raft::GroupId group, raft::Index index) {
  const auto held = held_.find(group);
  if (held == held_.end()) return;
  held->second.upto = std::max(held->second.upto, index);
  let_go(held->second);
  kick(true);
}

void ApplyStage::release(raft::GroupId group) {
  const auto held = held_.find(group);
  if (held == held_.end()) return;
  held->second.upto = ~raft::Index{0};
  let_go(held->second);
  held_.erase(held);
  kick(true);
}

/// What is not past the bound any more goes the ordinary way, in its order.
void ApplyStage::let_go(Held& held) {
  const auto end = std::find_if(held.items.begin(), held.items.end(), [&](const ApplyItem& item) {
    return item.entry.index > held.upto;
  });
  for (auto item = held.items.begin(); item != end; ++item) {
    pending_bytes_ += item->entry.bytes();
    pending_.push_back(std::move(*item));
  }
  held.items.erase(held.items.begin(), end);
}

void ApplyStage::kick(bool hurried) {
  hurried_ = hurried_ || hurried;
  if (batches_under_way_ > 0) return;
  if (hurried_ || pending_.size() >= kGatheredMax || pending_bytes_ >= kGatheredBytesMax)
    push_pending();
}

void ApplyStage::push_pending() {
  hurried_ = false;
  if (pending_.empty()) return;
  pending_bytes_ = 0;
  post_batch(std::exchange(pending_, {}));
}

void ApplyStage::post_batch(Batch batch) {
  ++batches_under_way_;
  apply_.post([self = weak_from_this(), engine = engine_, &home = home_,
               batch = std::make_shared<Batch>(std::move(batch))] {
    auto results =
        std::make_shared<boost::system::result<std::vector<ApplyResult>>>(engine->apply(*batch));
    batch->clear();
    home.post([self, results] {
      if (const auto stage = self.lock(); stage && !stage->stopped_)
        stage->finished(std::move(*results));
    });
  });
}

void ApplyStage::finished(boost::system::result<std::vector<ApplyResult>> results) {
  --batches_under_way_;
  if (!results) {
    events_.failed(results.error());
    return;
  }
  events_.applied(std::move(*results));
  kick(false);
}

}  // namespace cairn::kv
