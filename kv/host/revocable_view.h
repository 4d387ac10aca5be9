// A frozen view that outlives its engine harmlessly: LevelDB must not be closed under a snapshot.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <utility>

#include "kv/node/node.h"

namespace cairn::kv {

/// Any thread. Readers share; revoke() waits for those that are inside.
class RevocableView {
 public:
  explicit RevocableView(std::shared_ptr<const PartitionsView> view) : view_(std::move(view)) {}

  [[nodiscard]] Result<std::optional<Item>> get(std::string_view key) const {
    const std::shared_lock lock(mutex_);
    if (!view_) return gone();
    return view_->get(key);
  }
  [[nodiscard]] Result<ScanResult> scan(const ScanOptions& options) const {
    const std::shared_lock lock(mutex_);
    if (!view_) return gone();
    return view_->scan(options);
  }
  void revoke() {
    const std::unique_lock lock(mutex_);
    view_.reset();
  }

 private:
  static Error gone() {
    return Error(Errc::kShuttingDown, "the store of this snapshot has stopped");
  }

  mutable std::shared_mutex mutex_;
  std::shared_ptr<const PartitionsView> view_;
};

}  // namespace cairn::kv
