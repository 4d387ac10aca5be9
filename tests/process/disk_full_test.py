"""A real small file system (tmpfs) that fills up: writes are refused with 507, reads and deletes go
on, nothing is fenced or lost, and it heals when space comes back. SKIPPED where mounting isn't
allowed."""
import os
import subprocess
import tempfile
import unittest

from cluster import Cluster, wait_until

SIZE_MIB = 96


class SmallDisk:
    """A tmpfs of its own; None where that may not be."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="cairn-disk-")
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", self.path]
        done = subprocess.run(command, capture_output=True)
        self.mounted = done.returncode == 0
        self.why = done.stderr.decode().strip()

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], check=True)
        os.rmdir(self.path)

    def free(self):
        now = os.statvfs(self.path)
        return now.f_bavail * now.f_frsize


class DiskFull(unittest.TestCase):
    def setUp(self):
        self.disk = SmallDisk()
        self.addCleanup(self.disk.close)
        if not self.disk.mounted:
            self.skipTest(f"no mounting here: {self.disk.why}")

    def fill(self, node, name, limit=10_000):
        """Writes until refused; what was acknowledged, and the refusal."""
        written = {}
        for i in range(limit):
            key, value = f"{name}/{i:05}", os.urandom(30_000).hex()
            answer = node.put(key, value.encode())
            if answer.status != 200:
                return written, answer
            written[key] = value
        self.fail("the disk never filled up")

    def check_all(self, node, written):
        for key, value in written.items():
            answer = node.get(key)
            self.assertEqual(answer.status, 200, key)
            self.assertEqual(answer.json()["value"], value, key)

    def refused(self, answer):
        self.assertEqual(answer.status, 507, answer.body)
        problem = answer.json()
        self.assertEqual((problem["code"], problem["committed"], problem["retryable"]),
                         ("disk_full", "no", True))

    def unready_but_not_fenced(self, node):
        ready = node.ask("GET", "/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn("the disk is full", ready.json()["reasons"])
        self.assertEqual(node.metric("cairn_wal_fenced"), 0)

    def serves(self, node):
        try:
            return node.get("absent").status == 404
        except OSError:
            return False

    def alone(self, cluster):
        node = cluster.nodes[0]
        node.data_dir = os.path.join(self.disk.path, "d")
        return node

    def test_StoreFillsTheDisk_WritesRefused_RestGoesOn_Heals(self):
        cluster = Cluster(1, flags=["--segment-bytes", "4MiB"])
        node = self.alone(cluster)
        with cluster:
            written, answer = self.fill(node, "a")
            self.refused(answer)
            self.assertGreater(len(written), 100)
            self.unready_but_not_fenced(node)
            self.check_all(node, written)
            for key in list(written)[:50]:
                self.assertEqual(node.ask("DELETE", "/v1/kv/" + key).status, 200)
                del written[key]
            # Again and again: whatever little room comes back is used up, and nothing breaks.
            for again in range(3):
                more, answer = self.fill(node, f"b{again}")
                written.update(more)
                self.refused(answer)
            self.check_all(node, written)
            self.assertEqual(node.stop(), 0)
            node.start()
            wait_until(lambda: self.serves(node), 20, "it serves again")
            self.check_all(node, written)
            # Space comes back: the file system grows.
            subprocess.run(["mount", "-o", f"remount,size={4 * SIZE_MIB}m", self.disk.path],
                           check=True)
            wait_until(lambda: node.put("after", b"x").status == 200, 10, "writes are taken again")
            wait_until(node.ready, 10, "ready again")
            self.check_all(node, written)

    def test_SomethingElseFillsTheDisk_HealsWhenItGoes(self):
        cluster = Cluster(1, flags=["--segment-bytes", "4MiB"])
        node = self.alone(cluster)
        with cluster:
            written = {}
            for i in range(200):
                written[f"k{i}"] = f"value {i} " * 500
                self.assertEqual(node.put(f"k{i}", written[f"k{i}"].encode()).status, 200)
            ballast = os.path.join(self.disk.path, "ballast")
            with open(ballast, "wb") as f:
                try:
                    while True:
                        f.write(b"\0" * (1 << 20))
                except OSError:
                    pass
            self.assertLess(self.disk.free(), 1 << 20)
            wait_until(lambda: node.put("full", b"x").status == 507, 5, "writes are refused")
            self.unready_but_not_fenced(node)
            self.check_all(node, written)
            os.unlink(ballast)
            wait_until(lambda: node.put("after", b"x").status == 200, 10, "writes are taken again")
            self.check_all(node, written)
            self.assertEqual(node.stop(), 0)
            node.start()
            cluster.wait_ready()
            self.check_all(node, written)

    def test_StartOnADiskWithoutAByteLeft_IsRefusedOrServes_AndHeals(self):
        cluster = Cluster(1, flags=["--segment-bytes", "4MiB"])
        node = self.alone(cluster)
        with cluster:
            written = {}
            for i in range(200):
                written[f"k{i}"] = f"value {i} " * 500
                self.assertEqual(node.put(f"k{i}", written[f"k{i}"].encode()).status, 200)
            for kill in (False, True):
                node.kill() if kill else self.assertEqual(node.stop(), 0)
                ballast = os.path.join(self.disk.path, "ballast")
                with open(ballast, "wb", buffering=0) as f:
                    for size in (1 << 20, 4096, 1):
                        try:
                            while f.write(b"\0" * size) == size:
                                pass
                        except OSError:
                            pass
                self.assertEqual(self.disk.free(), 0)
                for _ in range(3):  # as a supervisor would
                    node.start()
                    try:
                        status = node.process.wait(timeout=5)
                    except subprocess.TimeoutExpired:
                        self.check_all(node, written)  # it serves what it has
                        node.kill()
                        continue
                    node.process = None
                    self.assertEqual(status, 1)
                    last = [l for l in node.log_tail().splitlines() if l.startswith("error:")][-1]
                    self.assertIn("No space left on device", last)
                    print(last)
                os.unlink(ballast)
                node.start()
                cluster.wait_ready()
                self.check_all(node, written)
                self.assertEqual(node.put("after", b"x").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
