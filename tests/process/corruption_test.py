"""Bytes of a stopped node are flipped on its real disk: in a cluster it comes back with what the
others have, alone it refuses and says where and what to do."""
import glob
import os
import unittest

from cluster import Cluster, read_all, wait_until

FILL = 400


def flip(path, offset=None, count=1):
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        for i in range(count):
            at = offset if offset is not None else size * (2 * i + 1) // (2 * count)
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 0x10]))


def oldest_segment(node):
    return sorted(glob.glob(os.path.join(node.data_dir, "wal", "wal-*")))[0]


def tables(node):
    return glob.glob(os.path.join(node.data_dir, "engine", "*.ldb"))


def damage_log(node):
    flip(oldest_segment(node), 192)  # its first record


def damage_tables(node):
    found = tables(node)
    assert found
    for table in found:
        flip(table, count=max(8, os.path.getsize(table) // 512))


def damage_current(node):
    flip(os.path.join(node.data_dir, "engine", "CURRENT"), 3)


def damage_manifest(node):
    flip(sorted(glob.glob(os.path.join(node.data_dir, "engine", "MANIFEST-*")))[0], 12)


class Corruption(unittest.TestCase):
    def fill(self, node, prefix):
        for i in range(FILL):
            self.assertEqual(node.put(f"{prefix}{i}", f"value-{i}".encode()).status, 200)

    def refuses(self, node, *words):
        """It ends with status 1, and its last words have all of these in one line."""
        node.start()
        self.assertEqual(node.process.wait(timeout=20), 1)
        node.process = None
        lines = [line for line in node.log_tail().splitlines() if line.startswith("error:")]
        self.assertTrue(lines, node.log_tail())
        for word in words:
            self.assertIn(word, lines[-1])

    def comes_back(self, cluster, node, damage):
        self.assertEqual(node.stop(), 0)
        self.fill(next(n for n in cluster.nodes if n.process), damage.__name__)
        folders = len(glob.glob(os.path.join(node.data_dir, "quarantine", "*")))
        damage(node)
        node.start()

        def set_aside():
            return len(glob.glob(os.path.join(node.data_dir, "quarantine", "*"))) > folders
        wait_until(set_aside, 20, f"{damage.__name__} is found and set aside\n{node.log_tail()}")
        wait_until(node.ready, 30, f"node {node.id} is ready again: {node.reasons()}")
        other = next(n for n in cluster.nodes if n is not node)

        def votes():
            view = other.ask("GET", "/v1/cluster").json()
            return all(row["membership"] == "active" for row in view["nodes"])
        wait_until(votes, 30, "it counts again")
        wait_until(lambda: read_all(node, "&consistency=eventual") == read_all(other), 20,
                   "equal data")
        self.assertGreaterEqual(node.metric("cairn_quarantines"), 1)

    def test_OneOfThree_WhateverIsDamaged_ComesBackWithAllData(self):
        with Cluster(flags=["--partitions", "2"]) as cluster:
            self.fill(cluster.nodes[0], "first")
            for i, damage in enumerate([damage_log, damage_current, damage_manifest,
                                        damage_tables]):
                node = cluster.nodes[i % 3]
                self.comes_back(cluster, node, damage)
                note = max(glob.glob(os.path.join(node.data_dir, "quarantine", "*", "note")),
                           key=os.path.getmtime)
                with open(note) as file:
                    print(damage.__name__, "->", file.readline().strip()[:160])
            # All of them count: any one may go now.
            for node in cluster.nodes:
                self.assertEqual(node.stop(), 0)
                other = next(n for n in cluster.nodes if n.process)
                wait_until(lambda: other.put("k", b"v").status == 200, 10, "a write without it")
                node.start()
                cluster.wait_ready()

    def test_Alone_DamagedLog_RefusesWithFileOffsetAndWhatToDo(self):
        cluster = Cluster(size=1)
        with cluster:
            node = cluster.nodes[0]
            self.fill(node, "k")
            self.assertEqual(node.stop(), 0)
            damage_log(node)
            self.refuses(node, os.path.basename(oldest_segment(node)) + " at ", "backup",
                         "kvctl verify")
            self.refuses(node, " at ")  # and again: nothing was changed
            self.assertFalse(os.path.exists(os.path.join(node.data_dir, "quarantine")))
            # Mended, all is there.
            damage_log(node)
            node.start()
            cluster.wait_ready()
            self.assertEqual(len(read_all(node)), FILL)

    def test_Alone_DamagedTables_AreMadeAgainFromAWholeLog(self):
        with Cluster(size=1) as cluster:
            node = cluster.nodes[0]
            self.fill(node, "k")
            self.assertEqual(node.stop(), 0)
            damage_tables(node)
            node.start()
            cluster.wait_ready()
            self.assertEqual(len(read_all(node)), FILL)
            self.assertEqual(node.metric("cairn_quarantines"), 1)

    def test_Alone_DamagedTables_AndALogThatWasCut_Refuses(self):
        flags = ["--log-entries-kept", "100", "--log-bytes-kept", "1MiB",
                 "--segment-bytes", "64KiB"]
        with Cluster(size=1, flags=flags) as cluster:
            node = cluster.nodes[0]
            for _ in range(3):
                for i in range(FILL):
                    self.assertEqual(node.put(f"k{i}", b"v" * 1000).status, 200)
            wait_until(lambda: node.metric("cairn_engine_flushes_total") > 0, 10, "a flush")
            for i in range(FILL):
                self.assertEqual(node.put(f"k{i}", b"v" * 1000).status, 200)
            self.assertEqual(node.stop(), 0)
            damage_tables(node)
            self.refuses(node, ".ldb at ", "backup")

    def test_AllThreeDamaged_NobodyServes_AndNothingIsFoundedAnew(self):
        with Cluster() as cluster:
            self.fill(cluster.nodes[0], "k")
            for node in cluster.nodes:
                self.assertEqual(node.stop(), 0)
            for node in cluster.nodes:
                damage_log(node)
                node.start()
            for node in cluster.nodes:
                wait_until(lambda: any("quarantine/1" in r for r in node.reasons()), 20,
                           f"node {node.id} says what happened")
            self.assertFalse(any(node.ready() for node in cluster.nodes))
            self.assertNotEqual(cluster.nodes[0].put("k", b"v").status, 200)
            for node in cluster.nodes:
                self.assertTrue(os.path.isdir(os.path.join(node.data_dir, "quarantine", "1",
                                                           "wal")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
