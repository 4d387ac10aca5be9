#include "tools/bench/help.h"

#include "tools/bench/work.h"

namespace cairn::tools::bench {
namespace {

constexpr const char* kBegin =
    "usage: kvbench [flags]\n"
    "       kvbench compare [--threshold PERCENT] A.json B.json\n"
    "       kvbench completion bash|zsh\n\n"
    "Puts a Cairn cluster, a store in this process, or etcd's JSON gateway under load, and says\n"
    "what it saw. Closed loop by default: each client begins its next operation when one has\n"
    "ended. Open loop with --rate: an operation is due when the schedule says so, and its "
    "response\n"
    "latency counts from then, its service time from when it was sent.\n\n"
    "  kvbench --endpoints http://127.0.0.1:8001,http://127.0.0.1:8002 --workload mixed\n"
    "  kvbench --cluster 3 --workload ycsb-a --duration 30s --report report.html\n"
    "  kvbench --endpoints embedded:bench-data --workload get --rate 20000\n"
    "  kvbench --ramp 1000:20000:1000/10s --slo 'p99<5ms,errors=0'\n"
    "  kvbench --cluster 3 --workload mixed --keys 1000 --duration 40s \\\n"
    "      --chaos kill-leader@10s,cut@20s:5s,stall@30s:2s --check linearizable --verify \\\n"
    "      --slo 'gap<2s,linearizable,verified'\n"
    "  kvbench --runs 5 --output json > a.json   # and after the change > b.json\n"
    "  kvbench compare a.json b.json\n\n";

constexpr const char* kVerdicts =
    "\nVerdicts:\n"
    "  --check linearizable looks at each key's puts and gets by themselves, and is exact for "
    "them\n"
    "  (Gibbons and Korach 1997). Where there are too many to keep (2 million a thread) it goes "
    "on\n"
    "  with half of the keys, and says so. Scans are not looked at.\n"
    "  --verify reads every written key at the end: it must hold a write after which no other one\n"
    "  was begun and acknowledged.\n"
    "  --chaos harms only nodes that --cluster started. cut silences the leader's connections to\n"
    "  its peers, which then go through a relay in this process for the whole run. Lengths are 2s\n"
    "  (down, stopped) or 3s (cut) unless they are given.\n"
    "  --slo: p50 p90 p99 p99.9 max mean with < or <= and a time; errors=0, errors<N;\n"
    "  error-rate<0.1%; rate>N; gap<500ms (the longest time without an acknowledged write);\n"
    "  linearizable; verified. With --runs each run must meet them. With --ramp they make the "
    "knee.\n"
    "  compare tests whether B differs from A (Mann-Whitney U, two-sided, p < 0.05): over the "
    "rates\n"
    "  and p99s of the runs where both files have 4 or more, else over those of the seconds, the\n"
    "  first and the last left out. A difference counts if its median is also beyond the "
    "threshold\n"
    "  (2 %). Seconds of one run depend on each other: --runs 5 or more is the better evidence.\n"
    "\nWhat is not there yet (transactions, watches, leases, locks) has no workload: usage error.\n"
    "\nProgress is on stderr; JSON is one object alone on stdout.\n"
    "Exit status: 0 done; 1 an operation failed (with --slo instead: a clause did), or --check or\n"
    "--verify found something, or the ramp has no knee; 2 usage; 3 cannot reach.\n"
    "compare: 0 B is not worse, 1 B is slower or its p99 is higher, 2 usage.\n";

}  // namespace

std::string help_text(const Settings& settings) {
  std::string out = kBegin + settings.help() + "\nWorkloads:\n";
  for (const Mix& mix : mixes()) {
    out += "  " + std::string(mix.name) + std::string(8 - mix.name.size(), ' ') +
           std::string(mix.about) +
           (mix.distribution == Distribution::kZipfian  ? "; zipfian"
            : mix.distribution == Distribution::kLatest ? "; latest"
                                                        : "") +
           "\n";
  }
  return out + kVerdicts;
}

}  // namespace cairn::tools::bench
