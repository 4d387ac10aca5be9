#include "tools/bench/options.h"

#include <cstdlib>

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

std::string bad_choice(const Settings& settings, const char* name, const char* choices) {
  return settings.where(name) + ": \"" + settings.text(name) + "\" is not " + choices;
}

std::optional<std::string> read_target(const Settings& settings, Options& options) {
  const std::string& endpoints = settings.text("endpoints");
  constexpr std::string_view kEmbedded = "embedded:";
  if (settings.given("cluster")) {
    if (settings.given("endpoints")) return "--cluster and --endpoints contradict each other";
    options.members = settings.number("cluster");
  } else if (endpoints.starts_with(kEmbedded)) {
    options.embedded = endpoints.substr(kEmbedded.size());
    if (options.embedded.empty()) return "embedded: needs a directory, as in embedded:bench-data";
  } else if (auto error = parse_endpoints(endpoints, options.endpoints)) {
    return settings.where("endpoints") + ": " + *error;
  }
  const std::string& target = settings.text("target");
  if (target != "cairn" && target != "etcd") return bad_choice(settings, "target", "cairn or etcd");
  options.etcd = target == "etcd";
  if (options.etcd && options.endpoints.empty()) return "--target etcd needs HTTP endpoints";
  return std::nullopt;
}

std::optional<std::string> read_work(const Settings& settings, Options& options) {
  Work& work = options.work;
  work.mix = find_mix(settings.text("workload"));
  if (work.mix == nullptr) {
    std::string names;
    for (const Mix& mix : mixes()) (names += names.empty() ? "" : ", ") += mix.name;
    return bad_choice(settings, "workload", ("one of " + names).c_str());
  }
  work.distribution = work.mix->distribution;
  const std::string& distribution = settings.text("distribution");
  if (distribution == "uniform") {
    work.distribution = Distribution::kUniform;
  } else if (distribution == "zipfian") {
    work.distribution = Distribution::kZipfian;
  } else if (distribution == "latest") {
    work.distribution = Distribution::kLatest;
  } else if (!distribution.empty()) {
    return bad_choice(settings, "distribution", "uniform, zipfian or latest");
  }
  const std::string& consistency = settings.text("consistency");
  if (consistency == "linearizable") {
    work.consistency = Consistency::kLinearizable;
  } else if (consistency == "lease") {
    work.consistency = Consistency::kLease;
  } else if (consistency == "eventual") {
    work.consistency = Consistency::kEventual;
  } else {
    return bad_choice(settings, "consistency", "linearizable, lease or eventual");
  }
  work.keys = settings.number("keys");
  work.key_size = settings.number("key-size");
  work.value_size = settings.number("value-size");
  work.seed = settings.number("seed");
  if (work.key_size < key_size_min(work.keys)) {
    return settings.where("key-size") + ": " + std::to_string(work.keys) + " keys need at least " +
           std::to_string(key_size_min(work.keys)) + " bytes";
  }
  options.load = !settings.on("no-load");
  work.absent_is_error = options.load;
  return std::nullopt;
}

std::optional<std::string> read_phase(const Settings& settings, Options& options) {
  if (settings.given("ops") && settings.given("duration")) {
    return "--ops and --duration contradict each other";
  }
  if (settings.given("ops")) {
    options.phase.operations = settings.number("ops");
  } else {
    options.phase.duration = settings.duration("duration");
    if (options.phase.duration <= Clock::duration::zero()) return "--duration must not be 0";
  }
  if (settings.given("rate")) {
    char* end = nullptr;
    const std::string& rate = settings.text("rate");
    options.phase.rate = std::strtod(rate.c_str(), &end);
    if (end != rate.c_str() + rate.size() || !(options.phase.rate > 0) ||
        options.phase.rate > 1e8) {
      return bad_choice(settings, "rate", "a number of operations a second");
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<Setting> bench_settings() {
  return {
      {.name = "endpoints",
       .kind = Setting::Kind::kList,
       .argument = "URL,...",
       .fallback = "http://127.0.0.1:8001",
       .help = "nodes, or embedded:DIR for a store in this process; also CAIRN_ENDPOINTS"},
      number("cluster", "", "instead: a cluster of N members in this process", 7),
      text("target", "KIND", "cairn", "what answers: cairn, or etcd's v3 JSON gateway"),
      text("workload", "NAME", "put", "put, get, or mixed (half and half)"),
      number("clients", "64", "connections, or callers of an embedded store", 100'000),
      number("pipeline", "1", "operations that a client has under way", 1024),
      number("threads", "1", "threads of the load generator, over HTTP", 64),
      duration("duration", "10s", "how long to measure"),
      number("ops", "", "instead: how many operations to measure", UINT64_MAX - 1),
      text("rate", "R", "", "open loop: R operations a second, latency from when each was due"),
      duration("warmup", "2s", "what goes before and is not counted"),
      number("runs", "1", "measure so often, and show the run of median throughput", 1000),
      number("value-size", "256", "bytes of a value", 8u << 20),
      number("key-size", "16", "bytes of a key", 4096),
      number("keys", "100000", "how many keys there are", 1'000'000'000),
      flag("no-load", "do not put all keys first; then a get may find nothing"),
      text("distribution", "NAME", "",
           "of the keys: uniform, zipfian or latest; else the workload's"),
      text("consistency", "LEVEL", "linearizable", "of reads: linearizable, lease or eventual"),
      duration("timeout", "10s", "of an operation"),
      {.name = "seed",
       .kind = Setting::Kind::kNumber,
       .argument = "S",
       .fallback = "1",
       .help = "of keys and values: the same seed gives the same choices",
       .flag_only = true},
      text("output", "FORMAT", "table", "table, json or csv"),
      flag("help", "show this"),
  };
}

std::optional<std::string> read_bench_options(const Settings& settings, Options& options) {
  if (auto error = read_target(settings, options)) return error;
  if (auto error = read_work(settings, options)) return error;
  if (auto error = read_phase(settings, options)) return error;
  options.concurrency.clients = settings.number("clients");
  options.concurrency.pipeline = settings.number("pipeline");
  options.concurrency.threads = settings.number("threads");
  options.warmup = settings.duration("warmup");
  options.timeout = settings.duration("timeout");
  if (options.timeout.count() == 0) return "--timeout must not be 0";
  options.runs = settings.number("runs");
  const std::string& output = settings.text("output");
  if (output == "table") {
    options.output = Output::kTable;
  } else if (output == "json") {
    options.output = Output::kJson;
  } else if (output == "csv") {
    options.output = Output::kCsv;
  } else {
    return bad_choice(settings, "output", "table, json or csv");
  }
  return std::nullopt;
}

}  // namespace cairn::tools::bench
