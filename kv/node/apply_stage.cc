#include "kv/node/apply_stage.h"

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
  pending_.reserve(pending_.size() + entries.size());
  for (raft::Entry& entry : entries) {
    pending_bytes_ += entry.bytes();
    pending_.push_back({group, std::move(entry)});
  }
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
