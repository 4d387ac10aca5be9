#include "cairn/kv/store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "kv/host/store_impl.h"

namespace cairn::kv {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A node alone elects itself at once; what takes longer than this is no start.
constexpr milliseconds kAloneReady{30'000};
constexpr milliseconds kLookAgain{2};

/// Looks again and again, by timers of the loop, until the node is ready or the time is up.
class ReadyWait : public std::enable_shared_from_this<ReadyWait> {
 public:
  ReadyWait(Host& host, milliseconds timeout, Callback<void> done)
      : host_(host), deadline_(host.loop().monotonic() + timeout), done_(std::move(done)) {}

  void look() {
    if (host_.stopped()) return done_(Error(Errc::kShuttingDown, "the store is stopping"));
    const std::vector<std::string> reasons = host_.node().not_ready_reasons();
    if (reasons.empty()) return done_({});
    const microseconds left = deadline_ - host_.loop().monotonic();
    if (left <= microseconds{0})
      return done_(Error(Errc::kTimeout, "not ready: " + joined(reasons)));
    host_.loop().call_after(std::min<microseconds>(left, kLookAgain),
                            [self = shared_from_this()] { self->look(); });
  }

 private:
  static std::string joined(const std::vector<std::string>& reasons) {
    constexpr std::size_t kTold = 8;
    std::string all;
    for (std::size_t i = 0; i < std::min(kTold, reasons.size()); ++i) {
      all += (i == 0 ? "" : "; ") + reasons[i];
    }
    if (reasons.size() > kTold) all += "; and " + std::to_string(reasons.size() - kTold) + " more";
    return all;
  }

  Host& host_;
  microseconds deadline_;
  Callback<void> done_;
};

}  // namespace

// --- opening and ending ------------------------------------------------------------------------

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Result<Store> Store::open(Options options) {
  if (auto valid = validate(options); !valid) return valid.error();
  const bool alone = options.cluster.empty() && options.peer.empty();
  if (alone && options.node_id == 0) options.node_id = 1;
  auto host = Host::open(std::move(options));
  if (!host) return host.error();
  Store store(std::make_unique<Impl>(std::move(*host)));
  if (alone) {
    if (auto ready = store.wait_ready(kAloneReady); !ready) {
      return Error(Errc::kIo, "opened, but does not serve: " + ready.error().detail);
    }
  }
  return store;
}

void Store::stop() {
  if (impl_) impl_->host->stop();
}

const Options& Store::options() const {
  return impl_->host->options();
}
std::uint64_t Store::node_id() const {
  return options().node_id;
}

Result<void> Store::Impl::wait_ready(milliseconds timeout) const {
  return wait<void>(Committed::kNo, [h = host.get(), timeout](Node&, Callback<void> done) {
    std::make_shared<ReadyWait>(*h, timeout, std::move(done))->look();
  });
}

Result<void> Store::wait_ready(milliseconds timeout) {
  return impl_->wait_ready(timeout);
}

// --- plain calls -------------------------------------------------------------------------------

Result<PutResult> Store::put(std::string_view key, std::string_view value, WriteOptions options) {
  return impl_->wait<PutResult>(Committed::kUnknown, [&](Node& node, Callback<PutResult> done) {
    node.put(std::string(key), std::string(value), std::move(options), std::move(done));
  });
}

Result<RemoveResult> Store::remove(std::string_view key, WriteOptions options) {
  return impl_->wait<RemoveResult>(
      Committed::kUnknown, [&](Node& node, Callback<RemoveResult> done) {
        node.remove(std::string(key), std::move(options), std::move(done));
      });
}

Result<BatchResult> Store::write(const WriteBatch& batch, WriteOptions options) {
  return impl_->wait<BatchResult>(Committed::kUnknown, [&](Node& node, Callback<BatchResult> done) {
    node.write(batch, std::move(options), std::move(done));
  });
}

Result<RemovePrefixResult> Store::remove_prefix(std::string_view prefix,
                                                RemovePrefixOptions options) {
  return impl_->wait<RemovePrefixResult>(
      Committed::kUnknown, [&](Node& node, Callback<RemovePrefixResult> done) {
        node.remove_prefix(std::string(prefix), std::move(options), std::move(done));
      });
}

Result<std::optional<Item>> Store::get(std::string_view key, ReadOptions options) {
  auto read = impl_->wait<ReadResult>(Committed::kNo, [&](Node& node, Callback<ReadResult> done) {
    node.get(std::string(key), options, std::move(done));
  });
  if (!read) return read.error();
  return std::move(read->item);
}

Result<ScanResult> Store::scan(ScanOptions options) {
  return impl_->wait<ScanResult>(Committed::kNo, [&](Node& node, Callback<ScanResult> done) {
    node.scan(std::move(options), std::move(done));
  });
}

// --- async calls -------------------------------------------------------------------------------

void Store::async_put(std::string key, std::string value, WriteOptions options,
                      Callback<PutResult> done) {
  impl_->async<PutResult>(
      Committed::kUnknown, std::move(done),
      [key = std::move(key), value = std::move(value), options = std::move(options)](
          Node& node, Callback<PutResult> answer) mutable {
        node.put(std::move(key), std::move(value), std::move(options), std::move(answer));
      });
}

void Store::async_remove(std::string key, WriteOptions options, Callback<RemoveResult> done) {
  impl_->async<RemoveResult>(Committed::kUnknown, std::move(done),
                             [key = std::move(key), options = std::move(options)](
                                 Node& node, Callback<RemoveResult> answer) mutable {
                               node.remove(std::move(key), std::move(options), std::move(answer));
                             });
}

void Store::async_write(WriteBatch batch, WriteOptions options, Callback<BatchResult> done) {
  impl_->async<BatchResult>(Committed::kUnknown, std::move(done),
                            [batch = std::move(batch), options = std::move(options)](
                                Node& node, Callback<BatchResult> answer) mutable {
                              node.write(std::move(batch), std::move(options), std::move(answer));
                            });
}

void Store::async_remove_prefix(std::string prefix, RemovePrefixOptions options,
                                Callback<RemovePrefixResult> done) {
  impl_->async<RemovePrefixResult>(Committed::kUnknown, std::move(done),
                                   [prefix = std::move(prefix), options = std::move(options)](
                                       Node& node, Callback<RemovePrefixResult> answer) mutable {
                                     node.remove_prefix(std::move(prefix), std::move(options),
                                                        std::move(answer));
                                   });
}

void Store::async_get(std::string key, ReadOptions options, Callback<ReadResult> done) {
  impl_->async<ReadResult>(
      Committed::kNo, std::move(done),
      [key = std::move(key), options](Node& node, Callback<ReadResult> answer) mutable {
        node.get(std::move(key), options, std::move(answer));
      });
}

void Store::async_scan(ScanOptions options, Callback<ScanResult> done) {
  impl_->async<ScanResult>(
      Committed::kNo, std::move(done),
      [options = std::move(options)](Node& node, Callback<ScanResult> answer) mutable {
        node.scan(std::move(options), std::move(answer));
      });
}

// --- membership --------------------------------------------------------------------------------

Result<MemberPlan> Store::change_members(MemberChange change) {
  return impl_->wait<MemberPlan>(Committed::kUnknown,
                                 [&change](Node& node, Callback<MemberPlan> done) {
                                   node.change_members(std::move(change), std::move(done));
                                 });
}

Result<MemberPlan> Store::promote(std::uint64_t member, milliseconds timeout) {
  return impl_->wait<MemberPlan>(Committed::kUnknown, [=](Node& node, Callback<MemberPlan> done) {
    node.promote(member, timeout, std::move(done));
  });
}

Result<void> Store::move_leader(std::uint32_t partition, std::uint64_t to, milliseconds timeout) {
  const auto moved = impl_->wait<std::uint64_t>(
      Committed::kUnknown, [=](Node& node, Callback<std::uint64_t> done) {
        node.move_leader(partition, to, timeout, std::move(done));
      });
  if (!moved) return moved.error();
  return {};
}

Result<StateReport> Store::compare_states(const StateComparison& wish) {
  return impl_->wait<StateReport>(Committed::kNo, [&wish](Node& node, Callback<StateReport> done) {
    node.compare_states(wish, std::move(done));
  });
}

void Store::async_compare_states(const StateComparison& wish, Callback<StateReport> done) {
  impl_->async<StateReport>(Committed::kNo, std::move(done),
                            [wish](Node& node, Callback<StateReport> answer) {
                              node.compare_states(wish, std::move(answer));
                            });
}

void Store::async_change_members(MemberChange change, Callback<MemberPlan> done) {
  impl_->async<MemberPlan>(
      Committed::kUnknown, std::move(done),
      [change = std::move(change)](Node& node, Callback<MemberPlan> answer) mutable {
        node.change_members(std::move(change), std::move(answer));
      });
}

void Store::async_promote(std::uint64_t member, milliseconds timeout, Callback<MemberPlan> done) {
  impl_->async<MemberPlan>(Committed::kUnknown, std::move(done),
                           [=](Node& node, Callback<MemberPlan> answer) {
                             node.promote(member, timeout, std::move(answer));
                           });
}

void Store::async_move_leader(std::uint32_t partition, std::uint64_t to, milliseconds timeout,
                              Callback<std::uint64_t> done) {
  impl_->async<std::uint64_t>(Committed::kUnknown, std::move(done),
                              [=](Node& node, Callback<std::uint64_t> answer) {
                                node.move_leader(partition, to, timeout, std::move(answer));
                              });
}

// --- what is to be seen ------------------------------------------------------------------------

std::vector<std::string> Store::not_ready_reasons() const {
  return impl_->look<std::vector<std::string>>(
      {"the store has stopped"}, [](const Node& node) { return node.not_ready_reasons(); });
}

ClusterView Store::cluster() const {
  ClusterView stopped;
  stopped.node = node_id();
  return impl_->look(std::move(stopped), [](const Node& node) { return node.cluster(); });
}

RingView Store::ring(std::string_view key) const {
  return impl_->look(RingView(), [key](const Node& node) { return node.ring(key); });
}

std::vector<Sample> Store::metrics() const {
  return impl_->look(std::vector<Sample>(),
                     [host = impl_->host.get()](const Node&) { return host->metrics(); });
}

// --- snapshots ---------------------------------------------------------------------------------

struct Snapshot::Impl {
  std::shared_ptr<RevocableView> view;
};

Snapshot::Snapshot(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::~Snapshot() = default;
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;

Result<std::optional<Item>> Snapshot::get(std::string_view key) const {
  return impl_->view->get(key);
}

Result<ScanResult> Snapshot::scan(const ScanOptions& options) const {
  return impl_->view->scan(options);
}

Result<Snapshot> Store::snapshot(ReadOptions options) {
  // Lent on the loop: a view that arrives while stop() runs is on the list that stop() takes back.
  auto lent = impl_->wait<std::shared_ptr<RevocableView>>(
      Committed::kNo,
      [h = impl_->host.get(), options](Node& node, Callback<std::shared_ptr<RevocableView>> done) {
        node.view(options, [h, done](Result<std::shared_ptr<const PartitionsView>> view) {
          if (!view) return done(view.error());
          done(h->lend(std::move(*view)));
        });
      });
  if (!lent) return lent.error();
  auto impl = std::make_unique<Snapshot::Impl>();
  impl->view = std::move(*lent);
  return Snapshot(std::move(impl));
}

}  // namespace cairn::kv
