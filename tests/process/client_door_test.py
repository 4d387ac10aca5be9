#!/usr/bin/env python3
"""The native door of real processes: programs that write through it while the leader is killed."""
import os
import subprocess
import unittest

from cluster import BIN, PATIENCE, Cluster, free_ports, read_all, wait_until


class DoorCluster(Cluster):
    """Each node with a native door of its own."""

    def __init__(self, size=3, flags=()):
        super().__init__(size, flags)
        for node, port in zip(self.nodes, free_ports(size)):
            node.client = f"127.0.0.1:{port}"
            node.command = lambda n=node, plain=node.command: plain() + ["--client", n.client]


class Writer:
    """tests/process/client_writer."""

    def __init__(self, name, endpoints, mode):
        self.name = name
        self.process = subprocess.Popen(
            [os.path.join(BIN, "client_writer"), name, ",".join(endpoints), mode],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "begun\n"

    def stop(self):
        out, _ = self.process.communicate("", timeout=60 * PATIENCE)
        assert self.process.returncode == 0
        self.acknowledged, self.refused, self.unknown = {}, [], []
        self.times = []
        for line in out.splitlines():
            words = line.split()
            if words[0] == "ok":
                self.acknowledged[words[1]] = int(words[2])
                self.times.append(int(words[3]))
            elif words[0] == "stats":
                self.retries, self.redirects = int(words[1]), int(words[2])
            else:
                (self.refused if words[0] == "no" else self.unknown).append(words[1])
        self.times.sort()

    def longest_gap(self):
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0)


class ClientDoorTest(unittest.TestCase):
    def check(self, cluster, writer):
        """All that was acknowledged is there, once; what was refused for good is not."""
        for node in cluster.nodes:
            items = read_all(node)
            for key in writer.acknowledged:
                value = f"{writer.name}-{key.rsplit('/', 1)[1]}"
                self.assertEqual(items.get(key), value, f"lost on node {node.id}: {key}")
            for key in writer.refused:
                self.assertNotIn(key, items, f"committed: no, yet on node {node.id}: {key}")

    def test_killed_leader(self):
        with DoorCluster() as cluster:
            leader = cluster.leader()
            follower = next(n for n in cluster.nodes if n is not leader)
            every = [n.client for n in cluster.nodes]
            writers = [Writer("all", every, "sessions"),
                       # Knows a follower alone, and learns of the others from it.
                       Writer("one", [follower.client], "sessions"),
                       Writer("plain", every, "plain")]
            writes = lambda: cluster.nodes[follower.id - 1].metric("raft_log_entries_total")
            before = writes()
            wait_until(lambda: writes() > before + 500, 20, "writes before the kill")
            leader.kill()
            successor = cluster.leader()
            self.assertIsNot(successor, leader)
            then = writes()
            wait_until(lambda: writes() > then + 500, 20, "writes after the kill")
            leader.start()
            cluster.wait_ready()
            for writer in writers:
                writer.stop()
                print(f"{writer.name}: {len(writer.acknowledged)} acknowledged, "
                      f"{len(writer.unknown)} unknown, {len(writer.refused)} refused, "
                      f"{writer.retries} retries, longest gap {writer.longest_gap()} ms")
                self.assertGreater(len(writer.acknowledged), 100)
            for writer in writers[:2]:
                self.assertEqual(writer.unknown, [], "under a session nothing stays unknown")
                self.assertEqual(writer.refused, [])
                self.assertEqual(set(writer.acknowledged.values()), {1}, "applied twice")
                self.assertGreater(writer.retries, 0, "the kill met no write: a test of nothing")
            for writer in writers:
                self.check(cluster, writer)

    def test_tells_clients_where_the_doors_are(self):
        with DoorCluster() as cluster:
            for node in cluster.nodes:
                told = node.ask("GET", "/v1/cluster").json()["nodes"]
                self.assertEqual({n["id"]: n["client"] for n in told},
                                 {n.id: n.client for n in cluster.nodes})
                self.assertEqual(node.metric("cairn_client_connections"), 0)

    def test_flag(self):
        kvd = os.path.join(BIN, "kvd")
        refused = subprocess.run([kvd, "--client", "0.0.0.0:7001"], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("insecure", refused.stderr)
        shown = subprocess.run([kvd, "--print-config"], capture_output=True, text=True,
                               env={**os.environ, "CAIRN_CLIENT": "127.0.0.1:7001"})
        self.assertIn("127.0.0.1:7001", shown.stdout)


if __name__ == "__main__":
    unittest.main()
