"""What many keys cost: resident memory, and the time from start until the node serves."""
import time

import loads
from machine import memory_mib
from result import Row
from servers import Cairn, Etcd, wait_for

CLEAN = ("clean stop", Cairn.stop, "aim: 0.2 s or less")
CRASH = ("kill -9", lambda cluster: cluster.kill(1),
         "aim: 0.2 s and the unflushed log at 100 MB/s")


def size_and_start(bench, keys=1_000_000):
    memory = Row("size", f"memory with {keys:,} keys, one node (anonymous; etcd: resident)", "MiB",
                 "etcd", 0.25, True)
    cairn, etcd = Cairn(bench.base, 1), Etcd(bench.base, 1)
    try:
        seen = []
        for cluster in (cairn, etcd):
            bench.say(f"{cluster.name}: loading {keys:,} keys")
            cluster.start()
            loads.load_keys(cluster.name, cluster.http[1], keys)
            time.sleep(3)
            seen.append(memory_mib(cluster.pids()[0]))
        memory.add(seen[0]["RssAnon"], seen[1]["VmRSS"])
        yield memory
        for word, end, note in (CLEAN, CRASH):
            row = Row("start", f"start after a {word}, {keys:,} keys", "s", "etcd", None, True,
                      note=note)
            for _ in bench.each_round(row.work):
                row.add(*(start_after(end, cluster) for cluster in (cairn, etcd)))
            yield row
    finally:
        cairn.stop()
        etcd.stop()
    yield from start_with_many(bench)


def start_with_many(bench, keys=10_000_000):
    with bench.cairn(1) as few, bench.cairn(1, name="cairn-many") as many:
        bench.load(few, 100_000)
        bench.load(many, keys)
        for word, end, note in (CLEAN, CRASH):
            row = Row("start", f"start after a {word}, {keys:,} keys", "s", "with 100,000 keys",
                      None, True, note=note)
            for _ in bench.each_round(row.work):
                row.add(*(start_after(end, cluster) for cluster in (many, few)))
            yield row


def start_after(end, cluster):
    end(cluster)
    began = time.monotonic()
    cluster.start_one(1)
    wait_for(lambda: cluster.serves(1), 120, f"{cluster.name} serves again")
    return time.monotonic() - began
