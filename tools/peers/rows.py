"""The measurements: each function takes a Bench and yields rows that grow round by round."""
import threading
import time

import loads
from machine import cpu_seconds, memory_mib, wait_quiet
from result import Row
from servers import Cairn, Etcd, Redis, ask, wait_for

GATEWAY = "etcd, JSON gateway"


class Bench:
    def __init__(self, base, rounds, seconds, say):
        self.base, self.rounds, self.seconds, self.say = base, rounds, seconds, say
        self.seed = 0
        self.busiest = 0.0  # the machine's own load before a run, at worst

    def wait_quiet(self):
        self.busiest = max(self.busiest, wait_quiet())

    def each_round(self, what):
        for number in range(1, self.rounds + 1):
            self.say(f"{what}: round {number} of {self.rounds}")
            self.seed += 1
            yield number

    def http(self, cluster, node, work, connections, **more):
        self.wait_quiet()
        return loads.http(cluster.name, cluster.http[node], work, connections, self.seconds,
                          self.seed, **more)


def loaded_pair(bench, keys=100_000, nodes=3):
    """Both clusters, up and loaded. The idle one of the two costs a few per cent of a core, which
    either side pays in its turn."""
    cairn, etcd = Cairn(bench.base, nodes), Etcd(bench.base, nodes)
    for cluster in (cairn, etcd):
        bench.say(f"starting {cluster.name} and loading {keys} keys")
        cluster.start()
        loads.load_keys(cluster.name, cluster.http[cluster.leader()], keys)
    return cairn, etcd


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


def _first_success(cluster, nodes, stop_at):
    """Puts to the given nodes, one every 5 ms and node: when the first that succeeds ended."""
    won = threading.Event()
    ended = []

    def write(node):
        while not won.is_set() and time.monotonic() < stop_at:
            method, path, body = cluster.put_request("failover", "x")
            answer = ask(cluster.http[node], method, path, body, timeout=0.5)
            if answer and answer[0] == 200:
                ended.append(time.monotonic())
                won.set()
            won.wait(0.005)

    writers = [threading.Thread(target=write, args=(node,)) for node in nodes]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if not ended:
        raise SystemExit(f"error: {cluster.name} took no write after its leader was killed")
    return min(ended)


def failover(bench):
    row = Row("failover", "leader killed (-9), until a write succeeds", "s",
              "etcd, default timeouts", None, True, note="aim: median 0.15 s or less")
    cairn, etcd = Cairn(bench.base, 3), Etcd(bench.base, 3)
    try:
        cairn.start()
        etcd.start()
        for _ in bench.each_round("failover"):
            times = []
            for cluster in (cairn, etcd):
                leader = cluster.leader()
                survivors = [node for node in cluster.processes if node != leader]
                killed_at = time.monotonic()
                cluster.kill(leader)
                times.append(_first_success(cluster, survivors, killed_at + 20) - killed_at)
                cluster.start_one(leader)
                wait_for(lambda c=cluster, n=leader: c.serves(n), 60,
                         f"{cluster.name} is whole again")
            row.add(*times)
        yield row
    finally:
        cairn.stop()
        etcd.stop()


def size_and_start(bench, keys=1_000_000):
    """Resident memory with many keys, and the time from start until the node serves."""
    memory = Row("size", f"memory with {keys:,} keys, one node (anonymous; etcd: resident)", "MiB",
                 "etcd", 0.25, True)
    clean = Row("start", f"start after a clean stop, {keys:,} keys", "s", "etcd", None, True,
                note="aim: 0.2 s or less")
    crash = Row("start", f"start after kill -9, {keys:,} keys", "s", "etcd", None, True,
                note="aim: 0.2 s and the unflushed log at 100 MB/s")
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
        for row, end in ((clean, lambda c: c.stop()), (crash, lambda c: c.kill(1))):
            for _ in bench.each_round(row.work):
                times = []
                for cluster in (cairn, etcd):
                    end(cluster)
                    began = time.monotonic()
                    cluster.start_one(1)
                    wait_for(lambda c=cluster: c.serves(1), 120, f"{cluster.name} serves again")
                    times.append(time.monotonic() - began)
                row.add(*times)
            yield row
    finally:
        cairn.stop()
        etcd.stop()


def growth(bench):
    """Cairn against itself: partitions, nodes, value sizes, idle partitions."""
    def rate(nodes, flags=(), value_size=256):
        cluster = Cairn(bench.base, nodes, flags)
        cluster.start()
        try:
            bench.seed += 1
            endpoints = ",".join(f"http://127.0.0.1:{port}" for port in cluster.http[1:])
            bench.wait_quiet()
            return loads.kvbench(endpoints, "--workload", "put", "--clients", 64, "--no-load",
                                 "--value-size", value_size, "--seed", bench.seed,
                                 "--duration", f"{bench.seconds}s")["ops_per_second"]
        finally:
            cluster.stop()

    partitions = Row("growth", "puts with 64 partitions", "1/s", "with 1 partition", 0.9)
    five = Row("growth", "puts with five nodes", "1/s", "with three", 0.6)
    for _ in bench.each_round("growth"):
        one = rate(3)
        partitions.add(rate(3, ["--partitions", "64"]), one)
        five.add(rate(5), one)
    yield from (partitions, five)
    for size in (16, 1024, 16 * 1024, 256 * 1024, 1024 * 1024):
        row = Row("growth", f"puts of {size:,} bytes, three nodes", "MiB/s", "values of 256 bytes")
        for _ in bench.each_round(row.work):
            row.add(rate(3, value_size=size) * size / 2**20, rate(3) * 256 / 2**20)
        yield row
    idle = Row("growth", "100 idle partitions, share of a core and node", "%", "1 partition", None,
               True, note="aim: less than 2 %")
    shares = []
    for flags in (["--partitions", "100"], []):
        cluster = Cairn(bench.base, 3, flags)
        cluster.start()
        time.sleep(5)
        before = cpu_seconds(cluster.pids())
        time.sleep(10)
        shares.append((cpu_seconds(cluster.pids()) - before) / 10 / 3 * 100)
        cluster.stop()
    idle.add(*shares)
    yield idle


QUICK = {"puts": puts, "gets": gets, "one-node": one_node, "failover": failover}
FULL = {**QUICK, "mixes": mixes, "size-and-start": size_and_start, "growth": growth}
