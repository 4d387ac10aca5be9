"""A leader that is gone: how long no write succeeds."""
import signal
import threading
import time

from result import Row
from servers import Cairn, Etcd, ask, wait_for


def failover(bench):
    killed = Row("failover", "leader killed (-9), until a write succeeds", "s",
                 "etcd, default timeouts", None, True, note="aim: median 0.15 s or less")
    silent = Row("failover", "leader silent (stopped), until a write succeeds", "s",
                 "etcd, default timeouts", None, True,
                 note="aim: 1.2 election timeouts (0.3 to 0.6 s) or less")
    cairn, etcd = Cairn(bench.base, 3), Etcd(bench.base, 3)
    try:
        cairn.start()
        etcd.start()
        for row, take, bring_back in ((killed, Cairn.kill, Cairn.start_one),
                                      (silent, stop, go_on)):
            for _ in bench.each_round(row.work):
                bench.wait_quiet()
                row.add(*(gap(cluster, take, bring_back) for cluster in (cairn, etcd)))
            yield row
    finally:
        cairn.stop()
        etcd.stop()


def stop(cluster, node):
    cluster.processes[node].send_signal(signal.SIGSTOP)


def go_on(cluster, node):
    cluster.processes[node].send_signal(signal.SIGCONT)


def gap(cluster, take, bring_back):
    """Seconds from the leader's end to the end of the first write that succeeds at another node."""
    leader = cluster.leader()
    survivors = [node for node in cluster.processes if node != leader]
    began = time.monotonic()
    take(cluster, leader)
    try:
        return first_success(cluster, survivors, began + 20) - began
    finally:
        bring_back(cluster, leader)
        wait_for(lambda: cluster.serves(leader), 60, f"{cluster.name} is whole again")


def first_success(cluster, nodes, stop_at):
    """Puts to the given nodes, one every 5 ms and node: when the first that succeeds ended."""
    won = threading.Event()
    ended = []

    def write(node):
        while not won.is_set() and time.monotonic() < stop_at:
            method, path, body = cluster.put_request("failover", "x")
            answer = ask(cluster.http[node], method, path, body, timeout=0.5)
            if answer and answer[0] == 200:
                ended.append(time.monotonic())
                won.set()
            won.wait(0.005)

    writers = [threading.Thread(target=write, args=(node,)) for node in nodes]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    if not ended:
        raise SystemExit(f"error: {cluster.name} took no write after its leader was gone")
    return min(ended)
