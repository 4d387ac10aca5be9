"""Backups through real processes: taken while the cluster is written to, restored into one node and
into three, compared key by key; damage is refused, and a stopped node's directory verified."""
import base64
import json
import os
import subprocess
import sys
import threading
import unittest

from cluster import BIN, PATIENCE, Cluster, free_ports, wait_until

KVCTL = os.path.join(BIN, "kvctl")


def kvctl(*arguments, endpoint=None):
    """Exit status, stdout, stderr."""
    command = [KVCTL, "--output", "json"]
    if endpoint:
        command += ["--endpoints", endpoint]
    done = subprocess.run(command + list(arguments), capture_output=True, timeout=60 * PATIENCE)
    return done.returncode, done.stdout, done.stderr.decode()


def all_items(node):
    items, cursor = {}, ""
    while True:
        answer = node.ask("GET", "/v1/kv?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status == 200, answer.body
        page = answer.json()
        for item in page["items"]:
            value = item["value"] if "value" in item else base64.b64decode(item["value_base64"])
            items[item["key"]] = (value, item["mod_revision"], item["version"])
        cursor = page["next"]
        if not cursor:
            return items


class Backup(unittest.TestCase):
    def fill(self, cluster, count=400):
        for i in range(count):
            node = cluster.nodes[i % len(cluster.nodes)]
            value = os.urandom(i % 50 * 37) if i % 3 else f"text {i}".encode()
            self.assertEqual(node.put(f"key/{i:05}", value).status, 200)

    def url(self, node):
        return f"http://127.0.0.1:{node.http_port}"

    def test_ThreeNodes_BackupUnderWrites_RestoredToOneAndToThree(self):
        with Cluster(flags=["--partitions", "4"]) as cluster:
            self.fill(cluster)
            before = all_items(cluster.nodes[0])
            stop = threading.Event()

            def write():
                i = 0
                while not stop.is_set():
                    cluster.nodes[1].put(f"later/{i:06}", b"x" * 100)
                    i += 1
            writer = threading.Thread(target=write)
            writer.start()
            file = os.path.join(cluster.dir, "backup")
            try:
                status, out, err = kvctl("backup", file, endpoint=self.url(cluster.nodes[2]))
            finally:
                stop.set()
                writer.join()
            self.assertEqual(status, 0, err)
            self.assertTrue(json.loads(out)["whole"])
            after = all_items(cluster.nodes[0])
            old_id = cluster.nodes[0].ask("GET", "/v1/cluster").json()["cluster_id"]

            self.restore_and_compare(file, 1, before, after, old_id)
            self.restore_and_compare(file, 3, before, after, old_id)
            self.damaged_is_refused(file)
            self.stopped_is_verified(cluster)

    def restore_and_compare(self, file, size, before, after, old_id):
        fresh = Cluster(size)
        try:
            for node in fresh.nodes:
                arguments = ["restore", file, "--data-dir", node.data_dir, "--id", str(node.id)]
                members = ",".join(f"{n.id}=127.0.0.1:{n.peer_port}" for n in fresh.nodes)
                status, out, err = kvctl(*arguments, "--cluster", members)
                self.assertEqual(status, 0, err)
                # Again is refused: the directory is not empty any more.
                self.assertEqual(kvctl(*arguments, "--cluster", members)[0], 2)
            floor = json.loads(out)["revision"]
            fresh.start()

            for node in fresh.nodes:
                items = all_items(node)
                for key, item in before.items():
                    self.assertEqual(items.get(key), item, key)
                for key, item in items.items():  # what was written meanwhile: as it was, or absent
                    self.assertEqual(after.get(key), item, key)
                self.assertNotEqual(node.ask("GET", "/v1/cluster").json()["cluster_id"], old_id)
            put = fresh.nodes[-1].put("new", b"v")
            self.assertEqual(put.status, 200)
            self.assertGreater(put.json()["revision"], floor)
            for node in fresh.nodes:
                self.assertEqual(node.get("new").json()["value"], "v")
        finally:
            fresh.__exit__(*sys.exc_info())

    def damaged_is_refused(self, file):
        size = os.path.getsize(file)
        with open(file, "rb") as f:
            whole = f.read()
        bad = file + ".bad"
        for at in [0, 9, 40, 75, size // 3, size // 2, size - 40, size - 1]:
            with open(bad, "wb") as f:
                f.write(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:])
            status, _, err = kvctl("verify", bad)
            self.assertEqual(status, 1, at)
            self.assertRegex(err, r"^error: .*\.bad at \d+: ")
            into = file + ".into"
            self.assertEqual(kvctl("restore", bad, "--data-dir", into)[0], 1, at)
            self.assertFalse(os.path.exists(into), "nothing is made of a damaged backup")
        with open(bad, "wb") as f:
            f.write(whole[:size // 2])
        self.assertEqual(kvctl("verify", bad)[0], 1)

    def stopped_is_verified(self, cluster):
        node = cluster.nodes[0]
        status, _, err = kvctl("verify", node.data_dir)
        self.assertEqual(status, 1)
        self.assertIn("stop that node first", err)
        self.assertEqual(node.stop(), 0)
        status, out, err = kvctl("verify", node.data_dir)
        self.assertEqual(status, 0, err)
        self.assertEqual(len(json.loads(out)["groups"]), 5)
        self.assertEqual(kvctl("wal", "dump", node.data_dir)[0], 0)
        # Rot in a table: file and offset are named, the node is not told that all is well.
        engine = os.path.join(node.data_dir, "engine")
        table = os.path.join(engine, [n for n in os.listdir(engine) if n.endswith(".ldb")][0])
        with open(table, "r+b") as f:
            f.seek(100)
            byte = f.read(1)
            f.seek(100)
            f.write(bytes([byte[0] ^ 1]))
        status, out, err = kvctl("verify", node.data_dir)
        self.assertEqual(status, 1)
        self.assertTrue(any(f["file"] == table for f in json.loads(out)["findings"]), out)

    def test_Backup_NoNode_SaysSo(self):
        port = free_ports(1)[0]
        status, _, err = kvctl("backup", "/nonexistent/b", endpoint=f"http://127.0.0.1:{port}")
        self.assertIn(status, (1, 3))
        self.assertTrue(err.startswith("error: "), err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
