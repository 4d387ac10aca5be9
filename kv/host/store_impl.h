// What stands behind kv::Store: its calls as tasks on the host's loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "cairn/kv/store.h"
#include "kv/host/host.h"
#include "kv/host/one_answer.h"

namespace cairn::kv {

struct Store::Impl {
  explicit Impl(std::shared_ptr<Host> h) : host(std::move(h)) {}
  ~Impl() { host->stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// `begin` is called with the node and a callback, on the loop; `done` runs there too, once.
  /// After stop() there is no loop left and `done` runs inside this call.
  template <class T, class Begin>
  void submit(Committed if_dropped, Callback<T> done, Begin begin, Host* embedder = nullptr) const {
    auto answer = std::make_shared<OneAnswer<T>>(std::move(done), if_dropped, embedder);
    host->run([h = host.get(), answer, begin = std::move(begin)]() mutable {
      answer->begin();
      begin(h->node(), Callback<T>([answer](Result<T> r) { answer->give(std::move(r)); }));
    });
  }

  /// For callbacks of the embedding program.
  template <class T, class Begin>
  void async(Committed if_dropped, Callback<T> done, Begin begin) const {
    if (!done) done = [](Result<T>) {};
    submit<T>(if_dropped, std::move(done), std::move(begin), host.get());
  }

  /// A plain call: waits.
  template <class T, class Begin>
  [[nodiscard]] Result<T> wait(Committed if_dropped, Begin begin) const {
    if (host->loop().on_loop_thread()) {
      return Error(Errc::kBadRequest,
                   "a plain call on the store's loop thread would wait for itself: use async_");
    }
    Latch<Result<T>> latch;
    submit<T>(
        if_dropped, [&latch](Result<T> r) { latch.set(std::move(r)); }, std::move(begin));
    return latch.wait();
  }

  /// Something to be seen of the node; `otherwise` when it has stopped.
  template <class T, class Look>
  [[nodiscard]] T look(T otherwise, Look look) const {
    if (host->loop().on_loop_thread()) return look(host->node());
    auto seen =
        wait<T>(Committed::kNo, [&look](Node& node, Callback<T> done) { done(look(node)); });
    return seen ? std::move(*seen) : std::move(otherwise);
  }

  [[nodiscard]] Result<void> wait_ready(std::chrono::milliseconds timeout) const;

  std::shared_ptr<Host> host;
};

/// For the doors that serve on a store's loop.
struct StoreAccess {
  [[nodiscard]] static Host& host(const Store& store) { return *store.impl_->host; }
};

}  // namespace cairn::kv
