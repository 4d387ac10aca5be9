#!/usr/bin/env python3
"""Each check finds the violation planted for it, and leaves its honest neighbour alone."""

import unittest

import layers
import rules
from sources import Source

SLEEP = "std::this_thread::sleep_" + "for(1ms);"


def found(check, path, text):
    return [finding.what for finding in check(Source(path, text))]


class Planted(unittest.TestCase):
    def refused(self, check, path, text, word):
        whats = found(check, path, text)
        self.assertTrue(any(word in what for what in whats), f"{path}: {text!r} gave {whats}")

    def allowed(self, check, path, text):
        self.assertEqual(found(check, path, text), [], f"{path}: {text!r}")

    def test_layers_upward_include_refused(self):
        check = layers.check_layers
        for path, name in (
            ("raft/core.cc", "wal/wal.h"),
            ("wal/wal.cc", "raft/core.h"),
            ("net/peer_set.cc", "kv/node/node.h"),
            ("net/peer_set.cc", "raft/core.h"),
            ("kv/store.cc", "http/router.h"),
            ("http/router.cc", "kv/node/node.h"),
            ("http/router.cc", "tools/lib/flags.h"),
            ("kv/store.cc", "store.h"),
        ):
            self.refused(check, path, f'#include "{name}"\n', "must not include")
        self.refused(check, "wal/wal.cc", "#include <cairn/kv/error.h>\n", "must not include")

    def test_layers_downward_include_allowed(self):
        check = layers.check_layers
        for path, name in (
            ("raft/core.cc", "raft/log.h"),
            ("net/wire.h", "raft/message.h"),
            ("net/peer_set.h", "wal/executor.h"),
            ("kv/node/node.h", "wal/wal.h"),
            ("http/router.cc", "cairn/kv/store.h"),
            ("tools/kvd.cc", "cairn/http/server.h"),
            ("tests/raft/core_test.cc", "raft/core.h"),
        ):
            self.allowed(check, path, f'#include "{name}"\n')

    def test_layers_impure_core_refused(self):
        for name in layers.CORE_NEVER:
            name = name + "types.h" if name.endswith("/") else name
            self.refused(layers.check_layers, "raft/core.h", f"#include <{name}>\n", "pure")
        self.refused(layers.check_layers, "raft/a.h", "# include <boost/asio/post.hpp>\n", "pure")
        self.allowed(layers.check_layers, "raft/core.h", "#include <boost/system/result.hpp>\n")

    def test_layers_heavy_public_header_refused(self):
        path = "kv/include/cairn/kv/store.h"
        for text in (
            "#include <capnp/message.h>\n",
            "#include <leveldb/db.h>\n",
            "#include <boost/asio/post.hpp>\n",
            '#include "kv/node/node.h"\n',
        ):
            self.refused(layers.check_layers, path, text, "public header")
        asio = "kv/include/cairn/kv/async.h"
        self.allowed(layers.check_layers, asio, "#include <boost/asio/post.hpp>\n")

    def test_layers_unported_header_refused(self):
        for name in layers.NOWHERE:
            self.refused(layers.check_layers, "kv/a.cc", f"#include <{name}>\n", "not used")

    def test_library_manners(self):
        check = rules.check_library_manners
        for text in ("exit(1);", "std::abort();", "  ::terminate();", "assert(x);"):
            self.refused(check, "kv/a.cc", text, "end the process")
        for text in ('printf("x");', "std::cerr << 1;", "fprintf(stderr, m);"):
            self.refused(check, "http/a.cc", text, "print")
        for text in ("std::signal(SIGINT, f);", "boost::asio::signal_set s(io);"):
            self.refused(check, "net/a.cc", text, "signals")
        for text in (
            "election.abort();",
            "virtual void abort() = 0;",
            "// exit(1)",
            'say("abort()");',
            "snprintf(b, n, f);",
        ):
            self.allowed(check, "kv/a.cc", text)
        self.allowed(check, "tools/kvd.cc", "std::exit(1);")

    def test_determinism(self):
        check = rules.check_determinism
        self.refused(check, "kv/node/node.cc", "std::jthread t;", "thread")
        self.refused(check, "wal/wal.cc", "auto t = std::chrono::steady_clock::now();", "clock")
        self.refused(check, "net/a.cc", SLEEP, "sleep")
        self.refused(check, "raft/a.cc", "std::uniform_int_distribution<int> d;", "seeded")
        self.refused(check, "raft/a.cc", "x = rand();", "seeded")
        self.allowed(check, "kv/host/runtime.cc", "std::jthread t; steady_clock::now();")
        self.allowed(check, "wal/thread_executor.cc", "std::thread t;")
        self.allowed(check, "kv/a.cc", "auto n = operand(); std::chrono::milliseconds m;")

    def test_sleeping_test_refused(self):
        check = rules.check_tests_do_not_sleep
        self.refused(check, "tests/kv/a_test.cc", SLEEP, "deadline")
        self.refused(check, "tests/process/a.py", "time." + "sleep(1)\n", "deadline")
        self.refused(check, "tests/process/a.sh", "  sl" + "eep 1\n", "deadline")
        self.allowed(check, "tests/kv/a_test.cc", "clock.advance(1ms);")
        look = "time." + "sleep(0.01)  # between two looks at it\n"
        self.allowed(check, "tests/process/a.py", look)

    def test_co_await_lambda_refused(self):
        check = rules.check_co_await
        self.refused(check, "http/a.cc", "co_await run([this] { go(); }, use_awaitable);", "lambda")
        self.refused(check, "http/a.cc", "co_await run(\n  x, [&](int i) { go(i); });", "lambda")
        self.refused(check, "http/a.cc", "co_await put(s, k, {}, token);", "braced")
        self.refused(check, "http/a.cc", "co_await put(Options{.a = 1}, token);", "braced")
        self.allowed(check, "http/a.cc", "co_await put(s, Options(), token); f(s, {});")
        self.allowed(check, "http/a.cc", "co_await run([] { go(); }, use_awaitable);")
        self.allowed(check, "http/a.cc", "co_await read(buffers[i], sizes[j](2));")
        self.allowed(check, "http/a.cc", "co_await x; auto f = [this] { go(); };")

    def test_size(self):
        long_file = "\n".join(["int x;"] * (rules.LINES_MAX + 1)) + "\n"
        self.refused(rules.check_size, "kv/a.cc", long_file, "two rooms")
        self.refused(rules.check_size, "kv/a.cc", "x" * 101 + "\n", "columns")
        self.allowed(rules.check_size, "kv/a.cc", "x" * 100 + "\n" * rules.LINES_MAX)

    def test_function_length(self):
        body = "  f();\n" * 70
        check = rules.check_function_length
        self.refused(check, "kv/a.cc", "int g(int x) {\n" + body + "}\n", "function")
        self.refused(check, "kv/a.cc", "bool A::g() const {\n" + body + "}\n", "function")
        member = "struct A {\n  int g() {\n" + "    f();\n" * 70 + "  }\n};\n"
        self.refused(check, "kv/a.h", member, "function")
        self.allowed(check, "kv/a.cc", "int g(int x) {\n" + "  f();\n" * 60 + "}\n")
        self.allowed(check, "kv/a.cc", "namespace a {\n" + body + "}\n")
        self.allowed(check, "kv/a.h", "struct A {\n" + "  int x;\n" * 80 + "};\n")

    def test_words(self):
        check = rules.check_words
        self.refused(check, "kv/a.h", "int x;\n", "pragma once")
        self.refused(check, "kv/a.cc", "namespace net {\n", "cairn::")
        self.refused(check, "kv/a.cc", "// TO" + "DO later\n", "finish")
        self.allowed(check, "kv/a.cc", 'mkdtemp("/tmp/cairn-XX' + 'XXXX")')
        self.allowed(check, "kv/a.h", "// Head.\n#pragma once\nnamespace cairn::net {\n}\n")


if __name__ == "__main__":
    unittest.main()
