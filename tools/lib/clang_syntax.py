#!/usr/bin/env python3
"""Reads every source and public header of the tree with clang, without compiling them.

usage: clang_syntax.py BUILD_DIR JOBS [--tests]

gcc builds Cairn; whoever embeds it may use clang. The flags come from the build's
compile_commands.json. With --tests the tests are read as well.
"""

import concurrent.futures
import json
import pathlib
import shlex
import subprocess
import sys

FOLDERS = ["raft", "wal", "net", "kv", "http", "tools"]
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wthread-safety", "-Wno-missing-field-initializers",
            "-Werror"]


def kept_flags(command):
    """What decides the meaning of the text: include paths, macros, the language level."""
    words = shlex.split(command)
    kept = []
    for i, word in enumerate(words):
        if word in ("-I", "-isystem", "-D", "-include"):
            kept += [word, words[i + 1]]
        elif word.startswith(("-I", "-isystem", "-D", "-std=")):
            kept.append(word)
    return kept


def check(job):
    name, flags, text = job
    source = ["-x", "c++", "-"] if text else [name]
    command = ["clang++", "-fsyntax-only", *WARNINGS, *flags, *source]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return name, done.returncode, done.stderr


def jobs_of(root, build, with_tests):
    folders = FOLDERS + (["tests"] if with_tests else [])
    entries = json.loads((build / "compile_commands.json").read_text())
    flags_of_folder = {}
    for entry in entries:
        path = pathlib.Path(entry["file"])
        if root not in path.parents or build in path.parents:
            continue
        relative = path.relative_to(root)
        if relative.parts[0] not in folders:
            continue
        flags = kept_flags(entry["command"])
        flags_of_folder.setdefault(relative.parts[0], flags)
        yield str(relative), flags, None
    for header in sorted(root.glob("*/include/cairn/**/*.h")):
        folder = header.relative_to(root).parts[0]
        if folder in flags_of_folder:
            include = header.relative_to(root / folder / "include")
            yield str(include), flags_of_folder[folder], f'#include "{include}"\n'


def main():
    root = pathlib.Path.cwd()
    build = root / sys.argv[1]
    jobs = list(jobs_of(root, build, "--tests" in sys.argv[3:]))
    if not jobs:
        print("error: compile_commands.json names no source of ours", file=sys.stderr)
        return 1
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as pool:
        for name, status, errors in pool.map(check, jobs):
            if status != 0:
                bad += 1
                print(f"--- {name}\n{errors}")
    print(f"{len(jobs)} files read by clang, {bad} refused")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
