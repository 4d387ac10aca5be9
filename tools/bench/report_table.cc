#include <algorithm>

#include "tools/bench/report.h"
#include "tools/bench/text.h"
#include "tools/lib/text_table.h"

namespace cairn::tools::bench {
namespace {

// Response and service times that differ by more show what a closed loop would have hidden.
constexpr double kHidden = 1.1;
constexpr std::size_t kMarksMax = 20;
constexpr std::size_t kBarMax = 40;

std::string micros(double nanoseconds) {
  return fixed(nanoseconds / 1000, 1);
}

// p50, p90, p99, p999, max, mean.
std::vector<std::string> figures(const Histogram& histogram) {
  std::vector<std::string> out;
  for (const Quantile& q : told_quantiles()) {
    out.push_back(micros(static_cast<double>(histogram.quantile(q.share))));
  }
  out.push_back(micros(static_cast<double>(histogram.max())));
  out.push_back(micros(histogram.mean()));
  return out;
}

std::vector<std::string> figure_names() {
  std::vector<std::string> names;
  for (const Quantile& q : told_quantiles()) names.emplace_back(q.name);
  names.emplace_back("max");
  names.emplace_back("mean");
  return names;
}

std::string latency_table(const Report& report, const Tally& tally) {
  std::vector<std::string> titles{"microseconds"};
  for (auto& name : figure_names()) titles.push_back(std::move(name));
  titles.emplace_back("ops");
  TextTable table(std::move(titles));
  const auto add = [&table](const std::string& title, const Histogram& histogram) {
    std::vector<std::string> row{title};
    for (auto& figure : figures(histogram)) row.push_back(std::move(figure));
    row.push_back(std::to_string(histogram.count()));
    table.add(std::move(row));
  };
  add(report.open_loop ? "response latency" : "latency", tally.latency);
  if (report.open_loop) add("service time", tally.service);
  std::size_t kinds = 0;
  for (const Histogram& h : tally.by_kind) kinds += h.count() > 0 ? 1 : 0;
  for (std::size_t i = 0; i < kKinds && kinds > 1; ++i) {
    if (tally.by_kind[i].count() > 0) add(kind_name(static_cast<Kind>(i)), tally.by_kind[i]);
  }
  if (tally.errors > 0) add("failed", tally.failing);
  return table.text();
}

std::string histogram_text(const Histogram& histogram) {
  if (histogram.count() == 0) return "";
  std::string out;
  std::uint64_t below = 0;
  std::vector<std::pair<std::string, std::uint64_t>> rows;
  // A row for each doubling, in microseconds.
  for (std::uint64_t bound = 1000; below < histogram.count(); bound *= 2) {
    const std::uint64_t up_to = histogram.count_to(bound);
    if (up_to > 0) {
      rows.emplace_back("<= " + format_latency(static_cast<double>(bound)), up_to - below);
    }
    below = up_to;
  }
  std::uint64_t most = 1;
  std::size_t width = 0;
  for (const auto& [title, count] : rows) {
    most = std::max(most, count);
    width = std::max(width, title.size());
  }
  for (const auto& [title, count] : rows) {
    const std::size_t bar = (count * kBarMax + most - 1) / most;
    out += "  " + std::string(width - title.size(), ' ') + title + "  " + std::string(bar, '#') +
           std::string(kBarMax - bar, ' ') + " " +
           fixed(100 * static_cast<double>(count) / static_cast<double>(histogram.count()), 2) +
           " %\n";
  }
  return out;
}

std::string runs_text(const Report& report) {
  if (report.runs.size() < 2) return "";
  std::vector<double> rates;
  std::vector<double> p99s;
  for (const RunReport& run : report.runs) {
    rates.push_back(run.tally.per_second());
    p99s.push_back(static_cast<double>(run.tally.latency.quantile(0.99)));
  }
  std::sort(rates.begin(), rates.end());
  std::sort(p99s.begin(), p99s.end());
  const std::size_t middle = (rates.size() - 1) / 2;
  return std::to_string(rates.size()) + " runs: " + fixed(rates[middle], 0) + " a second (" +
         fixed(rates.front(), 0) + " to " + fixed(rates.back(), 0) + "), p99 " +
         format_latency(p99s[middle]) + " (" + format_latency(p99s.front()) + " to " +
         format_latency(p99s.back()) + "); shown is the run of median throughput\n";
}

std::string ramp_text(const Report& report) {
  if (report.ramp.empty()) return "";
  TextTable table({"offered", "done", "p50", "p99", "max", "errors", ""});
  for (const RampStep& step : report.ramp) {
    const Tally& tally = step.run.tally;
    std::string verdict = step.met() ? "met" : step.reached ? "" : "rate not reached";
    for (const ClauseVerdict& clause : step.clauses) {
      if (!clause.met) verdict += (verdict.empty() ? "not " : ", not ") + clause.text;
    }
    table.add({fixed(step.run.offered, 0), fixed(tally.per_second(), 0),
               format_latency(static_cast<double>(tally.latency.quantile(0.5))),
               format_latency(static_cast<double>(tally.latency.quantile(0.99))),
               format_latency(static_cast<double>(tally.latency.max())),
               std::to_string(tally.errors), verdict});
  }
  return table.text() +
         (report.knee ? "knee: " + fixed(report.ramp[*report.knee].run.offered, 0) + " a second\n"
                      : "no knee: the first rate was too much already\n");
}

// Flushes are many, and told by the other forms of the report.
std::string marks_text(const RunReport& run) {
  std::string out;
  std::size_t told = 0;
  for (const Mark& mark : run.marks) {
    if (mark.kind == "flush") continue;
    if (++told > kMarksMax) continue;
    out += "  " + fixed(std::chrono::duration<double>(mark.at - run.tally.first).count(), 1) +
           " s  " + printable(mark.text) + "\n";
  }
  if (told > kMarksMax) out += "  ... " + std::to_string(told - kMarksMax) + " more\n";
  return out;
}

std::string watched(std::uint64_t one_in) {
  return one_in == 1 ? "" : " (one key in " + std::to_string(one_in) + ")";
}

std::string verdicts_text(const Report& report) {
  std::string out;
  if (const auto& check = report.check) {
    out += std::string(check->linearizable ? "linearizable" : "NOT linearizable") + ": " +
           std::to_string(check->events) + " operations on " + std::to_string(check->keys) +
           " keys looked at" + watched(check->one_in) + "\n" + check->why;
  }
  if (const auto& verify = report.verify) {
    out += "verified: " + std::to_string(verify->keys) + " written keys" + watched(verify->one_in) +
           ", " + std::to_string(verify->lost) + " lost, " + std::to_string(verify->unreadable) +
           " unreadable\n";
  }
  for (const ClauseVerdict& verdict : report.slo) {
    out += std::string(verdict.met ? "met      " : "NOT met  ") + verdict.text + ": " +
           verdict.found + "\n";
  }
  return out;
}

std::string gap_text(const Tally& tally) {
  const auto gap = tally.longest_write_gap();
  const bool writes = tally.of(Kind::kPut).count() + tally.of(Kind::kInsert).count() +
                          tally.of(Kind::kModify).count() >
                      0;
  if (!writes) return "";
  return "longest time without a write: " + std::to_string(gap.length.count()) + " ms, from " +
         fixed(static_cast<double>(gap.from.count()) / 1e3, 1) + " s on\n";
}

}  // namespace

std::string report_table(const Report& report) {
  const RunReport& run = report.shown();
  const Tally& tally = run.tally;
  std::string out = environment_line(report.environment) + "\n";
  out += report.workload + " (" + report.distribution + ", " + report.consistency + " reads) on " +
         report.target + ", " + std::to_string(report.clients) + " clients, seed " +
         std::to_string(report.seed) + "\n" + ramp_text(report) + runs_text(report);
  out += fixed(tally.seconds(), 1) + " s: " + std::to_string(tally.operations) + " ops, " +
         fixed(tally.per_second(), 0) + " a second, " + std::to_string(tally.errors) + " errors";
  if (run.offered > 0) out += "; offered were " + fixed(run.offered, 0) + " a second";
  out += "\n";
  for (const auto& [code, count] : tally.errors_by_code) {
    out += "  " + std::to_string(count) + " " + printable(code) + "\n";
  }
  out += latency_table(report, tally) + histogram_text(tally.latency);
  if (report.open_loop && tally.service.count() > 0 &&
      static_cast<double>(tally.latency.quantile(0.99)) >
          kHidden * static_cast<double>(tally.service.quantile(0.99))) {
    out += "p99 is " + format_latency(static_cast<double>(tally.latency.quantile(0.99))) +
           " from when requests were due, " +
           format_latency(static_cast<double>(tally.service.quantile(0.99))) +
           " from when they were sent: coordinated omission would have hidden the difference\n";
  }
  out += gap_text(tally) + marks_text(run);
  out += "bottleneck: " + run.bottleneck.verdict + "\n";
  out += verdicts_text(report);
  return out;
}

std::string csv_header() {
  std::string out = "workload,clients,seconds,ops,errors,ops_per_second";
  for (const auto& name : figure_names()) out += ",latency_us_" + name;
  return out + "\n";
}

std::string report_csv(const Report& report) {
  const Tally& tally = report.shown().tally;
  std::string out = report.workload + "," + std::to_string(report.clients) + "," +
                    fixed(tally.seconds(), 3) + "," + std::to_string(tally.operations) + "," +
                    std::to_string(tally.errors) + "," + fixed(tally.per_second(), 1);
  for (const auto& figure : figures(tally.latency)) out += "," + figure;
  return out + "\n";
}

}  // namespace cairn::tools::bench
