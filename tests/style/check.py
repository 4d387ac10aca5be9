#!/usr/bin/env python3
"""check.py layers|rules [ROOT]: prints each finding, and fails if there is one."""

import pathlib
import sys

import layers
import rules
from sources import read_tree


def findings(kind, sources):
    checks = (layers.check_layers,) if kind == "layers" else rules.ALL
    return [finding for source in sources for check in checks for finding in check(source)]


def main():
    kind = sys.argv[1]
    root = sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2]
    sources = read_tree(root)
    found = findings(kind, sources)
    for finding in found:
        print(finding)
    print(f"{len(sources)} files read, {len(found)} findings")
    return 1 if found or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
