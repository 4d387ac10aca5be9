"""Who may include whom. Includes run down the house only."""

import re

from sources import Finding

# A folder, and the first words of the includes it may make besides its own.
MAY_INCLUDE = {
    "raft": (),
    "wal": (),
    "net": ("raft/types.h", "raft/message.h", "wal/executor.h"),
    "kv": ("raft/", "wal/", "net/", "cairn/kv/"),
    "http": ("cairn/kv/", "cairn/http/"),
    "tools": ("raft/", "wal/", "net/", "kv/", "http/", "cairn/"),
    "tests": ("raft/", "wal/", "net/", "kv/", "http/", "tools/", "cairn/"),
    "benchmarks": ("raft/", "wal/", "net/", "kv/", "http/", "tools/", "cairn/"),
}

# The consensus core is pure: no clock, thread, chance, file or socket can reach it.
CORE_NEVER = (
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "chrono", "ctime", "random",
    "fstream", "iostream", "filesystem", "cstdio", "boost/asio", "boost/beast", "boost/thread",
    "capnp", "kj", "leveldb", "unistd.h", "fcntl.h", "time.h", "sys/",
)  # fmt: skip

# What an embedding program must not need in order to include a public header.
PUBLIC_NEVER = ("capnp", "kj/", "leveldb", "xxhash", "boost/json", "boost/beast")
PUBLIC_ASIO = ("kv/include/cairn/kv/async.h",)

# clang 14 or gcc 12 does not have them, or not whole.
NOWHERE = ("format", "expected", "source_location", "bits/stdc++.h", "cassert", "assert.h")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def _begins(name, prefixes):
    return any(name == p or name.startswith(p if p.endswith("/") else p + "/") for p in prefixes)


def _refusal(source, quote, name):
    folder = source.folder
    if name in NOWHERE:
        return f"<{name}> is not used in this project"
    if folder == "raft" and _begins(name, CORE_NEVER):
        return f"raft/ is pure: it must not include <{name}>"
    if "/include/" in source.path:
        if _begins(name, PUBLIC_NEVER):
            return f"a public header must not include <{name}>"
        if _begins(name, ("boost/asio",)) and source.path not in PUBLIC_ASIO:
            return f"a public header must not include <{name}>: nobody else pays for Asio"
        if quote == '"' and not name.startswith("cairn/"):
            return f'a public header must not include "{name}", which is not installed'
    if quote == '"' or name.startswith("cairn/"):
        if not name.startswith((folder + "/", *MAY_INCLUDE[folder])):
            return f'{folder}/ must not include "{name}"'
    return None


def check_layers(source):
    if not source.is_cpp or source.path.startswith("tests/embed/"):
        return
    for match in _INCLUDE.finditer(source.text):
        refusal = _refusal(source, match.group(1), match.group(2))
        if refusal:
            yield Finding(source, source.line_of(match.start()), refusal)
