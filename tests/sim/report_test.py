#!/usr/bin/env python3
"""Draws one run in Chromium and looks at what is drawn.

usage: report_test.py KVSIM [--picture OUT.png]

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
SEED, PROFILE, NODES = 5, "q2-first-reads", 3
SIZE = (1500, 940)
LEADER = 3  # of the roles


class Drawing(html.parser.HTMLParser):
    """Counts the classes of what the page drew, and keeps its visible text."""

    def __init__(self, text):
        super().__init__()
        self.classes = collections.Counter()
        self.nodes = []
        self.text = []
        self._silent = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._silent += tag in ("script", "style")
        self.classes.update((attributes.get("class") or "").split())
        if attributes.get("class") == "node":
            self.nodes.append(attributes["data-node"])

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._silent:
            self.text.append(data)


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    return None


def telling_window(page):
    """Where a leader of partition 1 crashes and another is elected soon: '#FROM-TO' in ms."""
    run = json.loads(re.search(r'id="run">\n(.*?)\n</script>', page, re.S).group(1))
    elected = [(at, node) for at, node, group, role, *_ in run["roles"]
               if group == 1 and role == LEADER]
    for (_, leader), (next_at, _) in zip(elected, elected[1:]):
        for at, _, node, kind, _ in run["nodes"]:
            if kind == "crash" and node == leader and next_at - 400_000 < at < next_at:
                wide = max(next_at - at, 40_000) * 1.3
                return f"#{max(0, int(at - wide) // 1000)}-{int(next_at + wide) // 1000}"
    return ""


def look(chromium, folder, *more):
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               f"--user-data-dir={folder}/profile", "--hide-scrollbars",
               f"--window-size={SIZE[0]},{SIZE[1]}", "--virtual-time-budget=4000",
               # It must stand alone: whatever it asked of a network, it would not get.
               "--host-resolver-rules=MAP * ~NOTFOUND", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def check(drawing, page):
    title = " ".join(drawing.text)
    wrong = []

    def need(holds, what):
        if not holds:
            wrong.append(what)

    need(drawing.nodes == [str(n + 1) for n in range(NODES)], f"lines of nodes: {drawing.nodes}")
    need(drawing.classes["msg"] >= 10, f"{drawing.classes['msg']} messages")
    need(drawing.classes["votes"] >= 2, f"{drawing.classes['votes']} messages of an election")
    need(drawing.classes["candidate"] >= 1, "no candidate")
    need(drawing.classes["leader"] >= 1, "no leader")
    need(drawing.classes["commit"] >= 1, "no commit")
    need(drawing.classes["toggle"] >= 5, "no legend")
    need(drawing.classes["axis"] >= 3, "no axis of time")
    for words in (f"seed {SEED}", f"profile {PROFILE}", "trace hash"):
        need(words in re.sub(r"\s+", " ", title), f"the title lacks '{words}'")
    need(not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)""", page), "it loads something")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kvsim")
    parser.add_argument("--picture", type=pathlib.Path)
    options = parser.parse_args()
    chromium = browser()
    if chromium is None:
        print("SKIPPED: there is no Chromium here (Debian: package chromium)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "run.html"
        ran = subprocess.run([options.kvsim, "--seed", str(SEED), "--profile", PROFILE, "--nodes",
                              str(NODES), "--report", page], capture_output=True, text=True,
                             timeout=120)
        if ran.returncode != 0 or not page.is_file():
            print(f"kvsim --report ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
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
        picture = options.picture or pathlib.Path(folder) / "run.png"
        look(chromium, folder, f"--screenshot={picture}",
             page.as_uri() + telling_window(page.read_text()))
        width, height = struct.unpack(">II", picture.read_bytes()[16:24])
        if (width, height) != SIZE:
            wrong.append(f"a picture of {width} x {height}")
    for what in wrong:
        print(f"not as it should be: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
