"""What puts a server under load, and what it saw. wrk drives both HTTP doors (so neither side has
its own tool's help), kvbench the native door and stores, redis-benchmark Redis."""
import csv
import json
import os
import subprocess

from servers import BIN

KVBENCH = os.path.join(BIN, "kvbench")
HERE = os.path.dirname(os.path.abspath(__file__))


def _door(door, work, seed, keys, value_size, suffix=""):
    return {**os.environ, "DOOR": door, "WORK": work, "KEYS": str(keys), "SEED": str(seed),
            "VALUE_SIZE": str(value_size), "SUFFIX": suffix}


def _wrk(arguments, environment):
    run = subprocess.run(["wrk", "-t1"] + arguments, capture_output=True, text=True,
                         env=environment)
    for line in run.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line[len("RESULT "):])
    raise SystemExit(f"error: wrk gave no result: {run.stdout[-300:]} {run.stderr[-300:]}")


def http(door, port, work, connections, seconds, seed, keys=100_000, value_size=256, suffix=""):
    """{"ops_per_second", "p50_us", "p99_us", "p999_us", "requests", "errors"}; no errors."""
    result = _wrk([f"-c{connections}", f"-d{seconds}s", "--latency", "-s",
                   os.path.join(HERE, "load.lua"), f"http://127.0.0.1:{port}"],
                  _door(door, work, seed, keys, value_size, suffix))
    if result["errors"]:
        raise SystemExit(f"error: {result['errors']} {work}s of {door} failed: no figure is given")
    return result


def load_keys(door, port, keys, value_size=256):
    """Every key once. wrk itself ends only when its time is up, so it says when all are written."""
    with subprocess.Popen(["wrk", "-t1", "-c64", "-d3600s", "-s", os.path.join(HERE, "load.lua"),
                           f"http://127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True,
                          env=_door(door, "load", 1, keys, value_size)) as run:
        loaded = any(line == "LOADED\n" for line in run.stdout)
        run.terminate()
    if not loaded:
        raise SystemExit(f"error: wrk could not load {door}")


def constant(port, connections, seconds):
    """The same server's rate when the answer is a constant: what its HTTP edge alone can do."""
    return _wrk([f"-c{connections}", f"-d{seconds}s", "-s", os.path.join(HERE, "constant.lua"),
                 f"http://127.0.0.1:{port}"], os.environ)


def kvbench(endpoint, *arguments):
    run = subprocess.run([KVBENCH, "--endpoints", endpoint, "--output", "json",
                          *map(str, arguments)], capture_output=True, text=True)
    try:
        result = json.loads(run.stdout)
    except ValueError:
        raise SystemExit(f"error: kvbench gave no result: {run.stderr[-300:]}") from None
    if run.returncode:
        raise SystemExit(f"error: kvbench ended with {run.returncode}: {run.stderr[-300:]}")
    return {"ops_per_second": result["ops_per_second"], "p50_us": result["latency_us"]["p50"],
            "p99_us": result["latency_us"]["p99"], "p999_us": result["latency_us"]["p999"]}


def redis(port, operation, clients, pipeline, requests):
    run = subprocess.run(["redis-benchmark", "-p", str(port), "-t", operation, "-d", "256",
                          "-r", "100000", "-c", str(clients), "-P", str(pipeline),
                          "-n", str(requests), "--csv"], capture_output=True, text=True, check=True)
    row = list(csv.DictReader(run.stdout.splitlines()))[-1]
    return {"ops_per_second": float(row["rps"]), "p50_us": float(row["p50_latency_ms"]) * 1000,
            "p99_us": float(row["p99_latency_ms"]) * 1000}
