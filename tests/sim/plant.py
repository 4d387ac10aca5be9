#!/usr/bin/env python3
"""Plants the bugs of tests/sim/bugs in a copy of the sources and builds a kvsim that has them.

usage: plant.py [--check] [--tests] [--jobs N] [--only NAME]

  --check     only reads the registry and looks for every edit's place: seconds, no build
  --tests     builds the tests of Raft and of the simulated cluster too; CAIRN_BUG=NAME chooses
  --jobs N    for the build (all processors)
  --only NAME plants that bug alone

The sources are never touched: the copy is build/mutants/tree, laid out as the original, so that
ccache knows every file without an edit. The program is build/mutants/bin/kvsim.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUGS = ROOT / "tests/sim/bugs"
MUTANTS = ROOT / "build/mutants"
TREE = MUTANTS / "tree"
COPIED = ["CMakeLists.txt", "CMakePresets.json", "cmake", "raft", "wal", "net", "kv", "http",
          "tools", "tests"]
# The one source that is replaced as a whole: in the tree it knows no bugs.
TABLE = "tools/sim/planted.cc"
HEADER = "cairn_planted.h"
FIELDS = ("name", "hazard", "what", "run", "within")


class Refused(Exception):
    """The registry does not fit the sources, or itself."""


class Edit:
    def __init__(self, bug, path, old, new):
        self.bug, self.path, self.old, self.new = bug, path, old, new


class Bug:
    """One file of tests/sim/bugs: `field: value` lines, then edits, each

        <<<< path/of/file
        old text
        ====
        new text, in which PLANTED asks whether this bug is chosen
        >>>>

    An edit's text begins behind the newline of its mark and ends before the next mark's.
    """

    def __init__(self, path):
        self.file = path
        self.fields = {}
        self.edits = []
        text = path.read_text()
        parts = re.split(r"^<<<< (\S+)\n(.*?)\n====\n(.*?)\n>>>>\n", text, flags=re.M | re.S)
        for line in filter(str.strip, parts[0].splitlines()):
            name, colon, value = line.partition(":")
            if not colon or name not in FIELDS:
                raise Refused(f"{path}: not a field: {line!r}")
            self.fields[name] = value.strip()
        missing = [f for f in FIELDS if f not in self.fields]
        if missing:
            raise Refused(f"{path}: without {', '.join(missing)}")
        if self.name != path.stem:
            raise Refused(f"{path}: is called {self.name}")
        if not self.fields["within"].isdigit():
            raise Refused(f"{path}: within: a number of seeds")
        for i in range(1, len(parts), 4):
            self.edits.append(Edit(self, parts[i], parts[i + 1], parts[i + 2]))
        if not self.edits or any(rest.strip() for rest in parts[4::4]):
            raise Refused(f"{path}: no edit, or something between the edits")
        if not any("PLANTED" in edit.new for edit in self.edits):
            raise Refused(f"{path}: no edit asks PLANTED, so the bug would be there always")

    @property
    def name(self):
        return self.fields["name"]


def read_bugs(only=None):
    bugs = [Bug(path) for path in sorted(BUGS.glob("*.bug"))]
    if only is not None:
        bugs = [bug for bug in bugs if bug.name == only]
    if not bugs:
        raise Refused("no bug to plant")
    return bugs


def place(path, text, edits):
    """The edits as (begin, end, edit), by their place in the untouched text; they must not meet."""
    placed = []
    for edit in edits:
        count = text.count(edit.old)
        if count != 1:
            raise Refused(f"{path}: bug {edit.bug.name}: its old text occurs {count} times, "
                          f"not once:\n{edit.old}")
        begin = text.index(edit.old)
        placed.append((begin, begin + len(edit.old), edit))
    placed.sort(key=lambda p: p[:2])
    for (_, end, one), (begin, _, other) in zip(placed, placed[1:]):
        if begin < end:
            raise Refused(f"{path}: bugs {one.bug.name} and {other.bug.name} edit the same text")
    return placed


def planted_text(path, text, edits):
    out, at = [f'#include "{HEADER}"\n#line 1 "{path}"\n'], 0
    for begin, end, edit in place(path, text, edits):
        asks = f'cairn_planted::on("{edit.bug.name}")'
        out += [text[at:begin], edit.new.replace("PLANTED", asks)]
        at = end
    return "".join(out) + text[at:]


def edits_by_path(bugs):
    by_path = {}
    for bug in bugs:
        for edit in bug.edits:
            by_path.setdefault(edit.path, []).append(edit)
    return by_path


HEADER_TEXT = """\
// Which of the planted bugs is on. Only in the tree that tests/sim/plant.py makes.
#pragma once

#include <cstdint>

namespace cairn_planted {

constexpr std::uint64_t hash_of(const char* name) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (; *name != '\\0'; ++name) {
    hash = (hash ^ static_cast<unsigned char>(*name)) * 0x100000001b3ull;
  }
  return hash;
}

extern std::uint64_t chosen;  // hash of its name; 0: none

struct Name {
  consteval Name(const char* name) : hash(hash_of(name)) {}
  std::uint64_t hash;
};

inline bool on(Name name) { return chosen == name.hash; }

}  // namespace cairn_planted
"""

CHOSEN_TEXT = """\
#include "cairn_planted.h"

#include <cstdlib>

namespace cairn_planted {
// Programs that know nothing of bugs, such as the tests, are told by the environment.
std::uint64_t chosen = std::getenv("CAIRN_BUG") ? hash_of(std::getenv("CAIRN_BUG")) : 0;
}  // namespace cairn_planted
"""


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table_text(bugs):
    rows = []
    for bug in bugs:
        f = bug.fields
        rows.append("    {" + ", ".join([quoted(f["name"]), quoted(f["hazard"]), quoted(f["what"]),
                                         quoted(f["run"]), f["within"]]) + "},\n")
    return ('#include "tools/sim/planted.h"\n\n#include <string>\n\n#include "cairn_planted.h"\n\n'
            "namespace cairn::sim_tool {\n\nnamespace {\n\n"
            "const PlantedBug kBugs[] = {\n" + "".join(rows) + "};\n\n}  // namespace\n\n"
            "std::span<const PlantedBug> planted_bugs() {\n  return kBugs;\n}\n\n"
            "void plant(std::string_view name) {\n"
            "  cairn_planted::chosen = name.empty() ? 0 : "
            "cairn_planted::hash_of(std::string(name).c_str());\n}\n\n"
            "}  // namespace cairn::sim_tool\n")


def write_if_new(path, data):
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def sources():
    for name in COPIED:
        top = ROOT / name
        files = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for file in files:
            relative = file.relative_to(ROOT)
            if "__pycache__" not in relative.parts:
                yield str(relative), file


def wanted_tree(bugs):
    """Path in the tree -> bytes."""
    edits = edits_by_path(bugs)
    tree = {}
    for relative, file in sources():
        data = file.read_bytes()
        if relative in edits:
            data = planted_text(relative, data.decode(), edits.pop(relative)).encode()
        tree[relative] = data
    for path, left in edits.items():
        raise Refused(f"{path}: there is no such file, says bug {left[0].bug.name}")
    tree[HEADER] = HEADER_TEXT.encode()
    # In the lowest library, which everything links.
    tree["raft/planted.cc"] = CHOSEN_TEXT.encode()
    lists = tree["raft/CMakeLists.txt"].decode()
    if lists.count("cairn_library(raft\n") != 1:
        raise Refused("raft/CMakeLists.txt: no cairn_library(raft to add planted.cc to")
    lists = lists.replace("cairn_library(raft\n", "cairn_library(raft\n  planted.cc\n")
    tree["raft/CMakeLists.txt"] = lists.encode()
    if TABLE not in tree:
        raise Refused(f"{TABLE}: there is no such file to put the table in")
    tree[TABLE] = table_text(bugs).encode()
    return tree


def write_tree(tree):
    for relative, data in tree.items():
        write_if_new(TREE / relative, data)
    for file in TREE.rglob("*"):
        relative = file.relative_to(TREE)
        if file.is_file() and relative.parts[0] != "build" and str(relative) not in tree:
            file.unlink()


def build(jobs, tests):
    env = dict(os.environ, CCACHE_BASEDIR=str(TREE))

    def run(*command):
        subprocess.run(command, cwd=TREE, env=env, check=True)

    targets = ["kvsim", "raft_random_test"]
    if tests:
        targets += ["raft_test", "kv_sim_test", "kv_linearizability_test"]
    run("cmake", "--preset", "release", "-DCAIRN_TESTS=ON")
    run("cmake", "--build", "build/release", f"-j{jobs}", "--", *targets)
    (MUTANTS / "bin").mkdir(exist_ok=True)
    link = MUTANTS / "bin/kvsim"
    link.unlink(missing_ok=True)
    link.symlink_to("../tree/build/release/bin/kvsim")


def main():
    parser = argparse.ArgumentParser(description="Plants bugs in a copy of the sources.")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only")
    options = parser.parse_args()
    try:
        bugs = read_bugs(options.only)
        tree = wanted_tree(bugs)
    except Refused as refused:
        print(f"plant.py: {refused}", file=sys.stderr)
        return 1
    print(f"{len(bugs)} bugs, {sum(len(bug.edits) for bug in bugs)} edits in "
          f"{len(edits_by_path(bugs))} files")
    if options.check:
        return 0
    if shutil.which("cmake") is None:
        print("plant.py: needs cmake", file=sys.stderr)
        return 1
    write_tree(tree)
    build(options.jobs, options.tests)
    return 0


if __name__ == "__main__":
    sys.exit(main())
