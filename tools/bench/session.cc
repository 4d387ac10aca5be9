#include "tools/bench/session.h"

#include <sys/random.h>

#include <algorithm>

#include "tools/bench/call_driver.h"
#include "tools/bench/http_driver.h"
#include "tools/bench/native_target.h"
#include "tools/bench/progress.h"
#include "tools/bench/store_target.h"
#include "tools/bench/text.h"

namespace cairn::tools::bench {
namespace {

constexpr std::chrono::milliseconds kStall{1000};

std::uint64_t nonce() {
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) {
    value = static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
  }
  return value;
}

const char* name_of(Distribution distribution) {
  switch (distribution) {
    case Distribution::kUniform:
      return "uniform";
    case Distribution::kZipfian:
      return "zipfian";
    case Distribution::kLatest:
      break;
  }
  return "latest";
}

const char* name_of(Consistency consistency) {
  switch (consistency) {
    case Consistency::kLinearizable:
      return "linearizable";
    case Consistency::kLease:
      return "lease";
    case Consistency::kEventual:
      break;
  }
  return "eventual";
}

bool on_loopback(const std::vector<Endpoint>& endpoints) {
  return std::all_of(endpoints.begin(), endpoints.end(), [](const Endpoint& e) {
    return e.host == "localhost" || e.host == "::1" || e.host.starts_with("127.");
  });
}

}  // namespace

Session::Session(Options options) : options_(std::move(options)) {
  if (options_.nodes > 0) {
    const bool cuts = std::any_of(options_.chaos.begin(), options_.chaos.end(),
                                  [](const auto& s) { return s.what == ChaosStep::What::kCut; });
    cluster_ = std::make_unique<Cluster>(Cluster::Plan{options_.nodes, options_.node_flags, cuts});
  }
}

Session::~Session() {
  // Whoever talks to the nodes ends before they do.
  watcher_.reset();
  driver_.reset();
}

std::optional<Trouble> Session::open() {
  if (cluster_) {
    note("starting " + std::to_string(options_.nodes) + " nodes");
    if (auto error = cluster_->start(); !error.empty()) return Trouble{kUnreachable, error};
    options_.endpoints = cluster_->endpoints();
    options_.data_dir = cluster_->directory();
  }
  if (!options_.embedded.empty()) options_.data_dir = options_.embedded;
  if (options_.stamps()) {
    audit_ = std::make_unique<Audit>(options_.check, options_.verify, nonce());
  }
  driver_ = make_driver();
  if (auto error = driver_->open(); !error.empty()) return Trouble{kUnreachable, error};
  report_.environment = look_around(options_.data_dir);
  if (!options_.watched().empty() && !options_.etcd) {
    watcher_ = std::make_unique<Watcher>(options_.watched(), marks_);
  }
  describe();
  return std::nullopt;
}

std::unique_ptr<Driver> Session::make_driver() {
  if (!options_.native.empty()) {
    kv::ClientOptions client;
    client.timeout = options_.timeout;
    client.sessions = options_.sessions;
    client.calls_max = 10'000'000;  // kvbench bounds them itself
    const std::size_t threads =
        std::min(options_.concurrency.threads, options_.concurrency.clients);
    return std::make_unique<CallDriver>(
        options_.work,
        std::make_unique<NativeTarget>(options_.work, options_.native, threads, client),
        options_.concurrency, audit_.get());
  }
  if (!over_http()) {
    return std::make_unique<CallDriver>(
        options_.work, std::make_unique<StoreTarget>(options_.work, options_.embedded),
        options_.concurrency, audit_.get());
  }
  auto protocol = options_.etcd ? etcd_protocol(options_.work, options_.stamps())
                                : cairn_protocol(options_.work, options_.stamps());
  return std::make_unique<HttpDriver>(options_.work, std::move(protocol), options_.endpoints,
                                      options_.concurrency, options_.timeout, audit_.get());
}

void Session::describe() {
  const Work& work = options_.work;
  report_.workload = work.mix->name;
  report_.clients = options_.concurrency.clients;
  report_.open_loop = options_.phase.rate > 0 || options_.ramp;
  report_.pipeline = options_.concurrency.pipeline;
  report_.threads = options_.concurrency.threads;
  report_.target = options_.etcd              ? "etcd"
                   : cluster_                 ? "a cluster of " + std::to_string(options_.nodes)
                   : over_http()              ? "HTTP"
                   : !options_.native.empty() ? "native"
                                              : "an embedded store";
  report_.consistency = name_of(work.consistency);
  report_.distribution = name_of(work.distribution);
  report_.keys = work.keys;
  report_.key_size = work.key_size;
  report_.value_size = work.value_size;
  report_.seed = work.seed;
  for (const ChaosStep& step : options_.chaos) {
    report_.chaos += (report_.chaos.empty() ? "" : ",") + step.text;
  }
}

std::optional<Trouble> Session::load() {
  if (!options_.load) return std::nullopt;
  Phase phase;
  phase.what = Phase::What::kLoad;
  const RunResult result = driver_->run(phase, progress_of("load"));
  if (!result.lost.empty()) return Trouble{kUnreachable, result.lost};
  if (result.tally.errors == 0) return std::nullopt;
  std::string text = "loading failed:";
  for (const auto& [code, count] : result.tally.errors_by_code) {
    text += " " + std::to_string(count) + " " + code;
  }
  return Trouble{kFailed, text};
}

std::optional<Trouble> Session::warm_up() {
  if (options_.warmup.count() == 0) return std::nullopt;
  Phase phase = options_.phase;
  phase.operations = UINT64_MAX;
  phase.duration = options_.warmup;
  if (options_.ramp) phase.rate = options_.ramp->from;
  const RunResult result = driver_->run(phase, progress_of("warmup"));
  next_insert_ = std::max(next_insert_, result.tally.next_insert);
  if (!result.lost.empty()) return Trouble{kUnreachable, result.lost};
  return std::nullopt;
}

std::optional<Trouble> Session::run_once(const Phase& phase, const std::string& label, bool chaos,
                                         RunReport& run) {
  Phase with_inserts = phase;
  with_inserts.first_insert = next_insert_;
  const auto begin = Clock::now();
  const double cpu = own_cpu_seconds();
  RunResult result;
  {
    std::optional<Chaos> trouble;
    if (chaos) trouble.emplace(*cluster_, options_.chaos, marks_);
    result = driver_->run(with_inserts, progress_of(label));
  }
  const auto end = Clock::now();
  if (!result.lost.empty()) return Trouble{kUnreachable, result.lost};
  run.offered = phase.rate;
  run.tally = std::move(result.tally);
  next_insert_ = std::max(next_insert_, run.tally.next_insert);
  run.marks = marks_.between(begin, end);
  mark_stalls(run);
  ClientUse use;
  const double span = std::chrono::duration<double>(end - begin).count();
  use.cpu = (own_cpu_seconds() - cpu) / std::max(span, 1e-9);
  use.share = use.cpu / static_cast<double>(options_.concurrency.threads);
  use.in_process = !options_.embedded.empty();
  use.cores = report_.environment.cores;
  use.same_machine = !options_.watched().empty() && on_loopback(options_.watched());
  run.client_share = use.share;
  const auto spans = watcher_ ? watcher_->spans(begin, end) : std::vector<Watcher::Span>();
  run.bottleneck = find_bottleneck(spans, run.tally, phase.rate > 0, use);
  if (!use.in_process && use.share >= kClientLimit) {
    note("warning: the load generator used " + fixed(100 * use.share, 0) +
         " % of its thread's time on a processor: it may be the limit; see --threads");
  }
  return std::nullopt;
}

void Session::mark_stalls(RunReport& run) const {
  const auto gap = run.tally.longest_write_gap();
  const Mix& mix = *options_.work.mix;
  const bool writes =
      mix.share(Kind::kPut) + mix.share(Kind::kInsert) + mix.share(Kind::kModify) > 0;
  if (!writes || gap.length < kStall) return;
  run.marks.push_back({run.tally.first + gap.from, "stall",
                       "no write for " + std::to_string(gap.length.count()) + " ms"});
  std::stable_sort(run.marks.begin(), run.marks.end(),
                   [](const Mark& a, const Mark& b) { return a.at < b.at; });
}

std::optional<Trouble> Session::measure() {
  if (auto trouble = warm_up()) return trouble;
  return options_.ramp ? climb() : measure_runs();
}

std::optional<Trouble> Session::measure_runs() {
  for (std::uint64_t i = 1; i <= options_.runs; ++i) {
    Phase phase = options_.phase;
    phase.round = i;
    const std::string label = options_.runs == 1 ? "run" : "run " + std::to_string(i);
    RunReport run;
    if (auto trouble = run_once(phase, label, !options_.chaos.empty(), run)) return trouble;
    if (options_.runs > 1) note(label + ": " + fixed(run.tally.per_second(), 0) + " ops a second");
    report_.runs.push_back(std::move(run));
  }
  std::vector<std::size_t> order(report_.runs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return report_.runs[a].tally.per_second() < report_.runs[b].tally.per_second();
  });
  report_.median = order[(order.size() - 1) / 2];
  return std::nullopt;
}

std::optional<Trouble> Session::climb() {
  const Ramp& ramp = *options_.ramp;
  std::vector<Clause> clauses = options_.slo;
  if (clauses.empty() && parse_slo("p99<10ms,errors=0", clauses)) clauses.clear();
  // Those two are looked at once, when all is over.
  std::erase_if(clauses, [](const Clause& clause) {
    return clause.what == Clause::What::kLinearizable || clause.what == Clause::What::kVerified;
  });
  for (std::size_t i = 0; i < ramp.steps(); ++i) {
    Phase phase = options_.phase;
    phase.duration = ramp.hold;
    phase.rate = ramp.rate(i);
    phase.round = i + 1;
    RampStep step;
    const std::string label = "at " + fixed(phase.rate, 0) + " a second";
    if (auto trouble = run_once(phase, label, false, step.run)) return trouble;
    const Tally& tally = step.run.tally;
    step.reached = tally.per_second() >= 0.95 * phase.rate;
    for (const Clause& clause : clauses) {
      step.clauses.push_back(bench::judge(clause, tally, {}));
    }
    const bool met = step.met();
    note(label + ": p99 " + format_latency(static_cast<double>(tally.latency.quantile(0.99))) +
         (met ? "" : ", too much"));
    if (met) report_.knee = i;
    report_.ramp.push_back(std::move(step));
    if (!met) break;
  }
  return std::nullopt;
}

}  // namespace cairn::tools::bench
