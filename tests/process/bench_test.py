#!/usr/bin/env python3
"""kvbench with nodes of its own: it harms them while it measures, and gives a verdict."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from cluster import BIN, PATIENCE, wait_until

KVBENCH = os.path.join(BIN, "kvbench")


def nodes_under(folder):
    """The command lines of processes whose data is there."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words and b"--data-dir" in words:
                found.append(words)
    return found


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cairn-bench-")
        self.addCleanup(self.folder.cleanup)
        self.environment = {**os.environ, "TMPDIR": self.folder.name}

    def left_behind(self):
        return nodes_under(self.folder.name) + os.listdir(self.folder.name)

    def bench(self, *arguments, status=0):
        done = subprocess.run([KVBENCH, "--output", "json", *arguments], capture_output=True,
                              env=self.environment, timeout=120 * PATIENCE)
        self.assertEqual(done.returncode, status, done.stderr.decode()[-3000:])
        self.assertEqual(self.left_behind(), [])
        return json.loads(done.stdout)

    def test_chaos_and_verdict(self):
        report = self.bench(
            "--cluster", "3", "--workload", "mixed", "--keys", "300", "--clients", "16",
            "--duration", "11s", "--warmup", "0", "--check", "linearizable", "--verify",
            "--chaos", "kill-leader@1s:1500ms,cut@5s:1500ms,stall@8s:1s",
            "--slo", "gap<4s,rate>50,linearizable,verified")
        self.assertTrue(all(clause["met"] for clause in report["slo"]), report["slo"])
        self.assertGreater(report["check"]["operations"], 500)
        self.assertEqual(report["verify"], {"keys": 300, "lost": 0, "unreadable": 0,
                                            "one_key_in": 1})
        harm = [mark["text"].split(" ", 2)[2] for mark in report["marks"]
                if mark["kind"] == "chaos"]
        self.assertEqual(harm, ["killed", "started again", "cut off", "connected again", "stopped",
                                "goes on"])
        self.assertIn("leader", {mark["kind"] for mark in report["marks"]})
        # Three times nobody led for a while.
        self.assertGreater(report["longest_write_gap"]["ms"], 20)
        self.assertEqual({stage["stage"] for stage in report["stages"]} & {"loop", "log"},
                         {"loop", "log"})

    def test_clause_not_met_is_status_1(self):
        self.bench("--cluster", "1", "--keys", "50", "--duration", "500ms", "--warmup", "0",
                   "--slo", "p50<1us", status=1)

    def test_told_to_stop_it_leaves_nothing_behind(self):
        process = subprocess.Popen([KVBENCH, "--cluster", "3", "--keys", "50", "--duration", "60s"],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   env=self.environment)
        wait_until(lambda: len(nodes_under(self.folder.name)) == 3, 20, "three nodes")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20 * PATIENCE), 128 + signal.SIGTERM)
        self.assertEqual(self.left_behind(), [])

    def test_killed_it_leaves_no_node_behind(self):
        process = subprocess.Popen([KVBENCH, "--cluster", "3", "--keys", "50", "--duration", "60s"],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   env=self.environment)
        wait_until(lambda: len(nodes_under(self.folder.name)) == 3, 20, "three nodes")
        process.kill()
        process.wait()
        wait_until(lambda: not nodes_under(self.folder.name), 10, "no node left")

    def test_node_that_cannot_start(self):
        done = subprocess.run([KVBENCH, "--cluster", "1", "--node-flags", "--frob"],
                              capture_output=True, env=self.environment, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr.decode(), r"error: node 1 has ended: error: [^\n]*frob")
        self.assertEqual(self.left_behind(), [])


if __name__ == "__main__":
    unittest.main()
