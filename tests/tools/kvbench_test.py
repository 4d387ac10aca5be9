#!/usr/bin/env python3
"""kvbench against doors of Python: its report, its exit status, and how it meets failures."""

import json
import sys
import unittest

from fake_door import DoorTest, free_port, run

KVBENCH = sys.argv.pop(1)
SMALL = ("--keys", "50", "--clients", "4", "--warmup", "0", "--output", "json")
FIELDS = ["workload", "clients", "seconds", "ops", "errors", "errors_by_code", "ops_per_second"]


class KvbenchTest(DoorTest):
    def bench(self, *arguments, endpoints=None):
        return run(KVBENCH, "--endpoints", endpoints or self.door.url, *SMALL, *arguments)

    def report(self, *arguments, status=0, endpoints=None):
        got, out, err = self.bench(*arguments, endpoints=endpoints)
        self.assertEqual(got, status, err)
        return json.loads(out)

    def count(self, method):
        return sum(1 for request in self.door.requests if request[0] == method)

    def test_put_loads_then_measures(self):
        report = self.report("--ops", "200", "--value-size", "10")
        self.assertEqual(list(report), FIELDS + ["latency_us"])
        self.assertEqual((report["ops"], report["errors"], report["clients"]), (200, 0, 4))
        self.assertEqual(self.count("PUT"), 250)
        self.assertEqual(len(self.door.items), 50)
        self.assertIn(b"k000000000000049", self.door.items)
        self.assertEqual({len(value) for value in self.door.items.values()}, {10})
        latency = report["latency_us"]
        self.assertLessEqual(latency["p50"], latency["p99"])
        self.assertLessEqual(latency["p999"], latency["max"])

    def test_get_and_mixed(self):
        self.report("--ops", "100", "--workload", "get", "--consistency", "eventual")
        gets = [request for request in self.door.requests if request[0] == "GET"]
        self.assertEqual(len(gets), 100)
        self.assertTrue(all("consistency=eventual" in request[1] for request in gets))
        self.door.requests.clear()
        self.report("--ops", "200", "--workload", "mixed", "--no-load")
        self.assertTrue(60 < self.count("GET") < 140, self.count("GET"))

    def test_same_seed_same_keys(self):
        seen = []
        for seed in ("5", "5", "6"):
            self.door.requests.clear()
            self.report("--ops", "100", "--clients", "1", "--seed", seed, "--no-load")
            seen.append([(request[1], request[3]) for request in self.door.requests])
        self.assertEqual(seen[0], seen[1])
        self.assertNotEqual(seen[0], seen[2])

    def test_pipeline_answers_in_order(self):
        report = self.report("--ops", "300", "--workload", "mixed", "--pipeline", "8")
        self.assertEqual((report["ops"], report["errors"]), (300, 0))

    def test_several_threads_and_endpoints(self):
        other = self.add_door(items=self.door.items)
        both = f"{self.door.url},{other.url}"
        report = self.report("--ops", "300", "--threads", "2", endpoints=both)
        self.assertEqual((report["ops"], report["errors"]), (300, 0))
        self.assertGreater(len(self.door.requests), 50)
        self.assertGreater(len(other.requests), 50)

    def test_rate_is_kept_and_service_told(self):
        report = self.report("--rate", "200", "--duration", "1s")
        self.assertEqual(report["ops"], 200)
        self.assertTrue(0.9 < report["seconds"] < 2.5, report["seconds"])
        self.assertEqual(list(report), FIELDS + ["latency_us", "service_us"])

    def test_errors_are_counted_by_code(self):
        overloaded = (429, "overloaded", True, "no")
        self.door.script = ["ok"] * 50 + [overloaded, (500, "internal"), overloaded]
        report = self.report("--ops", "100", status=1)
        self.assertEqual(report["errors"], 3)
        self.assertEqual(report["errors_by_code"], {"internal": 1, "overloaded": 2})

    def test_lost_connection_is_an_error_and_work_goes_on(self):
        self.door.script = ["ok"] * 60 + ["close"]
        report = self.report("--ops", "100", status=1)
        self.assertEqual((report["ops"], report["errors_by_code"]), (100, {"connection_lost": 1}))

    def test_silent_server_is_a_timeout(self):
        self.door.script = ["ok"] * 60 + ["silent"]
        report = self.report("--ops", "100", "--timeout", "300ms", status=1)
        self.assertEqual((report["ops"], report["errors_by_code"]), (100, {"client_timeout": 1}))

    def test_absent_key_is_an_error_unless_nothing_was_loaded(self):
        report = self.report("--ops", "20", "--workload", "get", "--no-load")
        self.assertEqual((report["ops"], report["errors"]), (20, 0))
        self.door.script = ["ok"] * 50 + [(404, "key_not_found")]
        report = self.report("--ops", "20", "--workload", "get", status=1)
        self.assertEqual(report["errors_by_code"], {"key_not_found": 1})

    def test_failed_load_is_told(self):
        self.door.script = ["ok", (500, "internal")]
        status, out, err = self.bench("--ops", "20")
        self.assertEqual((status, out), (1, b""))
        self.assertIn("error: loading failed: 1 internal", err)

    def test_etcd_gateway(self):
        report = self.report("--ops", "100", "--workload", "mixed", "--target", "etcd")
        self.assertEqual(report["errors"], 0)
        self.assertIn(b"k000000000000049", self.door.items)
        paths = {request[1] for request in self.door.requests}
        self.assertEqual(paths, {"/v3/kv/put", "/v3/kv/range"})

    def test_runs_give_one_object(self):
        status, out, err = self.bench("--ops", "50", "--runs", "3")
        self.assertEqual((status, json.loads(out)["ops"]), (0, 50))
        self.assertIn("run 3: ", err)

    def test_progress_while_it_runs(self):
        _, _, err = self.bench("--duration", "1500ms", "--rate", "100")
        self.assertRegex(err, r"run 1 s: \d+ ops, \d+ a second, 0 errors")

    def test_other_outputs(self):
        for output, word in (("table", b"latency"), ("csv", b"workload,clients,")):
            status, out, _ = self.bench("--ops", "20", "--output", output)
            self.assertEqual(status, 0)
            self.assertIn(word, out)

    def test_unreachable_and_usage(self):
        dead = f"http://127.0.0.1:{free_port()}"
        status, out, err = self.bench("--ops", "5", endpoints=dead)
        self.assertEqual((status, out), (3, b""))
        self.assertTrue(err.startswith(f"error: {dead}: "), err)
        for arguments in (["--workload", "txn"], ["--frob"], ["compare", "a.json", "b.json"]):
            status, out, err = self.bench(*arguments)
            self.assertEqual((status, out), (2, b""))
            self.assertRegex(err, r"\Aerror: [^\n]+\n\Z")


if __name__ == "__main__":
    unittest.main()
