"""Cairn against itself: what more partitions, nodes, bytes, keys and idle groups cost."""
import time

from machine import cpu_seconds
from result import Row


def growth(bench):
    def rate(nodes, *flags, value_size=256):
        with bench.cairn(nodes, *flags) as cluster:
            return bench.kvbench(cluster.endpoints(), "--workload", "put", "--no-load",
                                 "--value-size", value_size)["ops_per_second"]

    partitions = Row("growth", "puts with 64 partitions", "1/s", "with 1 partition", 0.9)
    five = Row("growth", "puts with five nodes", "1/s", "with three", 0.6)
    for _ in bench.each_round("growth"):
        one = rate(3)
        partitions.add(rate(3, "--partitions", "64"), one)
        five.add(rate(5), one)
    yield from (partitions, five)
    for size in (16, 1024, 16 * 1024, 256 * 1024, 1024 * 1024):
        row = Row("growth", f"puts of {size:,} bytes, three nodes", "MiB/s", "values of 256 bytes")
        for _ in bench.each_round(row.work):
            row.add(rate(3, value_size=size) * size / 2**20, rate(3) * 256 / 2**20)
        yield row
    yield idle_partitions(bench)


def idle_partitions(bench):
    idle = Row("growth", "100 idle partitions, share of a core and node", "%", "1 partition", None,
               True, note="aim: less than 2 %")
    for _ in bench.each_round(idle.work):
        shares = []
        for flags in (("--partitions", "100"), ()):
            with bench.cairn(3, *flags) as cluster:
                time.sleep(5)
                before = cpu_seconds(cluster.pids())
                time.sleep(10)
                shares.append((cpu_seconds(cluster.pids()) - before) / 10 / 3 * 100)
        idle.add(*shares)
    return idle


def scans(bench):
    """Pages of up to 100 items, out of few keys and of many: the work is what is returned."""
    row = Row("scans", "scans of 1 to 100 items out of 1,000,000 keys, one node", "1/s",
              "out of 10,000 keys", 0.8)
    with bench.cairn(1) as few, bench.cairn(1, name="cairn-many") as many:
        sides = ((many, 1_000_000), (few, 10_000))
        for cluster, keys in sides:
            bench.load(cluster, keys)
        for _ in bench.each_round(row.work):
            row.add(*(bench.kvbench(cluster.endpoints(), "--workload", "scan", "--no-load",
                                    "--clients", 16, "--keys", keys)["ops_per_second"]
                      for cluster, keys in sides))
    yield row


def many_keys(bench, keys=10_000_000):
    row = Row("many keys", f"puts over {keys:,} keys, three nodes", "1/s", "over 100,000 keys", 0.8)
    with bench.cairn(3) as few, bench.cairn(3, name="cairn-many") as many:
        sides = ((many, keys), (few, 100_000))
        for cluster, count in sides:
            bench.load(cluster, count)
        for _ in bench.each_round(row.work):
            row.add(*(bench.kvbench(cluster.endpoints(), "--workload", "put", "--no-load",
                                    "--keys", count)["ops_per_second"]
                      for cluster, count in sides))
    yield row
