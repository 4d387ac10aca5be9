"""The store in a program of its own beside the log under it."""
import json
import os
import subprocess

from result import Row
from servers import BIN


def embedded(bench):
    """Durable puts by threads that wait, and the log's commits of as many records."""
    for threads, word in ((1, "thread"), (8, "threads")):
        row = Row("embedded", f"embedded store, durable puts, {threads} {word}", "1/s",
                  f"the log alone, {threads} a commit", 0.8)
        for _ in bench.each_round(row.work):
            row.add(items_a_second(bench, "store_bench", f"WaitingPuts.*threads:{threads}$"),
                    items_a_second(bench, "wal_bench", f"BM_WalCommit/{threads}/300/"))
        yield row


def items_a_second(bench, program, which):
    bench.wait_quiet()
    os.makedirs(bench.base, exist_ok=True)
    run = subprocess.run([os.path.join(BIN, program), f"--benchmark_filter={which}",
                          f"--benchmark_min_time={bench.seconds}", "--benchmark_format=json"],
                         stdout=subprocess.PIPE, check=True,
                         env={**os.environ, "TMPDIR": os.path.abspath(bench.base)})
    found = json.loads(run.stdout)["benchmarks"]
    if len(found) != 1 or "items_per_second" not in found[0]:
        raise SystemExit(f"error: {program} measured no {which}")
    return found[0]["items_per_second"]
