#include "tools/bench/watcher.h"

#include <algorithm>
#include <memory>

#include "tools/lib/json_view.h"

namespace cairn::tools::bench {
namespace {

constexpr std::chrono::seconds kEvery{1};
constexpr std::chrono::milliseconds kPatience{900};
// Two hours; the oldest go.
constexpr std::size_t kLooksMax = 7200;
// Changes of so many partitions at once are one mark.
constexpr std::size_t kLeaderMarksMax = 3;

struct Counter {
  const char* name;
  const char* kind;
  const char* text;
};
constexpr Counter kCounters[] = {
    {"cairn_snapshots_sent_total", "snapshot", "snapshot sent by "},
    {"cairn_snapshots_installed_total", "snapshot", "snapshot installed by "},
    {"cairn_engine_flushes_total", "flush", "memtable flushed by "},
    {"cairn_queue_refused_total", "refused", "requests refused by "},
    {"cairn_wal_fenced", "stall", "write-ahead log fenced at "},
};

}  // namespace

Watcher::Watcher(const std::vector<Endpoint>& endpoints, Marks& marks) : marks_(marks) {
  for (const Endpoint& endpoint : endpoints) nodes_.push_back(std::make_unique<Node>(endpoint));
  thread_ = std::thread([this] { run(); });
}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  over_cv_.notify_all();
  thread_.join();
}

void Watcher::run() {
  auto next = Clock::now();
  for (;;) {
    for (auto& node : nodes_) look_at(*node);
    next = std::max(next + kEvery, Clock::now());
    std::unique_lock lock(mutex_);
    if (over_cv_.wait_until(lock, next, [this] { return over_; })) return;
  }
}

std::optional<std::string> Watcher::ask(Node& node, const char* target) {
  HttpRequest request;
  request.target = target;
  auto exchange = node.client.send(request, Clock::now() + kPatience);
  if (!exchange.response || exchange.response->status != 200) return std::nullopt;
  return std::move(exchange.response->body);
}

void Watcher::look_at(Node& node) {
  const auto page = ask(node, "/metrics");
  if (page.has_value() != node.answers) {
    node.answers = page.has_value();
    marks_.add("silent", node.name + (node.answers ? " answers again" : " does not answer"));
  }
  if (!page) return;
  Look look{Clock::now(), parse_metrics(*page)};
  if (const auto view = ask(node, "/v1/cluster")) note_leaders(*view, node);
  const std::lock_guard lock(mutex_);
  if (!node.looks.empty()) note_changes(node, node.looks.back().page, look.page);
  if (node.looks.size() >= kLooksMax) node.looks.erase(node.looks.begin());
  node.looks.push_back(std::move(look));
}

void Watcher::note_changes(const Node& node, const MetricsPage& before, const MetricsPage& now) {
  for (const Counter& counter : kCounters) {
    if (sum_of(now, counter.name) > sum_of(before, counter.name)) {
      marks_.add(counter.kind, counter.text + node.name);
    }
  }
  // Fewer young tables than before: they were compacted.
  if (sum_of(now, "cairn_engine_level0_files") < sum_of(before, "cairn_engine_level0_files")) {
    marks_.add("compaction", "compaction at " + node.name);
  }
}

void Watcher::note_leaders(const std::string& cluster_view, Node& node) {
  const auto view = json_object(cluster_view);
  if (const auto id = json_number(view, "node"); id != 0) {
    const std::lock_guard lock(mutex_);
    node.name = "node " + std::to_string(id);
  }
  std::size_t changed = 0;
  std::string text;
  for (const auto& entry : json_array(view, "partitions")) {
    if (!entry.is_object()) continue;
    const auto& partition = entry.as_object();
    const std::uint64_t id = json_number(partition, "id");
    const Leadership seen{json_number(partition, "leader"), json_number(partition, "term")};
    if (id >= 4096 || seen.leader == 0) continue;
    if (leaders_.size() <= id) leaders_.resize(id + 1);
    Leadership& known = leaders_[id];
    if (seen.term <= known.term) continue;
    const bool first = known.term == 0;
    known = seen;
    if (first) continue;
    ++changed;
    text = "node " + std::to_string(seen.leader) + " leads partition " + std::to_string(id) +
           " in term " + std::to_string(seen.term);
    if (changed <= kLeaderMarksMax) marks_.add("leader", text);
  }
  if (changed > kLeaderMarksMax) {
    marks_.add("leader", std::to_string(changed) + " partitions have new leaders");
  }
}

std::vector<Watcher::Span> Watcher::spans(Clock::time_point from, Clock::time_point to) const {
  const std::lock_guard lock(mutex_);
  std::vector<Span> all;
  for (const auto& node : nodes_) {
    Span span;
    span.node = node->name;
    std::size_t looks = 0;
    for (const Look& look : node->looks) {
      if (look.at < from || look.at > to) continue;
      // A node that was started again counts from 0: what it did before is left out.
      const bool anew = looks > 0 && sum_of(look.page, "process_cpu_seconds_total") <
                                         sum_of(span.last.page, "process_cpu_seconds_total");
      if (anew) looks = 0;
      if (looks++ == 0) span.first = look;
      span.last = look;
    }
    if (looks >= 2) all.push_back(std::move(span));
  }
  return all;
}

}  // namespace cairn::tools::bench
