"""What bench-peers makes of its measurements: ratios by round, verdicts, table and picture."""
import os
import sys
import unittest
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools", "peers"))

import page  # noqa: E402
import servers  # noqa: E402
from result import Row  # noqa: E402

MACHINE = {"cpu": "a <fast> & small CPU", "cores": 2, "memory_mib": 1024, "kernel": "6",
           "filesystem": "ext4", "etcd": "etcd 3.4", "redis": "redis 7", "wrk": "4.1",
           "cairn": "abc", "date": "2026-01-01"}


def measured(target, ours, theirs, **more):
    row = Row("puts", "puts, 64 connections", more.pop("unit", "1/s"), "etcd", target, **more)
    for pair in zip(ours, theirs):
        row.add(*pair)
    return row


class Ratios(unittest.TestCase):
    def test_the_ratio_is_the_median_of_the_rounds_not_the_ratio_of_the_medians(self):
        row = measured(None, [10, 40, 90], [10, 10, 10])
        self.assertEqual(row.ratio, 4)
        uneven = measured(None, [10, 20, 100], [1, 20, 10])
        self.assertEqual(uneven.ratio, 10)  # medians alone would say 2

    def test_higher_is_met_at_the_target_and_missed_below(self):
        self.assertTrue(measured(6, [60], [10]).met)
        self.assertFalse(measured(6, [59], [10]).met)

    def test_lower_is_met_at_the_target_and_missed_above(self):
        self.assertTrue(measured(0.25, [25], [100], lower_is_better=True).met)
        self.assertFalse(measured(0.25, [26], [100], lower_is_better=True).met)

    def test_a_row_without_a_target_is_told_and_not_judged(self):
        self.assertIsNone(measured(None, [1], [1]).met)


class Pages(unittest.TestCase):
    def setUp(self):
        self.rows = [measured(6, [70, 60], [10, 10]),
                     measured(0.25, [900], [1000], lower_is_better=True, unit="us")]

    def test_the_table_names_both_sides_the_spread_and_the_verdict(self):
        text = page.markdown(self.rows, MACHINE, 2, 3, 0.02)
        self.assertIn("| 65/s | 10/s | etcd | 6.50× | 6.00–7.00 | ≥ 6× | met |", text)
        self.assertIn("| 0.90 ms | 1.00 ms | etcd | 0.90× | 0.90–0.90 | ≤ 0.25× | missed |", text)

    def test_a_busy_machine_is_said(self):
        self.assertIn("quiet", page.markdown(self.rows, MACHINE, 2, 3, 0.02))
        self.assertIn("40% busy", page.markdown(self.rows, MACHINE, 2, 3, 0.4))

    def test_the_picture_is_whole_and_has_a_bar_for_each_row(self):
        root = ElementTree.fromstring(page.svg(self.rows, MACHINE))
        bars = [shape.get("class") for shape in root.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertEqual(bars, ["paper", "met", "missed"])


class Metrics(unittest.TestCase):
    PAGE = b"""# HELP cairn_applied_index newest applied entry
cairn_applied_index{partition="0"} 17
cairn_applied_index{partition="1"} 5
cairn_applied_index_lag 3
"""

    def test_a_metric_is_found_by_its_whole_name_and_told_by_label(self):
        asked, servers.ask = servers.ask, lambda *_: (200, self.PAGE)
        try:
            found = servers.Cairn("nowhere", 1).metric(1, "cairn_applied_index")
        finally:
            servers.ask = asked
        self.assertEqual(found, {'partition="0"}': 17, 'partition="1"}': 5})


if __name__ == "__main__":
    unittest.main()
