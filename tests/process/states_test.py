"""A stopped node's state is altered on its real disk. When it is back the others name it, it is
quarantined, kvctl diff names the keys, and kvctl heal gives them back, those alone."""
import json
import os
import subprocess
import unittest

from cluster import BIN, Cluster, wait_until


class States(unittest.TestCase):
    def kvctl(self, cluster, *words):
        endpoints = ",".join(f"http://127.0.0.1:{n.http_port}" for n in cluster.nodes)
        done = subprocess.run([os.path.join(BIN, "kvctl"), "--endpoints", endpoints,
                               "--output", "json", *words], capture_output=True, timeout=60)
        return done.returncode, json.loads(done.stdout or b"{}"), done.stderr.decode()

    def test_follower_with_another_state_is_named_and_healed(self):
        with Cluster(3) as cluster:
            cluster.start()
            one = cluster.nodes[0]
            for i in range(200):
                self.assertEqual(one.put(f"k{i}", f"value-{i}".encode()).status, 200)
            status, said, text = self.kvctl(cluster, "diff")
            self.assertEqual(status, 0, text)
            self.assertTrue(said["replicas"])
            view = one.ask("GET", "/v1/cluster").json()
            leader = view["partitions"][0]["leader"]
            wrong = next(n for n in cluster.nodes if n.id != leader)
            self.assertEqual(wrong.stop(), 0)
            for words in (["k7", "k8"], ["k9"]):
                subprocess.run([os.path.join(BIN, "alter_state"), wrong.data_dir,
                                view["cluster_id"], str(wrong.id), "0", *words],
                               check=True, timeout=30)
            wrong.start()
            wait_until(lambda: any("quarantined" in r for r in wrong.reasons()), 10,
                       "the node says that it is quarantined")
            self.assertEqual(wrong.metric("cairn_state_quarantined"), 1)
            self.assertEqual(wrong.get("k7", "?raw").body, b"value-7")
            self.assertEqual(wrong.get("k9", "?raw&consistency=eventual").body, b"value-9")

            status, said, text = self.kvctl(cluster, "diff", "0")
            self.assertEqual(status, 1, text)
            report = next(r for r in said["replicas"] if r["node"] == wrong.id)
            self.assertEqual([k["key"] for k in report["keys"]], ["k7", "k9"])
            self.assertIsNone(report["keys"][1]["revision"])
            self.assertTrue(report["quarantined"])

            status, said, text = self.kvctl(cluster, "heal", "0", "--node", str(wrong.id))
            self.assertEqual(status, 0, text)
            self.assertEqual(said["replicas"][0]["healed"], "2")
            wait_until(wrong.ready, 10, "it is ready again")
            status, said, text = self.kvctl(cluster, "diff", "--deep")
            self.assertEqual(status, 0, text)
            self.assertEqual(wrong.metric("cairn_snapshots_installed_total"), 0)
            for key, value in (("k7", b"value-7"), ("k9", b"value-9")):
                self.assertEqual(wrong.get(key, "?raw&consistency=eventual").body, value)


if __name__ == "__main__":
    unittest.main()
