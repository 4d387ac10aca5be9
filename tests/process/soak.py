"""Soak: three real nodes, writers that log every acknowledgement to a file, and kill -9 of one node
or of all at random moments, round after round; then every acknowledged write is read back on every
node.

  soak.py [--rounds N | --minutes M] [--writers W] [--seed S]

The last line says what was survived. CTest runs a short form."""
import argparse
import os
import random
import sys
import threading
import time

import cluster as processes
from cluster import Cluster, read_all, wait_until


class LoggingWriter(threading.Thread):
    """Overwrites its own few keys with rising numbers. Each acknowledged number is on disk, in the
    writer's log, before the next is sent."""

    KEYS = 40

    def __init__(self, cluster, number, directory, seed):
        super().__init__(daemon=True)
        self.cluster, self.number = cluster, number
        self.random = random.Random(seed)
        self.stopped = threading.Event()
        self.log = open(os.path.join(directory, f"writer-{number}.log"), "a+", buffering=1)
        self.acknowledged = 0
        self.failure = None

    def key(self, i):
        return f"soak/{self.number}/{i}"

    def run(self):
        try:
            self.write()
        except Exception as error:  # told by the main thread
            self.failure = error

    def write(self):
        value = 0
        while not self.stopped.is_set():
            value += 1
            key = self.key(self.random.randrange(self.KEYS))
            node = self.random.choice(self.cluster.nodes)
            self.log.write(f"try {key} {value}\n")
            try:
                answer = node.put(key, str(value).encode(), **{"Content-Type": "text/plain"})
            except (OSError, TimeoutError):
                self.log.write(f"unknown {key} {value}\n")
                self.stopped.wait(0.02)
                continue
            if answer.status == 200:
                self.log.write(f"ok {key} {value} {answer.json()['revision']}\n")
                self.acknowledged += 1
            elif answer.json().get("committed") == "no":
                self.log.write(f"no {key} {value}\n")
                self.stopped.wait(0.02)
            else:
                self.log.write(f"unknown {key} {value}\n")

    def possible(self):
        """Of each key the values that a reader may find: the last acknowledged one, or a later one
        whose outcome is not known. A refused value never."""
        self.log.seek(0)
        found = {}
        for line in self.log:
            word, key, value = line.split()[:3]
            if word == "ok":
                found[key] = {value}
            elif word == "unknown":
                found.setdefault(key, {None}).add(value)
        return found


def kill_some(cluster, chance):
    if chance.random() < 0.4:
        victims = list(cluster.nodes)
    else:
        victims = [chance.choice(cluster.nodes)]
    for node in victims:
        node.kill()
    return len(victims)


def check(cluster, writers):
    """The number of writes looked at; an exception for the first that is wrong."""
    looked = 0
    for node in cluster.nodes:
        items = read_all(node)
        for writer in writers:
            for key, values in writer.possible().items():
                found = items.get(key)
                if found not in values:
                    raise AssertionError(
                        f"node {node.id}: {key} is {found!r}, promised was one of {values}")
                looked += 1
    return looked


def soak(arguments):
    chance = random.Random(arguments.seed)
    flags = ["--partitions", "4", "--segment-bytes", "1MiB"]
    with Cluster(flags=flags) as cluster:
        writers = [LoggingWriter(cluster, i, cluster.dir, arguments.seed * 100 + i)
                   for i in range(arguments.writers)]
        for writer in writers:
            writer.start()
        end = time.monotonic() + arguments.minutes * 60 if arguments.minutes else None
        rounds = kills = 0
        while time.monotonic() < end if end else rounds < arguments.rounds:
            rounds += 1
            goal = sum(w.acknowledged for w in writers) + chance.randrange(1, 150)
            wait_until(lambda: sum(w.acknowledged for w in writers) >= goal
                       or any(w.failure for w in writers), 60, f"{goal} writes in round {rounds}")
            for writer in writers:
                if writer.failure:
                    raise writer.failure
            kills += kill_some(cluster, chance)
            cluster.start()
            if rounds % 20 == 0:
                print(f"round {rounds}: {kills} kills, {goal} writes", file=sys.stderr)
        for writer in writers:
            writer.stopped.set()
        for writer in writers:
            writer.join(30 * processes.PATIENCE)
            if writer.failure or writer.is_alive():
                raise writer.failure or AssertionError("a writer does not end")
        cluster.start()
        looked = check(cluster, writers)
        acknowledged = sum(w.acknowledged for w in writers)
        assert acknowledged >= rounds and kills >= rounds and looked > 0, "nothing was tested"
        return f"{rounds} rounds, {kills} kills, {acknowledged} acknowledged writes, 0 lost"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    print(soak(arguments))


if __name__ == "__main__":
    main()
