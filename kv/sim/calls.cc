// Calls of a world's clients: each is answered exactly once, or its node ended.

#include <utility>

#include "kv/sim/life.h"
#include "kv/sim/world.h"

namespace cairn::kv::sim {

template <class T>
struct World::PendingCall final : World::Pending {
  PendingCall(World& w, LifeId l, std::uint64_t n, CallPtr<T> c)
      : Pending(w, l, n), call(std::move(c)) {}

  void finish(Result<T> answer) {
    if (done) return world.fail("a call was answered twice");
    done = true;
    if (Life* alive = world.alive(life)) alive->pending.erase(number);
    call->answered = world.now();
    call->answer.emplace(std::move(answer));
    if (!call->then) return;
    // An event of its own: the caller may crash nodes, and none is on the stack then.
    world.queue_.at(world.now(), 0, "answer", [call = call] {
      const auto then = std::exchange(call->then, nullptr);
      then(*call);
    });
  }

  void lost() override {
    if (!done) finish(Error(Errc::kOutcomeUnknown, "the node ended", Committed::kUnknown));
  }

  CallPtr<T> call;
};

template <class T>
CallPtr<T> World::call(NodeId at, std::function<void(Node&, Callback<T>)> begin) {
  auto call = std::make_shared<Call<T>>();
  call->at = at;
  call->invoked = now();
  Life* life = members_.at(at).life.get();
  auto pending = std::make_shared<PendingCall<T>>(*this, life ? life->id : 0, ++last_call_, call);
  if (!life) {
    queue_.at(now() + Time(1), 0, "refuse", [pending] {
      pending->finish(Error(Errc::kShuttingDown, "the node does not run", Committed::kNo));
    });
    return call;
  }
  life->pending[pending->number] = pending;

  /// Dies with the last copy of the callback: by then the call has its answer, or its node is gone.
  struct Guard {
    std::shared_ptr<PendingCall<T>> pending;
    ~Guard() {
      const Life* alive = pending->world.alive(pending->life);
      if (!pending->done && alive && !alive->memory.ran_out) {
        pending->world.fail("a call was never answered");
      }
    }
  };
  life->home.post([pending, begin = std::move(begin), node = life->node.get()] {
    pending->begun = true;
    auto guard = std::make_shared<Guard>();
    guard->pending = pending;
    begin(*node, [guard](Result<T> answer) { guard->pending->finish(std::move(answer)); });
  });
  return call;
}

template CallPtr<MemberPlan> World::call(NodeId, std::function<void(Node&, Callback<MemberPlan>)>);
template CallPtr<StateReport> World::call(NodeId,
                                          std::function<void(Node&, Callback<StateReport>)>);
template CallPtr<std::uint64_t> World::call(NodeId,
                                            std::function<void(Node&, Callback<std::uint64_t>)>);

CallPtr<PutResult> World::put(NodeId at, std::string key, std::string value, WriteOptions options) {
  return call<PutResult>(at, [=](Node& node, Callback<PutResult> done) {
    node.put(key, value, options, std::move(done));
  });
}

CallPtr<RemoveResult> World::remove(NodeId at, std::string key, WriteOptions options) {
  return call<RemoveResult>(at, [=](Node& node, Callback<RemoveResult> done) {
    node.remove(key, options, std::move(done));
  });
}

CallPtr<BatchResult> World::write(NodeId at, WriteBatch batch, WriteOptions options) {
  return call<BatchResult>(at, [=](Node& node, Callback<BatchResult> done) {
    node.write(batch, options, std::move(done));
  });
}

CallPtr<RemovePrefixResult> World::remove_prefix(NodeId at, std::string prefix,
                                                 RemovePrefixOptions options) {
  return call<RemovePrefixResult>(at, [=](Node& node, Callback<RemovePrefixResult> done) {
    node.remove_prefix(prefix, options, std::move(done));
  });
}

CallPtr<ReadResult> World::get(NodeId at, std::string key, ReadOptions options) {
  return call<ReadResult>(
      at, [=](Node& node, Callback<ReadResult> done) { node.get(key, options, std::move(done)); });
}

CallPtr<ScanResult> World::scan(NodeId at, ScanOptions options) {
  return call<ScanResult>(
      at, [=](Node& node, Callback<ScanResult> done) { node.scan(options, std::move(done)); });
}

// For backups, which tests read by their handles.
template CallPtr<std::optional<std::string>> World::call(
    NodeId, std::function<void(Node&, Callback<std::optional<std::string>>)>);

}  // namespace cairn::kv::sim
