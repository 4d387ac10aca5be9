#!/usr/bin/env python3
"""The registry of planted bugs fits the sources; what does not fit is refused, with its name."""

import pathlib
import tempfile
import unittest

import plant

# The worst of the hazards in Raft, membership, reads, sessions, log and state machine.
WORST = ("R1 R2 R3 R9 M1 M2 M5 Q2 Q3 C1 C2 W1 W13 W2 W9 Z1 Z2 Z4").split()


def bug(name, old, new="PLANTED", path="a.cc"):
    text = (f"name: {name}\nhazard: R1\nwhat: something\nrun: profile=small\nwithin: 5\n"
            f"<<<< {path}\n{old}\n====\n{new}\n>>>>\n")
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / f"{name}.bug"
        file.write_text(text)
        return plant.Bug(file)


class Registry(unittest.TestCase):
    def test_sources_as_they_are_take_all_bugs(self):
        bugs = plant.read_bugs()
        tree = plant.wanted_tree(bugs)
        self.assertGreaterEqual(len(bugs), 40)
        for one in bugs:
            for edit in one.edits:
                self.assertIn(f'cairn_planted::on("{one.name}")' if "PLANTED" in edit.new else
                              edit.new, tree[edit.path].decode())

    def test_every_worst_hazard_has_a_bug(self):
        planted = {one.fields["hazard"] for one in plant.read_bugs()}
        self.assertEqual([h for h in WORST if h not in planted], [])

    def test_names_differ_in_their_hash(self):
        def fnv(name):
            value = 0xCBF29CE484222325
            for byte in name.encode():
                value = (value ^ byte) * 0x100000001B3 % 2**64
            return value
        names = [one.name for one in plant.read_bugs()]
        self.assertEqual(len({fnv(name) for name in names}), len(names))

    def test_the_sources_are_not_touched(self):
        for path in ("raft", "wal", "net", "kv", "tools"):
            for file in (plant.ROOT / path).rglob("*.[hc]*"):
                self.assertNotIn("cairn_planted", file.read_text(errors="replace"), file)


class Refusals(unittest.TestCase):
    def refused(self, call, *parts):
        with self.assertRaises(plant.Refused) as caught:
            call()
        for part in parts:
            self.assertIn(part, str(caught.exception))

    def test_text_that_is_gone_names_file_and_bug(self):
        edits = bug("lost-edit", "old words").edits
        self.refused(lambda: plant.planted_text("a.cc", "new words", edits),
                     "a.cc", "lost-edit", "occurs 0 times")

    def test_text_that_occurs_twice_names_file_and_bug(self):
        edits = bug("twice", "x").edits
        self.refused(lambda: plant.planted_text("a.cc", "x x", edits),
                     "a.cc", "twice", "occurs 2 times")

    def test_bugs_that_meet_are_both_named(self):
        edits = bug("one", "abc").edits + bug("other", "cd").edits
        self.refused(lambda: plant.planted_text("a.cc", "abcd", edits), "one", "other")

    def test_neighbours_are_both_planted(self):
        edits = bug("one", "ab", "1PLANTED").edits + bug("other", "cd", "2PLANTED").edits
        text = plant.planted_text("a.cc", "abcd", edits)
        self.assertTrue(text.endswith('1cairn_planted::on("one")2cairn_planted::on("other")'))

    def test_a_bug_that_is_always_there_is_refused(self):
        self.refused(lambda: bug("always", "a", "b"), "always", "PLANTED")

    def test_a_file_that_is_gone_names_the_bug(self):
        self.refused(lambda: plant.wanted_tree([bug("nowhere", "a", path="raft/nowhere.cc")]),
                     "raft/nowhere.cc", "nowhere")


if __name__ == "__main__":
    unittest.main()
