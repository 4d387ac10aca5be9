"""A planted bug's failing seed is made smaller, and what is said of it fails again, the same way.

usage: shrink_test.py KVSIM-WITH-BUGS
"""
import re
import subprocess
import sys
import tempfile

BUG, PROFILE, SEEDS = "vote-not-persisted", "r2-second-vote", range(1, 40)


def kvsim(*arguments):
    done = subprocess.run([sys.argv[1], "--bug", BUG, *arguments], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout


def main():
    for seed in SEEDS:
        status, said = kvsim("--seed", str(seed), "--profile", PROFILE)
        if status == 1:
            break
    else:
        print(f"no seed fails with {BUG}")
        return 1
    oracle = re.search(r"failed: ([A-Z-]+):", said.splitlines()[-1]).group(1)
    status, said = kvsim("--seed", str(seed), "--profile", PROFILE, "--shrink")
    line = re.search(r"^shrunk: (.*)$", said, re.M).group(1)
    print(f"seed {seed}, {oracle}: {line}")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(line + "\n")
        file.flush()
        again, replayed = kvsim("--replay", file.name)
    failed = re.search(r"failed: ([A-Z-]+):", replayed)
    small = "faults=" in line and "ms=" in line
    if status != 1 or again != 1 or not small or failed is None or failed.group(1) != oracle:
        print(said, replayed, sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
