#include "tests/kv/sim/workload.h"

#include <cstdlib>
#include <utility>

namespace cairn::kv::sim {

namespace {

std::uint64_t value_of(const std::optional<Item>& item) {
  if (!item) return 0;
  return std::strtoull(item->value.c_str() + std::string("value").size(), nullptr, 10);
}

}  // namespace

Workload::Workload(World& world, WorkloadOptions options) : world_(world), options_(options) {
  for (int i = 0; i < options_.clients; ++i) {
    Client client;
    client.at = 1 + static_cast<NodeId>(i) % world_.nodes();
    client.random = world_.random("client-" + std::to_string(i));
    clients_.push_back(client);
  }
  for (std::size_t i = 0; i < clients_.size(); ++i) next(i);
}

void Workload::next(std::size_t client) {
  Client& c = clients_[client];
  const auto pause = c.random.between(10, static_cast<std::uint64_t>(options_.pause.count()));
  world_.at(world_.now() + Time(static_cast<std::int64_t>(pause)), [this, client] {
    if (stopped_) return;
    ++under_way_;
    raft::Random& random = clients_[client].random;
    const std::string key =
        "key" + std::to_string(random.between(1, static_cast<std::uint64_t>(options_.keys)));
    const std::uint64_t what = random.between(1, 10);
    if (what <= 5) return get(client, key);
    if (what <= 8) return put(client, key, false);
    if (what == 9) return put(client, key, true);
    remove(client, key);
  });
}

template <class T>
void Workload::ended(std::size_t client, const Call<T>& call) {
  --under_way_;
  if (call.ok()) {
    ++succeeded_;
  } else {
    clients_[client].at = 1 + clients_[client].random.next() % world_.nodes();
  }
  next(client);
}

void Workload::get(std::size_t client, const std::string& key) {
  ReadOptions options;
  options.timeout = std::chrono::milliseconds{1'500};
  auto call = world_.get(clients_[client].at, key, options);
  call->then = [this, client, key](Call<ReadResult>& done) {
    if (done.ok()) {
      const std::optional<Item>& item = (*done.answer)->item;
      history_.add(key, {Operation::Kind::kGet, value_of(item), done.invoked, done.answered, false,
                         "client " + std::to_string(client) + " at " + std::to_string(done.at)});
    }
    ended(client, done);
  };
}

void Workload::record_write(const std::string& key, Operation operation,
                            const std::optional<Error>& error) {
  if (error) {
    if (error->code == Errc::kRevisionMismatch) {
      operation.kind = Operation::Kind::kFound;
      operation.value = 0;
    } else if (error->committed == Committed::kNo) {
      return;  // promised never to take effect: a read of its value would have no cause
    } else {
      operation.unknown = true;
    }
  }
  history_.add(key, std::move(operation));
}

void Workload::put(std::size_t client, const std::string& key, bool create) {
  const std::uint64_t value = ++values_;
  WriteOptions options;
  options.if_absent = create;
  options.timeout = std::chrono::milliseconds{1'500};
  auto call = world_.put(clients_[client].at, key, text(value), options);
  call->then = [this, client, key, value, create](Call<PutResult>& done) {
    record_write(key,
                 {create ? Operation::Kind::kCreate : Operation::Kind::kPut, value, done.invoked,
                  done.answered, false,
                  "client " + std::to_string(client) + " at " + std::to_string(done.at) +
                      (done.ok() ? "" : ": " + done.answer->error().message())},
                 done.ok() ? std::nullopt : std::optional<Error>(done.answer->error()));
    ended(client, done);
  };
}

void Workload::remove(std::size_t client, const std::string& key) {
  WriteOptions options;
  options.timeout = std::chrono::milliseconds{1'500};
  auto call = world_.remove(clients_[client].at, key, options);
  call->then = [this, client, key](Call<RemoveResult>& done) {
    record_write(key,
                 {Operation::Kind::kRemove, 0, done.invoked, done.answered, false,
                  "client " + std::to_string(client) + " at " + std::to_string(done.at)},
                 done.ok() ? std::nullopt : std::optional<Error>(done.answer->error()));
    ended(client, done);
  };
}

// --- trouble -----------------------------------------------------------------------------------

Trouble::Trouble(World& world) : world_(world), random_(world.random("trouble")) {
  next();
}

void Trouble::next() {
  const Time pause(static_cast<std::int64_t>(random_.between(20'000, 700'000)));
  world_.at(world_.now() + pause, [this] {
    if (ended_) return;
    switch (random_.between(1, 5)) {
      case 1:
      case 2:
        crash_one();
        break;
      case 3:
      case 4:
        cut_some();
        break;
      default:
        world_.stall(random_.between(1, world_.nodes()),
                     Time(static_cast<std::int64_t>(random_.between(10'000, 1'200'000))));
    }
    next();
  });
}

void Trouble::crash_one() {
  const NodeId victim = random_.between(1, world_.nodes());
  const auto kind = static_cast<CrashKind>(random_.between(0, 3));
  if (chance(random_, 500)) {
    world_.crash(victim, kind);
  } else {
    world_.crash_at_change(victim, random_.between(1, 30), kind);
  }
  start_later(victim);
}

void Trouble::start_later(NodeId victim) {
  const Time pause(static_cast<std::int64_t>(random_.between(1'000, 1'500'000)));
  world_.at(world_.now() + pause, [this, victim] {
    if (world_.running(victim) || ended_) return;
    const auto started = world_.start(victim);
    if (started) return;
    if (World::was_power_cut(started.error())) return start_later(victim);
    world_.fail("node " + std::to_string(victim) + " does not start: " + started.error().message());
  });
}

void Trouble::cut_some() {
  const NodeId one = random_.between(1, world_.nodes());
  if (chance(random_, 500)) {
    world_.isolate(one);
  } else {
    const NodeId other = 1 + (one - 1 + random_.between(1, world_.nodes() - 1)) % world_.nodes();
    world_.network().cut(one, other);
    if (chance(random_, 500)) world_.network().cut(other, one);
  }
  const Time pause(static_cast<std::int64_t>(random_.between(50'000, 2'500'000)));
  world_.at(world_.now() + pause, [this] { world_.network().heal_all(); });
}

void Trouble::end() {
  ended_ = true;
  world_.network().heal_all();
  for (NodeId id = 1; id <= world_.nodes(); ++id) world_.disarm(id);
  world_.start_all();
}

}  // namespace cairn::kv::sim
