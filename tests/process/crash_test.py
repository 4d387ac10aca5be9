"""Nodes are killed and stopped under writes; no acknowledged write may be lost."""
import random
import resource
import time
import unittest

import cluster as processes
from cluster import Cluster, Writer, check_history, wait_until


def start_writers(cluster, count, seed):
    writers = [Writer(cluster, f"w{seed}-{i}", seed * 1000 + i) for i in range(count)]
    for writer in writers:
        writer.start()
    return writers


def acknowledged(writers):
    return sum(len(w.acknowledged) for w in writers)


class Crash(unittest.TestCase):
    def test_KillLeader_UnderWrites_WritesGoOnWithinTwoSeconds(self):
        with Cluster() as cluster:
            writers = start_writers(cluster, 4, seed=1)
            wait_until(lambda: acknowledged(writers) > 200, 20, "200 writes")
            leader = cluster.leader()
            leader.kill()
            killed = time.monotonic()
            survivors = [n for n in cluster.nodes if n.process is not None]

            def written_again():
                return survivors[0].put("after", b"x").status == 200
            wait_until(written_again, 10, "a write after the kill")
            took = time.monotonic() - killed
            print(f"writes went on {took * 1000:.0f} ms after the leader was killed")
            self.assertLess(took, 2 * processes.PATIENCE)
            before = acknowledged(writers)
            wait_until(lambda: acknowledged(writers) > before + 100, 20, "100 more writes")
            leader.start()
            cluster.wait_ready()
            for writer in writers:
                writer.stop()
            check_history(self, cluster, writers)

    def test_KillAll_UnderWrites_TwentyRounds_NothingAcknowledgedIsLost(self):
        seed = int(time.time())
        print(f"seed {seed}")
        chance = random.Random(seed)
        with Cluster() as cluster:
            every_writer = []
            for round_number in range(20):
                writers = start_writers(cluster, 4, seed=round_number + 2)
                every_writer += writers
                goal = chance.randrange(20, 200)
                wait_until(lambda: acknowledged(writers) > goal, 20, f"{goal} writes")
                for node in cluster.nodes:
                    node.kill()
                for writer in writers:
                    writer.stop()
                cluster.start()
            check_history(self, cluster, every_writer)
            print(f"{acknowledged(every_writer)} acknowledged writes survived 20 rounds")

    def test_Partitions_KillOneNode_OthersTakeOverAndNothingIsLost(self):
        with Cluster(flags=["--partitions", "8"]) as cluster:
            writers = start_writers(cluster, 4, seed=50)
            wait_until(lambda: acknowledged(writers) > 200, 20, "200 writes")
            cluster.nodes[1].kill()
            before = acknowledged(writers)
            wait_until(lambda: acknowledged(writers) > before + 200, 20, "200 more writes")
            cluster.nodes[1].start()
            cluster.wait_ready()
            for writer in writers:
                writer.stop()
            check_history(self, cluster, writers)

    def test_Sigterm_UnderWrites_EndsWithZeroAndHandsOver(self):
        with Cluster() as cluster:
            writers = start_writers(cluster, 4, seed=60)
            for _ in range(3):
                goal = acknowledged(writers) + 100
                wait_until(lambda: acknowledged(writers) > goal, 20, "100 writes")
                leader = cluster.leader()
                begun = time.monotonic()
                self.assertEqual(leader.stop(), 0)
                self.assertLess(time.monotonic() - begun, 5 * processes.PATIENCE)
                other = next(n for n in cluster.nodes if n.process is not None)
                stopped = time.monotonic()
                wait_until(lambda: other.put("after", b"x").status == 200, 5, "a write after it")
                print(f"writes went on {(time.monotonic() - stopped) * 1000:.0f} ms after a stop")
                leader.start()
                cluster.wait_ready()
            for writer in writers:
                writer.stop()
            check_history(self, cluster, writers)

    def test_DiskFails_AtTheLeader_FencedAndOthersGoOn(self):
        with Cluster() as cluster:
            self.assertEqual(cluster.nodes[0].put("before", b"1").status, 200)
            fenced = cluster.leader()
            others = [n for n in cluster.nodes if n is not fenced]
            # From here on every write to its files fails with EFBIG.
            resource.prlimit(fenced.process.pid, resource.RLIMIT_FSIZE, (0, 0))
            broken = fenced.put("during", b"2")
            self.assertNotEqual(broken.status, 200)
            wait_until(lambda: others[0].put("after", b"3").status == 200, 5, "a write elsewhere")

            ready = fenced.ask("GET", "/readyz")
            self.assertEqual(ready.status, 503)
            self.assertTrue(any("fenced" in r for r in ready.json()["reasons"]), ready.body)
            self.assertEqual(fenced.metric("cairn_wal_fenced"), 1)
            self.assertEqual(fenced.get("before", "?consistency=eventual").json()["value"], "1")
            refused = fenced.get("before")
            self.assertEqual((refused.status, refused.json()["code"]), (503, "fenced"))
            refused = fenced.put("never", b"4")
            self.assertEqual((refused.status, refused.json()["code"]), (503, "fenced"))
            self.assertEqual(refused.json()["committed"], "no")

            self.assertEqual(fenced.stop(), 0)
            fenced.start()
            cluster.wait_ready()
            self.assertEqual(fenced.get("after").json()["value"], "3")
            self.assertEqual(fenced.get("never").status, 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
