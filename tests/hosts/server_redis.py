# SPDX-License-Identifier: MIT
"""redis-server: under the load of redis-benchmark, and as a daemon; see servers.py.

Its own CLIENT LIST judges the client sockets of every snapshot.
"""

import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import hosts
import oracle
from servers import (CLIENTS, STOP_TIMEOUT_S, Clients, Facts, await_port, fail_on, find_free_port,
                     list_listeners, list_tcp_sockets, run_load, snapshot_under_load, start, stop)

REQUESTS = 200_000
# A daemon's starter may take this much longer under the tracker: far less than the
# seconds that it takes when somebody keeps its output open.
DAEMON_SLACK_S = 1.5


def redis_command(port, *more):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--logfile", "redis.log", *more]


def list_redis_clients(port):
    """CLIENT LIST; redis-cli's own connection does not stay."""
    done = subprocess.run(["redis-cli", "-p", str(port), "client", "list"], check=False,
                          capture_output=True, text=True)
    numbers = {line: int(re.search(r" fd=(\d+) ", line)[1]) for line in done.stdout.splitlines()}
    return Clients(frozenset(number for line, number in numbers.items()
                             if " cmd=client" not in line), frozenset(numbers.values()))


def test_redis(tracker, options=""):
    """hazard: E16"""
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        return "redis is not installed"
    port = find_free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        told = Facts(tracker, folder, options)
        process = start(redis_command(port), folder, told.plain)
        await_port(port, process)
        stop(process)
        told.native_ended()
        environment = hosts.make_traced(hosts.make_environment(folder), tracker, options)
        process = start(redis_command(port), folder, told.traced)
        try:
            await_port(port, process)
            load = run_load(["redis-benchmark", "-p", str(port), "-q", "-n", str(REQUESTS),
                             "-c", str(CLIENTS), "-t", "set,get"])
            complaints = snapshot_under_load(tracker, [process.pid], load, environment,
                                             lambda: list_redis_clients(port))
            text, _ = load.communicate(timeout=300)
            if load.returncode or "requests per second" not in text:
                complaints.append(f"redis-benchmark ended with {load.returncode}: {text[-300:]}")
            complaints += check_idle_redis(tracker, process.pid, port, folder, environment)
            status = stop(process)
            if status:
                complaints.append(f"redis ended with {status}")
            complaints += told.traced_ended()
        finally:
            hosts.kill_group(process)
        output = (Path(folder) / "output").read_text(encoding="utf-8", errors="replace")
        if output:
            complaints.append(f"printed {output[:1500]!r}")
    fail_on(complaints)
    return None


def check_idle_redis(tracker, pid, port, folder, environment):
    """With nothing going on, clients of ours are in the dump exactly as CLIENT LIST has them."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(7)]
    try:
        # Nobody else's: redis-cli's connection is gone when the kernel has it closed.
        while len(list_tcp_sockets(pid, "01")) != len(clients):
            time.sleep(0.01)
        dump, complaints = oracle.check_snapshot(tracker.tool, pid, folder, "idle", environment)
        if dump:
            told = dump.sockets() - list_listeners(pid)
            listed = list_redis_clients(port).staying
            if told != listed:
                complaints.append(f"client sockets {sorted(told)} in the dump, "
                                  f"{sorted(listed)} in CLIENT LIST")
    finally:
        for client in clients:
            client.close()
    return complaints


def redis_pid(port):
    done = subprocess.run(["redis-cli", "-p", str(port), "info", "server"], check=False,
                          capture_output=True, text=True)
    found = re.search(r"process_id:(\d+)", done.stdout)
    return int(found[1]) if found else None


def await_end(pid):
    """Waits until a process that is no child of ours has gone."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            raise hosts.Difference(f"does not end within {STOP_TIMEOUT_S} s")
        time.sleep(0.01)


def time_redis_daemon(port, folder, environment):
    """Seconds that x=$(redis-server --daemonize yes) takes; the daemon is stopped again."""
    words = " ".join(f"'{word}'" for word in redis_command(port, "--daemonize", "yes"))
    started = time.monotonic()
    done = subprocess.run(["/bin/bash", "-c", f"x=$({words} 2>&1); echo \"$? [$x]\""],
                          cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=60, check=False)
    seconds = time.monotonic() - started
    await_port(port, None)
    pid = redis_pid(port)
    subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], check=False,
                   capture_output=True)
    await_end(pid)
    return seconds, done.stdout + done.stderr


def test_redis_daemon(tracker):
    """hazard: C4. Nothing of ours keeps the pipe open on which the starter waits."""
    if not shutil.which("redis-server"):
        return "redis is not installed"
    port = find_free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        told = Facts(tracker, folder)
        native, said = time_redis_daemon(port, folder, told.plain)
        told.native_ended()
        traced, said_traced = time_redis_daemon(port, folder, told.traced)
        fail_on(told.traced_ended())
    if said != said_traced:
        raise hosts.Difference(f"said {said_traced!r} instead of {said!r}")
    if traced > native + DAEMON_SLACK_S:
        raise hosts.Difference(f"took {traced:.2f} s instead of {native:.2f} s")
    return None


TESTS = (
    ("redis", test_redis),
    ("redis-sampled", lambda tracker: test_redis(tracker, "sample=512k")),
    ("redis-daemon", test_redis_daemon),
)
