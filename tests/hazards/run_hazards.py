# SPDX-License-Identifier: MIT
"""Runs the hazard programs of this folder and a few arrangements around programs.

Each case behaves the same without and with the tracker: stdout, status, and what it
wrote; stderr too, where nothing is held at the end. Cases named wait_* are looked at
by snapshots while they wait. Prints "ok NAME", "skipped NAME: why", "FAILED NAME: why".
"""

import argparse
import contextlib
import fnmatch
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import annotating
import arrangements
import counts
import endings
import library
import linkage
import mapping
import numbers_given
import registers
import replacing
import sampling
from tracing import Mismatch, Skip, Tracker

MODULES = (library, linkage, annotating, arrangements, endings, counts, mapping, numbers_given,
           registers, replacing, sampling)
PROGRAMS = ("linking", "reentry", "processes", "signals", "data", "waiters", "loading",
            "versions", "confined")
# These hold something at the end, or hit a limit: the tracker may speak of it.
SPEAKERS = {"stderr_reused", "no_file_size", "no_descriptor_left", "busy_exit",
            "exit_beside_takers"}
TIMEOUT_S = 60
SNAPSHOTS = 4
TURN_TICKS = 5  # of a hundredth of a second


def list_cases(tracker):
    """(program, case) of everything that the programs offer."""
    for name in PROGRAMS:
        program = tracker.build / "tests" / "hazards" / f"hazards_{name}"
        done = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        for case in done.stdout.split():
            yield program, case


def read_written(folder):
    """Contents of the files that a program wrote into its folder."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def processor_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def task_states(pid):
    """The letters of /proc/PID/task/TID/stat."""
    states = set()
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            states.add(path.read_text(encoding="utf-8").rpartition(") ")[2][0])
    return states


def await_turn(process):
    """Until every task of the program waits, or it has worked on for a while, or has ended:
    the next snapshot finds it elsewhere."""
    begun = processor_ticks(process.pid)
    while process.poll() is None and "R" in task_states(process.pid) and \
            processor_ticks(process.pid) < begun + TURN_TICKS:
        time.sleep(0.002)


def take_snapshots(tracker, process):
    """Snapshots of a waiting program; each must succeed."""
    process.stdout.readline()
    for _ in range(SNAPSHOTS):
        done = subprocess.run([tracker.tool, "snapshot", str(process.pid), "-o", os.devnull],
                              capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode:
            raise Mismatch(f"snapshot ended with {done.returncode}: {done.stderr.strip()}")
        await_turn(process)


def run_once(program, case, environment, tracker=None):
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as scratch:
        process = subprocess.Popen([program, case], cwd=folder, text=True, errors="replace",
                                   env={**environment, "TMPDIR": scratch},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            if case.startswith("wait_") and tracker:
                take_snapshots(tracker, process)
            elif case.startswith("wait_"):
                process.stdout.readline()
            stdout, stderr = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise Mismatch(f"hangs: longer than {TIMEOUT_S} s") from error
        finally:
            process.kill()
            process.wait()
        return process.returncode, stdout, stderr, read_written(folder)


def run_case(tracker, program, case):
    native = run_once(program, case, os.environ)
    traced = run_once(program, case, tracker.environment(), tracker)
    for name, one, other in zip(("status", "stdout", "stderr", "files"), native, traced):
        if one != other and not (name == "stderr" and case in SPEAKERS):
            raise Mismatch(f"{name} {other!r} instead of {one!r}"
                           + (f"; stderr {traced[2][-600:]!r}" if name == "status" else ""))


def tell(name, test, *arguments):
    """Prints the line of one test; 1 when it failed."""
    try:
        test(*arguments)
    except Skip as why:
        print(f"skipped {name}: {why}", flush=True)
    except (Mismatch, OSError, subprocess.SubprocessError) as why:
        print(f"FAILED {name}: {why}", flush=True)
        return 1
    else:
        print(f"ok {name}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, type=Path)
    parser.add_argument("--lib", required=True, type=Path)
    parser.add_argument("--only", default="*", help="cases whose name matches")
    options = parser.parse_args()
    tracker = Tracker(options.ctxtrace.resolve(), options.lib.resolve())
    failures = 0
    for program, case in list_cases(tracker):
        if fnmatch.fnmatch(case, options.only):
            failures += tell(case, run_case, tracker, program, case)
    for test in (test for module in MODULES for test in module.TESTS):
        name = test.__name__.removeprefix("test_")
        if fnmatch.fnmatch(name, options.only):
            failures += tell(name, test, tracker)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
