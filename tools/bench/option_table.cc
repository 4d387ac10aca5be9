#include "tools/bench/options.h"

namespace cairn::tools::bench {
namespace {

Setting number(const char* name, const char* fallback, const char* help, std::uint64_t max) {
  return {.name = name,
          .kind = Setting::Kind::kNumber,
          .argument = "N",
          .fallback = fallback,
          .help = help,
          .min = 1,
          .max = max,
          .flag_only = true};
}

Setting duration(const char* name, const char* fallback, const char* help) {
  return {.name = name,
          .kind = Setting::Kind::kDuration,
          .argument = "TIME",
          .fallback = fallback,
          .help = help,
          .min = 0,
          .max = 86'400'000,
          .flag_only = true};
}

Setting text(const char* name, const char* argument, const char* fallback, const char* help) {
  return {
      .name = name, .argument = argument, .fallback = fallback, .help = help, .flag_only = true};
}

Setting flag(const char* name, const char* help) {
  return {.name = name, .kind = Setting::Kind::kSwitch, .help = help, .flag_only = true};
}

void add_target(std::vector<Setting>& all) {
  all.push_back({.name = "endpoints",
                 .kind = Setting::Kind::kList,
                 .argument = "URL,...",
                 .fallback = "http://127.0.0.1:8001",
                 .help = "nodes, by HTTP or (cairn://HOST:PORT,...) by their native door, or "
                         "embedded:DIR for a store in this process; also CAIRN_ENDPOINTS"});
  all.push_back(number("cluster", "",
                       "instead: start N nodes (kvd beside this program) for this run, on free "
                       "ports and in a temporary directory",
                       7));
  all.push_back(text("node-flags", "FLAGS", "", "further flags of the nodes of --cluster"));
  all.push_back(flag("sessions",
                     "over the native door: writes whose answer is lost are sent again, and take "
                     "effect once"));
  all.push_back({.name = "watch",
                 .kind = Setting::Kind::kList,
                 .argument = "URL,...",
                 .help =
                     "whose /metrics and /v1/cluster are looked at once a second, where that is "
                     "not --endpoints (over the native door)",
                 .flag_only = true});
  all.push_back(text("target", "KIND", "cairn", "what answers: cairn, or etcd's v3 JSON gateway"));
}

void add_work(std::vector<Setting>& all) {
  all.push_back(text("workload", "NAME", "put", "see below"));
  all.push_back(number("value-size", "256", "bytes of a value", 8u << 20));
  all.push_back(number("key-size", "16", "bytes of a key", 4096));
  all.push_back(number("keys", "100000", "how many keys there are", 1'000'000'000));
  all.push_back(number("scan-length", "100", "a scan asks for 1 to N items", 10'000));
  all.push_back(flag("no-load", "do not put all keys first; then a get may find nothing"));
  all.push_back(
      text("distribution", "NAME", "", "of keys: uniform, zipfian, latest; else the workload's"));
  all.push_back(
      text("consistency", "LEVEL", "linearizable", "of reads: linearizable, lease or eventual"));
  all.push_back({.name = "seed",
                 .kind = Setting::Kind::kNumber,
                 .argument = "S",
                 .fallback = "1",
                 .help = "of keys and values: the same seed gives the same choices",
                 .flag_only = true});
}

void add_load(std::vector<Setting>& all) {
  all.push_back(number("clients", "64", "connections, or callers of an embedded store", 100'000));
  all.push_back(number("pipeline", "1", "operations that a client has under way", 1024));
  all.push_back(number("threads", "1", "threads of the load generator, over HTTP", 64));
  all.push_back(duration("duration", "10s", "how long to measure"));
  all.push_back(number("ops", "", "instead: how many operations to measure", UINT64_MAX - 1));
  all.push_back(
      text("rate", "R", "", "open loop: R operations a second, latency from when each was due"));
  all.push_back(text("ramp", "FROM:TO:STEP/TIME", "",
                     "open loop at rising rates, each for TIME, till --slo is not met (p99<10ms "
                     "without one) or the rate is not reached: the knee"));
  all.push_back(duration("warmup", "2s", "what goes before and is not counted"));
  all.push_back(
      number("runs", "1", "measure so often; shown are the median run and the spread", 1000));
  all.push_back(duration("timeout", "10s", "of an operation"));
}

void add_verdict(std::vector<Setting>& all) {
  all.push_back(text("check", "WHAT", "", "linearizable: check each key's history after the run"));
  all.push_back(
      flag("verify", "read every key at the end: does it hold the last acknowledged write?"));
  all.push_back(text("chaos", "STEPS", "",
                     "WHAT@TIME[:LENGTH],...: kill-leader, kill-follower, cut, stall; with "
                     "--cluster"));
  all.push_back(text("slo", "CLAUSES", "", "the exit status: are these met?"));
  all.push_back(text("data-dir", "DIR", "", "the nodes' directory here: its fdatasync is timed"));
}

}  // namespace

std::vector<Setting> bench_settings() {
  std::vector<Setting> all;
  add_target(all);
  add_work(all);
  add_load(all);
  add_verdict(all);
  all.push_back(text("output", "FORMAT", "table", "table, json or csv"));
  all.push_back(text("report", "FILE", "", "an HTML page of the run, with everything in it"));
  all.push_back(flag("help", "show this"));
  return all;
}

}  // namespace cairn::tools::bench
