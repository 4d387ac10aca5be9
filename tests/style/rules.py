"""The rules of the house that a regular expression can see."""

import re

from sources import LIBRARIES, Finding

LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

# A call, not a member function of that name, nor the declaration of one.
_CALL = r"(?<![\w.>:])(?<!void )(?:std::|::)?(?:{})\s*\("
_ENDS_PROCESS = re.compile(_CALL.format("exit|_exit|_Exit|quick_exit|abort|terminate|assert"))
_PRINTS = re.compile(
    _CALL.format("printf|puts|fprintf|vprintf|perror|syslog") + r"|std::(?:cout|cerr|clog)\b"
)
_SIGNALS = re.compile(
    _CALL.format("signal|sigaction|sigprocmask|pthread_sigmask") + r"|\bsignal_set\b"
)
_SLEEPS = re.compile(r"\b(?:sleep_(?:for|until)|usleep|nanosleep)\b|(?<![\w.>:])::?sleep\s*\(")
# Where a process cannot tell by itself, a loop with a deadline may pause "between two looks".
_SCRIPT_SLEEPS = re.compile(
    r"^(?!.*# between two looks).*(?:\btime\.sleep\b|import sleep\b|^\s*sleep\s+[\d$])", re.M
)
_THREADS = re.compile(r"\bstd::j?thread\b|\bstd::async\b|\bpthread_create\b")
_CLOCKS = re.compile(
    r"\b(?:steady|system|high_resolution)_clock::now\b|\bclock_gettime\b|\bgettimeofday\b"
)
_CHANCE = re.compile(r"\bstd::\w+_distribution\b|\bstd::random_device\b|(?<![\w.>:])s?rand\s*\(")
_GLOBAL_ALIAS = re.compile(r"^namespace (?:net|http|kv|wal|raft)\b", re.M)
_OPEN_ENDS = re.compile(r"TO" r"DO|FIX" r"ME|HA" r"CK|\bX" r"XX\b|not impl" r"emented")

# Where the real clock and the real threads live; everything else in these folders runs in the
# simulator as well.
_HOST = re.compile(r"^(?:kv/host|wal/[a-z_]*executor|wal/posix|net/asio|net/[a-z_]*clock)")


def _each(source, pattern, what, text=None):
    for match in pattern.finditer(source.code if text is None else text):
        yield Finding(source, source.line_of(match.start()), what)


def check_library_manners(source):
    """A library does not end the process, print, or take its signals."""
    if source.is_cpp and source.folder in LIBRARIES:
        yield from _each(source, _ENDS_PROCESS, "a library must not end the process")
        yield from _each(source, _PRINTS, "a library must not print")
        yield from _each(source, _SIGNALS, "a library must not touch signals")


def check_determinism(source):
    """Below the host no thread, sleep or clock; nowhere in a library chance from the library."""
    if not source.is_cpp or source.folder not in LIBRARIES:
        return
    yield from _each(source, _CHANCE, "use the seeded generator that is passed in")
    yield from _each(source, _SLEEPS, "nothing in a library may sleep")
    if source.folder in ("raft", "wal", "kv") and not _HOST.match(source.path):
        yield from _each(source, _THREADS, "no thread below the host")
        yield from _each(source, _CLOCKS, "no clock below the host: time is passed in")


def check_tests_do_not_sleep(source):
    if source.folder != "tests" or source.path.startswith("tests/style/"):
        return
    what = "a test waits for an event with a deadline, or moves virtual time"
    if source.is_cpp:
        yield from _each(source, _SLEEPS, what)
    else:
        yield from _each(source, _SCRIPT_SLEEPS, what)


_LAMBDA = re.compile(r"(?<![\w\])])\s*\[[^\[\]]+\]\s*(?:[({]|mutable\b)")
_BRACED = re.compile(r"[(,]\s*(?:[\w:]+(?:<[^<>]*>)?)?\s*\{")


def _expressions_of(source, word):
    """Where the word stands, and where the expression behind it ends."""
    for match in re.finditer(rf"\b{word}\b", source.code):
        depth = 0
        end = match.end()
        while end < len(source.code):
            c = source.code[end]
            if c in "({":
                depth += 1
            elif c in ")}":
                depth -= 1
            if depth < 0 or (c == ";" and depth == 0):
                break
            end += 1
        yield match.start(), source.code[match.end() : end]


def check_co_await(source):
    """gcc 12 destroys twice, inside a co_await expression, the captures of a lambda and what braces
    make of an aggregate."""
    if not source.is_cpp:
        return
    for at, expression in _expressions_of(source, "co_await"):
        for pattern, what in ((_LAMBDA, "lambda"), (_BRACED, "braced argument")):
            if pattern.search(expression):
                advice = f"name the {what} before the co_await: gcc 12 would destroy it twice"
                yield Finding(source, source.line_of(at), advice)


def check_size(source):
    if len(source.lines) > LINES_MAX:
        what = f"{len(source.lines)} lines, {LINES_MAX} at most: two rooms?"
        yield Finding(source, LINES_MAX, what)
    if source.is_cpp or source.path.endswith((".py", ".capnp")):
        for number, line in enumerate(source.lines, 1):
            if len(line) > COLUMNS_MAX:
                yield Finding(source, number, f"{len(line)} columns, {COLUMNS_MAX} at most")


_NO_FUNCTION = re.compile(r"\s*(?:namespace|class|struct|enum|union|extern|template|using|\}|#|=)")


def check_function_length(source):
    """By the indentation clang-format gives: at column 0, and at 2 for members in a class."""
    if not source.is_cpp or source.folder == "tests":
        return
    began = {}
    for number, line in enumerate(source.code.split("\n"), 1):
        line = line.rstrip()
        for indent in (0, 2):
            pad = " " * indent
            if re.match(pad + r"\}", line) and indent in began:
                length = number - began.pop(indent) + 1
                if length > FUNCTION_LINES_MAX:
                    what = f"a function of {length} lines, {FUNCTION_LINES_MAX} at most"
                    yield Finding(source, number, what)
            elif re.match(pad + r"\S.*\) ?(?:const|noexcept|override|mutable| |->.*)*\{$", line):
                if not _NO_FUNCTION.match(line) and not (indent == 2 and 0 in began):
                    began[indent] = number


def check_words(source):
    if source.path.endswith(".h") and "#pragma once" not in source.lines:
        yield Finding(source, 1, "a header begins with #pragma once")
    if source.is_cpp:
        yield from _each(source, _GLOBAL_ALIAS, "our namespaces are cairn::...")
    yield from _each(source, _OPEN_ENDS, "finish it, or leave it out", source.text)


ALL = (
    check_library_manners,
    check_determinism,
    check_tests_do_not_sleep,
    check_co_await,
    check_size,
    check_function_length,
    check_words,
)
