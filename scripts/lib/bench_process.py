# SPDX-License-Identifier: MIT
"""Runs one command of the bench and counts what its whole tree of processes used.

The bench makes itself the subreaper of its children, so that what a tool leaves
running behind (heaptrack's writer, the tracker's renderer) comes back here, is
waited for, and is counted with the run that it belongs to.
"""

import ctypes
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

PR_SET_CHILD_SUBREAPER = 36
TIMEOUT_S = 900
# The bench's own environment would be measured too.
FOREIGN_VARIABLES = ("LD_PRELOAD", "CTXTRACE_OPTIONS", "CTXTRACE_TOOL", "MALLOC_CONF",
                     "LSAN_OPTIONS", "PYTHONMALLOC", "DEBUGINFOD_URLS")


@dataclass(frozen=True)
class Result:
    status: int
    output: bytes
    errors: bytes
    wall_s: float
    cpu_s: float


def become_subreaper():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def make_environment(contestant, extra=()):
    """`extra` is of the program, and never takes a tool's own variables away."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in FOREIGN_VARIABLES}
    environment |= {"LC_ALL": "C.UTF-8", "TZ": "UTC", **dict(extra)}
    for key, value in contestant.environment.items():
        # LSAN_OPTIONS, CTXTRACE_OPTIONS and MALLOC_CONF are lists.
        joined = f"{environment[key]}:{value}" if key in environment else value
        environment[key] = joined
    return environment


def children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def kill_session(leader):
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def reap_all(leader, timeout_s=TIMEOUT_S):
    """(status, when) of the leader of a session, after every descendant has ended."""
    status, ended = None, time.monotonic()
    watchdog = threading.Timer(timeout_s, kill_session, (leader,))
    watchdog.start()
    while True:
        try:
            pid, code = os.wait()
        except ChildProcessError:
            watchdog.cancel()
            return status, ended
        if pid == leader:
            status, ended = os.waitstatus_to_exitcode(code), time.monotonic()


def run(contestant, argv, extra=(), cwd=None):
    """The contestant's run of one command; no other child of ours may be running."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        before, started = children_cpu_s(), time.monotonic()
        process = subprocess.Popen(
            [*contestant.prefix, *map(str, argv)], cwd=cwd, start_new_session=True,
            env=make_environment(contestant, extra), stdin=subprocess.DEVNULL,
            stdout=output, stderr=errors)
        status, ended = reap_all(process.pid)
        process.returncode = status
        output.seek(0)
        errors.seek(0)
        return Result(status, output.read(), errors.read(), ended - started,
                      children_cpu_s() - before)


def describe_status(result):
    """How a run ended, where not well."""
    if result.status < 0:
        return f"killed by {signal.Signals(-result.status).name}"
    return f"status {result.status}"
