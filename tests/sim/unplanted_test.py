#!/usr/bin/env python3
"""What ships carries no planted bug: neither their symbols nor their names.

usage: unplanted_test.py BUILD_DIR
"""

import pathlib
import sys

import plant

MARK = b"cairn_planted"


def found_in(file, words):
    data = file.read_bytes()
    return [word.decode() for word in words if word in data]


def main():
    build = pathlib.Path(sys.argv[1])
    words = [MARK] + [bug.name.encode() for bug in plant.read_bugs()]
    shipped = [build / "bin" / name for name in ("kvd", "kvctl", "kvbench")]
    shipped += sorted(build.rglob("libcairn_*.a"))
    if len(shipped) < 8:
        print(f"only {len(shipped)} files to look at: is {build} built?")
        return 1
    bad = {file: found for file in shipped if (found := found_in(file, words))}
    for file, found in bad.items():
        print(f"{file}: {', '.join(found)}")
    # The other way round, where there is such a program: what is looked for can be found.
    mutants = plant.TREE / "build/release/bin/kvsim"
    if mutants.is_file() and len(found_in(mutants, words)) < len(words) // 2:
        print(f"{mutants}: the bugs' names are not even where they must be")
        return 1
    print(f"{len(shipped)} files looked at")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
