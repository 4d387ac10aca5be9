"""One seed is one run: whatever the allocator and the address layout do, and in any build.

usage: same_hash.py KVSIM [KVSIM OF ANOTHER BUILD]...

With one program its runs are compared in several worlds; with more, which must be built from the
same sources, also with each other: another compiler, optimiser, library or size of an object must
not show.
"""
import os
import shutil
import subprocess
import sys

RUNS = [("small", "11"), ("small", "12"), ("swarm", "13"), ("disk", "14"), ("z4-snapshots", "15")]
# With several programs these too, in the first world: what a kind of fault or a size could let out.
MORE = [
    ("small", "21"), ("small", "22"), ("small", "23"), ("crashes", "24"), ("clocks", "25"),
    ("network", "26"), ("membership", "27"), ("w9-error-paths", "28"), ("w2-corruption", "29"),
    ("z1-applied-index", "30"), ("disk", "31"), ("swarm", "32"),
]
WORLDS = [
    {},
    {"MALLOC_PERTURB_": "165", "MALLOC_ARENA_MAX": "1"},
    {"MALLOC_TOP_PAD_": "10000000", "MALLOC_MMAP_THRESHOLD_": "4096", "LANG": "tr_TR.UTF-8",
     "TZ": "Pacific/Chatham"},
]


def last_line(program, profile, seed, variables, fixed_layout):
    command = [program, "--seed", seed, "--profile", profile]
    if fixed_layout and shutil.which("setarch"):
        command = ["setarch", os.uname().machine, "-R", *command]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr


def main():
    programs = sys.argv[1:]
    wrong = 0
    runs = [(*run, list(enumerate(WORLDS))) for run in RUNS]
    if len(programs) > 1:
        runs += [(*run, [(0, WORLDS[0])]) for run in MORE]
    for profile, seed, worlds in runs:
        seen = {}
        for program in programs:
            for fixed, variables in worlds:
                line = last_line(program, profile, seed, variables, fixed)
                seen.setdefault(line, []).append(f"{program} in world {fixed}")
        print(profile, *sorted(seen))
        if len(seen) != 1:
            print(*(f"    {line}: {', '.join(where)}" for line, where in seen.items()), sep="\n")
        wrong += len(seen) != 1 or not next(iter(seen)).endswith(" ok")
    print(f"{len(runs)} runs, {len(programs)} programs, {wrong} wrong")
    return 1 if wrong or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
