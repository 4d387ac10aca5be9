#!/usr/bin/env python3
"""kvctl against doors of Python: what it prints, its exit status, and what it sends again."""

import json
import sys
import tempfile
import unittest

from fake_door import DoorTest, free_port, run

KVCTL = sys.argv.pop(1)
NO_LEADER = (503, "no_leader", True, "no")
UNKNOWN = (504, "outcome_unknown", True, "unknown")


class KvctlTest(DoorTest):
    def kvctl(self, *arguments, stdin=b"", endpoints=None):
        endpoints = endpoints or self.door.url
        return run(KVCTL, *arguments, stdin=stdin, environment={"CAIRN_ENDPOINTS": endpoints})

    def ok(self, *arguments, **more):
        status, out, err = self.kvctl(*arguments, **more)
        self.assertEqual((status, err), (0, ""), arguments)
        return out

    def refused(self, want, *arguments, **more):
        """One line on stderr that begins `error: `; returns it."""
        status, _, err = self.kvctl(*arguments, **more)
        self.assertEqual(status, want, (arguments, err))
        self.assertRegex(err, r"\Aerror: [^\n]+\n\Z")
        return err

    def test_put_and_get_any_bytes(self):
        value = bytes(range(256))
        self.ok("put", "a b/ü", "-", stdin=value)
        self.assertEqual(self.door.items, {"a b/ü".encode(): value})
        self.assertEqual(self.ok("get", "a b/ü", "--output", "raw"), value)
        item = json.loads(self.ok("get", "a b/ü", "--output", "json"))
        self.assertIn("value_base64", item)
        self.assertIn(b"\\x00\\x01", self.ok("get", "a b/ü"))

    def test_put_from_file_and_argument(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"from\0file")
            file.flush()
            self.ok("put", "k", "--file", file.name)
        self.assertEqual(self.door.items[b"k"], b"from\0file")
        self.assertEqual(self.ok("put", "k", "", "--output", "raw"), b"102\n")
        self.assertEqual(self.door.items[b"k"], b"")
        self.refused(2, "put", "k")
        self.refused(2, "put", "k", "v", "--file", "f")
        self.refused(2, "put", "k", "--file", "/nonexistent")

    def test_put_conditions_and_previous(self):
        self.ok("put", "k", "one", "--if-absent")
        self.assertEqual(self.door.requests[-1][2]["If-None-Match"], "*")
        error = self.refused(1, "put", "k", "two", "--if-absent")
        self.assertIn("revision_mismatch", error)
        self.assertIn("current revision 101", error)
        self.assertIn(b"one", self.ok("put", "k", "two", "--prev"))
        self.ok("put", "k", "three", "--if-revision", "102")
        self.assertEqual(self.door.requests[-1][2]["If-Match"], '"102"')
        self.refused(2, "put", "k", "v", "--if-absent", "--if-revision", "5")

    def test_get_absent_is_refused(self):
        self.assertIn("key_not_found", self.refused(1, "get", "nothing"))

    def test_consistency_is_passed_on(self):
        self.door.items[b"k"] = b"v"
        self.ok("get", "k", "--consistency", "eventual")
        self.assertIn("consistency=eventual", self.door.requests[-1][1])

    def test_del_one(self):
        self.door.items[b"k"] = b"v"
        self.assertEqual(self.ok("del", "k", "--output", "raw"), b"1\n")
        self.assertIn("does not exist", self.refused(1, "del", "k"))

    def test_del_prefix_to_the_end(self):
        self.door.items.update({b"p/%d" % i: b"" for i in range(5)})
        self.door.items[b"q"] = b""
        status, out, err = self.kvctl("del", "--prefix", "p/", "--output", "json")
        self.assertEqual((status, json.loads(out)["deleted"]), (0, 5))
        self.assertEqual(err, "2 deleted\n4 deleted\n")
        self.assertEqual(list(self.door.items), [b"q"])
        self.refused(2, "del", "--prefix", "")
        self.refused(2, "del")
        self.refused(2, "del", "k", "--prefix", "p")

    def test_scan_follows_cursors(self):
        self.door.items.update({b"p/%d" % i: b"v%d" % i for i in range(7)})
        self.door.items[b"q"] = b"x"
        raw = self.ok("scan", "p/", "--output", "raw")
        self.assertEqual(raw, b"".join(b"p/%d\tv%d\n" % (i, i) for i in range(7)))
        whole = json.loads(self.ok("scan", "--prefix", "p/", "--output", "json"))
        self.assertEqual((len(whole["items"]), whole["next"]), (7, None))
        part = json.loads(self.ok("scan", "p/", "--limit", "3", "--output", "json"))
        self.assertEqual([i["key"] for i in part["items"]], ["p/0", "p/1", "p/2"])
        self.assertIsNotNone(part["next"])
        back = self.ok("scan", "p/", "--reverse", "--keys-only", "--limit=2", "--output=json")
        self.assertEqual([i["key"] for i in json.loads(back)["items"]], ["p/6", "p/5"])
        self.assertEqual(self.ok("scan", "p/", "--count"), b"7\n")
        ends = self.ok("scan", "--start", "p/5", "--end", "q", "--output", "raw")
        self.assertEqual(ends, b"p/5\tv5\np/6\tv6\n")
        self.refused(2, "scan", "p/", "--start", "a")

    def test_cluster_and_ring(self):
        out = self.ok("cluster").decode()
        self.assertIn("cluster 00000000deadbeef, seen by node 1", out)
        self.assertRegex(out, r"2 +127.0.0.1:8002 +127.0.0.1:9002 +down")
        self.assertRegex(out, r"0 +- +4 +17 +16 +1:follower")
        self.assertEqual(json.loads(self.ok("cluster", "--output", "json"))["node"], 1)
        self.assertRegex(self.ok("ring", "k").decode(), r"k +3 +2 +2,3,1")

    def test_unreachable_goes_to_the_next(self):
        self.door.items[b"k"] = b"v"
        dead = f"http://127.0.0.1:{free_port()}"
        both = f"{dead},{self.door.url}"
        self.assertEqual(self.ok("get", "k", "--output", "raw", endpoints=both), b"v")
        self.ok("put", "k", "w", endpoints=both)
        self.assertIn(dead, self.refused(3, "get", "k", endpoints=dead))

    def test_no_leader_is_tried_again_elsewhere(self):
        other = self.add_door(items=self.door.items)
        self.door.script = [NO_LEADER]
        both = f"{self.door.url},{other.url}"
        self.ok("put", "k", "v", endpoints=both)
        self.assertEqual((len(self.door.requests), len(other.requests)), (1, 1))
        keys = {r[2]["Idempotency-Key"] for d in (self.door, other) for r in d.requests}
        self.assertEqual(len(keys), 1)

    def test_no_leader_for_good_is_refused(self):
        self.door.script = [NO_LEADER] * 1000
        error = self.refused(1, "put", "k", "v", "--timeout", "300ms")
        self.assertIn("no_leader", error)
        self.assertGreater(len(self.door.requests), 1)

    def test_lost_answer_of_a_put_is_asked_again_with_the_same_key(self):
        self.door.script = ["close", UNKNOWN]
        self.ok("put", "k", "v")
        keys = [r[2]["Idempotency-Key"] for r in self.door.requests]
        self.assertEqual((len(keys), len(set(keys))), (3, 1))

    def test_lost_answer_of_a_prefix_delete_is_not_sent_again(self):
        self.door.items[b"p"] = b""
        self.door.script = ["close"]
        self.assertIn("outcome_unknown", self.refused(1, "del", "--prefix", "p"))
        self.assertEqual(len(self.door.requests), 1)

    def test_unknown_stays_unknown_when_a_later_try_was_not_done(self):
        self.door.script = ["close"] + [NO_LEADER] * 1000
        self.assertIn("outcome_unknown", self.refused(1, "put", "k", "v", "--timeout", "300ms"))

    def test_silent_node_does_not_use_up_the_time(self):
        other = self.add_door(items={b"k": b"v"})
        self.door.script = ["silent"]
        both = f"{self.door.url},{other.url}"
        out = self.ok("get", "k", "--output", "raw", "--timeout", "1s", endpoints=both)
        self.assertEqual(out, b"v")

    def test_usage(self):
        for arguments in (
            [],
            ["frobnicate"],
            ["watch", "k"],
            ["get"],
            ["get", "a", "b"],
            ["get", "k", "--output", "xml"],
            ["get", "k", "--frob"],
            ["get", "k", "--endpoints", "nonsense"],
            ["put", "k", "v", "--if-revision", "x"],
            ["completion", "fish"],
        ):
            self.refused(2, *arguments)
        self.assertIn(b"scan [PREFIX]", self.ok("--help"))
        for verb in ("put", "get", "del", "scan", "cluster", "ring"):
            self.assertIn(b"example:\n  kvctl " + verb.encode(), self.ok(verb, "--help"))
            self.assertEqual(self.ok("help", verb), self.ok(verb, "--help"))

    def test_flags_before_the_verb_and_keys_like_flags(self):
        self.ok("--output", "json", "put", "--", "--key", "v")
        self.assertEqual(self.door.items, {b"--key": b"v"})

    def test_completion_of_bash_completes(self):
        script = self.ok("completion", "bash").decode()
        script += "COMP_WORDS=(kvctl sc); COMP_CWORD=1; _kvctl; echo ${COMPREPLY[*]}\n"
        script += "COMP_WORDS=(kvctl scan --re); COMP_CWORD=2; _kvctl; echo ${COMPREPLY[*]}\n"
        status, out, err = run("/bin/bash", "-c", script)
        self.assertEqual((status, out, err), (0, b"scan\n--reverse\n", ""))
        self.assertIn(b"bashcompinit", self.ok("completion", "zsh"))

    def test_member_changes_are_sent_and_their_plan_is_shown(self):
        out = self.ok("member", "add", "4=127.0.0.1:9004", "--dry-run").decode()
        self.assertEqual(json.loads(self.door.requests[-1][3]),
                         {"add": [{"id": 4, "peer": "127.0.0.1:9004"}], "dry_run": True})
        self.assertRegex(out, r"0 +1,2 +1,2,4 +- +now 0, joint no quorum, done 1 +1000")
        self.assertIn("dry run: nothing is changed", out)
        self.assertIn("change 5", self.ok("member", "remove", "2", "3").decode())
        self.assertEqual(json.loads(self.door.requests[-1][3]), {"remove": [2, 3]})
        self.ok("member", "replace", "3", "6=h:1")
        self.assertEqual(json.loads(self.door.requests[-1][3]),
                         {"add": [{"id": 6, "peer": "h:1"}], "remove": [3]})
        self.ok("member", "add", "5=h:2", "--learner")
        self.assertTrue(json.loads(self.door.requests[-1][3])["add"][0]["learner"])
        self.ok("member", "promote", "5")
        self.assertEqual(self.door.requests[-1][1], "/v1/cluster/nodes/5/promote")
        plan = json.loads(self.ok("member", "remove", "2", "--output", "json"))
        self.assertEqual(plan["change"], "5")

    def test_member_wrong_words_are_usage(self):
        for words in (["add"], ["add", "4"], ["add", "x=h:1"], ["add", "0=h:1"], ["remove"],
                      ["remove", "4294967296"], ["replace", "3"], ["promote"], ["what"]):
            self.refused(2, "member", *words)
        self.refused(2, "leader", "move", "x", "2")
        self.refused(2, "leader", "stay", "0", "2")
        self.assertEqual(self.door.requests, [])

    def test_leader_move(self):
        out = self.ok("leader", "move", "3", "2").decode()
        self.assertEqual(out, "partition 3 is led by node 2\n")
        self.door.script.append((409, "unchanged", False, "no"))
        self.assertIn("unchanged", self.refused(1, "leader", "move", "3", "2"))


if __name__ == "__main__":
    unittest.main()
