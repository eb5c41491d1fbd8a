# SPDX-License-Identifier: MIT
"""Runs unmodified real programs under the tracker; see hosts.py, workloads.py, servers.py.

Prints "ok NAME", "skipped NAME: why" or "FAILED NAME: why".

hazard: 0.1, B6, C4, C7, C15, F6
"""

import argparse
import concurrent.futures
import contextlib
import fnmatch
import hashlib
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import hosts
import server_redis
import servers
from workloads import WORKLOADS

BIG_BYTES = 3_000_000
PARALLEL = 4


class Handler(http.server.BaseHTTPRequestHandler):
    """A small and a big answer, a post that is echoed as its checksum, and 404."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/big":
            self.answer(200, b"0123456789" * (BIG_BYTES // 10))
        else:
            self.answer(*((200, b"small\n") if path == "/small" else (404, b"missing\n")))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200, hashlib.sha256(body).hexdigest().encode() + b"\n")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the test, not worth a traceback."""


@contextlib.contextmanager
def serve_http():
    """A loopback web server beside the run, itself not traced."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"FIXTURE_PORT": str(server.server_address[1])}
    finally:
        server.shutdown()
        server.server_close()


FIXTURES = {"http": serve_http, "": lambda: contextlib.nullcontext({})}


def run_row(workload, tracker):
    missing = hosts.find_missing(workload)
    if missing:
        return f"skipped {workload.name}: not installed: {', '.join(missing)}"
    try:
        with FIXTURES[workload.fixture]() as variables:
            hosts.run_workload(workload, tracker,
                               {**variables, "APPS": str(tracker.apps),
                                "PROGRAMS": str(hosts.PROGRAMS)})
    except hosts.Absent as reason:
        return f"skipped {workload.name}: {reason}"
    except (hosts.Difference, OSError) as error:
        return f"FAILED {workload.name}: {error}"
    return f"ok {workload.name}"


def run_server(name, test, tracker):
    try:
        why = test(tracker)
    except (hosts.Difference, OSError, subprocess.SubprocessError) as error:
        return f"FAILED {name}: {error}"
    return f"skipped {name}: {why}" if why else f"ok {name}"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, type=Path)
    parser.add_argument("--lib", required=True, type=Path)
    parser.add_argument("--only", default="*", help="rows whose name matches")
    parser.add_argument("--with", dest="options", default="",
                        help="options of the tracker's for every run: locks=1:frees=1")
    return parser.parse_args()


def main():
    options = parse_arguments()
    tracker = hosts.Tracker(options.ctxtrace.resolve(), options.lib.resolve(), options.options)
    lines = []
    rows = [workload for workload in WORKLOADS if fnmatch.fnmatch(workload.name, options.only)]
    # Most rows wait more than they compute; the servers below are run one by one.
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for line in pool.map(lambda row: run_row(row, tracker), rows):
            lines.append(line)
            print(line, flush=True)
    for name, test in (*servers.TESTS, *server_redis.TESTS):
        if fnmatch.fnmatch(name, options.only):
            lines.append(run_server(name, test, tracker))
            print(lines[-1], flush=True)
    return 1 if any(line.startswith("FAILED") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
