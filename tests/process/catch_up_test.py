"""A follower that misses more than the log keeps comes back by a snapshot."""
import json
import os
import subprocess
import unittest

from cluster import BIN, Cluster, read_all, wait_until


class CatchUp(unittest.TestCase):
    def test_Follower_Missing100000Writes_CatchesUpBySnapshot(self):
        with Cluster() as cluster:
            behind = next(n for n in cluster.nodes if n is not cluster.leader())
            self.assertEqual(behind.stop(), 0)
            others = [n for n in cluster.nodes if n is not behind]
            endpoints = ",".join(f"http://127.0.0.1:{n.http_port}" for n in others)
            bench = subprocess.run(
                [os.path.join(BIN, "kvbench"), "--endpoints", endpoints, "--workload", "put",
                 "--ops", "100000", "--clients", "32", "--keys", "20000", "--no-load",
                 "--value-size", "64", "--warmup", "0s", "--runs", "1", "--output", "json",
                 "--seed", "7"],
                stdout=subprocess.PIPE, check=True)
            self.assertEqual(json.loads(bench.stdout)["errors"], 0)
            behind.start()
            cluster.wait_ready(60)
            wait_until(lambda: behind.metric("cairn_snapshots_installed_total") >= 1, 30,
                       "a snapshot installed")
            here = read_all(behind, "&consistency=eventual")
            there = read_all(others[0])
            self.assertGreater(len(there), 15000)
            self.assertEqual(here, there)


if __name__ == "__main__":
    unittest.main(verbosity=2)
