"""tools/bench-peers: measures, and tells it as a table, as JSON and as a picture."""
import argparse
import json
import os
import shutil
import sys
import time

import page
from against_peers import gets, mixes, one_node, puts
from background import catch_up, compaction
from bench import Bench
from embedded import embedded
from failover import failover
from growth import growth, many_keys, scans
from machine import environment
from size import size_and_start

QUICK = {"puts": puts, "gets": gets, "one-node": one_node, "failover": failover}
FULL = {**QUICK, "mixes": mixes, "embedded": embedded, "size-and-start": size_and_start,
        "growth": growth, "scans": scans, "catch-up": catch_up, "compaction": compaction,
        "many-keys": many_keys}


def options():
    parser = argparse.ArgumentParser(
        prog="tools/bench-peers",
        description="Cairn beside etcd and Redis on this machine, in turn.",
        epilog="example: tools/bench-peers --only puts,gets --rounds 5 --seconds 4")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true",
                      help="the main rows, under 15 minutes (default)")
    size.add_argument("--full", action="store_true",
                      help="all rows: mixes, sizes, starts, growth, background work: two hours")
    parser.add_argument("--only", metavar="NAMES", help="these sections alone, comma-separated")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each row (default 5)")
    parser.add_argument("--seconds", type=int, help="length of a run (default 3; --full 8)")
    parser.add_argument("--out", default="build/bench-peers", help="where results go")
    parser.add_argument("--list", action="store_true", help="print the sections' names and end")
    return parser.parse_args()


def main():
    asked = options()
    sections = FULL if asked.full or asked.only else QUICK
    if asked.list:
        print("\n".join(FULL))
        return 0
    if asked.only:
        names = asked.only.split(",")
        unknown = [name for name in names if name not in FULL]
        if unknown:
            print(f"error: no section is named {unknown[0]}; see --list", file=sys.stderr)
            return 2
        sections = {name: FULL[name] for name in names}
    began = time.monotonic()

    def say(what):
        print(f"[{time.monotonic() - began:6.0f} s] {what}", file=sys.stderr, flush=True)

    os.makedirs(asked.out, exist_ok=True)
    data = os.path.join(asked.out, "data")
    seconds = asked.seconds or (8 if asked.full else 3)
    bench = Bench(data, asked.rounds, seconds, say)
    os.makedirs(data, exist_ok=True)
    about, rows = environment(data), []
    try:
        for name, measure in sections.items():
            for row in measure(bench):
                rows.append(row)
                say(f"{row.work} against {row.peer}: {row.ratio:.2f}×  {page.verdict(row)}")
                write(asked.out, rows, about, bench)  # what is known so far
    finally:
        shutil.rmtree(data, ignore_errors=True)
    print(page.markdown(rows, about, asked.rounds, seconds, bench.busiest), end="")
    say(f"written: {asked.out}/peers.md, peers.json, peers.svg")
    return 0


def write(out, rows, about, bench):
    files = {"peers.md": page.markdown(rows, about, bench.rounds, bench.seconds, bench.busiest),
             "peers.svg": page.svg(rows, about),
             "peers.json": json.dumps({"environment": about, "rounds": bench.rounds,
                                       "seconds": bench.seconds, "busiest": bench.busiest,
                                       "rows": [row.as_json() for row in rows]}, indent=1)}
    for name, text in files.items():
        with open(os.path.join(out, name), "w") as file:
            file.write(text)


if __name__ == "__main__":
    sys.exit(main())
