"""A small door for the tests of the programs: keeps keys in memory, and fails as it is told to."""

import base64
import contextlib
import json
import socket
import subprocess
import threading
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


PLAN = {"failures_tolerated": 0, "bytes_to_ship": "1000", "partitions": [
    {"id": "metadata", "voters_before": [1, 2], "voters_after": [1, 2], "learners_after": [],
     "bytes_to_ship": "0", "phases": [{"phase": "now", "voters": [1, 2],
                                       "failures_tolerated": 0}]},
    {"id": 0, "voters_before": [1, 2], "voters_after": [1, 2, 4], "learners_after": [],
     "bytes_to_ship": "1000", "phases": [
         {"phase": "now", "voters": [1, 2], "failures_tolerated": 0},
         {"phase": "joint", "voters": [1, 2, 4], "and_majority_of": [1, 2],
          "failures_tolerated": -1},
         {"phase": "done", "voters": [1, 2, 4], "failures_tolerated": 1}]}]}


class Door:
    """One endpoint. `script` holds what the next requests meet, in order: a status with a problem,
    "close" (the request is received, no answer is given), "silent" (nothing until stop()), "forget"
    (a put that is acknowledged and not done), or "stale" (a get of the value before the last).
    Requests for paths in `aside` meet no script and are not kept."""

    def __init__(self, items=None, page=2, aside=()):
        self.aside = aside
        self.before = {}
        self.items = items if items is not None else {}
        self.page = page
        self.script = []
        self.requests = []
        self.revision = 100
        self.stopped = threading.Event()
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *args):
                pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                door.serve(self, body)
                self.wfile.flush()

            do_GET = do_PUT = do_DELETE = do_POST = handle_any

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 512

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def serve(self, handler, body):
        target = urllib.parse.urlsplit(handler.path)
        query = urllib.parse.parse_qs(target.query, keep_blank_values=True)
        aside = handler.path in self.aside
        if not aside:
            self.requests.append((handler.command, handler.path, dict(handler.headers), body))
        step = self.script.pop(0) if self.script and not aside else "ok"
        if step == "stale" and (handler.command != "GET" or len(self.before) == 0):
            self.script.insert(0, step)  # the next get then
            step = "ok"
        if step in ("forget", "stale"):
            key = urllib.parse.unquote_to_bytes(target.path[len("/v1/kv/"):])
            value = self.before.get(key) if step == "stale" else None
            return self.json(handler, self.item(key, value) if value else {"revision": 1})
        if step != "ok":
            if step == "close":
                handler.close_connection = True
                return
            if step == "silent":
                self.stopped.wait(30)
                return
            self.problem(handler, *step)
            return
        path = target.path
        if path.startswith("/v1/kv/"):
            self.one(handler, urllib.parse.unquote_to_bytes(path[len("/v1/kv/") :]), query, body)
        elif path == "/v1/kv" and handler.command == "GET":
            self.list(handler, query)
        elif path == "/v1/kv":
            self.remove_prefix(handler, query)
        elif path == "/v1/cluster/nodes" or path.endswith("/promote"):
            dry = bool(body) and json.loads(body).get("dry_run", False)
            self.json(handler, dict(PLAN, dry_run=dry, change=None if dry else "5"),
                      200 if dry else 202)
        elif path.startswith("/v1/cluster/partitions/"):
            self.json(handler, {"partition": int(path.split("/")[4]),
                                "leader": json.loads(body)["to"]})
        elif path == "/v1/cluster":
            self.json(handler, CLUSTER)
        elif path.startswith("/v1/ring/"):
            key = urllib.parse.unquote(path[len("/v1/ring/") :])
            self.json(handler, {"key": key, "partition": 3, "leader": 2, "nodes": [2, 3, 1]})
        elif path.startswith("/v3/kv/"):
            self.etcd(handler, path, json.loads(body))
        else:
            self.problem(handler, 404, "not_found")

    def one(self, handler, key, query, body):
        if handler.command == "PUT":
            before = self.items.get(key)
            if handler.headers.get("If-None-Match") and before is not None:
                return self.problem(handler, 412, "revision_mismatch", revision=self.revision)
            self.revision += 1
            self.before[key] = before
            self.items[key] = body
            answer = {"revision": self.revision, "version": 1, "created": before is None}
            if "prev" in query:
                answer["prev"] = None if before is None else self.item(key, before)
            return self.json(handler, answer)
        if handler.command == "DELETE":
            deleted = 1 if self.items.pop(key, None) is not None else 0
            return self.json(handler, {"deleted": deleted, "revision": self.revision})
        if key not in self.items:
            return self.problem(handler, 404, "key_not_found")
        if "raw" in query:
            return self.answer(handler, 200, self.items[key], "application/octet-stream")
        return self.json(handler, self.item(key, self.items[key]))

    def item(self, key, value, keys_only=False):
        item = {**field("key", key), "create_revision": 90, "mod_revision": 100, "version": 1}
        return item if keys_only else {**item, **field("value", value)}

    def list(self, handler, query):
        start = query.get("prefix", query.get("start", [""]))[0].encode()
        keys = sorted(
            key
            for key in self.items
            if ("prefix" in query and key.startswith(start)) or ("start" in query and key >= start)
        )
        if "end" in query:
            keys = [key for key in keys if key < query["end"][0].encode()]
        if "reverse" in query:
            keys.reverse()
        if "count_only" in query:
            return self.json(handler, {"count": len(keys)})
        at = int(query.get("cursor", ["0"])[0])
        to = at + min(self.page, int(query.get("limit", ["100"])[0]))
        items = [self.item(key, self.items[key], "keys_only" in query) for key in keys[at:to]]
        following = str(to) if to < len(keys) else None
        self.json(handler, {"items": items, "next": following, "revision": self.revision})

    def remove_prefix(self, handler, query):
        prefix = query["prefix"][0].encode()
        keys = sorted(key for key in self.items if key.startswith(prefix))
        for key in keys[: self.page]:
            del self.items[key]
        following = "more" if len(keys) > self.page else None
        answer = {"deleted": len(keys[: self.page]), "revision": self.revision, "next": following}
        self.json(handler, answer)

    def etcd(self, handler, path, request):
        key = base64.b64decode(request["key"])
        if path == "/v3/kv/put":
            self.items[key] = base64.b64decode(request["value"])
            return self.json(handler, {"header": {}})
        keys = [key] if key in self.items else []
        if "range_end" in request:
            keys = sorted(k for k in self.items if k >= key)[: request["limit"]]
        kvs = [{"key": base64.b64encode(k).decode(), "mod_revision": "7",
                "value": base64.b64encode(self.items[k]).decode()} for k in keys]
        return self.json(handler, {"header": {}, **({"kvs": kvs} if kvs else {})})

    def problem(self, handler, status, code, retryable=False, committed=None, **more):
        body = {"title": code, "status": status, "detail": f"about {code}", "code": code}
        body.update(retryable=retryable, **more)
        if committed:
            body["committed"] = committed
        self.answer(handler, status, json.dumps(body).encode(), "application/problem+json")

    def json(self, handler, value, status=200):
        self.answer(handler, status, json.dumps(value).encode(), "application/json")

    def answer(self, handler, status, body, kind):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class DoorTest(unittest.TestCase):
    """Opens a door before each test, and closes all of them after it."""

    aside = ()

    def setUp(self):
        self.doors = []
        self.door = self.add_door()

    def tearDown(self):
        for door in self.doors:
            door.stop()

    def add_door(self, **options):
        door = Door(aside=self.aside, **options)
        self.doors.append(door)
        return door


def field(name, value):
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {name + "_base64": base64.b64encode(value).decode()}


CLUSTER = {
    "cluster_id": "00000000deadbeef",
    "node": 1,
    "nodes": [
        {"id": 1, "http": "127.0.0.1:8001", "peer": "127.0.0.1:9001", "state": "self"},
        {"id": 2, "http": "127.0.0.1:8002", "peer": "127.0.0.1:9002", "state": "down"},
    ],
    "partitions": [
        {
            "id": 0,
            "leader": None,
            "term": "4",
            "commit": "17",
            "applied": "16",
            "replicas": [{"node": 1, "match": "0", "state": "follower"}],
        }
    ],
}


def run(program, *arguments, stdin=b"", environment=None):
    """Status, stdout and stderr of a program; it may take twenty seconds."""
    done = subprocess.run(
        [program, *arguments], input=stdin, capture_output=True, timeout=20, env=environment or {}
    )
    return done.returncode, done.stdout, done.stderr.decode()
