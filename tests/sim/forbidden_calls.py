#!/usr/bin/env python3
"""What runs in the simulator asks nothing of the machine: no clock, thread, socket, file, chance or
environment. Looked up in what the compiler made, so that no macro or header hides a call.

usage: forbidden_calls.py BUILD_DIR
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

# Everything that a simulated node is made of, and the simulator.
LIBRARIES = {"raft": "raft", "wal": "wal", "net": "net", "kv_command": "kv/command",
             "kv_placement": "kv/placement", "kv_identity": "kv/identity",
             "kv_backup": "kv/backup", "kv_engine": "kv/engine", "kv_node": "kv/node",
             "sim": "kv/sim"}

C_FUNCTIONS = """
clock_gettime clock_nanosleep gettimeofday time ftime localtime localtime_r gmtime nanosleep usleep
sleep rand rand_r random srand srandom drand48 getrandom getentropy arc4random getenv secure_getenv
setenv putenv pthread_create pthread_self gettid getpid fork vfork system popen signal sigaction
socket socketpair connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg poll
ppoll select epoll_create1 epoll_wait eventfd timerfd_create open open64 openat openat64 creat fopen
fopen64 read pread pread64 write pwrite pwrite64 writev readv fsync fdatasync ftruncate rename
unlink
mkdir opendir readdir stat lstat fstat mmap abort exit _exit quick_exit __read_chk
__pread64_chk
""".split()
CXX_FUNCTIONS = re.compile(
    r"std::(chrono::(_V2::)?(system|steady|high_resolution)_clock::now"
    r"|random_device::|thread::_M_start_thread|this_thread::|condition_variable(_any)?::wait_"
    r"|basic_[io]?fstream<|basic_filebuf<|filesystem::)")

# Where it is allowed: what the real world is made of, each with a twin in the simulator.
ALLOWED = {
    ("wal", "posix_file_system.cc"): "the disk; memory_file_system.cc is its twin",
    ("wal", "thread_executor.cc"): "threads; kv/sim/executor.h",
    ("net", "asio_connection.cc"): "the network and its clock; kv/sim/network.cc",
    ("net", "asio_loop.cc"): "likewise",
    ("net", "asio_transport.cc"): "likewise",
    ("net", "framed_listener.cc"): "the door of clients, which no simulated node has",
    ("net", "framed_socket.cc"): "likewise",
}


def is_forbidden(symbol):
    name = symbol.split("@")[0]
    return name in C_FUNCTIONS or CXX_FUNCTIONS.match(name) is not None


def undefined_in(archive):
    """(object, symbol) of all that the archive's objects ask others for."""
    listed = subprocess.run(["nm", "-C", "--undefined-only", str(archive)], check=True,
                            capture_output=True, text=True).stdout
    member = archive.name
    for line in listed.splitlines():
        if line.endswith(":") and line.rstrip(":").endswith(".o"):
            member = line.rstrip(":").removesuffix(".o")
        elif (found := re.match(r"\s+[Uw] (.*)", line)):
            yield member, found.group(1)


def findings_in(library, archive):
    """What is asked for and must not be; and how many symbols were looked at."""
    count, found, allowed = 0, [], set()
    for member, symbol in undefined_in(archive):
        count += 1
        if not is_forbidden(symbol):
            continue
        if (library, member) in ALLOWED:
            allowed.add(member)
        else:
            found.append(f"libcairn_{library}.a: {member} asks for {symbol}")
    found += [f"libcairn_{library}.a: {member} needs no exception any more"
              for one, member in ALLOWED if one == library and member not in allowed]
    return found, count


FORBIDDEN_CALLS = """
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <random>
#include <sys/random.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
void calls(char* bytes) {
  (void)std::chrono::steady_clock::now();
  (void)std::chrono::system_clock::now();
  (void)std::random_device{}();
  std::thread([] {}).join();
  std::this_thread::sleep_for(std::chrono::hours(1));
  (void)std::ifstream("a").get();
  (void)std::getenv("A");
  (void)std::rand();
  (void)std::time(nullptr);
  timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  (void)getrandom(bytes, 1, 0);
  (void)fsync(socket(AF_INET, SOCK_STREAM, 0));
  (void)!read(open("a", O_RDONLY), bytes, 1);
}
"""
SEEN = """steady_clock::now system_clock::now random_device thread::_M_start_thread nanosleep
basic_ifstream getenv rand time clock_gettime getrandom fsync socket read open""".split()


class Self(unittest.TestCase):
    """The check sees what it must not let pass, and nothing else."""

    def findings(self, text):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "a.cc").write_text(text)
            subprocess.run(["c++", "-std=c++20", "-O2", "-c", "a.cc", "-o", "a.cc.o"], cwd=folder,
                           check=True)
            subprocess.run(["ar", "rcs", "libcairn_raft.a", "a.cc.o"], cwd=folder, check=True)
            return findings_in("raft", folder / "libcairn_raft.a")[0]

    def test_clocks_chance_threads_and_files_are_seen(self):
        found = self.findings(FORBIDDEN_CALLS)
        for name in SEEN:
            self.assertTrue(any(re.search(rf"[ :]{name}\b", one) for one in found), name)

    def test_ordinary_code_passes(self):
        self.assertEqual(self.findings("#include <string>\n#include <mutex>\nstd::mutex m;\n"
                                       "void f(std::string& s) { m.lock(); s += 'a'; }\n"), [])


def main():
    build = pathlib.Path(sys.argv.pop(1))
    bad, looked_at = [], 0
    for library, folder in LIBRARIES.items():
        archive = build / folder / f"libcairn_{library}.a"
        if not archive.is_file():
            print(f"{archive}: is it built?")
            return 1
        found, count = findings_in(library, archive)
        bad += found
        looked_at += count
    for one in bad:
        print(one)
    print(f"{looked_at} symbols of {len(LIBRARIES)} libraries looked at, {len(bad)} forbidden")
    if bad or looked_at < 1000:
        return 1
    return 0 if unittest.main(exit=False, verbosity=1).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
