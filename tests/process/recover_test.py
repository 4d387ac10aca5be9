"""Two of three directories are destroyed: the third goes on alone, and the dead stay out."""
import json
import os
import shutil
import subprocess
import unittest

import cluster as processes
from cluster import Cluster, read_all, wait_until

COUNT = 300


def kvctl(*arguments):
    ran = subprocess.run([os.path.join(processes.BIN, "kvctl"), *arguments], capture_output=True,
                         text=True, timeout=60 * processes.PATIENCE)
    return ran.returncode, ran.stdout + ran.stderr


class Recover(unittest.TestCase):
    def test_TwoOfThreeLost_TheSurvivorGoesOn_AnOldMemberIsRefused(self):
        with Cluster(flags=["--partitions", "2"]) as cluster:
            one, two, three = cluster.nodes
            for i in range(COUNT):
                self.assertEqual(one.put(f"k{i}", f"v{i}".encode()).status, 200)
            wait_until(lambda: len(read_all(three, "&consistency=eventual")) == COUNT, 20,
                       "the survivor has all of it")
            kept = os.path.join(cluster.dir, "old-node1")
            for node in cluster.nodes:
                node.kill()
            shutil.copytree(one.data_dir, kept)
            for node in (one, two):
                shutil.rmtree(node.data_dir)

            three.start()
            wait_until(lambda: three.reasons(), 10, "it says why it is not ready")
            self.assertNotEqual(three.put("k0", b"w").status, 200)
            status, said = kvctl("recover", "--survivor", three.data_dir)
            self.assertNotEqual(status, 0)
            self.assertIn("open in another process", said)
            three.kill()

            status, said = kvctl("recover", "--survivor", three.data_dir, "--output", "json")
            self.assertEqual(status, 0, said)
            plan = json.loads(said)
            self.assertEqual((plan["done"], plan["survivors"], plan["dead"]), (False, [3], [1, 2]))
            self.assertEqual([p["partition"] for p in plan["partitions"]], ["metadata", "0", "1"])
            told = [k for p in plan["partitions"] for k in p["last_keys"]]
            self.assertIn(f"k{COUNT - 1}", told)
            three.start()  # nothing was changed
            wait_until(lambda: three.reasons(), 10, "it still waits")
            three.kill()

            status, said = kvctl("recover", "--survivor", three.data_dir, "--yes")
            self.assertEqual(status, 0, said)
            print(said)
            three.start()
            wait_until(three.ready, 20, f"it serves alone: {three.reasons()}")
            self.assertEqual(read_all(three), {f"k{i}": f"v{i}" for i in range(COUNT)})
            self.assertEqual(three.put("after", b"1").status, 200)
            view = three.ask("GET", "/v1/cluster").json()
            members = [n["id"] for n in view["nodes"] if n["membership"] != "removed"]
            self.assertEqual(members, [3])

            # An old member comes back with its old votes: nobody hears it, and it hears so.
            os.rename(kept, one.data_dir)
            one.start()
            wait_until(lambda: any("not a member" in r or "refuse" in r for r in one.reasons()), 15,
                       f"it is refused: {one.reasons()}")
            self.assertFalse(one.ready())
            self.assertEqual(three.put("after", b"2").status, 200)
            self.assertTrue(three.ready())

            # The survivor grows again, with an empty directory.
            one.kill()
            shutil.rmtree(one.data_dir)
            one.start()
            status, said, _ = cluster.kvctl("member", "add", f"1={one.peer}", "--wait", node=three)
            self.assertEqual(status, 0, said)
            wait_until(one.ready, 20, "it is a member again")
            wait_until(lambda: len(read_all(one)) == COUNT + 1, 10, "with all data")


if __name__ == "__main__":
    unittest.main(verbosity=2)
