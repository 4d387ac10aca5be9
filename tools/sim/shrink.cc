#include "tools/sim/shrink.h"

#include <optional>

namespace cairn::sim_tool {

namespace {

using kv::sim::Fault;
using kv::sim::RunRequest;
using kv::sim::Time;

constexpr int kRunsMax = 150;

/// What a line can say: it must be the very run that was tried.
Time whole_ms(Time length) {
  return length / 1'000 * 1'000;
}

class Shrinker {
 public:
  Shrinker(const Outcome& failing, const std::function<void(const std::string&)>& told,
           const RunOne& run)
      : best_(failing), oracle_(oracle_of(failing.failure)), told_(told), run_(run) {}

  Outcome all() {
    // What the plan drew is written out, so that it can be taken away piece by piece.
    const auto plan = kv::sim::draw_plan(best_.request);
    RunRequest whole = best_.request;
    whole.length = whole_ms(plan->length);
    whole.faults.emplace();
    for (const auto& [fault, mean] : plan->faults) whole.faults->insert(fault);
    if (!better(whole)) return best_;
    while (shorter() || fewer_faults() || fewer_nodes(plan->nodes) ||
           fewer_clients(plan->clients)) {
    }
    return best_;
  }

 private:
  /// Does it still fail the same way? Then it is the best so far.
  bool better(const RunRequest& request) {
    if (++runs_ > kRunsMax) return false;
    Outcome outcome = run_(request);
    if (outcome.ok() || oracle_of(outcome.failure) != oracle_) return false;
    best_ = std::move(outcome);
    told_(line_of(best_.request));
    return true;
  }

  bool shorter() {
    bool any = false;
    for (int part : {2, 4, 8}) {  // a half, a quarter, an eighth less
      RunRequest r = best_.request;
      r.length = whole_ms(*r.length - *r.length / part);
      if (*r.length >= Time(50'000) && better(r)) any = true;
    }
    return any;
  }

  bool fewer_faults() {
    bool any = false;
    const std::set<Fault> faults = *best_.request.faults;
    for (const Fault fault : faults) {
      RunRequest r = best_.request;
      r.faults->erase(fault);
      any = better(r) || any;
    }
    return any;
  }

  bool fewer_nodes(std::size_t drawn) {
    const std::size_t now = best_.request.nodes.value_or(drawn);
    for (const std::size_t nodes : {1u, 3u, 4u, 5u}) {
      if (nodes >= now) return false;
      RunRequest r = best_.request;
      r.nodes = nodes;
      if (better(r)) return true;
    }
    return false;
  }

  bool fewer_clients(std::size_t drawn) {
    const std::size_t now = best_.request.clients.value_or(drawn);
    if (now <= 1) return false;
    RunRequest r = best_.request;
    r.clients = now - 1;
    return better(r);
  }

  Outcome best_;
  const std::string oracle_;
  const std::function<void(const std::string&)>& told_;
  const RunOne& run_;
  int runs_ = 0;
};

}  // namespace

std::string oracle_of(const std::string& failure) {
  return failure.substr(0, failure.find(':'));
}

Outcome shrink(const Outcome& failing, const std::function<void(const std::string&)>& told,
               const RunOne& run) {
  return Shrinker(failing, told, run).all();
}

}  // namespace cairn::sim_tool
