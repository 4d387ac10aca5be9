#include "cairn/kv/sim/cluster.h"

#include <utility>

#include "kv/sim/ledger.h"
#include "kv/sim/nemesis.h"
#include "kv/sim/plan.h"
#include "kv/sim/world.h"

namespace cairn::sim {

namespace {

namespace ks = kv::sim;

constexpr Duration kCallMax =
    std::chrono::minutes{11};  // above every timeout that may be asked for

ks::Plan plan_of(std::uint64_t seed, const Cluster::Settings& settings) {
  ks::RunRequest request;
  request.seed = seed;
  request.nodes = settings.nodes;
  ks::Plan plan = *ks::draw_plan(request);
  // Damage is left out: what became of a program's data would depend on who was hurt.
  std::erase_if(plan.faults, [](const auto& fault) { return ks::damages(fault.first); });
  return plan;
}

ks::WorldOptions world_options(std::uint64_t seed, const Cluster::Settings& settings,
                               const ks::Plan& plan) {
  ks::WorldOptions o;
  o.seed = seed;
  o.nodes = settings.nodes;
  o.network = plan.network;
  o.log = plan.log;
  o.apply = plan.apply;
  o.adjust = settings.adjust;
  return o;
}

}  // namespace

struct Cluster::Impl {
  Impl(std::uint64_t seed, const Settings& settings)
      : plan(plan_of(seed, settings)),
        world(world_options(seed, settings, plan)),
        nemesis(world, plan),
        ledger(
            world, [](ks::NodeId) { return true; }, [](ks::NodeId) { return true; }),
        random(world.random("program")) {
    world.observe(&ledger);
    world.observe(&nemesis);
  }

  template <class T>
  kv::Result<T> wait(const ks::CallPtr<T>& call) {
    if (world.run_until([&] { return call->done(); }, kCallMax)) return *call->answer;
    world.fail("a call had no answer");
    return kv::Error(kv::Errc::kInternal, "no answer", kv::Committed::kUnknown);
  }

  template <class T>
  static void then(const ks::CallPtr<T>& call, kv::Callback<T> done) {
    call->then = [done = std::move(done)](ks::Call<T>& c) { done(*c.answer); };
  }

  ks::Plan plan;
  ks::World world;
  ks::Nemesis nemesis;
  ks::Ledger ledger;
  raft::Random random;
};

Cluster::Cluster(std::uint64_t seed) : Cluster(seed, Settings{}) {}
Cluster::Cluster(std::uint64_t seed, Settings settings)
    : impl_(std::make_unique<Impl>(seed, settings)) {}
Cluster::~Cluster() = default;
Cluster::Cluster(Cluster&&) noexcept = default;
Cluster& Cluster::operator=(Cluster&&) noexcept = default;

// --- time

Duration Cluster::now() const {
  return impl_->world.now();
}
void Cluster::run_for(Duration span) {
  impl_->world.run_for(span);
}
bool Cluster::run_until(const std::function<bool()>& predicate, Duration span) {
  return impl_->world.run_until(predicate, span);
}
void Cluster::at(Duration when, std::function<void()> act) {
  impl_->world.at(when, std::move(act));
}
std::uint64_t Cluster::random() {
  return impl_->random.next();
}

// --- nodes

bool Cluster::start(Duration span) {
  impl_->world.start_all();
  return impl_->world.run_until([this] { return impl_->world.all_ready(); }, span);
}
bool Cluster::running(std::uint64_t node) const {
  return impl_->world.running(node);
}
void Cluster::stop(std::uint64_t node) {
  impl_->world.stop(node);
}
void Cluster::kill(std::uint64_t node) {
  impl_->world.crash(node, ks::CrashKind::kProcess);
}
void Cluster::cut_power(std::uint64_t node) {
  impl_->world.crash(node, ks::CrashKind::kPowerTorn);
}
void Cluster::restart(std::uint64_t node) {
  if (impl_->world.running(node)) return;
  if (const auto started = impl_->world.start(node); !started) {
    impl_->world.fail("node " + std::to_string(node) +
                      " does not start: " + started.error().message());
  }
}
void Cluster::pause(std::uint64_t node, Duration span) {
  impl_->world.pause(node, span);
}

// --- network

void Cluster::cut(std::uint64_t from, std::uint64_t to) {
  impl_->world.network().cut(from, to);
}
void Cluster::heal(std::uint64_t from, std::uint64_t to) {
  impl_->world.network().heal(from, to);
}
void Cluster::isolate(std::uint64_t node) {
  impl_->world.isolate(node);
}
void Cluster::heal_all() {
  impl_->world.network().heal_all();
  impl_->world.network().unclog_all();
}

void Cluster::begin_trouble() {
  impl_->nemesis.begin();
}

void Cluster::end_trouble() {
  std::set<ks::NodeId> all;
  for (ks::NodeId id = 1; id <= impl_->world.nodes(); ++id) all.insert(id);
  impl_->nemesis.end();
  impl_->nemesis.heal(all, true);
}

// --- calls

void Cluster::async_put(std::uint64_t node, std::string key, std::string value,
                        kv::WriteOptions options, kv::Callback<kv::PutResult> done) {
  Impl::then(impl_->world.put(node, std::move(key), std::move(value), std::move(options)),
             std::move(done));
}
void Cluster::async_remove(std::uint64_t node, std::string key, kv::WriteOptions options,
                           kv::Callback<kv::RemoveResult> done) {
  Impl::then(impl_->world.remove(node, std::move(key), std::move(options)), std::move(done));
}
void Cluster::async_write(std::uint64_t node, kv::WriteBatch batch, kv::WriteOptions options,
                          kv::Callback<kv::BatchResult> done) {
  Impl::then(impl_->world.write(node, std::move(batch), std::move(options)), std::move(done));
}
void Cluster::async_get(std::uint64_t node, std::string key, kv::ReadOptions options,
                        kv::Callback<kv::ReadResult> done) {
  Impl::then(impl_->world.get(node, std::move(key), options), std::move(done));
}
void Cluster::async_scan(std::uint64_t node, kv::ScanOptions options,
                         kv::Callback<kv::ScanResult> done) {
  Impl::then(impl_->world.scan(node, std::move(options)), std::move(done));
}

kv::Result<kv::PutResult> Cluster::put(std::uint64_t node, std::string key, std::string value,
                                       kv::WriteOptions options) {
  return impl_->wait(impl_->world.put(node, std::move(key), std::move(value), std::move(options)));
}
kv::Result<kv::RemoveResult> Cluster::remove(std::uint64_t node, std::string key,
                                             kv::WriteOptions options) {
  return impl_->wait(impl_->world.remove(node, std::move(key), std::move(options)));
}
kv::Result<kv::BatchResult> Cluster::write(std::uint64_t node, kv::WriteBatch batch,
                                           kv::WriteOptions options) {
  return impl_->wait(impl_->world.write(node, std::move(batch), std::move(options)));
}
kv::Result<kv::ReadResult> Cluster::get(std::uint64_t node, std::string key,
                                        kv::ReadOptions options) {
  return impl_->wait(impl_->world.get(node, std::move(key), options));
}
kv::Result<kv::ScanResult> Cluster::scan(std::uint64_t node, kv::ScanOptions options) {
  return impl_->wait(impl_->world.scan(node, std::move(options)));
}

// --- what is seen

bool Cluster::converged() {
  return impl_->world.converged();
}
const std::vector<std::string>& Cluster::failures() const {
  return impl_->world.failures();
}
std::uint64_t Cluster::trace_hash() const {
  return impl_->world.trace_hash();
}
std::string Cluster::recent_log() const {
  return impl_->world.recent_log();
}

}  // namespace cairn::sim
