// Reads: planned on the home executor, done on the disk executor.
#include <algorithm>
#include <utility>

#include "wal/wal_impl.h"

namespace cairn::wal {
namespace {

namespace errc = boost::system::errc;

}  // namespace

bool WalImpl::durable(const Slot& slot) const {
  return slot.segment < durable_segment_ ||
         (slot.segment == durable_segment_ && slot.offset() < durable_end_);
}

Result<std::vector<ReadItem>> WalImpl::plan_read(GroupId group_id, std::uint64_t from,
                                                 std::uint64_t to, std::size_t max_bytes,
                                                 bool* must_wait) const {
  const auto found = groups_.find(group_id);
  if (found == groups_.end() || !found->second.holds(from) || to < from) {
    return make_error_code(errc::result_out_of_range);
  }
  const GroupLog& group = found->second;
  const std::uint64_t stop = std::min(to, group.last());
  std::vector<ReadItem> items;
  std::size_t bytes = 0;
  *must_wait = false;
  for (std::uint64_t index = from; index <= stop; ++index) {
    const Slot& slot = group.slot(index);
    bytes += slot.length;
    if (!items.empty() && bytes > max_bytes) break;
    ReadItem item{nullptr, slot.offset(), slot.length, group_id, index, slot.term};
    if (durable(slot)) {
      item.segment = segments_.at(slot.segment).file;
    } else {
      *must_wait = true;
    }
    items.push_back(std::move(item));
  }
  return items;
}

void WalImpl::read(GroupId group, std::uint64_t from, std::uint64_t to, std::size_t max_bytes,
                   ReadDone done) {
  bool must_wait = false;
  auto items = plan_read(group, from, to, max_bytes, &must_wait);
  if (items && must_wait && fenced_) items = make_error_code(WalError::kFenced);
  if (!items) {
    home_.post([alive = Weak(alive_), done = std::move(done), error = items.error()] {
      if (living(alive) != nullptr) done(error);
    });
    return;
  }
  if (!must_wait) {
    start_read(std::move(*items), std::move(done));
    return;
  }
  waiting_reads_.push_back({group, from, to, max_bytes, std::move(done)});
  queue_.back()->wanted = true;  // or it would wait for a commit that need not come
  kick();
}

void WalImpl::start_read(std::vector<ReadItem> items, ReadDone done) {
  const std::uint64_t number = next_read_++;
  reads_.emplace(number, std::move(done));  // stays here: callbacks die on the home executor
  auto shared = std::make_shared<std::vector<ReadItem>>(std::move(items));
  disk_.post([store = store_, shared, number, home = &home_, alive = Weak(alive_)] {
    if (store->abandoned()) return;
    auto where = std::make_shared<std::string>();
    auto entries = std::make_shared<Result<std::vector<LogEntry>>>(
        read_entries(std::exchange(*shared, {}), where.get()));
    home->post([alive, entries, where, number] {
      WalImpl* const self = living(alive);
      if (self == nullptr) return;
      if (!where->empty()) self->damage_ = std::move(*where);
      const auto node = self->reads_.extract(number);
      node.mapped()(std::move(*entries));
    });
  });
}

Result<std::vector<LogEntry>> WalImpl::read_now(GroupId group, std::uint64_t from, std::uint64_t to,
                                                std::size_t max_bytes) {
  bool must_wait = false;
  const auto items = plan_read(group, from, to, max_bytes, &must_wait);
  if (!items) return items.error();
  if (must_wait) return make_error_code(errc::operation_in_progress);
  return read_entries(*items);
}

void WalImpl::wake_reads() {
  std::deque<WaitingRead> waiting = std::exchange(waiting_reads_, {});
  for (WaitingRead& r : waiting) {
    read(r.group, r.from, r.to, r.max_bytes, std::move(r.done));
  }
}

void WalImpl::fail_waiting_reads(boost::system::error_code error) {
  std::deque<WaitingRead> waiting = std::exchange(waiting_reads_, {});
  const Weak alive(alive_);
  for (WaitingRead& r : waiting) {
    if (alive.expired()) return;
    r.done(error);
  }
}

}  // namespace cairn::wal
