#include "kv/sim/clients.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace cairn::kv::sim {

namespace {

using Kind = Seen::Kind;
using Outcome = Seen::Outcome;

constexpr const char* kPrefix = "p/";
constexpr int kPrefixKeys = 6;
constexpr int kFreshKeys = 256;  // some in every partition

std::optional<Error> error_in(const auto& call) {
  if (call.ok()) return std::nullopt;
  return call.answer->error();
}

}  // namespace

std::uint64_t number_of(const std::string& value) {
  return value.size() < 2 || value[0] != 'v' ? 0 : std::strtoull(value.c_str() + 1, nullptr, 10);
}

std::uint64_t number_of(const std::optional<Item>& item) {
  return item ? number_of(item->value) : 0;
}

const char* word(Kind kind) {
  static constexpr const char* kWords[] = {"get",  "eventual get", "put",           "create",
                                           "swap", "remove",       "remove prefix", "scan"};
  return kWords[static_cast<std::size_t>(kind)];
}

Clients::Clients(World& world, const Plan& plan, CommitOf commit)
    : world_(world), plan_(plan), commit_(std::move(commit)) {
  for (NodeId id = 1; id <= plan.nodes; ++id) nodes_.push_back(id);
  for (std::size_t i = 0; i < plan.clients; ++i) {
    Client client;
    client.at = 1 + i % plan.nodes;
    client.random = world.random("client-" + std::to_string(i));
    clients_.push_back(std::move(client));
  }
}

void Clients::begin() {
  // While all nodes run: later it may be that nobody can be asked.
  for (int i = 0; i < plan_.keys; ++i) find_group("k" + std::to_string(i + 1));
  for (int i = 0; i < kPrefixKeys; ++i) find_group(kPrefix + std::to_string(i + 1));
  for (int i = 0; i < kFreshKeys; ++i) find_group("fresh-" + std::to_string(i));
  find_group(kPrefix);
  for (std::size_t i = 0; i < clients_.size(); ++i) next(i, false);
}

void Clients::find_group(const std::string& key) {
  groups_[key] = world_.node(world_.running().front()).ring(key).partition + 1;
}

std::string Clients::fresh_key(raft::GroupId group) const {
  for (int i = 0; i < kFreshKeys; ++i) {
    std::string key = "fresh-" + std::to_string(i);
    if (groups_.at(key) == group) return key;
  }
  throw std::logic_error("sim: a partition without a key");
}

std::string Clients::pick_key(raft::Random& random) const {
  const auto keys = static_cast<std::uint64_t>(plan_.keys);
  // The lower half of the numbers is hot.
  const std::uint64_t key = std::min(random.between(1, keys), random.between(1, keys));
  return "k" + std::to_string(key);
}

std::string Clients::new_value(raft::Random& random) {
  std::string value = "v" + std::to_string(++values_) + ".";
  value.resize(std::max<std::size_t>(value.size(), random.between(1, plan_.value_bytes)), '.');
  return value;
}

NodeId Clients::pick_node(raft::Random& random) const {
  return nodes_[random.next() % nodes_.size()];
}

void Clients::next(std::size_t client, bool failed) {
  Client& c = clients_[client];
  auto pause = c.random.between(10, static_cast<std::uint64_t>(plan_.think.count()));
  if (failed) pause += c.random.between(1'000, 60'000);  // as the error advises
  world_.at(world_.now() + Time(static_cast<std::int64_t>(pause)), [this, client] {
    if (!stopped_) act(client);
  });
}

void Clients::act(std::size_t client) {
  raft::Random& random = clients_[client].random;
  const std::uint64_t what = random.between(1, 100);
  const std::string key = pick_key(random);
  const std::string below = kPrefix + std::to_string(random.between(1, kPrefixKeys));
  if (what <= 42) {
    const SeenPtr seen = begin_call(client, Kind::kGet, key);
    seen->lease = plan_.options.lease_drift_ppm != 0 && chance(random, 600);
    return read(client, seen, false);
  }
  if (what <= 46) return read(client, begin_call(client, Kind::kEventualGet, key), true);
  if (what <= 48) return read(client, begin_call(client, Kind::kGet, below), false);
  if (what <= 50) return scan(client, begin_call(client, Kind::kScan, kPrefix));
  if (what <= 52) return remove_prefix(client, begin_call(client, Kind::kRemovePrefix, kPrefix));
  if (what <= 60) return remove(client, begin_call(client, Kind::kRemove, key));
  const auto last = clients_[client].last.find(key);
  const bool swaps = what > 90 && last != clients_[client].last.end();
  const SeenPtr seen = begin_call(client,
                                  what <= 68 ? Kind::kCreate
                                  : swaps    ? Kind::kSwap
                                             : Kind::kPut,
                                  what <= 72 && what > 68 ? below : key);
  seen->value = new_value(random);
  if (swaps) {
    seen->if_revision = last->second.mod_revision;
    seen->if_value = last->second.value;
  }
  const bool keyed = what > 72 && what <= 78;
  if (keyed) seen->idempotency_key = "i" + std::to_string(values_);
  put(client, seen, keyed ? 3 : 0);
}

Clients::SeenPtr Clients::begin_call(std::size_t client, Kind kind, std::string key) {
  ++under_way_;
  auto seen = std::make_shared<Seen>();
  seen->kind = kind;
  seen->key = std::move(key);
  seen->group = groups_.at(seen->key);
  seen->begin = world_.now();
  seen->commit_at_begin = commit_(seen->group);
  seen->who = "client " + std::to_string(client) + " at " + std::to_string(clients_[client].at);
  seen_.push_back(seen);
  numbers_[seen.get()] = seen_.size();
  tell(*seen, seen_.size(), clients_[client].at, true, {});
  return seen;
}

void Clients::read(std::size_t client, const SeenPtr& seen, bool eventual) {
  ReadOptions options;
  options.timeout = plan_.timeout;
  if (eventual) options.consistency = Consistency::kEventual;
  if (seen->lease) options.consistency = Consistency::kLease;
  auto call = world_.get(clients_[client].at, seen->key, options);
  call->then = [this, client, seen](Call<ReadResult>& done) {
    if (done.ok()) {
      const ReadResult& result = **done.answer;
      seen->item = result.item;
      seen->revision = result.revision;
      if (result.item) {
        clients_[client].last[seen->key] = *result.item;
      } else {
        clients_[client].last.erase(seen->key);
      }
    }
    ended(client, seen, error_in(done));
  };
}

void Clients::put(std::size_t client, const SeenPtr& seen, int attempts) {
  WriteOptions options;
  options.if_absent = seen->kind == Kind::kCreate;
  options.if_revision = seen->if_revision;
  options.idempotency_key = seen->idempotency_key;
  options.timeout = plan_.timeout;
  auto call = world_.put(clients_[client].at, seen->key, seen->value, options);
  call->then = [this, client, seen, attempts](Call<PutResult>& done) {
    if (done.ok()) {
      const PutResult& result = **done.answer;
      seen->revision = result.revision;
      seen->version = result.version;
      seen->created = result.created;
      seen->replayed = result.replayed;
    } else if (attempts > 0 && done.answer->error().code != Errc::kRevisionMismatch && !stopped_) {
      // Under the same key it is the same operation, wherever it is sent again.
      if (done.answer->error().committed != Committed::kNo) seen->outcome = Outcome::kUnknown;
      clients_[client].at = pick_node(clients_[client].random);
      world_.at(world_.now() + Time(30'000),
                [this, client, seen, attempts] { put(client, seen, attempts - 1); });
      return;
    }
    ended(client, seen, error_in(done));
  };
}

void Clients::remove(std::size_t client, const SeenPtr& seen) {
  WriteOptions options;
  options.timeout = plan_.timeout;
  auto call = world_.remove(clients_[client].at, seen->key, options);
  call->then = [this, client, seen](Call<RemoveResult>& done) {
    if (done.ok()) {
      seen->revision = (*done.answer)->revision;
      seen->deleted = (*done.answer)->deleted ? 1 : 0;
    }
    ended(client, seen, error_in(done));
  };
}

void Clients::remove_prefix(std::size_t client, const SeenPtr& seen) {
  RemovePrefixOptions options;
  options.timeout = plan_.timeout;
  auto call = world_.remove_prefix(clients_[client].at, seen->key, options);
  call->then = [this, client, seen](Call<RemovePrefixResult>& done) {
    if (done.ok()) {
      seen->revision = (*done.answer)->revision;
      seen->deleted = (*done.answer)->deleted;
    }
    ended(client, seen, error_in(done));
  };
}

void Clients::scan(std::size_t client, const SeenPtr& seen) {
  ScanOptions options;
  options.prefix = seen->key;
  options.read.timeout = plan_.timeout;
  auto call = world_.scan(clients_[client].at, options);
  call->then = [this, client, seen](Call<ScanResult>& done) {
    if (done.ok()) {
      seen->revision = (*done.answer)->revision;
      seen->items = (*done.answer)->items;
    }
    ended(client, seen, error_in(done));
  };
}

void Clients::ended(std::size_t client, const SeenPtr& seen, const std::optional<Error>& error) {
  --under_way_;
  seen->end = world_.now();
  seen->commit_at_end = commit_(seen->group);
  if (!error) {
    seen->outcome = Outcome::kOk;
    ++succeeded_;
  } else if (error->code == Errc::kRevisionMismatch) {
    seen->outcome = Outcome::kMismatch;
    seen->current = error->revision;
    ++succeeded_;
  } else {
    // Of a keyed operation an earlier attempt may have gone through, whatever the last one says.
    const bool no = error->committed == Committed::kNo && seen->idempotency_key.empty();
    seen->outcome = no ? Outcome::kNo : Outcome::kUnknown;
    clients_[client].at = pick_node(clients_[client].random);
  }
  const auto number = numbers_.find(seen.get());
  tell(*seen, number->second, clients_[client].at, false, error ? name(error->code) : "");
  numbers_.erase(number);
  next(client, error && error->code != Errc::kRevisionMismatch);
}

void Clients::tell(const Seen& seen, std::uint64_t call, NodeId at, bool begin,
                   std::string_view detail) {
  using EventKind = ClientEvent::Kind;
  const EventKind kind = begin                               ? EventKind::kBegin
                         : seen.outcome == Outcome::kUnknown ? EventKind::kUnknown
                         : seen.outcome == Outcome::kOk      ? EventKind::kOk
                                                             : EventKind::kRefused;
  const ClientEvent event{kind, world_.now(), call, at, word(seen.kind), seen.key, detail};
  for (Observer* observer : world_.observers()) observer->on_client(event);
}

History Clients::history(const std::function<std::uint64_t(const Seen&)>& hint) const {
  History history;
  using OperationKind = Operation::Kind;
  for (const SeenPtr& s : seen_) {
    if (s->key.starts_with(kPrefix) || s->outcome == Outcome::kNo) continue;
    Operation o;
    o.value = number_of(s->value);
    o.expected = number_of(s->if_value);
    o.invoked = s->begin;
    o.returned = s->end;
    o.unknown = s->outcome == Outcome::kUnknown;
    o.what = s->who;
    o.hint = hint(*s);
    const bool mismatch = s->outcome == Outcome::kMismatch;
    switch (s->kind) {
      case Kind::kGet:
        o.kind = OperationKind::kGet;
        o.value = number_of(s->item);
        break;
      case Kind::kPut:
        o.kind = OperationKind::kPut;
        break;
      case Kind::kCreate:
        o.kind = mismatch ? OperationKind::kFound : OperationKind::kCreate;
        break;
      case Kind::kSwap:
        o.kind = mismatch ? OperationKind::kNotSwapped : OperationKind::kSwap;
        break;
      case Kind::kRemove:
        o.kind = OperationKind::kRemove;
        break;
      default:
        continue;
    }
    history.add(s->key, std::move(o));
  }
  return history;
}

}  // namespace cairn::kv::sim
