"""This machine: what it is, whether it is quiet, and what a process costs."""
import os
import platform
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


def first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "unknown"


def environment(data_dir):
    model = "unknown"
    with open("/proc/cpuinfo") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as meminfo:
        memory = int(meminfo.readline().split()[1]) // 1024
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "filesystem": first_line(["stat", "-f", "-c", "%T", data_dir]),
        "etcd": first_line(["etcd", "--version"]),
        "redis": first_line(["redis-server", "--version"]),
        "wrk": first_line(["dpkg-query", "-W", "-f", "${Version}\n", "wrk"]),
        "cairn": first_line(["git", "describe", "--always", "--dirty"]),
        "date": time.strftime("%Y-%m-%d"),
    }


def _busy_and_all():
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def wait_quiet(share=0.15, patience=30):
    """Waits until the machine is less than `share` busy; the share seen last, whatever it was."""
    deadline = time.monotonic() + patience
    while True:
        busy, whole = _busy_and_all()
        time.sleep(0.5)
        busy_later, whole_later = _busy_and_all()
        seen = (busy_later - busy) / max(1, whole_later - whole)
        if seen < share or time.monotonic() > deadline:
            return seen


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory_mib(pid):
    """{"RssAnon": MiB, "VmRSS": MiB, …}"""
    seen = {}
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(("Rss", "VmRSS", "VmHWM")):
                name, value = line.split(":")
                seen[name] = int(value.split()[0]) / 1024
    return seen
