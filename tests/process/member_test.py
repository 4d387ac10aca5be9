"""Nodes join, leave, are replaced and lose their directories, under writes."""
import json
import os
import shutil
import time
import unittest

import cluster as processes
from cluster import Cluster, Writer, check_history, read_all, wait_until


def start_writers(cluster, count, seed):
    writers = [Writer(cluster, f"m{seed}-{i}", seed * 1000 + i) for i in range(count)]
    for writer in writers:
        writer.start()
    return writers


def acknowledged(writers):
    return sum(len(w.acknowledged) for w in writers)


def longest_pause(writers, since):
    times = sorted(t for w in writers for t in w.ack_times if t >= since)
    return max((b - a for a, b in zip(times, times[1:])), default=0.0)


def membership(cluster, node, of):
    for row in node.ask("GET", "/v1/cluster").json()["nodes"]:
        if row["id"] == of.id:
            return row["membership"]
    return None


class Members(unittest.TestCase):
    def done(self, cluster, *arguments, **more):
        status, out, err = cluster.kvctl(*arguments, **more)
        self.assertEqual(status, 0, out + err)
        return out

    def write_on(self, writers, count):
        goal = acknowledged(writers) + count
        wait_until(lambda: acknowledged(writers) >= goal, 30, f"{count} more writes")

    def test_FourthNode_IsAddedUnderLoad_ThenTheLeaderIsRemoved(self):
        with Cluster(flags=["--partitions", "4"]) as cluster:
            writers = start_writers(cluster, 3, seed=1)
            self.write_on(writers, 200)
            four = cluster.add_node()
            add = f"{four.id}={four.peer}"
            wait_until(lambda: any(f"kvctl member add {add}" in r for r in four.reasons()), 10,
                       "node 4 says that it waits to be added")

            dry = json.loads(self.done(cluster, "member", "add", add, "--dry-run", "--output",
                                       "json"))
            self.assertIsNone(dry["change"])
            self.assertEqual(len(dry["partitions"]), 5)
            self.assertEqual(dry["failures_tolerated"], 1)
            self.assertGreater(int(dry["bytes_to_ship"]), 0)

            begun = time.monotonic()
            self.done(cluster, "member", "add", add, "--wait")
            wait_until(four.ready, 10, "node 4 is ready")
            self.write_on(writers, 200)
            pause = longest_pause(writers, begun)
            print(f"joined; the longest pause between writes was {pause * 1000:.0f} ms")
            self.assertLess(pause, 2 * processes.PATIENCE)
            self.assertEqual(membership(cluster, cluster.nodes[0], four), "active")

            leader = cluster.leader()
            others = [n for n in cluster.nodes if n is not leader]
            begun = time.monotonic()
            self.done(cluster, "member", "remove", str(leader.id), "--wait", node=others[0])
            self.write_on(writers, 200)
            pause = longest_pause(writers, begun)
            print(f"leader removed; the longest pause was {pause * 1000:.0f} ms")
            self.assertLess(pause, 2 * processes.PATIENCE)
            wait_until(lambda: any("removed" in r for r in leader.reasons()), 10,
                       "the removed node says so")
            for writer in writers:
                writer.stop()
            self.assertEqual(leader.stop(), 0)
            cluster.nodes.remove(leader)
            check_history(self, cluster, writers)

    def test_DeadNode_IsReplaced(self):
        with Cluster() as cluster:
            writers = start_writers(cluster, 3, seed=2)
            self.write_on(writers, 200)
            dead = cluster.nodes[2]
            dead.kill()
            four = cluster.add_node()
            status, out, err = cluster.kvctl("member", "remove", "2")
            self.assertEqual(status, 1, out)
            self.assertIn("quorum_lost", err)
            self.done(cluster, "member", "replace", "3", f"4={four.peer}", "--wait")
            wait_until(four.ready, 10, "node 4 is ready")
            self.write_on(writers, 200)
            for writer in writers:
                writer.stop()
            # The dead one comes back: it stands aside, and stays up.
            dead.start()
            wait_until(lambda: any("not a member" in r for r in dead.reasons()), 15,
                       "the replaced node says that it is no member")
            self.assertEqual(cluster.nodes[0].put("after", b"x").status, 200)
            self.assertEqual(dead.stop(), 0)
            cluster.nodes.remove(dead)
            check_history(self, cluster, writers)

    def test_WipedDirectory_ComesBackAsALearnerAndHoldsAllData(self):
        with Cluster() as cluster:
            writers = start_writers(cluster, 3, seed=3)
            self.write_on(writers, 200)
            wiped = cluster.nodes[2]
            wiped.kill()
            shutil.rmtree(wiped.data_dir)
            wiped.start()
            wait_until(wiped.ready, 20, f"the wiped node is ready: {wiped.reasons()}")
            self.write_on(writers, 100)
            for writer in writers:
                writer.stop()
            check_history(self, cluster, writers)
            # It counts again: with another one down writes go on.
            wait_until(lambda: not cluster.nodes[0].ask("GET", "/v1/cluster").json()
                       ["change_under_way"], 10, "its votes are back")
            cluster.nodes[1].kill()
            wait_until(lambda: wiped.put("after", b"x").status == 200, 10, "a write with two")

    def test_RolledBackDirectory_MovesItsDataAsideAndComesBack(self):
        with Cluster() as cluster:
            self.assertEqual(cluster.nodes[0].put("old", b"1").status, 200)
            back = cluster.nodes[2]
            self.assertEqual(back.stop(), 0)
            copy = back.data_dir + ".copy"
            shutil.copytree(back.data_dir, copy)
            back.start()
            cluster.wait_ready()
            self.assertEqual(back.put("new", b"2").status, 200)
            back.kill()
            shutil.rmtree(back.data_dir)
            shutil.move(copy, back.data_dir)
            back.start()
            process = back.process
            wait_until(back.ready, 30, f"the rolled-back node is ready: {back.reasons()}")
            self.assertIsNone(process.poll(), "in the same process")
            self.assertEqual(read_all(back), {"old": "1", "new": "2"})
            self.assertTrue(os.path.isdir(os.path.join(back.data_dir, "quarantine", "1", "wal")))

    def test_CopiedDirectory_WhileTheOriginalRuns_IsRefusedAndSaysSo(self):
        with Cluster() as cluster:
            original = cluster.nodes[0]
            self.assertEqual(original.stop(), 0)
            copy = processes.Node(cluster, 1, *processes.free_ports(2))
            copy.data_dir = original.data_dir + ".copy"
            copy.log_path = original.log_path + ".copy"
            shutil.copytree(original.data_dir, copy.data_dir)
            original.start()
            cluster.wait_ready()
            self.assertEqual(original.put("k", b"1").status, 200)
            copy.start()
            try:
                wait_until(lambda: any("another directory of node 1 is connected" in r
                                       for r in copy.reasons()), 20,
                           f"the copy says why it is refused: {copy.reasons()}")
                self.assertEqual(cluster.nodes[1].put("k", b"2").status, 200)
                self.assertEqual(original.get("k").json()["value"], "2")
                self.assertTrue(original.ready())
                self.assertEqual(copy.stop(), 0)
            finally:
                if copy.process is not None:
                    copy.process.kill()
                    copy.process.wait()

    def test_TwoWipedOfThree_FoundNothing_AndSaySo(self):
        with Cluster() as cluster:
            self.assertEqual(cluster.nodes[0].put("k", b"v").status, 200)
            identity = cluster.nodes[0].ask("GET", "/v1/cluster").json()["cluster_id"]
            for node in cluster.nodes[1:]:
                node.kill()
                shutil.rmtree(node.data_dir)
            for node in cluster.nodes[1:]:
                node.start()
            for node in cluster.nodes[1:]:
                wait_until(lambda: any("lost, copied or rolled back" in r for r in node.reasons()),
                           15, f"node {node.id} says what happened: {node.reasons()}")
            for node in cluster.nodes:
                self.assertNotEqual(node.put("k", b"w").status, 200)
            view = cluster.nodes[0].ask("GET", "/v1/cluster").json()
            self.assertEqual(view["cluster_id"], identity)
            self.assertFalse(cluster.nodes[0].ready())

    def test_LeaderIsMoved_NoAcknowledgedWriteIsLost(self):
        with Cluster() as cluster:
            writers = start_writers(cluster, 3, seed=4)
            self.write_on(writers, 200)
            begun = time.monotonic()
            for _ in range(5):
                leader = cluster.leader()
                to = next(n for n in cluster.nodes if n is not leader)
                self.done(cluster, "leader", "move", "0", str(to.id))
                self.assertIs(cluster.leader(), to)
                self.write_on(writers, 50)
            pause = longest_pause(writers, begun)
            print(f"five moves; the longest pause was {pause * 1000:.0f} ms")
            self.assertLess(pause, 2 * processes.PATIENCE)
            status, _, err = cluster.kvctl("leader", "move", "0", str(to.id))
            self.assertEqual(status, 1)
            self.assertIn("unchanged", err)
            for writer in writers:
                writer.stop()
            check_history(self, cluster, writers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
