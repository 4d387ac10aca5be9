"""What the store does beside its calls, merging tables or sending a snapshot, and how it feels."""
import subprocess
import time

import loads
from machine import wait_quiet
from result import Row
from servers import wait_for


def compaction(bench, keys=1_000_000, rate=8_000):
    """Puts on schedule: first on an empty store, then while as many as there are keys rewrite
    them all, tables are written and merged, and the log is cut."""
    row = Row("compaction", f"p99.9 of {rate:,} puts/s while {keys:,} keys are rewritten", "us",
              "p99 of as many, calm", 5, True)
    schedule = ("--workload", "put", "--no-load", "--rate", rate)
    for _ in bench.each_round(row.work):
        with bench.cairn(3) as cluster:
            calm = bench.kvbench(cluster.endpoints(), *schedule, "--keys", 1000)
        with bench.cairn(3) as cluster:
            bench.load(cluster, keys)
            before = flushes(cluster)
            busy = bench.kvbench(cluster.endpoints(), *schedule, "--keys", keys,
                                 seconds=-(-keys // rate))
            if flushes(cluster) < before + 3 * cluster.nodes:
                raise SystemExit("error: hardly a table was written: this measured no compaction")
        row.add(busy["p999_us"], calm["p99_us"])
    yield row


def flushes(cluster):
    return sum(sum(cluster.metric(node, "cairn_engine_flushes_total").values())
               for node in cluster.processes)


def catch_up(bench, keys=400_000, value_size=1024):
    """A follower that has nothing comes back under load: how fast, and what does the load feel?"""
    speed = Row("catch-up", "a follower's catch-up by snapshot, under puts", "MB/s",
                "aim, MB/s", 1)
    share = Row("catch-up", "puts/s while a follower catches up", "1/s", "puts/s before", 0.7)
    for _ in bench.each_round(speed.work):
        with bench.cairn(3) as cluster:
            leader = cluster.leader()
            behind = leader % cluster.nodes + 1
            cluster.kill(behind)
            bench.load(cluster, keys, "--value-size", value_size, nodes=[leader])
            wait_quiet()
            seconds, before, meanwhile = back_under_load(bench, cluster, leader, behind)
        speed.add(keys * (value_size + 16) / 1e6 / seconds, 50)
        share.add(meanwhile, before)
    yield from (speed, share)


def back_under_load(bench, cluster, leader, behind):
    """Seconds until the node has what was there at its start; the rates before and meanwhile."""
    def applied():
        return sum(cluster.metric(leader, "cairn_applied_entries_total").values())

    load = subprocess.Popen(
        [loads.KVBENCH, "--endpoints", cluster.endpoints([leader]), "--workload", "put",
         "--no-load", "--duration", "600s", "--output", "json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        calm_from, first = time.monotonic(), applied()
        time.sleep(bench.seconds)
        began, second = time.monotonic(), applied()
        goal = cluster.metric(leader, "cairn_applied_index")
        cluster.start_one(behind)

        def caught_up():
            now = cluster.metric(behind, "cairn_applied_index")
            return all(now.get(group, 0) >= index for group, index in goal.items())
        wait_for(caught_up, 120, "the follower has caught up")
        ended, third = time.monotonic(), applied()
    finally:
        load.terminate()
        load.wait()
    if not sum(cluster.metric(behind, "cairn_snapshots_installed_total").values()):
        raise SystemExit("error: the follower caught up without a snapshot")
    return ended - began, (second - first) / (began - calm_from), (third - second) / (ended - began)
