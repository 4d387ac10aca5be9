"""More nodes than replicas: every node answers for every partition, also while one is down."""
import unittest

from cluster import Cluster, read_all


class Partitions(unittest.TestCase):
    def test_FiveNodesThreeReplicas_AnyNodeServesAll_AlsoWithOneDown(self):
        with Cluster(size=5, flags=["--partitions", "16", "--replicas", "3"]) as cluster:
            self.write_all(cluster.nodes, "first")
            for node in cluster.nodes:
                self.check_all(node, "first")
                self.check_all(node, "first", "&consistency=eventual")
            cluster.nodes[2].kill()
            running = [n for n in cluster.nodes if n.process is not None]
            self.write_all(running, "second")
            cluster.nodes[2].start()
            cluster.wait_ready()
            self.check_all(cluster.nodes[2], "second")
            self.assertEqual(self.delete_all(cluster.nodes[1]), 100)
            self.assertEqual(read_all(cluster.nodes[3]), {})
            for node in cluster.nodes:
                self.assertEqual(node.stop(), 0)

    def write_all(self, nodes, value):
        for i in range(100):
            answer = nodes[i % len(nodes)].put(f"k/{i}", value.encode())
            self.assertEqual(answer.status, 200, answer.body)

    def check_all(self, node, value, query=""):
        items = read_all(node, query)
        self.assertEqual(items, {f"k/{i}": value for i in range(100)})
        self.assertEqual(list(items), sorted(items), "a list is ordered across partitions")

    def delete_all(self, node):
        deleted, cursor = 0, None
        while True:
            path = "/v1/kv?prefix=k/&limit=30" + (f"&cursor={cursor}" if cursor else "")
            answer = node.ask("DELETE", path)
            self.assertEqual(answer.status, 200, answer.body)
            deleted += int(answer.json()["deleted"])
            cursor = answer.json()["next"]
            if not cursor:
                return deleted


if __name__ == "__main__":
    unittest.main(verbosity=2)
