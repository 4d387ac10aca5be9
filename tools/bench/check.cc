#include "tools/bench/check.h"

#include <algorithm>
#include <map>

#include "tools/bench/text.h"

namespace cairn::tools::bench {
namespace {

constexpr std::int64_t kBefore = INT64_MIN;  // all of the run
constexpr std::int64_t kNever = INT64_MAX;

/// All operations with one value.
struct Cluster {
  std::uint64_t stamp = 0;
  std::int64_t put_asked = kBefore;     // kBefore: nobody here put it
  std::int64_t first_end = kNever;      // of an operation
  std::int64_t last_begin = kBefore;    // likewise
  std::int64_t first_get_end = kNever;  // of a get
  bool put = false;
  bool read = false;

  /// The key must hold the value from first_end to last_begin.
  [[nodiscard]] bool held() const { return first_end < last_begin; }
};

std::vector<Cluster> clusters_of(const std::vector<Event>& events) {
  std::map<std::uint64_t, Cluster> by_stamp;
  for (const Event& event : events) {
    Cluster& cluster = by_stamp[event.stamp];
    cluster.stamp = event.stamp;
    const std::int64_t end = event.unknown ? kNever : event.answered;
    cluster.first_end = std::min(cluster.first_end, end);
    cluster.last_begin = std::max(cluster.last_begin, event.asked);
    if (event.put) {
      cluster.put = true;
      cluster.put_asked = event.asked;
    } else {
      cluster.read = true;
      cluster.first_get_end = std::min(cluster.first_get_end, end);
    }
  }
  std::vector<Cluster> clusters;
  for (auto& [stamp, cluster] : by_stamp) {
    if (cluster.first_end == kNever) continue;  // of unknown outcome, and never read
    if (!cluster.put) cluster.first_end = kBefore;
    clusters.push_back(cluster);
  }
  return clusters;
}

std::string micros(std::int64_t half_nanoseconds) {
  return fixed(static_cast<double>(half_nanoseconds) / 2e3, 1);
}

/// The operations that contradict, as people read them.
std::string describe(const std::vector<Event>& events, const std::vector<std::uint64_t>& stamps) {
  constexpr std::size_t kLinesMax = 40;
  std::vector<Event> some;
  for (const Event& event : events) {
    if (std::find(stamps.begin(), stamps.end(), event.stamp) != stamps.end()) {
      some.push_back(event);
    }
  }
  std::sort(some.begin(), some.end(),
            [](const Event& a, const Event& b) { return a.asked < b.asked; });
  std::string text = "key number " + std::to_string(some.front().key) +
                     ": these contradict (microseconds, values by their stamps):\n";
  for (std::size_t i = 0; i < some.size() && i < kLinesMax; ++i) {
    const Event& e = some[i];
    text += "  " + micros(e.asked - some[0].asked) + " .. " +
            (e.unknown ? "?" : micros(e.answered - some[0].asked)) +
            (e.put ? "  put " : "  get saw ") + std::to_string(e.stamp) + "\n";
  }
  if (some.size() > kLinesMax) text += "  ...\n";
  return text;
}

/// The stamps of a contradiction in one key's history; none: it is linearizable.
std::vector<std::uint64_t> contradiction(const std::vector<Cluster>& clusters) {
  std::vector<Cluster> held;
  for (const Cluster& cluster : clusters) {
    // Read before it was put.
    if (cluster.put && cluster.first_get_end < cluster.put_asked) return {cluster.stamp};
    if (cluster.held()) held.push_back(cluster);
  }
  std::sort(held.begin(), held.end(),
            [](const Cluster& a, const Cluster& b) { return a.first_end < b.first_end; });
  for (std::size_t i = 1; i < held.size(); ++i) {
    if (held[i].first_end < held[i - 1].last_begin) return {held[i - 1].stamp, held[i].stamp};
  }
  for (const Cluster& cluster : clusters) {
    if (cluster.held()) continue;
    // The last zone that begins before this one; later ones begin after it, so do not contain it.
    auto after = std::lower_bound(
        held.begin(), held.end(), cluster.last_begin,
        [](const Cluster& zone, std::int64_t begin) { return zone.first_end < begin; });
    if (after == held.begin()) continue;
    const Cluster& zone = *--after;
    if (cluster.first_end < zone.last_begin) return {zone.stamp, cluster.stamp};
  }
  return {};
}

}  // namespace

CheckResult check_linearizable(std::vector<Event> events, std::uint64_t one_in) {
  CheckResult result;
  result.events = events.size();
  result.one_in = one_in;
  std::sort(events.begin(), events.end(),
            [](const Event& a, const Event& b) { return a.key < b.key; });
  for (auto from = events.begin(); from != events.end();) {
    const auto to = std::find_if(from, events.end(),
                                 [key = from->key](const Event& e) { return e.key != key; });
    ++result.keys;
    const std::vector<Event> history(from, to);
    const auto stamps = contradiction(clusters_of(history));
    if (!stamps.empty()) {
      result.why = describe(history, stamps);
      return result;
    }
    from = to;
  }
  result.linearizable = true;
  return result;
}

}  // namespace cairn::tools::bench
