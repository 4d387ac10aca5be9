#include "tools/bench/check.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "kv/sim/history.h"
#include "tools/bench/text.h"

namespace cairn::tools::bench {
namespace {

using Window = std::vector<Event>;
// Configurations looked at in one window; a window has some tens of operations.
constexpr std::size_t kBudget = 200'000;

kv::sim::Operation as_operation(const Event& event) {
  kv::sim::Operation operation;
  operation.kind = event.put ? kv::sim::Operation::Kind::kPut : kv::sim::Operation::Kind::kGet;
  operation.value = event.stamp;
  operation.invoked = kv::sim::Time(event.asked);  // its unit does not matter to the check
  operation.returned = kv::sim::Time(event.answered);
  operation.unknown = event.unknown;
  return operation;
}

std::string micros(std::int64_t half_nanoseconds) {
  return fixed(static_cast<double>(half_nanoseconds) / 2e3, 1);
}

std::string describe(std::uint64_t key, std::uint64_t before, const Window& window) {
  constexpr std::size_t kLinesMax = 40;
  std::string name;
  append_key(name, key, key_size_min(key + 1));
  std::string text = "key " + name + " (number " + std::to_string(key) + ") held " +
                     std::to_string(before) + ", then, in microseconds:\n";
  const std::int64_t start = window.front().asked;
  for (std::size_t i = 0; i < window.size() && i < kLinesMax; ++i) {
    const Event& e = window[i];
    text += "  " + micros(e.asked - start) + " .. " +
            (e.unknown ? std::string("?") : micros(e.answered - start)) +
            (e.put ? "  put " : "  get saw ") + std::to_string(e.stamp) + "\n";
  }
  if (window.size() > kLinesMax) text += "  ...\n";
  return text;
}

/// One key's history, cut into windows.
class KeyCheck {
 public:
  KeyCheck(std::uint64_t key, Window events) : key_(key), events_(std::move(events)) {}

  /// "" if it is linearizable.
  std::string run() {
    std::sort(events_.begin(), events_.end(),
              [](const Event& a, const Event& b) { return a.asked < b.asked; });
    set_apart_unknown();
    find_first_value();
    std::int64_t busy_until = INT64_MIN;  // some operation before is under way until then
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const Event& event = events_[i];
      const bool alone = event.asked > busy_until &&
                         (i + 1 == events_.size() || events_[i + 1].asked > event.answered);
      busy_until = std::max(busy_until, event.answered);
      window_.push_back(event);
      if (!alone) continue;
      if (auto why = close_window(); !why.empty()) return why;
      before_ = event.stamp;
    }
    return window_.empty() ? "" : close_window();
  }

 private:
  void set_apart_unknown() {
    for (const Event& event : events_) {
      if (event.unknown) unknown_.push_back(event);
    }
    std::erase_if(events_, [](const Event& event) { return event.unknown; });
  }

  void find_first_value() {
    std::unordered_set<std::uint64_t> written;
    for (const Event& event : events_) {
      if (event.put) written.insert(event.stamp);
    }
    for (const Event& event : unknown_) written.insert(event.stamp);
    for (const Event& event : events_) {
      if (event.put || written.contains(event.stamp)) continue;
      before_ = event.stamp;
      return;
    }
  }

  std::string close_window() {
    Window window;
    window.swap(window_);
    add_unknown(window);
    if (window.size() == 1 && (window[0].put || window[0].stamp == before_)) return "";
    // A window without reads explains itself.
    if (std::all_of(window.begin(), window.end(), [](const Event& e) { return e.put; })) return "";
    std::vector<kv::sim::Operation> operations;
    Event first;
    first.put = true;
    first.stamp = before_;
    first.asked = INT64_MIN;
    first.answered = INT64_MIN + 1;
    operations.push_back(as_operation(first));
    for (const Event& event : window) operations.push_back(as_operation(event));
    switch (kv::sim::check_register(std::move(operations), kBudget)) {
      case kv::sim::Verdict::kLinearizable:
        return "";
      case kv::sim::Verdict::kInconclusive:
        return "inconclusive within " + std::to_string(kBudget) +
               " steps: " + describe(key_, before_, window);
      case kv::sim::Verdict::kViolation:
        break;
    }
    return describe(key_, before_, window);
  }

  // Those whose value is first read in this window.
  void add_unknown(Window& window) {
    if (unknown_.empty()) return;
    std::set<std::uint64_t> read;
    for (const Event& event : window) {
      if (!event.put) read.insert(event.stamp);
    }
    std::erase_if(unknown_, [&](const Event& event) {
      if (!read.contains(event.stamp)) return false;
      window.push_back(event);
      return true;
    });
  }

  std::uint64_t key_;
  Window events_;
  Window unknown_;
  Window window_;
  std::uint64_t before_ = 0;
};

}  // namespace

CheckResult check_linearizable(std::vector<Event> events, std::uint64_t one_in) {
  CheckResult result;
  result.events = events.size();
  result.one_in = one_in;
  std::sort(events.begin(), events.end(),
            [](const Event& a, const Event& b) { return a.key < b.key; });
  for (std::size_t i = 0; i < events.size();) {
    std::size_t end = i;
    while (end < events.size() && events[end].key == events[i].key) ++end;
    ++result.keys;
    const auto from = events.begin() + static_cast<std::ptrdiff_t>(i);
    const auto to = events.begin() + static_cast<std::ptrdiff_t>(end);
    result.why = KeyCheck(events[i].key, Window(from, to)).run();
    if (!result.why.empty()) return result;
    i = end;
  }
  result.linearizable = true;
  return result;
}

}  // namespace cairn::tools::bench
