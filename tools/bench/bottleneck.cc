#include "tools/bench/bottleneck.h"

#include <algorithm>

#include "tools/bench/slo.h"
#include "tools/bench/text.h"

namespace cairn::tools::bench {
namespace {

constexpr double kBusy = 0.8;
constexpr double kMachineBusy = 0.9;
constexpr const char* kThreads[] = {"loop", "log", "apply", "read", "background"};

std::string percent(double share) {
  return fixed(100 * share, 0) + " %";
}

double seconds_of(const Watcher::Span& span) {
  return std::chrono::duration<double>(span.last.at - span.first.at).count();
}

double grown(const Watcher::Span& span, const char* name) {
  return sum_of(span.last.page, name) - sum_of(span.first.page, name);
}

double grown(const Watcher::Span& span, const char* name, const char* thread) {
  const double last = of(span.last.page, name, "thread", thread);
  const double first = of(span.first.page, name, "thread", thread);
  return last < 0 || first < 0 ? -1 : last - first;
}

// A thread is as busy as it works and waits in its tasks; of the loop only its work is known, and
// it waits for nothing else.
void add_stages(const Watcher::Span& span, Bottleneck& found) {
  const double time = seconds_of(span);
  for (const char* thread : kThreads) {
    const double cpu = grown(span, "cairn_thread_cpu_seconds_total", thread);
    const double busy = grown(span, "cairn_thread_busy_seconds_total", thread);
    if (cpu < 0 && busy < 0) continue;
    StageUse use{span.node, thread, std::max(cpu, busy) / time, percent(cpu / time) + " CPU"};
    const double syncs = grown(span, "cairn_wal_syncs_total");
    if (use.stage == "log" && syncs > 0 && busy > 0) {
      use.detail += ", " + fixed(syncs / time, 0) + " syncs a second of " +
                    format_latency(busy / syncs * 1e9) + " each";
      found.sync = std::max(found.sync, busy / syncs * 1e9);
    }
    found.stages.push_back(std::move(use));
  }
}

// Of the node that did most. Its HTTP requests count if they can be those of the run: over the
// native door there are none but the watcher's.
void add_means(const std::vector<Watcher::Span>& spans, const Tally& tally, Bottleneck& found) {
  double requests = static_cast<double>(tally.operations) / 8;
  double rounds = 0;
  for (const Watcher::Span& span : spans) {
    const double more_requests = grown(span, "http_request_duration_seconds_count");
    if (more_requests > requests) {
      requests = more_requests;
      found.request = grown(span, "http_request_duration_seconds_sum") / requests * 1e9;
    }
    const double more_rounds = grown(span, "consensus_round_duration_seconds_count");
    if (more_rounds > rounds) {
      rounds = more_rounds;
      found.round = grown(span, "consensus_round_duration_seconds_sum") / rounds * 1e9;
    }
  }
}

double servers_cpu(const std::vector<Watcher::Span>& spans) {
  double cpu = 0;
  for (const Watcher::Span& span : spans) {
    cpu += grown(span, "process_cpu_seconds_total") / seconds_of(span);
  }
  return cpu;
}

const char* about(const std::string& stage) {
  if (stage == "loop") return "the network and Raft loop";
  if (stage == "log") return "the write-ahead log (write and fdatasync)";
  if (stage == "apply") return "applying to LevelDB";
  if (stage == "read") return "the read thread";
  return "LevelDB's background work";
}

std::string waiting_words(const Bottleneck& found, const Tally& tally) {
  std::string text = "no thread is busy: latency-bound; of " +
                     format_latency(tally.service.mean()) + " on the mean ";
  if (found.request > 0) text += format_latency(found.request) + " are the server's";
  if (found.round > 0) {
    text += (found.request > 0 ? ", " : "") + format_latency(found.round) +
            " a write's consensus round";
  }
  if (found.sync > 0) text += ", " + format_latency(found.sync) + " a sync of the log";
  return text;
}

}  // namespace

Bottleneck find_bottleneck(const std::vector<Watcher::Span>& spans, const Tally& tally,
                           bool open_loop, const ClientUse& client) {
  Bottleneck found;
  for (const Watcher::Span& span : spans) add_stages(span, found);
  add_means(spans, tally, found);
  std::stable_sort(found.stages.begin(), found.stages.end(),
                   [](const StageUse& a, const StageUse& b) { return a.share > b.share; });
  const double machine = servers_cpu(spans) + client.cpu;
  if (!client.in_process && client.share >= kClientLimit) {
    found.verdict = "the load generator: " + percent(client.share) +
                    " of its thread's time on a processor; give it --threads or a machine";
  } else if (!found.stages.empty() && found.stages.front().share >= kBusy) {
    const StageUse& top = found.stages.front();
    found.verdict = std::string(about(top.stage)) + " of " + top.node + ": busy " +
                    percent(top.share) + " of the time (" + top.detail + ")";
  } else if (client.same_machine && machine >= kMachineBusy * client.cores) {
    found.verdict = "the processors of this machine: servers and load generator use " +
                    fixed(machine, 1) + " of " + std::to_string(client.cores);
  } else if (spans.empty()) {
    found.verdict = "not known: the servers tell no stage times";
  } else if (open_loop) {
    found.verdict = "none: the offered rate is below what the servers can do";
  } else {
    found.verdict = waiting_words(found, tally);
  }
  return found;
}

}  // namespace cairn::tools::bench
