"""Real kvd processes for the process tests: start, kill, stop, ask.

Each Cluster has a temporary directory and ports of its own and ends only what it started. Nothing
here sleeps for luck: every wait polls a condition until a deadline.
"""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from urllib.parse import quote

BIN = os.environ.get("CAIRN_BIN", "build/release/bin")
# Sanitizers slow everything down; deadlines (never what must hold) stretch with them.
PATIENCE = float(os.environ.get("CAIRN_PATIENCE", "1"))


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * PATIENCE:.0f} s: {what}")
        time.sleep(0.01)  # between two looks


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Node:
    def __init__(self, cluster, number, http_port, peer_port):
        self.cluster, self.id = cluster, number
        self.http_port, self.peer_port = http_port, peer_port
        self.data_dir = os.path.join(cluster.dir, f"node{number}")
        self.log_path = os.path.join(cluster.dir, f"node{number}.log")
        self.process = None
        self._local = threading.local()

    @property
    def peer(self):
        return f"127.0.0.1:{self.peer_port}"

    def command(self):
        members = ",".join(f"{n.id}={n.peer}" for n in self.cluster.listed)
        return [os.path.join(BIN, "kvd"), "--id", str(self.id), "--data-dir", self.data_dir,
                "--http", f"127.0.0.1:{self.http_port}", "--peer", f"127.0.0.1:{self.peer_port}",
                "--cluster", members] + self.cluster.flags

    def start(self):
        assert self.process is None
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        if sig == signal.SIGKILL:
            self.process.wait()
            self.process = None

    def stop(self, seconds=5):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=seconds * PATIENCE)
        self.process = None
        return status

    def ask(self, method, path, body=None, headers=None, timeout=10):
        """One request on this thread's kept connection. OSError when the node can't be reached."""
        for fresh in (False, True):
            connection = getattr(self._local, "connection", None)
            if connection is None or fresh:
                connection = http.client.HTTPConnection("127.0.0.1", self.http_port,
                                                        timeout=timeout * PATIENCE)
                self._local.connection = connection
                fresh = True
            try:
                connection.request(method, path, body=body, headers=headers or {})
                answer = connection.getresponse()
                return Answer(answer.status, dict(answer.getheaders()), answer.read())
            except (http.client.HTTPException, OSError) as error:
                connection.close()
                self._local.connection = None
                # A request on an old connection that closed meanwhile may be asked anew only if it
                # changes nothing.
                if fresh or method not in ("GET", "HEAD"):
                    raise OSError(str(error)) from error

    def put(self, key, value, **headers):
        return self.ask("PUT", "/v1/kv/" + quote(key), value, headers)

    def get(self, key, query=""):
        return self.ask("GET", "/v1/kv/" + quote(key) + query)

    def ready(self):
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    def metric(self, name):
        """Sum of all samples of this name."""
        total, found = 0.0, False
        for line in self.ask("GET", "/metrics").body.decode().splitlines():
            if line.startswith(name) and line[len(name)] in " {":
                total, found = total + float(line.rsplit(" ", 1)[1]), True
        assert found, f"no metric {name}"
        return total

    def sanitizer_reports(self):
        """What a sanitizer said in the log, a few lines of each report."""
        if not os.path.exists(self.log_path):
            return []
        with open(self.log_path, errors="replace") as log:
            lines = log.read().splitlines()
        return ["\n".join(lines[i:i + 30]) for i, line in enumerate(lines)
                if "Sanitizer" in line and ("ERROR" in line or "WARNING" in line)
                or "runtime error:" in line]

    def reasons(self):
        """Why it is not ready."""
        try:
            return self.ask("GET", "/readyz").json().get("reasons", [])
        except OSError:
            return []

    def log_tail(self):
        with open(self.log_path, errors="replace") as log:
            return "".join(log.readlines()[-15:])


class Cluster:
    def __init__(self, size=3, flags=()):
        self.dir = tempfile.mkdtemp(prefix="cairn-process-")
        self.flags = list(flags)
        ports = free_ports(2 * size)
        self.nodes = []
        for i in range(size):
            self.nodes.append(Node(self, i + 1, ports[2 * i], ports[2 * i + 1]))
        self.listed = list(self.nodes)  # in --cluster

    def add_node(self):
        """One more, started with the members that were there at first as its --cluster."""
        http_port, peer_port = free_ports(2)
        node = Node(self, len(self.nodes) + 1, http_port, peer_port)
        self.nodes.append(node)
        node.start()
        return node

    def kvctl(self, *arguments, node=None):
        """Its exit status, stdout and stderr."""
        node = node or next(n for n in self.nodes if n.process is not None)
        ran = subprocess.run([os.path.join(BIN, "kvctl"), "--endpoints",
                              f"http://127.0.0.1:{node.http_port}", *arguments],
                             capture_output=True, text=True, timeout=120 * PATIENCE)
        return ran.returncode, ran.stdout, ran.stderr

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, error, trace):
        found = []
        for node in self.nodes:
            if node.process is not None:
                node.process.kill()
                node.process.wait()
            if kind is not None and os.path.exists(node.log_path):
                print(f"--- node {node.id}\n{node.log_tail()}")
            found += node.sanitizer_reports()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert not found, "\n".join(found)

    def start(self):
        for node in self.nodes:
            if node.process is None:
                node.start()
        self.wait_ready()

    def wait_ready(self, seconds=20):
        for node in self.nodes:
            if node.process is not None:
                wait_until(node.ready, seconds, f"node {node.id} ready\n{node.log_tail()}")

    def leader(self, partition=0):
        """The node that leads the partition, as any running node sees it."""
        def look():
            for node in self.nodes:
                if node.process is None:
                    continue
                try:
                    view = node.ask("GET", "/v1/cluster").json()
                except OSError:
                    continue
                leader = view["partitions"][partition]["leader"]
                if leader and self.nodes[leader - 1].process is not None:
                    return self.nodes[leader - 1]
            return None
        return wait_until(look, 15, f"a leader of partition {partition}")


class Writer(threading.Thread):
    """Writes its own keys one after another, through any node, and remembers each outcome."""

    def __init__(self, cluster, name, seed):
        super().__init__(daemon=True)
        self.cluster, self.prefix = cluster, name
        self.random = random.Random(seed)
        self.done = threading.Event()
        self.acknowledged = {}   # key -> value
        self.refused = {}        # committed: no
        self.unknown = {}
        self.ack_times = []

    def run(self):
        number = 0
        while not self.done.is_set():
            number += 1
            key, value = f"{self.prefix}/{number}", f"{self.prefix}-{number}"
            node = self.random.choice(self.cluster.nodes)
            if node.process is None:
                continue
            try:
                answer = node.put(key, value.encode())
            except (OSError, TimeoutError):
                self.unknown[key] = value
                self.done.wait(0.005)
                continue
            if answer.status == 200:
                self.acknowledged[key] = value
                self.ack_times.append(time.monotonic())
            elif answer.json().get("committed") == "no":
                self.refused[key] = value
            else:
                self.unknown[key] = value

    def stop(self):
        self.done.set()
        self.join(30 * PATIENCE)
        assert not self.is_alive()


def check_history(test, cluster, writers):
    """Every acknowledged write is on every node; what was refused for good is on none."""
    for node in cluster.nodes:
        items = read_all(node)
        for writer in writers:
            for key, value in writer.acknowledged.items():
                test.assertEqual(items.get(key), value, f"lost on node {node.id}: {key}")
            for key in writer.refused:
                test.assertNotIn(key, items, f"committed: no, yet on node {node.id}: {key}")


def read_all(node, query=""):
    items, cursor = {}, None
    while True:
        path = "/v1/kv?limit=10000" + query + (f"&cursor={quote(cursor)}" if cursor else "")
        answer = node.ask("GET", path, timeout=30)
        assert answer.status == 200, answer.body
        page = answer.json()
        for item in page["items"]:
            items[item["key"]] = item["value"]
        cursor = page["next"]
        if not cursor:
            return items
