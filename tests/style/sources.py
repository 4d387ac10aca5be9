"""The files that the style checks read, and a view of C++ text without comments and strings."""

import pathlib
import re

LIBRARIES = ("raft", "wal", "net", "kv", "http")
FOLDERS = LIBRARIES + ("tools", "tests", "benchmarks")
SUFFIXES = (".h", ".cc", ".py", ".sh", ".capnp")
SCRIPTS = ("tools/quickstart", "tools/test", ".ci/run")

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'""", re.S
)


class Source:
    """One file: its path from the root, its lines, and for C++ its code alone."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.folder = path.split("/")[0]
        self.is_cpp = path.endswith((".h", ".cc"))
        # Same length and lines as the text, with comments and the insides of strings blanked out.
        self.code = _TOKEN.sub(_blank, text) if self.is_cpp else text

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


def _blank(match):
    token = match.group(0)
    if token.startswith(("//", "/*")):
        return re.sub(r"[^\n]", " ", token)
    inside = re.sub(r"[^\n]", " ", token[1:-1])
    return token[0] + inside + token[-1]


def read_tree(root):
    root = pathlib.Path(root)
    paths = [
        path
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*"))
        if path.is_file() and path.suffix in SUFFIXES
    ]
    paths += [root / name for name in SCRIPTS if (root / name).is_file()]
    return [Source(str(path.relative_to(root)), path.read_text()) for path in paths]


class Finding:
    def __init__(self, source, line, what):
        self.path, self.line, self.what = source.path, line, what

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"
