"""Throughput and latency beside etcd and Redis. Each measurement, here and in the files beside this
one, takes a Bench and yields rows that grow round by round."""
import loads
from bench import GATEWAY, loaded_pair
from result import Row
from servers import Cairn, Redis

# connections, the ratio of the rates aimed at, and that of the p99
PUT_AIMS = ((1, None, None), (16, None, None), (64, 6, 0.25), (256, 7, 0.25))


def puts(bench):
    cairn, etcd = loaded_pair(bench)
    try:
        for connections, rate, tail in PUT_AIMS:
            what = f"puts, {connections} connection{'s' if connections > 1 else ''}"
            p50 = 0.4 if connections == 1 else None
            rows = [Row("puts", what, "1/s", GATEWAY, rate),
                    Row("puts", what + ", p50", "us", GATEWAY, p50, True),
                    Row("puts", what + ", p99", "us", GATEWAY, tail, True)]
            native = None
            if connections >= 64:
                native = Row("puts", f"puts, native, {connections} clients", "1/s", GATEWAY, 7)
                door = Row("puts", f"puts, native, {connections} clients", "1/s", "Cairn's HTTP", 1)
            for _ in bench.each_round(what):
                ours = bench.http(cairn, cairn.leader(), "put", connections)
                if native:
                    bench.wait_quiet()
                    framed = loads.kvbench(f"cairn://127.0.0.1:{cairn.native[cairn.leader()]}",
                                           "--workload", "put", "--clients", connections,
                                           "--no-load", "--seed", bench.seed,
                                           "--duration", f"{bench.seconds}s")
                theirs = bench.http(etcd, etcd.leader(), "put", connections)
                for row, figure in zip(rows, ("ops_per_second", "p50_us", "p99_us")):
                    row.add(ours[figure], theirs[figure])
                if native:
                    native.add(framed["ops_per_second"], theirs["ops_per_second"])
                    door.add(framed["ops_per_second"], ours["ops_per_second"])
            yield from rows
            if native:
                yield from (native, door)
    finally:
        cairn.stop()
        etcd.stop()


def gets(bench):
    cairn, etcd = loaded_pair(bench)
    try:
        # etcd reads twice as fast after a restart (its read buffers are small then): its best.
        etcd.stop()
        etcd.start(fresh=False)
        leader = Row("gets", "linearizable gets at the leader, 64 connections", "1/s", GATEWAY, 8)
        edge = Row("gets", "linearizable gets at the leader, 64 connections", "1/s",
                   "a constant answer of the same server", 0.5)
        follower = Row("gets", "linearizable gets at a follower", "1/s", "gets at the leader", 0.4)
        eventual = Row("gets", "eventual gets", "1/s", "a constant answer of the same server", 0.6)
        eventual_etcd = Row("gets", "eventual gets", "1/s", "etcd's linearizable gets")
        for _ in bench.each_round("gets, 64 connections"):
            first = cairn.leader()
            other = first % cairn.nodes + 1
            ours = bench.http(cairn, first, "get", 64)["ops_per_second"]
            theirs = bench.http(etcd, etcd.leader(), "get", 64)["ops_per_second"]
            bench.wait_quiet()
            constant = loads.constant(cairn.http[first], 64, bench.seconds)["ops_per_second"]
            away = bench.http(cairn, other, "get", 64)["ops_per_second"]
            at_once = bench.http(cairn, first, "get", 64,
                                 suffix="?consistency=eventual")["ops_per_second"]
            leader.add(ours, theirs)
            edge.add(ours, constant)
            follower.add(away, ours)
            eventual.add(at_once, constant)
            eventual_etcd.add(at_once, theirs)
        yield from (leader, edge, follower, eventual, eventual_etcd)
    finally:
        cairn.stop()
        etcd.stop()


def mixes(bench):
    cairn, etcd = loaded_pair(bench)
    try:
        for workload in ("mixed", "ycsb-a", "ycsb-b", "ycsb-c"):
            row = Row("mixes", f"{workload}, 64 clients", "1/s", GATEWAY)
            for _ in bench.each_round(workload):
                sides = []
                for cluster, target in ((cairn, "cairn"), (etcd, "etcd")):
                    bench.wait_quiet()
                    sides.append(loads.kvbench(
                        f"http://127.0.0.1:{cluster.http[cluster.leader()]}", "--target", target,
                        "--workload", workload, "--clients", 64, "--seed", bench.seed,
                        "--keys", 20_000, "--duration", f"{bench.seconds}s")["ops_per_second"])
                row.add(*sides)
            yield row
    finally:
        cairn.stop()
        etcd.stop()


def one_node(bench):
    cairn, redis = Cairn(bench.base, 1), Redis(bench.base, 1)
    try:
        cairn.start()
        redis.start()
        for pipeline, target in ((1, 1.0), (16, 0.7)):
            row = Row("one node", f"durable puts, native, 64 clients, pipeline {pipeline}", "1/s",
                      f"Redis, appendfsync always, pipeline {pipeline}", target)
            for _ in bench.each_round(row.work):
                bench.wait_quiet()
                ours = loads.kvbench(f"cairn://127.0.0.1:{cairn.native[1]}", "--workload", "put",
                                     "--clients", 64, "--pipeline", pipeline, "--no-load",
                                     "--duration", f"{bench.seconds}s", "--seed", bench.seed)
                bench.wait_quiet()
                theirs = loads.redis(redis.http[1], "set", 64, pipeline,
                                     60_000 * pipeline * bench.seconds // 2)
                row.add(ours["ops_per_second"], theirs["ops_per_second"])
            yield row
    finally:
        cairn.stop()
        redis.stop()
