// Backups of a store: the node's handles, as streams that any thread may read.
#include <utility>

#include "cairn/kv/store.h"
#include "kv/host/store_impl.h"

namespace cairn::kv {
namespace {

/// Holds the host weakly: a stream that is kept does not keep a store's threads.
class HandleStream final : public BackupStream {
 public:
  HandleStream(const std::shared_ptr<Host>& host, std::uint64_t handle)
      : host_(host), handle_(handle) {}
  HandleStream(const HandleStream&) = delete;
  HandleStream& operator=(const HandleStream&) = delete;
  ~HandleStream() override {
    const auto host = host_.lock();
    if (host && !host->stopped())
      host->run([h = host.get(), handle = handle_] { h->node().backup_end(handle); });
  }

  void async_next(Callback<std::optional<std::string>> done) override {
    using Piece = std::optional<std::string>;
    const auto host = host_.lock();
    if (!host) return done(Error(Errc::kShuttingDown, "the store has stopped"));
    // What the caller's callback throws is its own matter.
    auto told = [h = host.get(), done = std::move(done)](Result<Piece> piece) {
      h->call_out([&] { done(std::move(piece)); });
    };
    auto answer = std::make_shared<OneAnswer<Piece>>(std::move(told), Committed::kNo);
    host->run([h = host.get(), handle = handle_, answer] {
      answer->begin();
      h->node().backup_next(handle,
                            [answer](Result<Piece> piece) { answer->give(std::move(piece)); });
    });
  }

 private:
  const std::weak_ptr<Host> host_;
  const std::uint64_t handle_;
};

}  // namespace

void Store::async_backup(Callback<std::shared_ptr<BackupStream>> done) {
  impl_->async<std::shared_ptr<BackupStream>>(
      Committed::kNo, std::move(done),
      [host = std::weak_ptr(impl_->host)](Node& node,
                                          Callback<std::shared_ptr<BackupStream>> answer) {
        node.backup([host, answer = std::move(answer)](Result<std::uint64_t> handle) {
          const auto alive = host.lock();
          if (!handle) return answer(handle.error());
          if (!alive) return answer(Error(Errc::kShuttingDown, "the store has stopped"));
          answer(std::shared_ptr<BackupStream>(std::make_shared<HandleStream>(alive, *handle)));
        });
      });
}

Result<void> Store::backup(const std::function<bool(std::string_view)>& take) {
  using Stream = std::shared_ptr<BackupStream>;
  using Piece = std::optional<std::string>;
  if (impl_->host->loop().on_loop_thread())
    return Error(Errc::kBadRequest,
                 "a plain call on the store's loop thread would wait for itself: use async_backup");
  Latch<Result<Stream>> begun;
  async_backup([&begun](Result<Stream> stream) { begun.set(std::move(stream)); });
  const Result<Stream> stream = begun.wait();
  if (!stream) return stream.error();
  for (;;) {
    Latch<Result<Piece>> latch;
    (*stream)->async_next([&latch](Result<Piece> piece) { latch.set(std::move(piece)); });
    const Result<Piece> piece = latch.wait();
    if (!piece) return piece.error();
    if (!piece->has_value()) return {};
    if (!take(**piece)) return Error(Errc::kBadRequest, "the backup was ended by its caller");
  }
}

}  // namespace cairn::kv
