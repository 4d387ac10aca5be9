#!/usr/bin/env python3
"""Draws a run of kvbench in Chromium and looks at what is drawn.

usage: bench_report_test.py KVBENCH [--picture OUT.png] [--dark OUT.png]

Ends with 77 (skipped) where there is no Chromium that can run.
"""

import argparse
import collections
import html.parser
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
SIZE = (1320, 1800)
CHARTS = ("rate", "latency", "percentiles", "histogram")


class Drawing(html.parser.HTMLParser):
    """Counts the classes of what the page drew, by the element with an id around them."""

    def __init__(self, text):
        super().__init__()
        self.classes = collections.Counter()
        self.by_chart = collections.Counter()
        self.text = []
        self._chart = None
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._silent += tag in ("script", "style")
        if attributes.get("class") == "chart":
            self._chart = attributes["id"]
        for name in (attributes.get("class") or "").split():
            self.classes[name] += 1
            self.by_chart[self._chart, name] += 1

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style")
        if tag == "section":
            self._chart = None

    def handle_data(self, data):
        if not self._silent:
            self.text.append(data)


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


def look(chromium, folder, *more):
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               f"--user-data-dir={folder}/profile", "--hide-scrollbars",
               f"--window-size={SIZE[0]},{SIZE[1]}", "--virtual-time-budget=4000",
               # It must stand alone: whatever it asked of a network, it would not get.
               "--host-resolver-rules=MAP * ~NOTFOUND", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def check(drawing, page):
    words = re.sub(r"\s+", " ", " ".join(drawing.text))
    run = json.loads(re.search(r'id="run">\n(.*?)\n?</script>', page, re.S).group(1))
    wrong = []

    def need(holds, what):
        if not holds:
            wrong.append(what)

    for chart in CHARTS:
        need(drawing.by_chart[chart, "axis"] >= 2, f"{chart}: no axis")
        need(drawing.by_chart[chart, "grid"] >= 2, f"{chart}: no grid")
    need(drawing.by_chart["rate", "line"] == 1, "no line of throughput")
    need(drawing.by_chart["rate", "area"] == 1, "no area below it")
    need(drawing.by_chart["latency", "line"] == 3, "not three lines of latency")
    need(drawing.by_chart["percentiles", "line"] == 2, "not response and service")
    need(drawing.by_chart["histogram", "bar"] >= 5, "no histogram")
    chaos = sum(mark["kind"] == "chaos" for mark in run["marks"])
    need(chaos == 2, f"{chaos} marks of chaos in the run")
    for chart in ("rate", "latency"):
        need(drawing.by_chart[chart, "chaos"] >= chaos, f"{chart}: marks are missing")
    need(drawing.classes["tile"] >= 7, f"{drawing.classes['tile']} tiles")
    need(drawing.classes["met"] >= 3, "the verdicts are missing")
    need(drawing.classes["use"] >= 1, "no stage is drawn")
    for text in ("ycsb-a on a cluster of 3", "linearizable", "nothing lost", "started again",
                 "fdatasync", "seed 7", run["bottleneck"]):
        need(text in words, f"the page lacks '{text}'")
    need("NaN" not in page.split("<script>")[0] and "undefined" not in words, "NaN or undefined")
    need(not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)""", page), "it loads something")
    return wrong


def picture_of(chromium, folder, page, path, *more):
    look(chromium, folder, f"--screenshot={path}", *more, page.as_uri())
    size = struct.unpack(">II", path.read_bytes()[16:24])
    return [] if size == SIZE else [f"a picture of {size}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kvbench")
    parser.add_argument("--picture", type=pathlib.Path)
    parser.add_argument("--dark", type=pathlib.Path)
    options = parser.parse_args()
    chromium = browser()
    if chromium is None:
        print("SKIPPED: there is no Chromium here (Debian: package chromium)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "run.html"
        ran = subprocess.run(
            [options.kvbench, "--cluster", "3", "--workload", "ycsb-a", "--keys", "1000",
             "--rate", "2000", "--clients", "16", "--duration", "10s", "--warmup", "1s",
             "--chaos", "kill-leader@3s:3s", "--check", "linearizable", "--verify", "--seed", "7",
             "--slo", "error-rate<50%,linearizable,verified", "--report", page],
            capture_output=True, text=True, timeout=120)
        if ran.returncode != 0 or not page.is_file():
            print(f"kvbench --report ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
            return 1
        try:
            looked = look(chromium, folder, "--dump-dom", page.as_uri())
        except subprocess.TimeoutExpired:
            print("SKIPPED: Chromium does not run here: it hangs")
            return SKIPPED
        if looked.returncode != 0 or "<svg" not in looked.stdout:
            print(f"SKIPPED: Chromium does not run here: {looked.stderr[-400:]}")
            return SKIPPED
        wrong = check(Drawing(looked.stdout), page.read_text())
        wrong += picture_of(chromium, folder, page,
                            options.picture or pathlib.Path(folder) / "light.png")
        wrong += picture_of(chromium, folder, page,
                            options.dark or pathlib.Path(folder) / "dark.png",
                            "--blink-settings=preferredColorScheme=0")
    for what in wrong:
        print(f"not as it should be: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
