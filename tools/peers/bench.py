"""What every measurement shares: rounds, seeds, a quiet machine, loaded clusters."""
from contextlib import contextmanager

import loads
from machine import wait_quiet
from servers import Cairn, Etcd

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

    def kvbench(self, endpoints, *arguments, seconds=None):
        self.wait_quiet()
        return loads.kvbench(endpoints, "--seed", self.seed, "--duration",
                             f"{seconds or self.seconds}s", *arguments)

    def load(self, cluster, keys, *arguments, nodes=None):
        """Puts every key once, over the native door, which is the fastest."""
        self.say(f"{cluster.name}: loading {keys:,} keys")
        doors = ",".join(f"cairn://127.0.0.1:{cluster.native[node]}"
                         for node in nodes or cluster.processes)
        loads.kvbench(doors, "--workload", "put", "--keys", keys, "--clients", 64, "--pipeline", 8,
                      "--warmup", "0s", "--ops", 1, *arguments)

    @contextmanager
    def cairn(self, nodes, *flags, name="cairn"):
        """A cluster that serves, and is gone afterwards."""
        cluster = Cairn(self.base, nodes, flags, name)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def loaded_pair(bench, keys=100_000, nodes=3):
    """Both clusters, up and loaded. The idle one of the two costs a few per cent of a core, which
    either side pays in its turn."""
    cairn, etcd = Cairn(bench.base, nodes), Etcd(bench.base, nodes)
    for cluster in (cairn, etcd):
        bench.say(f"starting {cluster.name} and loading {keys} keys")
        cluster.start()
        loads.load_keys(cluster.name, cluster.http[cluster.leader()], keys)
    return cairn, etcd
