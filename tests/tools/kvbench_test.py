#!/usr/bin/env python3
"""kvbench against doors of Python: its report, its exit status, and how it meets failures."""

import json
import pathlib
import sys
import tempfile
import unittest

from fake_door import DoorTest, free_port, run

KVBENCH = sys.argv.pop(1)
SMALL = ("--keys", "50", "--clients", "4", "--warmup", "0", "--output", "json")
FIELDS = ["workload", "clients", "seconds", "ops", "errors", "errors_by_code", "ops_per_second"]


class KvbenchTest(DoorTest):
    aside = ("/metrics", "/v1/cluster")  # looked at once a second

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
        self.assertEqual(list(report)[:8], FIELDS + ["latency_us"])
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
        self.assertEqual(list(report)[:9], FIELDS + ["latency_us", "service_us"])
        self.assertEqual(report["offered_per_second"], 200)
        self.assertGreaterEqual(report["latency_us"]["p99"], report["service_us"]["p99"])

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

    def test_scans_and_ycsb(self):
        self.door.page = 1000
        report = self.report("--ops", "50", "--workload", "scan", "--scan-length", "5")
        scans = [r[1] for r in self.door.requests if r[1].startswith("/v1/kv?start=k")]
        self.assertEqual(len(scans), 50)
        self.assertTrue(50 < report["items_scanned"] <= 250, report["items_scanned"])
        for name, methods in (("d", {"GET", "PUT"}), ("e", {"GET", "PUT"}), ("f", {"GET", "PUT"})):
            self.door.requests.clear()
            report = self.report("--ops", "100", "--workload", f"ycsb-{name}", "--no-load")
            self.assertEqual(report["errors"], 0)
            self.assertEqual({r[0] for r in self.door.requests}, methods)
        modified = report["by_operation"]["read-modify-write"]["ops"]
        self.assertEqual(len(self.door.requests), 100 + modified)

    def test_inserted_keys_are_new_ones(self):
        self.report("--ops", "200", "--workload", "ycsb-d")
        new = sorted(key for key in self.door.items if key >= b"k000000000000050")
        self.assertTrue(1 < len(new) < 40)
        self.assertEqual(new, [b"k%015d" % (50 + i) for i in range(len(new))])

    def test_etcd_scan(self):
        report = self.report("--ops", "20", "--workload", "scan", "--target", "etcd",
                             "--scan-length", "1")
        self.assertEqual(report["items_scanned"], 20)

    def test_check_and_verify_find_nothing_where_nothing_is_wrong(self):
        for target in ("cairn", "etcd"):
            report = self.report("--ops", "400", "--workload", "mixed", "--check", "linearizable",
                                 "--verify", "--target", target)
            self.assertEqual(report["check"]["linearizable"], True, report["check"])
            self.assertEqual(report["check"]["operations"], 450)
            self.assertEqual((report["verify"]["keys"], report["verify"]["lost"]), (50, 0))

    def test_verify_finds_a_lost_write(self):
        self.door.script = ["ok"] * 149 + ["forget"]
        status, out, err = self.bench("--ops", "100", "--verify")
        self.assertEqual(status, 1, err)
        self.assertEqual(json.loads(out)["verify"]["lost"], 1)
        self.assertIn("error: 1 acknowledged writes are lost", err)

    def test_check_finds_a_stale_read(self):
        # One key: load, overwrite, and a read of what it held before.
        self.door.script = ["ok"] * 30 + ["stale"]
        status, out, err = self.bench("--keys", "1", "--clients", "1", "--ops", "100", "--workload",
                                      "mixed", "--seed", "4", "--check", "linearizable")
        check = json.loads(out)["check"]
        self.assertEqual((status, check["linearizable"]), (1, False))
        self.assertIn("error: the history is not linearizable", err)
        self.assertIn("get saw", check["why"])

    def test_slo_is_the_exit_status(self):
        self.door.script = ["ok"] * 60 + [(429, "overloaded", True, "no")]
        report = self.report("--ops", "100", "--slo", "errors<2,p99<20s")
        self.assertEqual([clause["met"] for clause in report["slo"]], [True, True])
        status, out, err = self.bench("--ops", "100", "--slo", "errors=0,p99<1us")
        self.assertEqual(status, 1)
        self.assertRegex(err, r"error: not met: p99<1us \([0-9.]+ [mu]s\)\n\Z")

    def test_ramp_finds_the_knee(self):
        report = self.report("--ramp", "50:150:50/300ms", "--slo", "p99<5s,errors=0")
        self.assertEqual([step["offered"] for step in report["ramp"]], [50, 100, 150])
        self.assertEqual(report["knee"], 150)
        status, out, _ = self.bench("--ramp", "50:150:50/300ms", "--slo", "p99<1us")
        self.assertEqual((status, json.loads(out)["knee"]), (1, None))

    def test_series_settings_and_environment(self):
        report = self.report("--rate", "100", "--duration", "2s", "--seed", "77")
        self.assertEqual(sum(second["ops"] for second in report["series"]), 200)
        self.assertEqual(report["settings"]["seed"], 77)
        self.assertGreater(report["environment"]["fdatasync_p99_us"], 0)
        self.assertTrue(report["bottleneck"])

    def test_compare(self):
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for name, rate in (("a", 100), ("b", 60), ("short", 100)):
                path = pathlib.Path(folder) / f"{name}.json"
                runs = [{"ops_per_second": rate + i, "latency_us": {"p99": 10}} for i in range(5)]
                path.write_text(json.dumps({"workload": "put", "latency_us": {}, "series": [],
                                            "runs": runs[:1 if name == "short" else 5]}))
                files.append(str(path))
            for first, second, want in ((0, 1, 1), (1, 0, 0), (0, 0, 0), (0, 2, 2)):
                status, out, err = run(KVBENCH, "compare", files[first], files[second])
                self.assertEqual(status, want, out + err.encode())
            self.assertEqual(run(KVBENCH, "compare", "--threshold", "50", *files[:2])[0], 0)
            self.assertEqual(run(KVBENCH, "compare", files[0])[0], 2)
            self.assertEqual(run(KVBENCH, "compare", files[0], "/nowhere.json")[0], 2)

    def test_report_is_a_page_by_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.html"
            self.report("--ops", "50", "--report", str(path))
            page = path.read_text()
            self.assertTrue(page.startswith("<!DOCTYPE html>"))
            self.assertIn('"workload":"put"', page)
            self.assertEqual(self.bench("--ops", "5", "--report", f"{folder}/no/x.html")[0], 1)

    def test_help_and_completion(self):
        status, out, _ = run(KVBENCH, "--help")
        self.assertEqual(status, 0)
        for word in (b"--chaos", b"ycsb-f", b"Mann-Whitney", b"Exit status", b"kvbench compare"):
            self.assertIn(word, out)
        self.assertIn(b"--slo", run(KVBENCH, "completion", "bash")[1])
        self.assertEqual(run(KVBENCH, "completion", "fish")[0], 2)

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
        for arguments in (["--workload", "txn"], ["--frob"], ["compare", "a.json", "b.json"],
                          ["--slo", "p99"], ["--chaos", "cut@1s"], ["--check", "x"]):
            status, out, err = self.bench(*arguments)
            self.assertEqual((status, out), (2, b""))
            self.assertRegex(err, r"\Aerror: [^\n]+\n\Z")


if __name__ == "__main__":
    unittest.main()
