#include <cmath>

#include "tools/bench/json_writer.h"
#include "tools/bench/report.h"

namespace cairn::tools::bench {
namespace {

double micros(double nanoseconds) {
  return nanoseconds / 1000;
}

template <class H>
void add_histogram(JsonWriter& json, std::string_view name, const H& histogram) {
  json.open(name);
  for (const Quantile& q : told_quantiles()) {
    json.decimal(q.name, micros(static_cast<double>(histogram.quantile(q.share))), 1);
  }
  json.decimal("max", micros(static_cast<double>(histogram.max())), 1);
  json.decimal("mean", micros(histogram.mean()), 1);
  json.close();
}

void add_by_kind(JsonWriter& json, const Tally& tally) {
  json.open("by_operation");
  for (std::size_t i = 0; i < kKinds; ++i) {
    const Histogram& histogram = tally.by_kind[i];
    if (histogram.count() == 0) continue;
    json.open(kind_name(static_cast<Kind>(i))).number("ops", histogram.count());
    add_histogram(json, "latency_us", histogram);
    json.close();
  }
  json.close();
}

void add_series(JsonWriter& json, const Tally& tally) {
  json.number("series_seconds", static_cast<std::uint64_t>(tally.series.width().count()));
  json.open_list("series");
  const auto width = static_cast<std::uint64_t>(tally.series.width().count());
  std::uint64_t second = 0;
  for (const Series::Slot& slot : tally.series.slots()) {
    json.open().number("second", second).number("ops", slot.operations - slot.errors);
    json.number("errors", slot.errors).number("writes", slot.writes);
    json.decimal("p50_us", micros(static_cast<double>(slot.latency.quantile(0.5))), 1);
    json.decimal("p99_us", micros(static_cast<double>(slot.latency.quantile(0.99))), 1);
    json.decimal("max_us", micros(static_cast<double>(slot.latency.max())), 1);
    json.close();
    second += width;
  }
  json.close_list();
}

void add_marks(JsonWriter& json, const RunReport& run) {
  json.open_list("marks");
  for (const Mark& mark : run.marks) {
    json.open();
    json.decimal("second", std::chrono::duration<double>(mark.at - run.tally.first).count(), 3);
    json.text("kind", mark.kind).text("text", mark.text).close();
  }
  json.close_list();
}

void add_gap(JsonWriter& json, const Tally& tally) {
  const auto gap = tally.longest_write_gap();
  json.open("longest_write_gap");
  json.number("ms", static_cast<std::uint64_t>(gap.length.count()));
  json.decimal("second", static_cast<double>(gap.from.count()) / 1e3, 3).close();
}

void add_percentiles(JsonWriter& json, const char* name, const Histogram& histogram) {
  json.open_list(name);
  for (const double percent :
       {0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99, 99.999}) {
    json.open().decimal("percent", percent, 3);
    json.decimal("us", micros(static_cast<double>(histogram.quantile(percent / 100))), 1).close();
  }
  json.close_list();
}

// A bar for each factor of the square root of 2, empty ones at the ends left out.
void add_bars(JsonWriter& json, const Histogram& histogram) {
  json.open_list("histogram_us");
  std::uint64_t below = 0;
  for (double bound = 1000; below < histogram.count(); bound *= std::sqrt(2)) {
    const std::uint64_t up_to = histogram.count_to(static_cast<std::uint64_t>(bound));
    if (up_to > 0) {
      json.open().decimal("to", micros(bound), 2).number("ops", up_to - below).close();
    }
    below = up_to;
  }
  json.close_list();
}

void add_bottleneck(JsonWriter& json, const RunReport& run) {
  const Bottleneck& b = run.bottleneck;
  json.decimal("client_cpu_percent", 100 * run.client_share, 1);
  json.text("bottleneck", b.verdict);
  json.open_list("stages");
  for (const StageUse& use : b.stages) {
    json.open().text("node", use.node).text("stage", use.stage);
    json.decimal("busy_percent", 100 * use.share, 1).text("detail", use.detail).close();
  }
  json.close_list();
  json.open("server_us").decimal("request", micros(b.request), 1);
  json.decimal("consensus_round", micros(b.round), 1).decimal("log_sync", micros(b.sync), 1);
  json.close();
}

void add_run(JsonWriter& json, const RunReport& run) {
  json.open();
  if (run.offered > 0) json.decimal("offered", run.offered, 1);
  json.decimal("ops_per_second", run.tally.per_second(), 1).number("errors", run.tally.errors);
  add_histogram(json, "latency_us", run.tally.latency);
  json.close();
}

void add_runs(JsonWriter& json, const Report& report) {
  json.open_list("runs");
  for (const RunReport& run : report.runs) add_run(json, run);
  json.close_list();
  if (report.ramp.empty()) return;
  json.open_list("ramp");
  for (const RampStep& step : report.ramp) {
    json.open().decimal("offered", step.run.offered, 1);
    json.decimal("ops_per_second", step.run.tally.per_second(), 1);
    json.truth("reached", step.reached).truth("met", step.met());
    add_histogram(json, "latency_us", step.run.tally.latency);
    json.close();
  }
  json.close_list();
  if (report.knee) {
    json.decimal("knee", report.ramp[*report.knee].run.offered, 1);
  } else {
    json.null("knee");
  }
}

void add_verdicts(JsonWriter& json, const Report& report) {
  if (report.check) {
    json.open("check").truth("linearizable", report.check->linearizable);
    json.number("operations", report.check->events).number("keys", report.check->keys);
    json.number("one_key_in", report.check->one_in).text("why", report.check->why).close();
  }
  if (report.verify) {
    json.open("verify").number("keys", report.verify->keys).number("lost", report.verify->lost);
    json.number("unreadable", report.verify->unreadable);
    json.number("one_key_in", report.verify->one_in).close();
  }
  if (report.slo.empty()) return;
  json.open_list("slo");
  for (const ClauseVerdict& verdict : report.slo) {
    json.open().text("clause", verdict.text).text("found", verdict.found);
    json.truth("met", verdict.met).close();
  }
  json.close_list();
}

void add_setting(JsonWriter& json, const Report& report) {
  json.open("settings").text("target", report.target).number("pipeline", report.pipeline);
  json.number("threads", report.threads).number("keys", report.keys);
  json.number("key_size", report.key_size).number("value_size", report.value_size);
  json.text("distribution", report.distribution).text("consistency", report.consistency);
  json.truth("open_loop", report.open_loop).number("seed", report.seed);
  json.text("chaos", report.chaos).close();
  const Environment& e = report.environment;
  json.open("environment").text("cpu", e.cpu).number("cores", e.cores).text("kernel", e.kernel);
  json.text("filesystem", e.filesystem).text("compiler", e.compiler).text("build", e.build);
  json.text("version", e.version).text("fdatasync_of", e.disk_of);
  json.decimal("fdatasync_p50_us", micros(static_cast<double>(e.sync.quantile(0.5))), 1);
  json.decimal("fdatasync_p99_us", micros(static_cast<double>(e.sync.quantile(0.99))), 1).close();
}

}  // namespace

std::string report_json(const Report& report) {
  const RunReport& run = report.shown();
  const Tally& tally = run.tally;
  JsonWriter json;
  json.open().text("workload", report.workload).number("clients", report.clients);
  json.decimal("seconds", tally.seconds(), 3).number("ops", tally.operations);
  json.number("errors", tally.errors).open("errors_by_code");
  for (const auto& [code, count] : tally.errors_by_code) json.number(code, count);
  json.close().decimal("ops_per_second", tally.per_second(), 1);
  add_histogram(json, "latency_us", tally.latency);
  if (report.open_loop) add_histogram(json, "service_us", tally.service);
  if (tally.errors > 0) add_histogram(json, "failed_us", tally.failing);
  if (run.offered > 0) json.decimal("offered_per_second", run.offered, 1);
  add_by_kind(json, tally);
  if (tally.items > 0) json.number("items_scanned", tally.items);
  add_gap(json, tally);
  add_bottleneck(json, run);
  add_verdicts(json, report);
  add_runs(json, report);
  add_marks(json, run);
  add_percentiles(json, "percentiles_us", tally.latency);
  if (report.open_loop) add_percentiles(json, "service_percentiles_us", tally.service);
  add_bars(json, tally.latency);
  add_series(json, tally);
  add_setting(json, report);
  return json.close().str() + "\n";
}

}  // namespace cairn::tools::bench
