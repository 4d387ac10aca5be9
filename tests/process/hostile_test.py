"""Bad input on every port, bad configuration: clear answers, and service for everybody else."""
import os
import random
import socket
import subprocess
import tempfile
import unittest

from cluster import BIN, Cluster, free_ports, wait_until


def exchange(port, data, seconds=5):
    """Sends bytes, returns whatever comes back until the other side closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as s:
        s.sendall(data)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return got


class HostileInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.cluster.start()
        cls.node = cls.cluster.nodes[0]

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def tearDown(self):
        self.assertEqual(self.node.put("still", b"serving").status, 200)
        self.assertEqual(self.node.get("still").json()["value"], "serving")

    def refused(self, request, status):
        answer = exchange(self.node.http_port, request)
        self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), (request[:80], answer[:200]))
        self.assertIn(b"application/problem+json", answer)
        return answer

    def test_UnclearFraming_AnsweredAndClosed(self):
        head = b"PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n"
        for fields in (b"Content-Length: 1\r\nContent-Length: 2\r\n",
                       b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
                       b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding: xchunked\r\n",
                       b"Content-Length: +4\r\n", b"Content-Length: 99999999999999999999\r\n",
                       b"X-A: b\r\n folded\r\n", b"Bad Name: x\r\n"):
            self.refused(head + fields + b"\r\nbody", 400)
        self.refused(b"GET /v1/kv/a HTTP/1.1\r\n\r\n", 400)

    def test_Targets_TooLongOrBroken_Refused(self):
        close = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.refused(b"GET /v1/kv/%zz" + close, 400)
        self.refused(b"GET /nowhere" + close, 404)
        self.refused(b"POST /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                     b"Content-Length: 0\r\n\r\n", 405)
        self.refused(b"GET /v1/kv/" + b"k" * 5000 + close, 400)
        self.refused(b"GET /v1/kv/" + b"k" * 20000 + close, 414)
        self.refused(b"GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
                     431)
        self.refused(b"GET /v1/kv/a HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
                     421)

    def test_Value_OverLimit_TooLarge(self):
        answer = self.node.ask("PUT", "/v1/kv/big", b"x" * (1 << 20))
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.node.ask("PUT", "/v1/kv/big", b"x" * ((1 << 20) + 1)).status, 413)

    def test_Garbage_OnHttpPort_AnsweredOrClosed(self):
        chance = random.Random(5)
        for _ in range(50):
            exchange(self.node.http_port, chance.randbytes(chance.randrange(1, 3000)) + b"\r\n\r\n",
                     seconds=1)

    def test_Garbage_OnPeerPort_DroppedAndCounted(self):
        before = self.node.metric("cairn_peer_frames_rejected_total")
        chance = random.Random(6)
        for _ in range(20):
            exchange(self.node.peer_port, chance.randbytes(500), seconds=1)
        wait_until(lambda: self.node.metric("cairn_peer_frames_rejected_total") >= before + 20, 10,
                   "the rejected frames counted")

    def test_SlowConnections_300_OthersAreServed(self):
        slow = []
        try:
            for _ in range(300):
                s = socket.create_connection(("127.0.0.1", self.node.http_port), timeout=5)
                s.sendall(b"GET /v1/kv/a HT")
                slow.append(s)
            for _ in range(20):
                self.assertEqual(self.node.put("beside", b"them").status, 200)
            for s in slow:  # a byte now and then does not move the deadline
                s.sendall(b"T")

            def all_closed():
                for s in list(slow):
                    s.setblocking(False)
                    try:
                        if s.recv(4096) == b"":
                            s.close()
                            slow.remove(s)
                    except BlockingIOError:
                        pass
                    except OSError:
                        slow.remove(s)
                return not slow
            wait_until(all_closed, 20, "slow connections closed at their deadline")
        finally:
            for s in slow:
                s.close()


class BadConfiguration(unittest.TestCase):
    def run_kvd(self, *flags, status, word):
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run([os.path.join(BIN, "kvd"), *flags], cwd=directory, timeout=20,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, status, result.stderr)
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertIn(word, errors[0])
        self.assertEqual(result.stdout, "")

    def test_Kvd_BadFlags_OneClearLine(self):
        self.run_kvd("--nonsense", status=2, word="nonsense")
        self.run_kvd("--partitions", "many", status=2, word="partitions")
        self.run_kvd("--id", "1", "--cluster", "1=127.0.0.1:1,2=127.0.0.1:2", status=2, word="peer")
        self.run_kvd("--id", "9", "--peer", "127.0.0.1:9", "--cluster", "1=nowhere", status=2,
                     word="cluster")
        self.run_kvd("--id", "4294967296", "--peer", "127.0.0.1:9", "--cluster",
                     "1=127.0.0.1:1", status=2, word="4294967295")
        self.run_kvd("--id", "1", "--peer", "0.0.0.0:9", "--cluster", "1=0.0.0.0:9", status=2,
                     word="insecure")
        self.run_kvd("--config", "absent.toml", status=2, word="absent.toml")

    def test_Kvd_PortInUse_NamesIt(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            held.listen()
            address = f"127.0.0.1:{held.getsockname()[1]}"
            self.run_kvd("--http", address, status=1, word=address)

    def test_Kvd_OtherPartitions_Refused(self):
        port = free_ports(1)[0]
        with tempfile.TemporaryDirectory() as directory:
            flags = ["--data-dir", directory, "--http", f"127.0.0.1:{port}"]
            first = subprocess.Popen([os.path.join(BIN, "kvd"), *flags, "--partitions", "4"],
                                     stderr=subprocess.PIPE, text=True)
            try:
                wait_until(lambda: first.stderr.readline().startswith("ready"), 10, "ready")
                self.run_kvd(*flags, status=1, word=directory)  # locked
            finally:
                first.terminate()
                self.assertEqual(first.wait(10), 0)
                first.stderr.close()
            self.run_kvd(*flags, "--partitions", "5", status=2, word="partitions")


if __name__ == "__main__":
    unittest.main(verbosity=2)
