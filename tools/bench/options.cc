#include "tools/bench/options.h"

#include <sstream>

#include "tools/bench/text.h"
#include "tools/bench/values.h"

namespace cairn::tools::bench {
namespace {

using Wrong = std::optional<std::string>;

std::string bad_choice(const Settings& settings, const char* name, const std::string& choices) {
  return settings.where(name) + ": \"" + settings.text(name) + "\" is not " + choices;
}

constexpr std::string_view kNative = "cairn://";

Wrong read_native(const Settings& settings, Options& options) {
  for (const std::string& part : settings.list("endpoints")) {
    if (!part.starts_with(kNative) || part.size() == kNative.size())
      return settings.where("endpoints") + ": \"" + part +
             "\" is no endpoint, such as cairn://127.0.0.1:7001";
    options.native.push_back(part.substr(kNative.size()));
  }
  return std::nullopt;
}

Wrong read_target(const Settings& settings, Options& options) {
  const std::string& endpoints = settings.text("endpoints");
  constexpr std::string_view kEmbedded = "embedded:";
  if (settings.given("cluster")) {
    if (settings.given("endpoints")) return "--cluster and --endpoints contradict each other";
    options.nodes = settings.number("cluster");
  } else if (endpoints.starts_with(kEmbedded)) {
    options.embedded = endpoints.substr(kEmbedded.size());
    if (options.embedded.empty()) return "embedded: needs a directory, as in embedded:bench-data";
  } else if (endpoints.starts_with(kNative)) {
    if (auto wrong = read_native(settings, options)) return wrong;
  } else if (auto error = parse_endpoints(endpoints, options.endpoints)) {
    return settings.where("endpoints") + ": " + *error;
  }
  if (auto error = settings.given("watch") ? parse_endpoints(settings.text("watch"), options.watch)
                                           : std::nullopt) {
    return settings.where("watch") + ": " + *error;
  }
  options.sessions = settings.on("sessions");
  if (options.sessions && options.native.empty()) return "--sessions needs cairn:// endpoints";
  const std::string& target = settings.text("target");
  if (target != "cairn" && target != "etcd") return bad_choice(settings, "target", "cairn or etcd");
  options.etcd = target == "etcd";
  if (options.etcd && options.endpoints.empty()) return "--target etcd needs HTTP endpoints";
  if (settings.given("node-flags") && options.nodes == 0) return "--node-flags needs --cluster";
  std::istringstream flags(settings.text("node-flags"));
  for (std::string word; flags >> word;) options.node_flags.push_back(word);
  return std::nullopt;
}

Wrong read_mix(const Settings& settings, Work& work) {
  work.mix = find_mix(settings.text("workload"));
  if (work.mix == nullptr) {
    std::string names;
    for (const Mix& mix : mixes()) (names += names.empty() ? "" : ", ") += mix.name;
    return bad_choice(settings, "workload", "one of " + names);
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
  return std::nullopt;
}

Wrong read_work(const Settings& settings, Options& options) {
  Work& work = options.work;
  if (auto error = read_mix(settings, work)) return error;
  work.keys = settings.number("keys");
  work.key_size = settings.number("key-size");
  work.value_size = settings.number("value-size");
  work.scan_length = settings.number("scan-length");
  work.seed = settings.number("seed");
  // Inserted keys have larger numbers than those that are loaded.
  constexpr std::size_t kInsertSize = 12;
  std::size_t least = key_size_min(work.keys);
  if (work.mix->share(Kind::kInsert) > 0) least = std::max(least, kInsertSize);
  if (work.key_size < least) {
    return settings.where("key-size") + ": " + std::to_string(work.keys) + " keys of " +
           std::string(work.mix->name) + " need at least " + std::to_string(least) + " bytes";
  }
  options.load = !settings.on("no-load");
  work.absent_is_error = options.load;
  return std::nullopt;
}

Wrong read_rates(const Settings& settings, Options& options) {
  if (settings.given("rate")) {
    const auto rate = parse_decimal(settings.text("rate"));
    if (!rate || *rate <= 0 || *rate > 1e8) {
      return bad_choice(settings, "rate", "a number of operations a second");
    }
    options.phase.rate = *rate;
  }
  if (settings.given("ramp")) {
    for (const char* other : {"rate", "duration", "ops", "runs"}) {
      if (settings.given(other))
        return "--ramp and --" + std::string(other) + " contradict each other";
    }
    Ramp ramp;
    if (auto error = parse_ramp(settings.text("ramp"), ramp)) {
      return settings.where("ramp") + ": " + *error;
    }
    options.ramp = ramp;
  }
  return std::nullopt;
}

Wrong read_load(const Settings& settings, Options& options) {
  if (settings.given("ops") && settings.given("duration")) {
    return "--ops and --duration contradict each other";
  }
  if (settings.given("ops")) {
    options.phase.operations = settings.number("ops");
  } else {
    options.phase.duration = settings.duration("duration");
    if (options.phase.duration <= Clock::duration::zero()) return "--duration must not be 0";
  }
  options.concurrency.clients = settings.number("clients");
  options.concurrency.pipeline = settings.number("pipeline");
  options.concurrency.threads = settings.number("threads");
  options.warmup = settings.duration("warmup");
  options.timeout = settings.duration("timeout");
  if (options.timeout.count() == 0) return "--timeout must not be 0";
  options.runs = settings.number("runs");
  return read_rates(settings, options);
}

Wrong read_checks(const Settings& settings, Options& options) {
  if (auto error = parse_slo(settings.text("slo"), options.slo)) {
    return settings.where("slo") + ": " + *error;
  }
  const std::string& check = settings.text("check");
  if (!check.empty() && check != "linearizable") {
    return bad_choice(settings, "check", "linearizable");
  }
  options.check = !check.empty() || asks_for(options.slo, Clause::What::kLinearizable);
  options.verify = settings.on("verify") || asks_for(options.slo, Clause::What::kVerified);
  if (options.stamps() && options.work.value_size < kStampSize) {
    return "--check and --verify need values of " + std::to_string(kStampSize) + " bytes or more";
  }
  if (options.check && options.work.consistency == Consistency::kEventual) {
    return "--check linearizable and --consistency eventual contradict each other";
  }
  return std::nullopt;
}

Wrong read_verdict(const Settings& settings, Options& options) {
  if (auto error = read_checks(settings, options)) return error;
  if (auto error = parse_chaos(settings.text("chaos"), options.chaos)) {
    return settings.where("chaos") + ": " + *error;
  }
  if (!options.chaos.empty() && options.nodes == 0) {
    return "--chaos needs --cluster: kvbench harms only nodes that it started";
  }
  if (!options.chaos.empty() && options.nodes < 3) {
    return "--chaos needs --cluster 3 or more: without a majority there is nothing to measure";
  }
  if (!options.chaos.empty() && options.ramp) return "--chaos and --ramp contradict each other";
  const auto until = options.phase.duration;
  for (const ChaosStep& step : options.chaos) {
    if (step.at >= until) return settings.where("chaos") + ": " + step.text + " is after the end";
  }
  options.data_dir = settings.text("data-dir");
  options.report = settings.text("report");
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

}  // namespace

Wrong read_bench_options(const Settings& settings, Options& options) {
  if (auto error = read_target(settings, options)) return error;
  if (auto error = read_work(settings, options)) return error;
  if (auto error = read_load(settings, options)) return error;
  return read_verdict(settings, options);
}

}  // namespace cairn::tools::bench
