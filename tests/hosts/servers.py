# SPDX-License-Identifier: MIT
"""Servers under load with ten snapshots each: what they share, nginx, and the
demonstration's. redis is in server_redis.py.

At every snapshot the oracle compares the dump with the kernel; after the load the
server is asked to stop and must do so cleanly, silent and with status 0. What its
processes were told about themselves is what those of an idle native run were (facts.py).

hazard: 0.12, C4, D4
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import facts
import hosts
import oracle

SNAPSHOTS = 10
CLIENTS = 50
WRK_SECONDS = 10
PROGRESS_S = 0.1
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 30


def find_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process):
    """Waits until something listens; the back-off is bounded by START_TIMEOUT_S."""
    deadline, pause = time.monotonic() + START_TIMEOUT_S, 0.01
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process is not None and process.poll() is not None:
            raise hosts.Difference(f"ended with {process.returncode} before it listened")
        time.sleep(pause)
        pause = min(pause * 2, 0.5)
    raise hosts.Difference(f"does not listen within {START_TIMEOUT_S} s")


def start(command, folder, environment):
    log = open(Path(folder) / "output", "wb")  # the child's, closed with the test's end
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    try:
        return process.wait(timeout=STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        hosts.kill_group(process)
        process.wait()
        raise hosts.Difference(f"does not stop within {STOP_TIMEOUT_S} s") from None


def await_progress(pid, load):
    """Waits until the server has worked for PROGRESS_S of a processor's time since, so that
    the snapshots are spread over the load; or until the load is over."""
    begun = processor_seconds(pid)
    while load.poll() is None and processor_seconds(pid) < begun + PROGRESS_S:
        time.sleep(0.01)


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Clients:
    """What a server says of its clients: descriptors, those that stay and all."""

    staying: frozenset
    all: frozenset


def compare_clients(before, after, told):
    """The server's own two lists stand around the snapshot: who is in both must be in it,
    and who is in it must be in one of them."""
    missing = (before.staying & after.staying) - told
    invented = told - before.all - after.all
    if missing:
        yield f"clients that the dump lacks: {sorted(missing)}"
    if invented:
        yield f"clients that the server never had: {sorted(invented)}"


def snapshot_under_load(tracker, pids, load, environment, list_clients=None):
    """Ten snapshots spread over the load's life; the oracle's complaints. `list_clients`
    asks the server itself for its Clients."""
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        for taken in range(1, SNAPSHOTS + 1):
            pid = pids[taken % len(pids)]
            before = list_clients() if list_clients else None
            dump, found = oracle.check_snapshot(tracker.tool, pid, folder, taken, environment)
            if dump and list_clients:
                told = dump.sockets() - list_listeners(pid)
                found += compare_clients(before, list_clients(), told)
            complaints += [f"snapshot {taken} of {pid}: {sentence}" for sentence in found]
            await_progress(pid, load)
    return complaints


def fail_on(complaints):
    if complaints:
        raise hosts.Difference("; ".join(complaints[:6]) + f" ({len(complaints)} in all)")


class Facts:
    """The environments of one native and one traced run of a server, and what the processes
    of both were told."""

    def __init__(self, tracker, folder, options=""):
        self.path, self.tracker = Path(folder) / "facts", tracker
        self.plain = facts.watch(hosts.make_environment(folder), tracker.facts_preload, self.path)
        self.traced = hosts.make_traced(self.plain, tracker, options)
        self.native = []

    def read(self):
        """Which descriptors are open at the end depends on the load, and only one run has
        any."""
        return [replace(record, descriptors="") if record.moment == "exit" else record
                for record in facts.read_records(self.path)]

    def native_ended(self):
        self.native = self.read()

    def traced_ended(self):
        """Complaints: a list of one sentence, or empty."""
        why = facts.compare(self.native, self.read(), self.traced, self.tracker.library)
        return [why] if why else []


def run_load(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def list_tcp_sockets(pid, state):
    """Descriptors of the process that /proc/net/tcp has in this state."""
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        inodes = {row[9] for row in map(str.split, table) if row[3] == state}
    return {number for number, target in oracle.list_entries(f"/proc/{pid}/fd")
            if target.startswith("socket:[") and target[8:-1] in inodes}


def list_listeners(pid):
    return list_tcp_sockets(pid, "0A")


NGINX_CONFIG = """
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
user root;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {folder}/www; }}
    }}
}}
"""


def list_children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text(encoding="ascii").split()]


def write_nginx_files(folder, port):
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("hello\n" * 200, encoding="ascii")
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(folder=folder, port=port), encoding="ascii")
    folder.chmod(0o755)
    return config


def test_nginx(tracker):
    """hazard: D2, 0.12. nginx uses SIGUSR1 itself: the second signal has to work."""
    if not shutil.which("nginx") or not shutil.which("wrk"):
        return "nginx or wrk is not installed"
    if os.getuid() != 0:
        return "nginx's workers need root to start as written here"
    port = find_free_port()
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        config = write_nginx_files(folder, port)
        told = Facts(tracker, folder)
        command = ["nginx", "-c", str(config), "-g", "daemon off;"]
        process = start(command, folder, told.plain)
        await_port(port, process)
        stop(process, signal.SIGQUIT)
        told.native_ended()
        environment = hosts.make_traced(hosts.make_environment(folder), tracker)
        process = start(command, folder, told.traced)
        try:
            await_port(port, process)
            load = run_load(["wrk", "-t2", f"-c{CLIENTS}", f"-d{WRK_SECONDS}s",
                             f"http://127.0.0.1:{port}/"])
            pids = [process.pid, *list_children(process.pid)]
            complaints = snapshot_under_load(tracker, pids, load, environment)
            text, _ = load.communicate(timeout=120)
            if load.returncode or "Non-2xx" in text or "Requests/sec" not in text:
                complaints.append(f"wrk ended with {load.returncode}: {text[-300:]}")
            status = stop(process, signal.SIGQUIT)
            if status:
                complaints.append(f"nginx ended with {status}")
            complaints += told.traced_ended()
        finally:
            hosts.kill_group(process)
        errors = (folder / "error.log").read_text(encoding="utf-8", errors="replace")
        output = (folder / "output").read_text(encoding="utf-8", errors="replace")
        if output or re.search(r"\[(alert|crit|emerg)\]", errors):
            complaints.append(f"printed {output[:1000]!r} {errors[-500:]!r}")
    fail_on(complaints)
    return None


def start_leaky_server(tracker, environment):
    """The process, and the port that it says."""
    process = subprocess.Popen([tracker.apps / "leaky_server"], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def end_leaky_server(process):
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=STOP_TIMEOUT_S)


def test_leaky_server(tracker):
    """The demonstration's server: JSON of a live snapshot, then findings at exit."""
    with tempfile.TemporaryDirectory(prefix="server-") as name:
        told = Facts(tracker, name, f"dir={name}")
        end_leaky_server(start_leaky_server(tracker, told.plain)[0])
        told.native_ended()
        environment = hosts.make_traced(hosts.make_environment(name), tracker, f"dir={name}")
        process, port = start_leaky_server(tracker, told.traced)
        try:
            for path in ("/leak", "/ok", "/leak", "/ok", "/leak"):
                with socket.create_connection(("127.0.0.1", port)) as client:
                    client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                    while client.recv(4096):
                        pass
            dump, complaints = oracle.check_snapshot(tracker.tool, process.pid, name, 0,
                                                     environment)
        finally:
            end_leaky_server(process)
        complaints += told.traced_ended()
        if process.returncode:
            complaints.append(f"ended with {process.returncode}")
        last = sorted(Path(name).glob("leaky_server.*.ctt"))[-1:]
        done = subprocess.run([tracker.tool, "report", "--format=json", *last],
                              capture_output=True, text=True, check=False)
        findings = json.loads(done.stdout)["findings"] if done.returncode == 0 else []
        kinds = sorted((row["kind"], row["count"]) for row in findings
                       if row["detector"] == "held-after-cancel")
        if sum(count for _, count in kinds) != 6:
            complaints.append(f"findings {kinds}, not three sockets and three fds")
    fail_on(complaints)
    return None


TESTS = (
    ("leaky-server", test_leaky_server),
    ("nginx", test_nginx),
)
