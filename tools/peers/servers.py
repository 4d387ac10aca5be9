"""The servers under comparison: each starts processes of its own on free loopback ports, with its
data in a directory that it is given, and ends only what it started."""
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from base64 import b64encode

from machine import free_ports

BIN = os.environ.get("CAIRN_BIN", "build/release/bin")


def ask(port, method, path, body=None, timeout=2):
    """(status, body) or None when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise SystemExit(f"error: not within {seconds} s: {what}; look at the logs named above")
        time.sleep(0.01)


class Cluster:
    """N processes of one kind. Subclasses say how one is started and when it serves."""

    name = "?"

    def __init__(self, base, nodes):
        self.base = os.path.join(base, self.name)
        self.nodes = nodes
        self.processes = {}
        self.http = [0] + free_ports(nodes)
        self.peer = [0] + free_ports(nodes)

    def directory(self, node):
        return os.path.join(self.base, f"node{node}")

    def command(self, node):
        raise NotImplementedError

    def serves(self, node):
        raise NotImplementedError

    def start_one(self, node):
        os.makedirs(self.directory(node), mode=0o700, exist_ok=True)
        with open(os.path.join(self.base, f"node{node}.log"), "ab") as log:
            self.processes[node] = subprocess.Popen(self.command(node), stdout=log, stderr=log,
                                                    start_new_session=True)

    def start(self, fresh=True):
        if fresh:
            shutil.rmtree(self.base, ignore_errors=True)
        for node in range(1, self.nodes + 1):
            self.start_one(node)
        for node in range(1, self.nodes + 1):
            wait_for(lambda n=node: self.serves(n), 60,
                     f"{self.name} node {node} serves ({self.base})")

    def kill(self, node):
        self.processes[node].send_signal(signal.SIGKILL)
        self.processes.pop(node).wait()

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = {}

    def pids(self):
        return [process.pid for process in self.processes.values()]


class Cairn(Cluster):
    name = "cairn"

    def __init__(self, base, nodes, flags=(), name="cairn"):
        self.name = name
        super().__init__(base, nodes)
        self.native = [0] + free_ports(nodes)
        self.flags = list(flags)

    def command(self, node):
        command = [os.path.join(BIN, "kvd"), "--id", str(node), "--data-dir", self.directory(node),
                   "--http", f"127.0.0.1:{self.http[node]}",
                   "--client", f"127.0.0.1:{self.native[node]}"]
        if self.nodes > 1:
            members = ",".join(f"{n}=127.0.0.1:{self.peer[n]}" for n in range(1, self.nodes + 1))
            command += ["--peer", f"127.0.0.1:{self.peer[node]}", "--cluster", members]
        return command + self.flags

    def serves(self, node):
        answer = ask(self.http[node], "GET", "/readyz")
        return answer and answer[0] == 200

    def view(self):
        for node in self.processes:
            answer = ask(self.http[node], "GET", "/v1/cluster")
            if answer and answer[0] == 200:
                return json.loads(answer[1])
        return None

    def leader(self):
        def find():
            view = self.view()
            return view and view["partitions"][0]["leader"]
        return wait_for(find, 30, "cairn has a leader")

    def endpoints(self, nodes=None):
        return ",".join(f"http://127.0.0.1:{self.http[node]}"
                        for node in nodes or range(1, self.nodes + 1))

    def metric(self, node, name):
        """{labels: value} of one metric at one node; nothing while it does not answer."""
        answer = ask(self.http[node], "GET", "/metrics")
        found = {}
        for line in (answer[1].decode() if answer else "").splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name:
                found[series.partition("{")[2]] = float(value)
        return found

    def put_request(self, key, value):
        return "PUT", "/v1/kv/" + key, value


class Etcd(Cluster):
    name = "etcd"

    def command(self, node):
        client = f"http://127.0.0.1:{self.http[node]}"
        peer = f"http://127.0.0.1:{self.peer[node]}"
        members = ",".join(f"m{n}=http://127.0.0.1:{port}"
                           for n, port in enumerate(self.peer[1:], 1))
        return ["etcd", "--name", f"m{node}", "--data-dir", self.directory(node),
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", members, "--initial-cluster-token", "bench-peers",
                "--initial-cluster-state", "new", "--quota-backend-bytes", str(8 << 30),
                "--logger", "zap", "--log-level", "error"]

    def serves(self, node):
        answer = ask(self.http[node], "POST", "/v3/kv/put", '{"key":"cmVhZHk=","value":"MQ=="}')
        return answer and b'"revision"' in answer[1]

    def leader(self):
        def find():
            for node in self.processes:
                answer = ask(self.http[node], "POST", "/v3/maintenance/status", "{}")
                if answer:
                    status = json.loads(answer[1])
                    if status.get("leader") == status["header"]["member_id"]:
                        return node
            return None
        return wait_for(find, 30, "etcd has a leader")

    def put_request(self, key, value):
        pair = {"key": key, "value": value}
        body = {name: b64encode(text.encode()).decode() for name, text in pair.items()}
        return "POST", "/v3/kv/put", json.dumps(body)


class Redis(Cluster):
    name = "redis"

    def command(self, node):
        return ["redis-server", "--port", str(self.http[node]), "--bind", "127.0.0.1",
                "--dir", self.directory(node), "--appendonly", "yes", "--appendfsync", "always",
                "--save", ""]

    def serves(self, node):
        return subprocess.run(["redis-cli", "-p", str(self.http[node]), "ping"],
                              capture_output=True).stdout.strip() == b"PONG"
